"""A fitted prior as our own record: predicts in numpy, explains itself, and travels as versioned JSON.

The stored form outlives library versions. `from_json` reads every version ever written; a fixture of each is kept in the tests.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from supplychain.forecasting.frames import Flags, Floats, Ints

VERSION = 1
RARELY_OPEN = 0.15  # share of open days below which a weekday is taken as closed


@dataclass(frozen=True, slots=True)
class Season:
    """A Fourier season: `period` days, coefficients sine and cosine in turn, relative to the trend."""

    name: str
    period: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PriorForecast:
    """Daily forecast of an aggregate.

    Parameters
    ----------
    mean, variance
        Pieces per day, finite and not negative.
    components
        Name to relative effect on the trend per day ("weekly": 0.2 is a fifth above it); "trend" itself in pieces.
    """

    mean: Floats
    variance: Floats
    components: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class FittedPrior:
    """What a fit has learned; `degraded` says why a simpler method stands in, and is empty otherwise.

    Parameters
    ----------
    key, method
        Aggregate, and "prophet", "weekday" or "level".
    first_day, last_day
        Days of the data, from 1970-01-01.
    scale, span, slope, offset, changes, deltas
        Trend in pieces: scale * (slope, offset, bent at `changes` by `deltas`) over time in units of `span` days.
    seasons
        Fourier seasons, multiplicative.
    effects
        Regressor to (effect per unit, mean of the unit), multiplicative.
    noise
        Standard deviation of a day in units of `scale`.
    weekdays
        Seven factors, Monday first, of the weekday method; empty otherwise.
    open_weekdays
        Seven shares of open days.
    """

    key: str
    method: str
    degraded: str
    first_day: int
    last_day: int
    scale: float
    span: float
    slope: float
    offset: float
    noise: float
    changes: tuple[float, ...] = ()
    deltas: tuple[float, ...] = ()
    seasons: tuple[Season, ...] = ()
    effects: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    weekdays: tuple[float, ...] = ()
    open_weekdays: tuple[float, ...] = (1.0,) * 7

    def predict(self, days: Ints, regressors: Mapping[str, Floats] | None = None) -> PriorForecast:
        """Forecast any days.

        Parameters
        ----------
        days
            D days from 1970-01-01.
        regressors
            D values for each learned effect.

        Raises
        ------
        ValueError
            When a learned effect is not given, or not finite.
        """
        wanted = np.asarray(days, dtype=np.int64)
        trend = self._trend(wanted)
        components = self._relative(wanted, regressors or {})
        factor = (
            np.maximum(1.0 + np.sum(list(components.values()), axis=0), 0.0) if components else np.ones(len(wanted))
        )
        closed = np.asarray(self.open_weekdays)[(wanted + 3) % 7] < RARELY_OPEN
        mean = np.where(closed, 0.0, np.maximum(trend, 0.0) * factor)
        spread = self.noise**2 + self._trend_variance(wanted)
        variance = np.where(closed, 0.0, self.scale**2 * spread)
        return PriorForecast(mean, np.maximum(variance, mean), {"trend": trend, **components})

    def factor(self, days: Ints, regressors: Mapping[str, Floats] | None = None) -> Floats:
        """Calendar factor of each day: the forecast without its trend, 1 on an ordinary day."""
        forecast = self.predict(days, regressors)
        return np.divide(
            forecast.mean,
            forecast.components["trend"],
            out=np.ones(len(days)),
            where=forecast.components["trend"] > 0.0,
        )

    def _trend(self, days: Ints) -> Floats:
        time = (days - self.first_day) / self.span
        value = self.slope * time + self.offset
        for change, delta in zip(self.changes, self.deltas, strict=True):
            value = value + delta * np.maximum(time - change, 0.0)
        return np.asarray(value * self.scale)

    def _relative(self, days: Ints, regressors: Mapping[str, Floats]) -> dict[str, Floats]:
        out: dict[str, Floats] = {}
        for season in self.seasons:
            angle = 2.0 * math.pi * days / season.period
            total = np.zeros(len(days))
            for place, coefficient in enumerate(season.coefficients):
                turn = angle * (place // 2 + 1)
                total += coefficient * (np.sin(turn) if place % 2 == 0 else np.cos(turn))
            out[season.name] = total
        if self.weekdays:
            out["weekly"] = np.asarray(self.weekdays)[(days + 3) % 7] - 1.0
        for name, (weight, mean) in self.effects.items():
            values = np.asarray(regressors.get(name, np.full(len(days), np.nan)), dtype=np.float64)
            if values.shape != days.shape or not bool(np.all(np.isfinite(values))):
                raise ValueError(f"prior {self.key} needs {name} for each day")
            out[name] = weight * (values - mean)
        return out

    def _trend_variance(self, days: Ints) -> Floats:
        """Relative variance of a trend whose past changes go on at the same pace.

        Source
        ------
        Changes arrive at the past rate with Laplace slopes of the past mean size b, so after h the level has variance
        rate * 2 b^2 * h^3 / 3.
        """
        ahead = np.maximum(days - self.last_day, 0) / self.span
        if not self.deltas:
            return np.zeros(len(days))
        size = float(np.mean(np.abs(self.deltas)))
        return np.asarray(len(self.deltas) * 2.0 * size**2 * ahead**3 / 3.0)

    def to_json(self) -> str:
        """Canonical JSON with its version; numbers round-trip exactly."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> FittedPrior:
    """Read a stored prior.

    Raises
    ------
    ValueError
        When the text is no prior, or of a later version than this code.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.pop("version", None) != VERSION:
        raise ValueError("not a prior of a version this code can read")
    try:
        data["seasons"] = tuple(
            Season(row["name"], row["period"], tuple(row["coefficients"])) for row in data["seasons"]
        )
        data["effects"] = {name: (pair[0], pair[1]) for name, pair in data["effects"].items()}
        for name in ("changes", "deltas", "weekdays", "open_weekdays"):
            data[name] = tuple(data[name])
        return FittedPrior(**data)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a prior: {error}") from error


def level_prior(key: str, days: Ints, pieces: Floats, reason: str) -> FittedPrior:
    """The mean of what there is, zero when there is nothing."""
    mean = float(pieces.mean()) if len(pieces) else 0.0
    noise = float(pieces.std()) if len(pieces) > 1 else math.sqrt(mean)
    first, last = (int(days[0]), int(days[-1])) if len(days) else (0, 0)
    return FittedPrior(key, "level", reason, first, last, 1.0, 1.0, 0.0, mean, noise)


def weekday_prior(key: str, first_day: int, pieces: Floats, usable: Flags, reason: str) -> FittedPrior:
    """Recent level times weekday factors drawn to one; what stands in when Prophet cannot or did not."""
    days = np.arange(first_day, first_day + len(pieces), dtype=np.int64)[usable]
    values = pieces[usable]
    if not len(values):
        return level_prior(key, days, values, reason)
    days, values = days[-56:], values[-56:]
    level = float(values[-28:].mean())
    every = float(values.mean())
    weekday = (days + 3) % 7
    factors = []
    for number in range(7):
        mine = values[weekday == number]
        relative = float(mine.sum()) / every if every > 0.0 else float(len(mine))
        factors.append((relative + 2.0) / (len(mine) + 2.0))
    fitted = level * np.asarray(factors)[weekday]
    noise = float(np.sqrt(np.mean((values - fitted) ** 2)))
    return FittedPrior(
        key,
        "weekday",
        reason,
        int(days[0]),
        int(days[-1]),
        1.0,
        1.0,
        0.0,
        level,
        noise,
        weekdays=tuple(factors),
    )


def open_weekdays(days: Ints, open_days: Flags) -> tuple[float, ...]:
    """Share of open days for each weekday, Monday first, over the last eight weeks; 1 for a weekday not seen."""
    recent = slice(max(0, len(days) - 56), None)
    weekday = (days[recent] + 3) % 7
    shares = []
    for number in range(7):
        mine = open_days[recent][weekday == number]
        shares.append(float(mine.mean()) if len(mine) else 1.0)
    return tuple(shares)
