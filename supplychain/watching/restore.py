"""Between the running parts of a partition and its stored state."""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from supplychain.watching.crowd import Crowd
from supplychain.watching.cues import CueBook
from supplychain.watching.detector import Rows, Streams
from supplychain.watching.snapshot import CrowdState, CueState, DetectorState, StreamTable, WitnessState
from supplychain.watching.spikes import SpikeWatch
from supplychain.watching.witness import Witnesses


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
    held = [
        (start, stream, crowd.pending[start][stream])
        for start in sorted(crowd.pending)
        for stream in sorted(crowd.pending[start])
    ]
    return CrowdState(_witnesses(crowd.talk), _witnesses(crowd.clicks), held)


def _witnesses(kind: Witnesses) -> WitnessState:
    names, running = sorted(kind.rows), kind.streams
    rows = np.array([kind.rows[name] for name in names], dtype=np.int64)
    return WitnessState(
        names,
        _columns(running, running.FLOATS, rows, "<f8"),
        _columns(running, running.WHOLES, rows, "<i8"),
        running.held[:, rows].tobytes(),
        running.factor[:, rows].tobytes(),
        _columns(kind, kind.FLOATS, rows, "<f8"),
        kind.reached[:, rows].tobytes(),
        kind.excited[:, rows].tobytes(),
        kind.said[rows].tobytes(),
    )


def _load_crowd(spikes: SpikeWatch, state: CrowdState) -> None:
    """Put the crowds back; the streams of orders that they speak about are there already."""
    crowd = spikes.crowd
    for start, stream, sample in state.pending:
        crowd.hear(stream, start, sample)
    rooms = [crowd.talk.add(name, spikes.room_of.setdefault(name[0], len(spikes.room_of))) for name in state.talk.names]
    _load_witnesses(crowd.talk, np.array(rooms, dtype=np.int64), state.talk)
    items = [crowd.add_item(name, spikes.rows[name]) for name in state.clicks.names]
    _load_witnesses(crowd.clicks, np.array(items, dtype=np.int64), state.clicks)


def _load_witnesses(kind: Witnesses, rows: Rows, state: WitnessState) -> None:
    if not rows.size:
        return
    running = kind.streams
    _load_columns(running, running.FLOATS, rows, state.numbers, "<f8")
    _load_columns(running, running.WHOLES, rows, state.wholes, "<i8")
    running.held[:, rows] = np.frombuffer(state.held, dtype="<f8").reshape(-1, rows.size)
    running.factor[:, rows] = np.frombuffer(state.factor, dtype="<f8").reshape(-1, rows.size)
    _load_columns(kind, kind.FLOATS, rows, state.lately, "<f8")
    kind.reached[:, rows] = np.frombuffer(state.reached, dtype="<f8").reshape(-1, rows.size)
    if state.excited:
        kind.excited[:, rows] = np.frombuffer(state.excited, dtype="<f8").reshape(-1, rows.size)
    if state.said:
        kind.said[rows] = np.frombuffer(state.said, dtype="<f8")


def _columns(running: Streams | Witnesses, names: tuple[str, ...], rows: Rows, kind: str) -> bytes:
    return np.stack([getattr(running, name)[rows] for name in names]).astype(kind).tobytes()


def _load_columns(running: Streams | Witnesses, names: tuple[str, ...], rows: Rows, data: bytes, kind: str) -> None:
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
    table, running = state.table, spikes.streams
    rows = np.array([spikes.add(key) for key in zip(table.streams, table.skus, strict=True)], dtype=np.int64)
    if not rows.size:
        _load_crowd(spikes, state.crowd)
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
    spikes.up[alert] = True
    _load_crowd(spikes, state.crowd)


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
