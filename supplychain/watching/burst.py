"""A burst that runs: its totals, its peak, and the mirrored statistic that ends it."""

from __future__ import annotations

import msgspec

from supplychain.watching.detector import evidence

END_NATS = 4.0
"""Evidence in nats that the rate has fallen back: odds of about fifty to one."""
STEEPEST = 10.0
"""The end is looked for at the burst's own ratio, at most this."""
SHORT = 0.75
"""Forgetting per bin of the short-term ratio, from which the peak is taken."""


class Burst(msgspec.Struct, array_like=True):
    """A running burst of one stream; the background behind it is frozen.

    `fall` is the evidence that it has ended since `marked_at`, up to which the marked totals count.
    """

    spike_id: str
    session_id: str
    base: float
    clumping: float
    observed: float
    expected: float
    marked_at: int
    marked_observed: float
    marked_expected: float
    short_observed: float
    short_expected: float
    peak: float
    fall: float = 0.0
    bins: int = 0

    def step(self, count: float, factor: float, ratio: float, bin_end: int) -> bool:
        """Take one bin into account and say whether the burst is over.

        Parameters
        ----------
        count, factor
            Orders of the bin and the planned factor on the usual rate.
        ratio
            The least ratio that counts as a burst.
        """
        rate = self.base * factor
        self.bins += 1
        self.observed += count
        self.expected += rate
        self.short_observed = SHORT * self.short_observed + count
        self.short_expected = SHORT * self.short_expected + rate
        self.peak = max(self.peak, self.short_observed / self.short_expected)
        steep = min(max(self.observed / self.expected, ratio), STEEPEST)
        self.fall = max(0.0, self.fall - evidence(count, rate, self.clumping, steep))
        if self.fall == 0.0:
            self.marked_at, self.marked_observed, self.marked_expected = bin_end, self.observed, self.expected
        return self.fall > END_NATS

    @property
    def rate_now(self) -> float:
        """Usual orders per bin as they are now: the frozen ones times the short-term ratio."""
        return self.base * self.short_observed / self.short_expected
