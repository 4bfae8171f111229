"""Event time of one partition: when each record was known, which stamps cannot be, and what is late.

Business time is the last tick, or the broker's receive time for live sources; without either there is nothing to compare
a stamp with. The watermark follows ticks and event stamps, but an event never pulls it past business time: a source
whose clock runs ahead cannot make everybody else late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from supplychain.domain.units import EARLIEST, HOUR, LATEST, floor_to
from supplychain.watching.intake import FAR, Flags, Ints

NEVER = -1
"""Watermark before the first record."""


@dataclass(slots=True)
class Reading:
    """Running times of a chunk, one per record: business time and watermark after that record."""

    business: Ints
    watermark: Ints
    ahead: Flags
    bad_tick: Flags

    @property
    def first(self) -> int:
        """The first watermark of the chunk that is one, `NEVER` if there is none."""
        there = self.watermark[self.watermark != NEVER]
        return int(there[0]) if there.size else NEVER


@dataclass(slots=True)
class PartitionClock:
    """The running times of one partition; milliseconds."""

    clamp_ms: int
    lateness_ms: int
    horizon_ms: int
    watermark: int = NEVER
    last_tick: int = NEVER

    def read(
        self, size: int, tick_at: Ints, ticks: Ints, sale_at: Ints, stamps: Ints, sound: Flags, business: Ints | None
    ) -> Reading:
        """Advance over a chunk of `size` records and return its running times.

        Parameters
        ----------
        tick_at, ticks
            Positions and times of ticks.
        sale_at, stamps, sound
            Positions and event times of sales, and whether their values are possible at all.
        business
            Business time per record for live sources, None when ticks give it.
        """
        bad = (ticks < EARLIEST) | (ticks > LATEST)
        if business is not None:
            bad |= ticks > business[tick_at] + self.clamp_ms
        said = np.full(size, NEVER, dtype=np.int64)
        said[tick_at[~bad]] = ticks[~bad]
        if size:
            said[0] = max(int(said[0]), self.last_tick)
        running = np.maximum.accumulate(said)
        limit = np.where(running == NEVER, FAR, running) if business is None else business
        ahead = sound & (stamps > limit[sale_at] + self.clamp_ms)
        reached = said.copy() if business is None else np.where(said == NEVER, NEVER, np.minimum(said, limit))
        taken = sound & ~ahead
        where = sale_at[taken]
        reached[where] = np.maximum(reached[where], np.minimum(stamps[taken], limit[where]))
        if size:
            reached[0] = max(int(reached[0]), self.watermark)
        watermark = np.maximum.accumulate(reached)
        if size:
            self.watermark = int(watermark[-1])
            self.last_tick = int(running[-1])
        return Reading(limit, watermark, ahead, bad)

    def oldest(self, watermark: int) -> int:
        """Return the start of the first hour whose ids are still remembered at a watermark, ms."""
        return max(floor_to(watermark - self.horizon_ms, HOUR), 0)

    def oldest_at(self, watermark: Ints) -> Ints:
        """Return the same for many watermarks."""
        past = watermark - self.horizon_ms
        first: Ints = np.maximum(past - past % HOUR, 0)
        return first
