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


@dataclass(frozen=True, slots=True)
class RegionOutlook:
    """Gross pieces per day on the shelf of one SKU in one region, from the first day of the forecast on.

    `mean` and `variance` are what planning adds up; `low` and `high` are the ends of the interval whose coverage is measured.
    `degraded` says why a simpler method stands in; empty when the learned model answered. `segment` names the series like it
    whose accuracy is kept together.
    """

    mean: tuple[float, ...]
    variance: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    segment: str = ""
    degraded: str = ""

    def on(self, day: int) -> tuple[float, float]:
        """Return mean and variance of the day `day` days after the first; past the end the last week goes on.

        >>> RegionOutlook((3.0, 1.0), (4.0, 2.0), (0.0, 0.0), (9.0, 9.0)).on(5)
        (1.0, 2.0)
        """
        days = len(self.mean)
        if not days:
            return 0.0, 0.0
        week = min(7, days)
        place = day if day < days else days - week + (day - days) % week
        return self.mean[max(place, 0)], self.variance[max(place, 0)]


@dataclass(frozen=True, slots=True)
class ShelfForecast:
    """What the shelf will sell of one SKU per region and day, sessions and spikes taken out.

    `first_day` is a day from 1970-01-01 in the business zone.
    """

    sku: str
    first_day: int
    regions: Mapping[str, RegionOutlook]
    method: str
    model_version: str
    tuning_version: int


@dataclass(frozen=True, slots=True)
class ShelfScore:
    """How true the forecast of one finished day came, over all series of a segment.

    `inside` of `series` lay in their interval; `pieces` were sold, `expected` was the mean; `loss` is the pinball loss of the
    interval's ends, `error` the sum of absolute errors of the mean.
    """

    day: str
    segment: str
    model: int
    series: int
    inside: int
    pieces: float
    expected: float
    error: float
    loss: float
