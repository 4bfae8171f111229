"""What a forecast says: mean and variance, never a bare number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionForecast:
    """What one session will still sell of one SKU after `as_of`, per region, gross, in pieces.

    `so_far` are the gross pieces paid up to `as_of`; `rest` is (mean, variance) of what is still to come until `ends_at`.
    `prior_rest` is the mean that the run of show alone would have said.
    """

    session: str
    sku: str
    as_of: int
    ends_at: int
    so_far: Mapping[str, int]
    rest: Mapping[str, tuple[float, float]]
    prior_rest: float
    tuning_version: int
    model_version: str
    degraded: bool = False

    @property
    def rest_mean(self) -> float:
        """Expected gross pieces still to come."""
        return sum(mean for mean, _ in self.rest.values())

    @property
    def total(self) -> float:
        """Expected gross pieces of the whole session."""
        return sum(self.so_far.values()) + self.rest_mean
