"""Watching one partition: a pure function of the records so far, called once per fetched chunk.

Laws, each tested: any cut of the same records into chunks gives the same sums, spikes, cues and final snapshot; any order
inside the allowed lateness gives the same windows; every record is in exactly one bucket; one bad record never costs its
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import EARLIEST, HOUR, LATEST, SECOND, floor_to
from supplychain.messages.audience import BIN, GRACE
from supplychain.messages.v1 import Audience
from supplychain.watching import columns, intake, restore
from supplychain.watching import snapshot as stored
from supplychain.watching.clock import NEVER, PartitionClock, Reading
from supplychain.watching.columns import CANCELLED, CREATED, PAID, REFUNDED, RETURNED, SaleColumns
from supplychain.watching.cues import CueBook, grid
from supplychain.watching.dedupe import CONFLICT, FRESH, SAME, Prints, SeenIds
from supplychain.watching.delta import Batch, Bucket, ChunkDelta, Correction, ForecastCue, Record
from supplychain.watching.grouping import group
from supplychain.watching.intake import Flags, Ints
from supplychain.watching.ledger import NOT_PAID, UNKNOWN_REGION, UNKNOWN_SKU, Ledger
from supplychain.watching.lines import Codes, LineTable, fingerprints
from supplychain.watching.spikes import GAP_BINS, SpikeWatch, Verdicts
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import ThresholdTable
from supplychain.watching.windows import WindowBook

_BUCKETS = (
    (PAID, Bucket.COUNTED, ""),
    (CANCELLED, Bucket.CANCELLATIONS, ""),
    (REFUNDED, Bucket.RETURNS, "refunded"),
    (RETURNED, Bucket.RETURNS, "returned"),
)


class PartitionWatch:
    """The watcher of one partition of `sales.v1`.

    Parameters
    ----------
    lines
        The catalogue, or its line table when several partitions share one.
    tuning
        Section `detector` and `forecast.refresh_seconds` are used.
    partition
        Number of the partition.
    snapshot
        What `snapshot` returned after the last stored chunk, None at the beginning. Detector state made with another
        bin width or half-life is begun anew; everything else is kept.
    seen_blocks
        The stored (hour, block) rows of `ChunkDelta.seen_blocks`.
    table
        Calibrated thresholds.

    Raises
    ------
    InvalidInputError
        If the snapshot cannot be read or belongs to another partition.
    """

    def __init__(
        self,
        lines: LineTable | Catalogue,
        tuning: Tuning,
        *,
        partition: int,
        snapshot: bytes | None = None,
        seen_blocks: Iterable[tuple[int, bytes]] = (),
        table: ThresholdTable = SHIPPED,
    ) -> None:
        detector = tuning.detector
        self.lines = lines if isinstance(lines, LineTable) else LineTable(lines)
        self.partition = partition
        self.bin_ms = detector.bin_seconds * SECOND
        self.clock = PartitionClock(
            clamp_ms=detector.clamp_seconds * SECOND,
            lateness_ms=detector.lateness_seconds * SECOND,
            horizon_ms=detector.dedupe_hours * HOUR,
        )
        self.windows = WindowBook(self.lines, self.bin_ms)
        self.spikes = SpikeWatch(self.lines.book, detector, table)
        self.cues = CueBook(self.lines, self.bin_ms, tuning.forecast.refresh_seconds * SECOND)
        self.seen = SeenIds()
        if snapshot is not None:
            self._restore(stored.read(snapshot))
        self.seen.forget(self.clock.oldest(self.clock.watermark))
        self.seen.load(seen_blocks)

    @property
    def watermark(self) -> int:
        """Event time that this partition has reached, ms; -1 before the first record."""
        return self.clock.watermark

    def apply(self, records: Batch | Sequence[Record], business_now: int | None = None) -> ChunkDelta:
        """Take a chunk of records into account and return all that changes.

        Parameters
        ----------
        records
            In the order of their offsets.
        business_now
            For live sources the time by the wall, ms: a record's business time is then its broker stamp, or this when
            it has none. None when ticks in the partition tell the time (simulator, replay).
        """
        if not records:
            return ChunkDelta(watermark=self.watermark, seen_from=self.clock.oldest(self.watermark))
        batch = Batch.of(records)
        sales, decoded = self.lines.read(batch)
        ledger = Ledger(batch, sales, decoded)
        impossible = columns.impossible(sales)
        sound = ~np.logical_or.reduce(list(impossible.values()))
        ticks = np.array([min(max(tick.at, -1), intake.FAR) for tick in decoded.ticks], dtype=np.int64)
        before = self.watermark
        reading = self.clock.read(
            len(batch),
            np.array(decoded.tick_at, dtype=np.int64),
            ticks,
            sales.position,
            sales.occurred,
            sound,
            None if business_now is None else _business(batch, business_now),
        )
        for reason, flags in impossible.items():
            ledger.reject(flags, reason)
        ledger.reject(reading.ahead, intake.IMPOSSIBLE_TIME)
        ledger.reject_ticks(reading.bad_tick)
        return self._count(ledger, sound & ~reading.ahead, reading, before)

    def _count(self, ledger: Ledger, alive: Flags, reading: Reading, before: int) -> ChunkDelta:
        """Pass the possible sales through age, catalogue and memory, and count what is left."""
        sales = ledger.sales
        watermark = reading.watermark[sales.position]
        codes = self.lines.codes(sales, alive)
        old = alive & (sales.occurred < self.clock.oldest_at(watermark))
        ledger.reject(old, intake.TOO_OLD)
        alive = alive & ~old
        for reason, flags in (
            (NOT_PAID, sales.kind == CREATED),
            (UNKNOWN_SKU, codes.sku < 0),
            (UNKNOWN_REGION, codes.region < 0),
        ):
            ledger.exclude(alive & flags, reason)
            alive &= ~flags
        blocks = self._deduplicate(ledger, alive, fingerprints(sales, codes.text), watermark)
        late = alive & (sales.occurred < watermark - self.clock.lateness_ms)
        chosen = np.flatnonzero(alive & ~late)
        rows = self.windows.rows(sales, codes, chosen, watermark)
        for code, bucket, reason in _BUCKETS:
            ledger.enter(int(np.count_nonzero(sales.kind[chosen] == code)), bucket, reason)
        corrections = self._correct(ledger, codes, np.flatnonzero(late), watermark)
        verdicts = self._judge(sales, codes, np.flatnonzero(alive & (sales.kind == PAID)), reading, watermark, before)
        cues = self._cue(sales, codes, chosen[sales.kind[chosen] == PAID], watermark, verdicts)
        return ChunkDelta(
            windows=rows,
            corrections=corrections,
            rejections=sorted(ledger.rejections),
            findings=ledger.findings(),
            spikes=verdicts.spikes,
            spike_ends=verdicts.ends,
            cues=cues,
            counts=ledger.close(),
            seen_blocks=blocks,
            seen_from=self.clock.oldest(self.watermark),
            watermark=self.watermark,
            passed=self._passed(before, reading),
        )

    def _passed(self, before: int, reading: Reading) -> range:
        """Return the grid times that the chunk has brought the watermark to; the first watermark counts as brought to."""
        if self.watermark == NEVER:
            return range(0)
        return grid(before if before != NEVER else reading.first - self.bin_ms, self.watermark, self.bin_ms)

    def _deduplicate(self, ledger: Ledger, alive: Flags, prints: Prints, watermark: Ints) -> list[tuple[int, bytes]]:
        """Take out of `alive` what was seen before, and remember the rest; hours are forgotten where they expire."""
        chosen = np.flatnonzero(alive)
        oldest = self.clock.oldest_at(watermark[chosen])
        cuts = [0, *(np.flatnonzero(np.diff(oldest)) + 1).tolist(), chosen.size]
        blocks: list[tuple[int, bytes]] = []
        sales = ledger.sales
        for start, end in pairwise(cuts):
            part = chosen[start:end]
            if not part.size:
                continue
            self.seen.forget(int(oldest[start]))
            verdict, packed = self.seen.admit(sales.key[part], prints[part], sales.occurred[part])
            blocks.extend(packed)
            again = np.zeros(alive.size, dtype=np.bool_)
            again[part[verdict == CONFLICT]] = True
            ledger.reject(again, intake.ID_CONFLICT)
            ledger.enter(int(np.count_nonzero(verdict == SAME)), Bucket.DUPLICATES)
            alive[part[verdict != FRESH]] = False
        self.seen.forget(self.clock.oldest(self.watermark))
        return blocks

    def _correct(self, ledger: Ledger, codes: Codes, late: Ints, watermark: Ints) -> list[Correction]:
        """Return a correction for each sale that came later than allowed."""
        ledger.enter(late.size, Bucket.CORRECTIONS)
        found = []
        for at in late.tolist():
            row = self.windows.rows(ledger.sales, codes, np.array([at]), watermark)[0]
            delay = int(watermark[at] - ledger.sales.occurred[at])
            found.append(Correction(ledger.offset(at), ledger.sale(at).event_id, delay, row))
        return found

    def _judge(
        self, sales: SaleColumns, codes: Codes, paid: Ints, reading: Reading, watermark: Ints, before: int
    ) -> Verdicts:
        """Count paid orders into bins and judge the bins that the watermark has passed."""
        verdicts = Verdicts()
        if before == NEVER and reading.first != NEVER:
            self.spikes.start(reading.first)
        steps = np.concatenate(([before], reading.watermark))
        steps = steps[steps != NEVER]
        for at in np.flatnonzero(np.diff(steps) > GAP_BINS * self.bin_ms).tolist():
            self.spikes.leap(int(steps[at]), int(steps[at + 1]))
        bins = sales.occurred[paid] - sales.occurred[paid] % self.bin_ms
        judged = bins + self.bin_ms + self.spikes.grace_ms <= watermark[paid]
        # Bins before the first one get no verdict at all.
        judged |= bins < self.spikes.first_bin
        for session, sku, start, orders in self._tally(codes, paid[~judged], bins[~judged]):
            self.spikes.count((session, sku), start, orders)
        for at in np.flatnonzero(judged).tolist():
            self.spikes.advance(int(watermark[paid[at]]), verdicts)
            sale = int(paid[at])
            key = (self.lines.book.scope(int(codes.session[sale])).stream, self.lines.skus[int(codes.sku[sale])])
            self.spikes.late(key, int(bins[at]), 1)
        if self.watermark != NEVER:
            self.spikes.advance(self.watermark, verdicts)
        return verdicts

    def _tally(self, codes: Codes, chosen: Ints, bins: Ints) -> Iterator[tuple[str, str, int, int]]:
        """Yield stream, SKU, bin and number of orders of the chosen sales."""
        session, sku = codes.session[chosen], codes.sku[chosen]
        groups = group(session, sku, bins)
        sizes = np.diff(np.append(groups.starts, chosen.size))
        scope, skus = self.lines.book.scope, self.lines.skus
        head = groups.first
        columns = (session[head].tolist(), sku[head].tolist(), bins[head].tolist(), sizes.tolist())
        for one, two, start, orders in zip(*columns, strict=True):
            yield scope(one).stream, skus[two], start, orders

    def _cue(
        self, sales: SaleColumns, codes: Codes, paid: Ints, watermark: Ints, verdicts: Verdicts
    ) -> list[ForecastCue]:
        """Bring the cumulative counts up to the watermark; a spike has its cue at the last grid time before its verdict."""
        known = np.maximum(sales.occurred[paid], watermark[paid])
        known -= known % self.bin_ms
        self.cues.ahead.add(known, codes.session[paid], codes.sku[paid], codes.region[paid], sales.qty[paid])
        cues: list[ForecastCue] = []
        for spike in verdicts.spikes:
            at = floor_to(spike.judged_at, self.bin_ms)
            self.cues.advance(at, cues)
            cues.append(self.cues.cue(spike.session_id, spike.sku, at, spike.spike_id))
        self.cues.advance(floor_to(self.watermark, self.bin_ms), cues)
        return cues

    def engage(self, samples: Iterable[Audience]) -> None:
        """Hear what the crowds of rooms show; it shortens the delay of spikes, see `crowd`.

        A sample counts for the bin that ends with it, and only if it is here before that bin is judged: hand over what
        `listens` asks for before the records that bring the watermark there.
        """
        for sample in samples:
            if EARLIEST <= sample.at <= LATEST:
                self.spikes.hear(sample)

    def listens(self, until: int) -> tuple[int, int]:
        """Return from where to where bins end whose samples are wanted before the watermark goes to `until`.

        Nothing is wanted where bins are not made of those that samples are added up in.
        """
        if until < 0 or self.bin_ms % BIN:
            return 1, 0
        last = floor_to(until - max(self.spikes.grace_ms, GRACE), self.bin_ms)
        first = self.spikes.next_bin if self.spikes.next_bin >= 0 else last - HOUR
        return first + BIN, last

    def snapshot(self) -> bytes:
        """Return the state after the last chunk: equal histories give equal bytes, wherever they were cut."""
        return stored.dump(
            stored.PartitionState(
                version=stored.VERSION,
                partition=self.partition,
                bin_ms=self.bin_ms,
                watermark=self.clock.watermark,
                last_tick=self.clock.last_tick,
                detector=restore.detector_state(self.spikes),
                cues=restore.cue_state(self.cues),
            )
        )

    def _restore(self, state: stored.PartitionState) -> None:
        if state.partition != self.partition:
            detail = f"the snapshot of partition {state.partition} was offered to partition {self.partition}"
            raise InvalidInputError(detail, way_out="load the snapshot of the same partition")
        self.clock.watermark, self.clock.last_tick = state.watermark, state.last_tick
        restore.load_detector(self.spikes, state.detector, state.watermark)
        restore.load_cues(self.cues, state.cues)


def _business(batch: Batch, now: int) -> Ints:
    """Return the business time of live records: the broker's stamp, or `now` where it has none or is ahead of it."""
    stamps = np.array(batch.stamps, dtype=np.int64)
    return np.where((stamps >= 0) & (stamps <= now), stamps, now)
