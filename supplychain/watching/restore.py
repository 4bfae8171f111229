"""Between the running parts of a partition and its stored state."""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from supplychain.watching.crowd import Crowd
from supplychain.watching.cues import CueBook
from supplychain.watching.detector import Rows, Streams
from supplychain.watching.snapshot import CrowdState, CueState, DetectorState, StreamTable
from supplychain.watching.spikes import SpikeWatch


def detector_state(spikes: SpikeWatch) -> DetectorState:
    """Return the state of a detector; streams sorted by key, so that equal histories look equal."""
    pending = [
        (start, stream, sku, orders)
        for start in sorted(spikes.pending)
        for (stream, sku), orders in sorted(spikes.pending[start].items())
    ]
    return DetectorState(
        spikes.shape,
        spikes.first_bin,
        spikes.next_bin,
        spikes.observed,
        spikes.swept,
        spikes.gaps,
        pending,
        _table(spikes),
        _crowd(spikes.crowd),
    )


def _table(spikes: SpikeWatch) -> StreamTable:
    running = spikes.streams
    keys = sorted(spikes.rows)
    rows = np.array([spikes.rows[key] for key in keys], dtype=np.int64)
    awake = np.zeros(running.size, dtype=np.bool_)
    awake[spikes.awake] = True
    awake[list(spikes.bursts)] = True
    alert = rows[awake[rows]]
    factor = running.factor[:, alert]
    plain = bool(((factor == 0.0) | (factor == 1.0)).all())
    place = {row: at for at, row in enumerate(rows.tolist())} if spikes.bursts else {}
    return StreamTable(
        streams=[stream for stream, _ in keys],
        skus=[sku for _, sku in keys],
        numbers=_columns(running, running.FLOATS, rows, "<f8"),
        wholes=_columns(running, running.WHOLES, rows, "<i8"),
        awake=np.flatnonzero(awake[rows]).astype("<i4").tobytes(),
        # Orders are whole numbers, far below what four bytes hold exactly.
        held=running.held[:, alert].astype("<f4").tobytes(),
        factor=factor.astype("u1" if plain else "<f8").tobytes(),
        bursts=sorted(((place[row], burst) for row, burst in spikes.bursts.items()), key=itemgetter(0)),
    )


def _crowd(crowd: Crowd) -> CrowdState:
    names, running = sorted(crowd.rows), crowd.streams
    rows = np.array([crowd.rows[name] for name in names], dtype=np.int64)
    return CrowdState(
        names,
        _columns(running, running.FLOATS, rows, "<f8"),
        _columns(running, running.WHOLES, rows, "<i8"),
        running.held[:, rows].tobytes(),
        running.factor[:, rows].tobytes(),
        [
            (start, name, *crowd.pending[start][name])
            for start in sorted(crowd.pending)
            for name in sorted(crowd.pending[start])
        ],
    )


def _load_crowd(crowd: Crowd, state: CrowdState) -> None:
    for start, name, interest, viewers in state.pending:
        crowd.hear(name, start, interest, viewers)
    running = crowd.streams
    rows = np.array([crowd.streams.add(None) for _ in state.streams], dtype=np.int64)
    crowd.rows = dict(zip(state.streams, rows.tolist(), strict=True))
    if rows.size:
        _load_columns(running, running.FLOATS, rows, state.numbers, "<f8")
        _load_columns(running, running.WHOLES, rows, state.wholes, "<i8")
        running.held[:, rows] = np.frombuffer(state.held, dtype="<f8").reshape(-1, rows.size)
        running.factor[:, rows] = np.frombuffer(state.factor, dtype="<f8").reshape(-1, rows.size)


def _columns(running: Streams, names: tuple[str, ...], rows: Rows, kind: str) -> bytes:
    return np.stack([getattr(running, name)[rows] for name in names]).astype(kind).tobytes()


def _load_columns(running: Streams, names: tuple[str, ...], rows: Rows, data: bytes, kind: str) -> None:
    for name, values in zip(names, np.frombuffer(data, dtype=kind).reshape(len(names), -1), strict=True):
        getattr(running, name)[rows] = values


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
    _load_crowd(spikes.crowd, state.crowd)
    table, running = state.table, spikes.streams
    rows = np.array([spikes.add(key) for key in zip(table.streams, table.skus, strict=True)], dtype=np.int64)
    if not rows.size:
        return
    _load_columns(running, running.FLOATS, rows, table.numbers, "<f8")
    _load_columns(running, running.WHOLES, rows, table.wholes, "<i8")
    alert = rows[np.frombuffer(table.awake, dtype="<i4")]
    if alert.size:
        running.held[:, alert] = np.frombuffer(table.held, dtype="<f4").reshape(-1, alert.size)
        kind = "u1" if len(table.factor) == alert.size * len(running.factor) else "<f8"
        running.factor[:, alert] = np.frombuffer(table.factor, dtype=kind).reshape(-1, alert.size)
    spikes.bursts = {int(rows[at]): burst for at, burst in table.bursts}
    spikes.awake = np.array([row for row in alert.tolist() if row not in spikes.bursts], dtype=np.int64)
    spikes.is_awake = set(spikes.awake.tolist())


def cue_state(cues: CueBook) -> CueState:
    """Return the state of the cumulative counts, sorted by key."""
    tallies = cues.tallies
    return CueState(
        [(session, sku, tallies[session][sku]) for session in sorted(tallies) for sku in sorted(tallies[session])],
        cues.ahead.state(),
    )


def load_cues(cues: CueBook, state: CueState) -> None:
    """Put stored counts back."""
    for session, sku, tally in state.tallies:
        cues.tallies.setdefault(session, {})[sku] = tally
    cues.ahead.load(state.ahead)
    cues.rebuild()
