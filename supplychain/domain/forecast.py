"""What a forecast says: mean and variance, never a bare number.

Moments are added over rooms and periods before they are turned into quantiles: adding quantiles overstates the P90 of ten
rooms by almost a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of a number of pieces; independent parts add up."""

    mean: float = 0.0
    variance: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.mean + other.mean, self.variance + other.variance)

    def scaled(self, factor: float) -> Moments:
        """Return the moments of `factor` times as many pieces, the coefficient of variation kept."""
        return Moments(self.mean * factor, self.variance * factor * factor)


@dataclass(frozen=True, slots=True)
class SessionForecast:
    """What one session will still sell of one SKU after `as_of`, per region, gross, in pieces.

    `so_far` are the gross pieces paid up to `as_of`, `rest` the moments of what is still to come until `ends_at`.
    """

    session: str
    sku: str
    as_of: int
    ends_at: int
    so_far: Mapping[str, int]
    rest: Mapping[str, Moments]
    prior_rest: float
    tuning_version: int
    model_version: str
    degraded: bool = False

    @property
    def total(self) -> float:
        """Expected gross pieces of the whole session."""
        return sum(self.so_far.values()) + sum(moments.mean for moments in self.rest.values())
