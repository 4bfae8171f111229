"""The simple forecast that a learned one has to beat: each series takes the share of its aggregate that it had lately.

Prophet (or what stands in for it) forecasts the aggregate; the series' share of the last eight weeks and the lumpiness of all series
turn that into moments and quantiles. It is the champion until the item model has shown itself better, and what answers when
there is too little to train on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.domain.forecast import RegionOutlook
from supplychain.forecasting.baselines import LEVELS, Answer
from supplychain.forecasting.closing_days import shut_ahead
from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.intervals import shortest_interval
from supplychain.forecasting.item_fallback import pooled_lumpiness, quantile_grid
from supplychain.forecasting.prior import PriorSettings, fit_priors
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.refit import aggregates, regressors
from supplychain.forecasting.trade_calendar import TradeCalendar

SHARES = "shares"
SHARE_DAYS = 56


@dataclass(frozen=True, slots=True)
class SharedOut:
    """The forecast by shares as a forecaster that backtests can compare."""

    calendar: TradeCalendar
    prior: PriorSettings
    name: str = SHARES

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `baselines.Forecaster`."""
        batch = aggregates(frame, self.calendar)
        priors = {prior.key: prior for prior in fit_priors(batch, self.prior)}
        mean, variance = shared_out(frame, priors, self.calendar, np.arange(horizon))
        grid = quantile_grid(mean[rows], variance[rows], LEVELS)
        low, high = interval(mean[rows], variance[rows])
        opens = ~shut_ahead(frame, self.calendar, frame.first_day + frame.pieces.shape[1] + np.arange(horizon))
        return Answer(grid, low, high).when(opens)


def shared_out(
    frame: DailyFrame, priors: Mapping[str, FittedPrior], calendar: TradeCalendar, steps: Ints
) -> tuple[Floats, Floats]:
    """Mean and variance per series and step, N x S, from the forecasts of the groups."""
    days = frame.first_day + frame.pieces.shape[1] + np.asarray(steps, dtype=np.int64)
    told = regressors(frame, calendar, days)
    recent = frame.pieces[:, -SHARE_DAYS:]
    lately = recent.sum(axis=1)
    names = sorted(set(frame.group))
    place = {name: i for i, name in enumerate(names)}
    group = np.array([place[name] for name in frame.group], dtype=np.int64)
    whole = np.bincount(group, lately, len(names))
    share = np.divide(lately, whole[group], out=np.zeros(len(lately)), where=whole[group] > 0.0)
    means = [priors[name].predict(days, told[name]).mean if name in priors else np.zeros(len(days)) for name in names]
    mean = share[:, None] * np.vstack(means)[group] if names else np.zeros((0, len(days)))
    lumpiness = pooled_lumpiness(recent, lately / max(recent.shape[1], 1), least=0.01)
    return mean, mean + lumpiness * mean**2


def interval(mean: Floats, variance: Floats, coverage: float = 0.8) -> tuple[Floats, Floats]:
    """Interval of the wanted coverage out of moments, N x S each."""
    tail = (1.0 - coverage) / 2.0
    levels = (tail, coverage, 1.0 - tail)
    return shortest_interval(levels, quantile_grid(mean, variance, levels), coverage)


def outlook_of(parts: Sequence[Floats], segment: str, degraded: str) -> RegionOutlook:
    """Mean, variance, low and high end of one series, stored to a thousandth of a piece: equal forecasts have equal bytes."""
    mean, variance, low, high = (tuple(round(float(value), 3) for value in part) for part in parts)
    return RegionOutlook(mean, variance, low, high, segment, degraded)
