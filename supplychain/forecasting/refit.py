"""The nightly refit as one pure step: priors of the groups, their outlook, the item model, and the version stamped on forecasts.

Champion and challenger are two such settings: `compare` lets both forecast the same past and says whether the challenger is better
beyond noise, so that an operator sees what a change would have done before it is active.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.ahead import on_days, taught
from supplychain.forecasting.backtest import Score, Verdict, judge, rolling_origin
from supplychain.forecasting.baselines import LEVELS, Answer, Forecaster
from supplychain.forecasting.closing_days import shut_ahead
from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.item_record import ItemModel, ItemSettings
from supplychain.forecasting.items import fit_items, predict_items
from supplychain.forecasting.prior import AggregateSeries, PriorSettings, fit_priors
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.trade_calendar import TradeCalendar


@dataclass(frozen=True, slots=True)
class Refit:
    """What one refit has learned.

    Parameters
    ----------
    priors
        Group to fitted prior.
    items
        The global item model, trained with the priors' outlook.
    version
        Digest of all of it: equal learning, equal version.
    degraded
        Groups whose prior stepped down, with the reason.
    """

    priors: Mapping[str, FittedPrior]
    items: ItemModel
    version: str
    degraded: Mapping[str, str]


def refit(
    frame: DailyFrame,
    calendar: TradeCalendar,
    items: ItemSettings | None = None,
    prior: PriorSettings | None = None,
    executor: Executor | None = None,
) -> Refit:
    """Fit everything on what the frame knows; never fails on thin data, but degrades and says where.

    Parameters
    ----------
    executor
        Process pool for the priors; without it they are fitted here.
    """
    chosen = items or ItemSettings()
    batch = aggregates(frame, calendar)
    fitted = {series.key: found for series, found in zip(batch, fit_priors(batch, prior, executor), strict=True)}
    return refit_items(frame, calendar, chosen, fitted)


def aggregates(frame: DailyFrame, calendar: TradeCalendar) -> list[AggregateSeries]:
    """Sums of the frame's groups with the calendar's effects and the schedule: what a prior is fitted on."""
    groups = frame.by_group()
    effects = calendar.effects(frame.days)
    told = regressors(frame, calendar, frame.days)
    return [
        AggregateSeries(
            key,
            frame.first_day,
            groups.pieces[i],
            groups.open_days,
            {name: values for name, values in told[key].items() if name in effects or taught(values, groups.open_days)},
        )
        for i, key in enumerate(groups.keys)
    ]


def regressors(frame: DailyFrame, calendar: TradeCalendar, days: Ints) -> dict[str, dict[str, Floats]]:
    """Calendar effects and the schedule of each group of a frame, on any days."""
    groups = frame.by_group()
    effects = calendar.effects(days)
    told: dict[str, dict[str, Floats]] = {key: dict(effects) for key in groups.keys}
    for row, key in enumerate(groups.keys if groups.ahead else ()):
        assert groups.ahead is not None  # noqa: S101 - asked above
        told[key] |= on_days(groups.ahead.regressors(row, frame.pieces.shape[1]), frame.first_day, days)
    return told


def refit_items(
    frame: DailyFrame,
    calendar: TradeCalendar,
    chosen: ItemSettings,
    fitted: Mapping[str, FittedPrior],
) -> Refit:
    """Train the item model on top of fitted priors."""
    ahead = outlook(fitted, calendar, frame, chosen.horizon)
    model = fit_items(frame, chosen, ahead)
    digest = hashlib.sha256(model.to_json().encode())
    for key in sorted(fitted):
        digest.update(fitted[key].to_json().encode())
    degraded = {key: found.degraded for key, found in fitted.items() if found.degraded}
    return Refit(fitted, model, digest.hexdigest()[:16], degraded)


def outlook(priors: Mapping[str, FittedPrior], calendar: TradeCalendar, frame: DailyFrame, horizon: int) -> Floats:
    """Calendar factors of the frame's groups, G x (D + horizon), groups in sorted order.

    Holidays, campaigns and the schedule are handed on; the week is learned by the item model itself. Calendar effects count
    against a day without any, the schedule against its own mean. A group without a full prior has factor 1.

    Raises
    ------
    ValueError
        When a prior has learned an effect that the frame does not tell.
    """
    days = np.arange(frame.first_day, frame.first_day + frame.pieces.shape[1] + horizon)
    told = regressors(frame, calendar, days)
    rows = []
    for group in sorted(set(frame.group)):
        prior = priors.get(group)
        factor = np.ones(len(days))
        for name, (weight, mean) in (prior.effects if prior else {}).items():
            if name not in told[group]:
                raise ValueError(f"the frame of {group} lacks {name}")
            usual = 0.0 if name in calendar.names else mean
            factor = factor + weight * (told[group][name] - usual)
        rows.append(np.clip(factor, 0.05, 20.0))
    return np.vstack(rows) if rows else np.ones((0, len(days)))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tuning of the whole refit, as a forecaster that backtests can compare."""

    name: str
    calendar: TradeCalendar
    items: ItemSettings
    prior: PriorSettings

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `baselines.Forecaster`."""
        learned = refit(frame, self.calendar, self.items, self.prior)
        ahead = outlook(learned.priors, self.calendar, frame, horizon)
        forecast = predict_items(learned.items, frame, range(horizon), known_from, ahead)
        places = [self.items.levels.index(level) for level in LEVELS]
        opens = ~shut_ahead(frame, self.calendar, frame.first_day + frame.pieces.shape[1] + np.arange(horizon))
        return Answer(forecast.quantiles[rows][..., places], forecast.low[rows], forecast.high[rows]).when(opens)


def compare(
    frame: DailyFrame,
    rows: Ints,
    origins: Sequence[int],
    champion: Forecaster,
    challenger: Forecaster,
    clock: Callable[[], float],
    *,
    horizon: int = 7,
    seed: int = 1,
    least_gain: float = 0.0,
) -> tuple[Verdict, list[Score]]:
    """Backtest both on the same rows and origins; the verdict promotes only beyond noise.

    Raises
    ------
    ValueError
        When the two carry one name.
    """
    if champion.name == challenger.name:
        raise ValueError("champion and challenger need different names")
    result = rolling_origin(frame, rows, origins, horizon, [champion, challenger], clock)
    verdict = judge(result.losses(champion.name), result.losses(challenger.name), seed, least_gain)
    return verdict, result.scores()
