"""What one chunk of records changes: the records that a single database transaction writes.

Everything is additive or keyed by a derived id, and depends on the sequence of records only, never on where a chunk
was cut. Times are UTC milliseconds, money integer minor units, quantities integer pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Record(NamedTuple):
    """A record as fetched: its offset, its raw value, and the broker's time stamp (-1 when there is none)."""

    offset: int
    value: bytes | None
    stamp: int = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as columns of equal length: a chunk is never taken apart into an object per record."""

    offsets: Sequence[int]
    values: Sequence[bytes | None]
    stamps: Sequence[int]

    @classmethod
    def of(cls, records: Batch | Sequence[Record]) -> Batch:
        """Return records as columns; columns as they are."""
        if isinstance(records, Batch):
            return records
        return cls([one.offset for one in records], [one.value for one in records], [one.stamp for one in records])

    def __len__(self) -> int:
        return len(self.values)

    def record(self, at: int) -> Record:
        """Return one record."""
        return Record(self.offsets[at], self.values[at], self.stamps[at])


class Bucket(StrEnum):
    """Where a record was counted. Ticks are no received events; every other record is in `RECEIVED` and one more.

    received = counted + cancellations + returns + corrections + duplicates + excluded + dead_letters

    Refunds without return go to `RETURNS` with the reason `refunded`, beside the reason `returned`.
    """

    RECEIVED = "received"
    COUNTED = "counted"
    CANCELLATIONS = "cancellations"
    RETURNS = "returns"
    CORRECTIONS = "corrections"
    DUPLICATES = "duplicates"
    EXCLUDED = "excluded"
    DEAD_LETTERS = "dead_letters"
    TICKS = "ticks"


class WindowDelta(NamedTuple):
    """What is added to one window row; the first seven fields are its key.

    `bin_start` is when it happened, `known_bin` when it was known: the state at a cut T is the sum of the rows with
    `known_bin + bin <= T`, whatever the chunks, the speed, or the order between partitions. `gross_paid` never falls;
    `orders` are paid order lines; the other quantities are pieces.
    """

    session_id: str
    sku: str
    region: str
    channel: str
    due_ms: int
    bin_start: int
    known_bin: int
    orders: int
    gross_paid: int
    cancelled: int
    refunded: int
    returned: int
    revenue_minor: int


class Correction(NamedTuple):
    """An event later than the allowed lateness: what it would have added, and by how much it was too late."""

    offset: int
    event_id: str
    late_ms: int
    window: WindowDelta


class Rejection(NamedTuple):
    """A record that becomes a dead letter."""

    offset: int
    reason: str
    detail: str


class Finding(NamedTuple):
    """A fault in master data: `kind` is `unknown-sku` or `unknown-region`, `subject` the key that is missing."""

    kind: str
    subject: str
    events: int


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """The planned slot that ran when a spike was judged; `strength` is the factor that was expected of it."""

    kind: str
    strength: float
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Spike:
    """A burst that has begun: orders of one SKU of one session come faster than expected.

    `ratio` is `observed / expected`, orders since `started_at`, the last moment at which nothing spoke for a burst.
    `score` passed `threshold` (both in nats) at the bin that ended `judged_at` minus the grace. `dispersion` is the
    variance of orders per bin over their mean that the verdict allowed for. `planned` is the run of show at that moment.
    """

    spike_id: str
    session_id: str
    room: str | None
    sku: str
    started_at: int
    judged_at: int
    ratio: float
    observed: int
    expected: float
    score: float
    threshold: float
    dispersion: float
    planned: PlannedSlot | None


@dataclass(frozen=True, slots=True)
class SpikeEnd:
    """The end of a burst: totals over [started_at, ended_at), and the highest ratio on the way.

    `settled` is true when the burst lasted so long that its rate has become the expected one.
    """

    spike_id: str
    session_id: str
    sku: str
    ended_at: int
    judged_at: int
    observed: int
    expected: float
    peak_ratio: float
    settled: bool


@dataclass(frozen=True, slots=True)
class ForecastCue:
    """A moment at which the forecast of an item may need renewal, and what was known then.

    Counts are cumulative gross orders and pieces of the session per region, of all window rows with
    `known_bin + bin <= at`. `censored_ms` is how long the item had been sold out to its cap by then. `spike_id` names the
    spike that asked, None for the regular refresh. `sold_at` is when the last sale was known, -1 before the first.
    """

    session_id: str
    sku: str
    at: int
    orders_by_region: Mapping[str, int]
    units_by_region: Mapping[str, int]
    censored_ms: int = 0
    spike_id: str | None = None
    sold_at: int = -1


@dataclass(frozen=True, slots=True)
class ChunkDelta:
    """Everything one chunk changes.

    Attributes
    ----------
    windows
        Rows to add, one row per key, in no particular order.
    corrections, rejections, findings
        Events too late, dead letters (sorted by offset), missing master data.
    spikes, spike_ends, cues
        In the order of event time.
    counts
        Records per (bucket, reason); the reason is empty where a bucket needs none.
    seen_blocks
        (hour start in ms, packed ids) to store; blocks of hours below `seen_from` may be deleted.
    watermark
        After the chunk; -1 before the first record.
    passed
        The times of the bin grid that the watermark reached in this chunk.
    """

    windows: Sequence[WindowDelta] = ()
    corrections: Sequence[Correction] = ()
    rejections: Sequence[Rejection] = ()
    findings: Sequence[Finding] = ()
    spikes: Sequence[Spike] = ()
    spike_ends: Sequence[SpikeEnd] = ()
    cues: Sequence[ForecastCue] = ()
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seen_blocks: Sequence[tuple[int, bytes]] = ()
    seen_from: int = 0
    watermark: int = -1
    passed: range = range(0)
