"""Spikes of one partition: which bins are judged when, which items are awake, which bursts run.

A bin is judged once, when the watermark reaches its end plus the grace. What comes later changes windows and, so that a
source that was stalled is not taken for a quiet market, the background; never a verdict. Bins in which nothing at all was
heard from the partition are no observation: silence of a source is not silence of buyers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from supplychain.domain.ids import derive
from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import HOUR, SECOND, floor_to
from supplychain.messages.v1 import Audience
from supplychain.watching.burst import Burst
from supplychain.watching.crowd import Crowd, Sample
from supplychain.watching.delta import PlannedSlot, Spike, SpikeEnd
from supplychain.watching.detector import Constants, Floats, Rows, Streams
from supplychain.watching.grouping import exact_sums
from supplychain.watching.intake import FAR
from supplychain.watching.schedule import ItemPlan, item_plan, usual_rate
from supplychain.watching.sessions import Scope, SessionBook
from supplychain.watching.thresholds import ThresholdTable
from supplychain.watching.witness import Heard

GAP_BINS = 12
"""A watermark that leaps over more bins than this, with nothing in between, has leapt over a silent source."""
FULL_SHARE = 0.2
"""Orders per bin from which on an item has a full share of its room's false alarms; slower items have less, since no
threshold would let a burst of theirs be seen early."""
LEAST_SHARE, STEEP = 0.1, 1.5
LEAST_ORDERS = 2.0
MOST_TRUST = 1_000.0
"""No crowd gives more."""
MOST_HEARD = 10**9
FORGET_AFTER = 24 * HOUR
"""Streams asleep for so long are forgotten."""

Key = tuple[str, str]
"""Stream (session, room or shop) and SKU."""


@dataclass(slots=True)
class Item:
    """What is known beforehand of a stream."""

    key: Key
    scope: Scope
    plan: ItemPlan


@dataclass(slots=True)
class Verdicts:
    """What judging has brought, in the order of event time."""

    spikes: list[Spike] = field(default_factory=list)
    ends: list[SpikeEnd] = field(default_factory=list)


class SpikeWatch:
    """Judges the bins of one partition.

    Parameters
    ----------
    book
        Sessions with their run of show and expected orders.
    tuning
        The detector's tuning.
    table
        Calibrated thresholds.
    """

    def __init__(self, book: SessionBook, tuning: DetectorTuning, table: ThresholdTable) -> None:
        self.book = book
        self.table = table
        self.bin_ms = tuning.bin_seconds * SECOND
        self.grace_ms = tuning.grace_seconds * SECOND
        self.alarms_per_bin = tuning.false_alarms_per_hour * self.bin_ms / HOUR
        # Each item's share of the false alarms is at most the whole, so no threshold is lower than this.
        self.bound = table.bound(self.alarms_per_bin)
        self.least = table.bound(self.alarms_per_bin * MOST_TRUST)
        self.constants = Constants.of(tuning)
        self.shape = [float(self.bin_ms), float(tuning.half_life_seconds), float(tuning.guard_bins)]
        self.streams = Streams(self.constants)
        self.crowd = Crowd(self.constants)
        self.rows: dict[Key, int] = {}
        self.items: dict[int, Item] = {}
        self.room_of: dict[str, int] = {}
        self.rooms: Rows = np.zeros(16, dtype=np.int64)
        self.factors: Floats = np.ones(16)
        self.steady_until: Rows = np.zeros(16, dtype=np.int64)
        self.awake: Rows = np.zeros(0, dtype=np.int64)
        self.up = np.zeros(16, dtype=np.bool_)
        self.bursts: dict[int, Burst] = {}
        self.pending: dict[int, dict[Key, int]] = {}
        self.gaps: list[tuple[int, int]] = []
        self.observed = 0
        self.first_bin = -1
        self.next_bin = -1
        self.swept = 0

    def start(self, watermark: int) -> None:
        """Begin judging with the bin of the first watermark; called once, before anything is counted."""
        self.first_bin = self.next_bin = floor_to(watermark, self.bin_ms)

    def leap(self, before: int, after: int) -> None:
        """Note that the watermark went from `before` to `after` in one step; a long way means silence."""
        if after - before > GAP_BINS * self.bin_ms:
            self.gaps.append((before, after))

    def count(self, key: Key, bin_start: int, orders: int) -> None:
        """Count orders of a bin that is not yet judged."""
        counts = self.pending.setdefault(bin_start, {})
        counts[key] = counts.get(key, 0) + orders

    def hear(self, sample: Audience) -> None:
        """Hold an audience sample for the bin that ends with it.

        A bin that is judged already hears nothing more.
        """
        bin_start = floor_to(sample.at - 1, self.bin_ms)
        if self.next_bin <= bin_start:
            stream = self.book.resolve(sample.session_id, sample.room_id, "", sample.at - 1).stream
            by_item = sample.item_clicks or {}
            talk = _sane(sample.comments) + (0 if by_item else _sane(sample.clicks))
            clicks = {sku: _sane(number) for sku, number in by_item.items()}
            self.crowd.hear(stream, bin_start, Sample(talk, _sane(sample.viewers), clicks))

    def late(self, key: Key, bin_start: int, orders: int) -> None:
        """Let orders of a bin that was judged already into the background."""
        row = self.row_of(key, self.next_bin)
        self._rouse(np.array([row]), self.next_bin)
        if row not in self.bursts:
            ago = max((self.next_bin - self.bin_ms - bin_start) // self.bin_ms, 0)
            self.streams.add_late(row, float(orders), ago, self.observed)

    def advance(self, watermark: int, verdicts: Verdicts) -> None:
        """Judge every bin whose end plus grace the watermark has reached."""
        last = floor_to(watermark - self.grace_ms, self.bin_ms) - self.bin_ms
        while self.next_bin <= last:
            if not self.awake.size and not self.bursts:
                upcoming = min((at for at in self.pending if at >= self.next_bin), default=last + self.bin_ms)
                target = min(upcoming, last + self.bin_ms)
                self.observed += self._heard(self.next_bin, target)
                self.next_bin = target
                if target > last:
                    break
            self._judge(self.next_bin, verdicts)
            self.next_bin += self.bin_ms
        for start in [start for start in self.crowd.pending if start < self.next_bin]:
            del self.crowd.pending[start]
        self.gaps = [gap for gap in self.gaps if gap[1] > self.next_bin]

    def _heard(self, start: int, end: int) -> int:
        """Return how many bins of [start, end) were observed, none of them with orders."""
        bins = (end - start) // self.bin_ms
        for before, after in self.gaps:
            low = max(before + -before % self.bin_ms, start)
            high = min(floor_to(after, self.bin_ms), end)
            bins -= max(high - low, 0) // self.bin_ms
        return bins

    def _judge(self, bin_start: int, verdicts: Verdicts) -> None:
        samples = self.crowd.pending.pop(bin_start, {})
        counts = self.pending.pop(bin_start, None)
        if counts is None and not self._heard(bin_start, bin_start + self.bin_ms):
            return
        self._sweep(bin_start)
        orders = counts or {}
        rows = np.array([self.row_of(key, bin_start) for key in orders], dtype=np.int64)
        numbers = np.array(list(orders.values()), dtype=np.float64)
        said, clicked = self.crowd.sort(samples, self.room_of, self.rows)
        self.take(bin_start, rows, numbers, said, clicked, verdicts)

    def take(
        self,
        bin_start: int,
        rows: Rows,
        numbers: Floats,
        said: Heard | None,
        clicked: Heard | None,
        verdicts: Verdicts,
    ) -> None:
        """Judge one bin.

        Parameters
        ----------
        rows, numbers
            Streams with orders in this bin, and how many; all others had none.
        said, clicked
            What was heard of the crowds of rooms, and of clicks on items.
        """
        self._rouse(rows, bin_start)
        orders = np.zeros(self.streams.size)
        orders[rows] = numbers
        running = sorted(self.bursts, key=lambda row: self.items[row].key)
        over = [row for row in running if self._continue(row, float(orders[row]), bin_start, verdicts)]
        if self.awake.size:
            rows = self.awake
            factors = self._factors(rows, bin_start)
            trust = self.crowd.weigh(
                said,
                clicked,
                len(self.room_of),
                self.rooms[: self.streams.size],
                rows,
                self.streams.base(rows),
                factors,
                orders[rows],
                np.array(running, dtype=np.int64),
                self.observed,
            )
            rate, clumping = self.streams.step(rows, orders[rows], factors, bin_start + self.bin_ms, self.observed)
            self._alarm(rows, rate, clumping, trust, bin_start, verdicts)
        if over:
            self.awake = np.append(self.awake, over)
        self.observed += 1
        self._lull()

    def row_of(self, key: Key, bin_start: int) -> int:
        """Return the row of a stream; a new one is awake from `bin_start` on."""
        row = self.rows.get(key)
        if row is None:
            row = self.add(key)
            self.streams.started_at[row] = bin_start
            self.awake = np.append(self.awake, row)
            self.up[row] = True
        return row

    def _rouse(self, rows: Rows, bin_start: int) -> None:
        """Wake those of the rows that sleep."""
        asleep = rows[~self.up[rows]]
        if asleep.size:
            self.streams.wake(asleep, self.observed - self.streams.slept_at[asleep])
            self.streams.started_at[asleep] = bin_start
            self.awake = np.append(self.awake, asleep)
            self.up[asleep] = True

    def add(self, key: Key) -> int:
        """Add a stream and return its row."""
        stream, sku = key
        scope = self.book.stream_scope(stream)
        plan = item_plan(scope.plan.slots if scope.plan else (), sku)
        item = scope.items.get(sku)
        usual = usual_rate(scope.plan, item, plan, self.bin_ms) if scope.plan and item else None
        row = self.streams.add(usual)
        self.rows[key] = row
        self.items[row] = Item(key, scope, plan)
        if row >= len(self.rooms):
            self.rooms = np.concatenate((self.rooms, np.zeros_like(self.rooms)))
            self.factors = np.concatenate((self.factors, np.ones_like(self.factors)))
            self.steady_until = np.concatenate((self.steady_until, np.zeros_like(self.steady_until)))
            self.up = np.concatenate((self.up, np.zeros_like(self.up)))
        self.factors[row], self.steady_until[row] = 1.0, 0 if plan.slots else FAR
        self.rooms[row] = self.room_of.setdefault(stream, len(self.room_of))
        self.up[row] = False
        return row

    def _factors(self, rows: Rows, bin_start: int) -> Floats:
        """Return the planned factors of rows in a bin; they are worked out anew only where a slot begins or ends."""
        bin_end = bin_start + self.bin_ms
        for row in rows[self.steady_until[rows] < bin_end].tolist():
            plan = self.items[row].plan
            self.factors[row] = plan.mean(bin_start, bin_end)
            # A bin with an edge inside holds for itself alone.
            edge = plan.steady_until(bin_start)
            self.steady_until[row] = FAR if edge is None else edge if edge >= bin_end else 0
        return self.factors[rows]

    def _alarm(
        self, rows: Rows, rate: Floats, clumping: Floats, trust: Floats | None, bin_start: int, verdicts: Verdicts
    ) -> None:
        """Begin a burst for every row whose score passes its threshold; `trust` weighs the false alarms of each row."""
        bound = self.bound if trust is None or trust.max() <= 1.0 else self.least
        # One order is no burst, whatever the crowd does.
        several = self.streams.observed[rows] >= LEAST_ORDERS
        close = np.flatnonzero(several & (self.streams.score[rows] > np.interp(np.log(rate), *bound)))
        if not close.size:
            return
        weights = np.clip(rate / FULL_SHARE, LEAST_SHARE, 1.0) ** STEEP
        bases = np.array([burst.base for burst in self.bursts.values()])
        others = np.clip(bases / FULL_SHARE, LEAST_SHARE, 1.0) ** STEEP
        everybody = np.concatenate((rows, np.fromiter(self.bursts, dtype=np.int64)))
        shares = exact_sums(self.rooms[everybody], np.concatenate((weights, others)), len(self.room_of))
        wanted = self.alarms_per_bin * weights[close] / shares[self.rooms[rows[close]]]
        if trust is not None:
            # What was high before the crowd was is no news: it must rise on while the crowd is.
            rising = self.streams.score[rows[close]] >= self.streams.peak[rows[close]]
            wanted = wanted * np.where(rising, trust[close], np.minimum(trust[close], 1.0))
        thresholds = self.table.many(rate[close], clumping[close], wanted)
        over = np.flatnonzero(self.streams.score[rows[close]] > thresholds).tolist()
        begun = []
        for at in sorted(over, key=lambda at: self.items[int(rows[close[at]])].key):
            row, where = int(rows[close[at]]), int(close[at])
            dispersion = 1.0 + float(clumping[where]) * float(rate[where])
            verdicts.spikes.append(self._begin(row, float(thresholds[at]), dispersion, bin_start))
            begun.append(row)
        if begun:
            self.awake = rows[~np.isin(rows, begun)]

    def _begin(self, row: int, threshold: float, dispersion: float, bin_start: int) -> Spike:
        item, streams = self.items[row], self.streams
        bin_end = bin_start + self.bin_ms
        started_at = int(streams.started_at[row])
        session_id = self.book.session_at(item.key[0], started_at)
        observed, expected = float(streams.observed[row]), float(streams.expected[row])
        only = np.array([row])
        spike = Spike(
            spike_id=derive("spike", session_id, item.key[1], started_at),
            session_id=session_id,
            room=item.scope.room,
            sku=item.key[1],
            started_at=started_at,
            judged_at=bin_end + self.grace_ms,
            ratio=observed / expected,
            observed=int(observed),
            expected=expected,
            score=float(streams.score[row]),
            threshold=threshold,
            dispersion=dispersion,
            planned=self._planned(item, bin_start),
        )
        self.bursts[row] = Burst(
            spike_id=spike.spike_id,
            session_id=session_id,
            base=float(streams.base(only)[0]),
            clumping=float(streams.clumping(only, streams.base(only))[0]),
            observed=observed,
            expected=expected,
            marked_at=bin_end,
            marked_observed=observed,
            marked_expected=expected,
            short_observed=observed,
            short_expected=expected,
            peak=observed / expected,
        )
        streams.hold(row)
        return spike

    def _planned(self, item: Item, bin_start: int) -> PlannedSlot | None:
        return item.plan.running(bin_start, bin_start + self.bin_ms)

    def _continue(self, row: int, count: float, bin_start: int, verdicts: Verdicts) -> bool:
        """Take one bin of a running burst into account, and say whether it is over or has become the rule."""
        burst, item = self.bursts[row], self.items[row]
        bin_end = bin_start + self.bin_ms
        over = burst.step(count, float(self._factors(np.array([row]), bin_start)[0]), self.constants.ratio, bin_end)
        settled = not over and burst.bins >= self.constants.settle
        if not (over or settled):
            return False
        verdicts.ends.append(
            SpikeEnd(
                spike_id=burst.spike_id,
                session_id=burst.session_id,
                sku=item.key[1],
                ended_at=burst.marked_at,
                judged_at=bin_end + self.grace_ms,
                observed=int(burst.marked_observed),
                expected=burst.marked_expected,
                peak_ratio=burst.peak,
                settled=settled,
            )
        )
        if settled:
            self.streams.settle(row, burst.rate_now)
        del self.bursts[row]
        self.streams.quiet[row] = 0
        self.streams.started_at[row] = bin_end
        return True

    def _lull(self) -> None:
        """Send rows to sleep that have nothing left to say."""
        if not self.awake.size:
            return
        tired = self.streams.asleep(self.awake)
        if tired.any():
            rows = self.awake[tired]
            self.streams.slept_at[rows] = self.observed
            self.up[rows] = False
            self.awake = self.awake[~tired]

    def _sweep(self, bin_start: int) -> None:
        """Once an hour of event time, forget streams that have slept for a day."""
        hour = bin_start // HOUR
        if hour == self.swept:
            return
        self.swept = hour
        limit = self.observed - FORGET_AFTER // self.bin_ms
        for key, row in list(self.rows.items()):
            if not self.up[row] and self.streams.slept_at[row] < limit:
                del self.rows[key], self.items[row]
                self.streams.drop(row)
        self.crowd.keep({stream for stream, _ in self.rows}, set(self.rows))


def _sane(count: int) -> int:
    return min(max(count, 0), MOST_HEARD)
