"""The state of a partition between two chunks as bytes: equal histories give equal bytes, wherever they were cut."""

from __future__ import annotations

from typing import Final

import msgspec

from supplychain.domain.errors import InvalidInputError
from supplychain.watching.ahead import AheadState
from supplychain.watching.burst import Burst
from supplychain.watching.crowd import Sample
from supplychain.watching.cues import Tally

VERSION: Final = 2


class StreamTable(msgspec.Struct, array_like=True):
    """The streams of a detector, sorted by key, as packed columns.

    `numbers` and `wholes` have a column per stream. `awake` lists those with bins in the guard, whose orders are in `held`;
    `factor` has their planned factors as bytes 0 and 1, or as floats if there are others.
    """

    streams: list[str] = []
    skus: list[str] = []
    numbers: bytes = b""
    wholes: bytes = b""
    awake: bytes = b""
    held: bytes = b""
    factor: bytes = b""
    bursts: list[tuple[int, Burst]] = []


class WitnessState(msgspec.Struct, array_like=True):
    """Witnesses, sorted by name, as packed columns: their streams, how high they were lately and use to be."""

    names: list[tuple[str, str]] = []
    numbers: bytes = b""
    wholes: bytes = b""
    held: bytes = b""
    factor: bytes = b""
    lately: bytes = b""
    reached: bytes = b""
    excited: bytes = b""
    said: bytes = b""


class CrowdState(msgspec.Struct, array_like=True):
    """The crowds of rooms, and samples whose bins are not judged yet."""

    talk: WitnessState = msgspec.field(default_factory=WitnessState)
    clicks: WitnessState = msgspec.field(default_factory=WitnessState)
    pending: list[tuple[int, str, Sample]] = []


class DetectorState(msgspec.Struct, array_like=True):
    """The detector of a partition; `shape` is the tuning that gives its numbers their meaning."""

    shape: list[float]
    first_bin: int = -1
    next_bin: int = -1
    observed: int = 0
    swept: int = 0
    gaps: list[tuple[int, int]] = []
    pending: list[tuple[int, str, str, int]] = []
    table: StreamTable = msgspec.field(default_factory=StreamTable)
    crowd: CrowdState = msgspec.field(default_factory=CrowdState)


class CueState(msgspec.Struct, array_like=True):
    """Cumulative counts, and counts that are known only from a later bin on."""

    tallies: list[tuple[str, str, Tally]] = []
    ahead: AheadState = msgspec.field(default_factory=AheadState)


class PartitionState(msgspec.Struct, array_like=True):
    """Everything that one partition remembers besides its event ids."""

    version: int
    partition: int
    bin_ms: int
    watermark: int
    last_tick: int
    detector: DetectorState
    cues: CueState


_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
_DECODER: Final = msgspec.msgpack.Decoder(PartitionState)


def dump(state: PartitionState) -> bytes:
    """Return a state as bytes."""
    return _ENCODER.encode(state)


def read(data: bytes) -> PartitionState:
    """Return the state that `dump` wrote.

    Raises
    ------
    InvalidInputError
        If the bytes are torn, foreign, or of another version.
    """
    try:
        state = _DECODER.decode(data)
    except ValueError as fault:
        detail = f"a partition snapshot cannot be read: {fault}"
        raise InvalidInputError(detail, way_out="replay the partition from its first offset") from fault
    if state.version != VERSION:
        detail = f"a partition snapshot has version {state.version}, this release reads {VERSION}"
        raise InvalidInputError(detail, way_out="replay the partition from its first offset")
    return state
