"""Mean and variance of a demand, the form in which forecasts are stored and added over rooms.

Quantiles of several rooms must never be added: that overstates the 90 % quantile by a fifth or more. Moments of independent
demands add exactly, and `quantiles` turns the sum into a distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of a count of orders or pieces.

    Parameters
    ----------
    mean
        Expected count, finite and not negative.
    variance
        Variance of the count, finite and not negative.

    Raises
    ------
    ValueError
        When either number is negative, NaN or infinite.

    Examples
    --------
    >>> Moments(3.0, 4.0) + Moments(1.0, 2.5)
    Moments(mean=4.0, variance=6.5)
    """

    mean: float
    variance: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.mean < math.inf and 0.0 <= self.variance < math.inf):
            raise ValueError(f"moments must be finite and not negative: mean={self.mean}, variance={self.variance}")

    def __add__(self, other: Moments) -> Moments:
        """Moments of the sum of two independent demands."""
        return Moments(self.mean + other.mean, self.variance + other.variance)

    def scaled(self, factor: float) -> Moments:
        """Moments of `factor` times this demand, `factor` known and not negative."""
        return Moments(self.mean * factor, self.variance * factor * factor)

    def part(self, share: float) -> Moments:
        """Moments of a share of this demand in time: chance shrinks with the pieces, what is common to all of it does not.

        Examples
        --------
        >>> Moments(8.0, 24.0).part(0.5)
        Moments(mean=4.0, variance=8.0)
        """
        common = max(0.0, self.variance - self.mean)
        return Moments(share * self.mean, share * min(self.variance, self.mean) + share * share * common)

    def thinned(self, share: float, share_variance: float = 0.0) -> Moments:
        """Moments of what is left when each piece stays with probability `share`.

        Parameters
        ----------
        share
            Expected probability that a piece stays, in [0, 1].
        share_variance
            Variance of that probability itself, common to all the pieces (an estimated cancellation rate, say).

        Source
        ------
        Law of total variance over the count and over the share.
        """
        if not 0.0 <= share <= 1.0 or share_variance < 0.0:
            raise ValueError(f"not a share: {share} with variance {share_variance}")
        spread = min(share_variance, share * (1.0 - share))
        pairs = max(0.0, self.variance + self.mean * self.mean - self.mean)
        variance = share * share * self.variance + share * (1.0 - share) * self.mean + spread * pairs
        return Moments(share * self.mean, variance)

    def compounded(self, size_mean: float, size_square: float) -> Moments:
        """Moments of pieces when this counts orders and each carries a random number of pieces.

        Parameters
        ----------
        size_mean, size_square
            Mean and mean square of the pieces per order.

        Source
        ------
        Wald: E[S] = E[N] E[X], Var[S] = E[N] Var[X] + Var[N] E[X]^2.
        """
        size_variance = max(0.0, size_square - size_mean * size_mean)
        return Moments(self.mean * size_mean, self.mean * size_variance + self.variance * size_mean * size_mean)


NOTHING = Moments(0.0, 0.0)


def total(parts: Iterable[Moments]) -> Moments:
    """Moments of the sum of independent demands, of rooms for example; nothing at all sums to zero."""
    mean = variance = 0.0
    for part in parts:
        mean += part.mean
        variance += part.variance
    return Moments(mean, variance)
