"""Between the running parts of a partition and its stored state."""

from __future__ import annotations

import numpy as np

from supplychain.domain.units import ceil_to
from supplychain.watching.cues import CueBook
from supplychain.watching.snapshot import CueState, DetectorState, StreamState
from supplychain.watching.spikes import SpikeWatch


def detector_state(spikes: SpikeWatch) -> DetectorState:
    """Return the state of a detector; streams sorted by key, so that equal histories look equal."""
    pending = [
        (start, stream, sku, orders)
        for start in sorted(spikes.pending)
        for (stream, sku), orders in sorted(spikes.pending[start].items())
    ]
    streams = [_stream(spikes, row, key) for key, row in sorted(spikes.rows.items())]
    return DetectorState(
        spikes.shape, spikes.first_bin, spikes.next_bin, spikes.observed, spikes.swept, spikes.gaps, pending, streams
    )


def _stream(spikes: SpikeWatch, row: int, key: tuple[str, str]) -> StreamState:
    running = spikes.streams
    state = StreamState(
        *key,
        [float(getattr(running, name)[row]) for name in running.FLOATS],
        [int(getattr(running, name)[row]) for name in running.WHOLES],
    )
    burst = spikes.bursts.get(row)
    if row in spikes.is_awake or burst is not None:
        state.held, state.factor = running.held[:, row].tolist(), running.factor[:, row].tolist()
        state.burst = burst
    return state


def load_detector(spikes: SpikeWatch, state: DetectorState, watermark: int) -> None:
    """Put a stored state back; a state of another shape (bin width, memory) means nothing here and begins anew."""
    if state.shape != spikes.shape:
        if watermark >= 0:
            spikes.start(watermark)
        return
    spikes.first_bin, spikes.next_bin = state.first_bin, state.next_bin
    spikes.observed, spikes.swept, spikes.gaps = state.observed, state.swept, state.gaps
    for start, stream, sku, orders in state.pending:
        spikes.count((stream, sku), start, orders)
    running = spikes.streams
    awake = []
    for stored in state.streams:
        row = spikes.add((stored.stream, stored.sku))
        for name, number in zip(running.FLOATS, stored.numbers, strict=True):
            getattr(running, name)[row] = number
        for name, whole in zip(running.WHOLES, stored.wholes, strict=True):
            getattr(running, name)[row] = whole
        if stored.held:
            running.held[:, row], running.factor[:, row] = stored.held, stored.factor
        if stored.burst is not None:
            spikes.bursts[row] = stored.burst
        elif stored.held:
            awake.append(row)
    spikes.awake = np.array(awake, dtype=np.int64)
    spikes.is_awake = set(awake)


def cue_state(cues: CueBook) -> CueState:
    """Return the state of the cumulative counts, sorted by key."""
    return CueState(
        [
            (session, sku, tally)
            for session, items in sorted(cues.tallies.items())
            for sku, tally in sorted(items.items())
        ],
        [
            (known, session, sku, region, counts[0], counts[1])
            for known, waiting in sorted(cues.ahead.items())
            for (session, sku, region), counts in sorted(waiting.items())
        ],
    )


def load_cues(cues: CueBook, state: CueState, bin_ms: int) -> None:
    """Put stored counts back; `bin_ms` is the bin width they were kept with."""
    for session, sku, tally in state.tallies:
        cues.tallies.setdefault(session, {})[sku] = tally
    for known, session, sku, region, orders, units in state.ahead:
        cues.add(session, sku, region, ceil_to(known + bin_ms, cues.bin_ms) - cues.bin_ms, orders, units)
    cues.rebuild()
