"""The nightly refit of the shelf as one pure step: frame in, forecasts of every SKU and region out, with a champion and its proof.

Two methods compete on the same past: the share of an aggregate, and the item model. A challenger replaces the champion only when it
is better beyond noise. Means are brought in line with the aggregates, so that regions, items and categories add up.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from supplychain.domain.forecast import RegionOutlook
from supplychain.forecasting.backtest import Score, Verdict
from supplychain.forecasting.baselines import Forecaster
from supplychain.forecasting.closing_days import shut_ahead
from supplychain.forecasting.coherence import memberships, reconciled
from supplychain.forecasting.cold_start import like_others
from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.intervals import volume_segments
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.item_rows import FIRST_ORIGIN
from supplychain.forecasting.items import predict_items
from supplychain.forecasting.prior import PriorSettings
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.refit import Candidate, Refit, compare, outlook, refit_items, regressors
from supplychain.forecasting.shares import SHARES, SharedOut, interval, outlook_of, shared_out
from supplychain.forecasting.shelf_frame import Goods, by_region, place_of
from supplychain.forecasting.trade_calendar import TradeCalendar

ITEMS = "items"
FURTHEST_FACTOR = 2.0  # an aggregate moves the sum of its parts by no more than this


@dataclass(frozen=True, slots=True)
class ShelfSettings:
    """How the shelf is learned.

    Parameters
    ----------
    ahead_days
        Days forecast: the planning horizon and a week for missed refits.
    origins
        Weekly origins of the comparison of champion and challenger; 0 leaves the champion.
    most_scored
        The largest series are scored.
    champion
        Method in use.
    """

    items: ItemSettings = field(default_factory=ItemSettings)
    prior: PriorSettings = field(default_factory=PriorSettings)
    ahead_days: int = 21
    origins: int = 2
    most_scored: int = 200
    champion: str = SHARES


@dataclass(frozen=True, slots=True)
class Learned:
    """What a refit of the shelf says.

    Parameters
    ----------
    first_day
        First day forecast, from 1970-01-01.
    method
        Method that answers: the champion of this refit.
    outlooks
        SKU to region to outlook.
    model
        Priors and item model; `model.version` is their digest.
    verdict, scores
        Outcome of the comparison, None and empty when there was too little past for one.
    """

    first_day: int
    method: str
    outlooks: Mapping[str, Mapping[str, RegionOutlook]]
    model: Refit
    verdict: Verdict | None
    scores: tuple[Score, ...]


def learn_shelf(
    frame: DailyFrame,
    known_from: Ints,
    goods: Mapping[str, Goods],
    priors: Mapping[str, FittedPrior],
    calendar: TradeCalendar,
    settings: ShelfSettings,
) -> Learned:
    """Learn and forecast; never fails on thin data, but steps down and says so per series. Top level, so that a pool can call it."""
    verdict, scores = _compared(frame, calendar, settings)
    method = _other(settings.champion) if verdict and verdict.promoted else settings.champion
    model = refit_items(frame, calendar, settings.items, priors)
    mean, variance, low, high, reasons = _answers(method, model, frame, known_from, calendar, settings)
    said, mean = mean, _coherent(frame, mean, variance, priors, calendar)
    variance, low, high = moved_with(said, mean, variance, low, high)
    first = frame.first_day + frame.pieces.shape[1]
    opens = ~shut_ahead(frame, calendar, first + np.arange(settings.ahead_days))
    mean, variance, low, high = (part * opens for part in (mean, variance, low, high))
    recent = frame.pieces[:, -56:]
    segments = volume_segments(recent.mean(axis=1), (recent > 0.0).mean(axis=1))
    outlooks: dict[str, dict[str, RegionOutlook]] = {}
    for row, key in enumerate(frame.keys):
        sku, region = place_of(key)
        degraded = reasons[row] or priors[frame.group[row]].degraded * (method == SHARES)
        parts = (mean[row], variance[row], low[row], high[row])
        outlooks.setdefault(sku, {})[region] = outlook_of(parts, segments[row], degraded)
    outlooks.update(like_others(outlooks, goods))
    return Learned(first, method, outlooks, model, verdict, tuple(scores))


def _other(champion: str) -> str:
    return ITEMS if champion == SHARES else SHARES


def forecaster(method: str, calendar: TradeCalendar, settings: ShelfSettings, name: str | None = None) -> Forecaster:
    """Return a method as something that backtests can compare."""
    if method == SHARES:
        return SharedOut(calendar, settings.prior, name or SHARES)
    return Candidate(name or ITEMS, calendar, settings.items, settings.prior)


def origins_of(frame: DailyFrame, horizon: int, wanted: int) -> list[int]:
    """The latest weekly origins, each with its horizon after it and enough past before it; fewer when the past is short."""
    width = frame.pieces.shape[1]
    every = [width - horizon - 7 * back for back in range(wanted - 1, -1, -1)]
    return [origin for origin in every if origin >= FIRST_ORIGIN + horizon]


def largest_rows(frame: DailyFrame, most: int) -> Ints:
    """The series with most pieces, in the order of the frame."""
    order = np.argsort(-frame.pieces.sum(axis=1), kind="stable")[:most]
    return np.asarray(np.sort(order), dtype=np.int64)


def _compared(
    frame: DailyFrame, calendar: TradeCalendar, settings: ShelfSettings
) -> tuple[Verdict | None, list[Score]]:
    horizon = settings.items.horizon
    origins = origins_of(frame, horizon, settings.origins)
    if not origins:
        return None, []
    champion = forecaster(settings.champion, calendar, settings)
    challenger = forecaster(_other(settings.champion), calendar, settings)
    rows = largest_rows(frame, settings.most_scored)
    return compare(
        frame, rows, origins, champion, challenger, time.perf_counter, horizon=horizon, seed=settings.items.seed
    )


def _answers(
    method: str,
    model: Refit,
    frame: DailyFrame,
    known_from: Ints,
    calendar: TradeCalendar,
    settings: ShelfSettings,
) -> tuple[Floats, Floats, Floats, Floats, tuple[str, ...]]:
    """Mean, variance, low and high end, N x S each, and why a series is degraded."""
    steps = np.arange(settings.ahead_days)
    if method == SHARES:
        mean, variance = shared_out(frame, model.priors, calendar, steps)
        return mean, variance, *interval(mean, variance), ("",) * len(frame.keys)
    ahead = outlook(model.priors, calendar, frame, settings.ahead_days)
    found = predict_items(model.items, frame, steps.tolist(), known_from, ahead)
    return found.mean, found.variance, found.low, found.high, found.degraded


def moved_with(
    before: Floats, after: Floats, variance: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats, Floats]:
    """Variance and interval of means that an aggregate has moved: they move by the same factor, Poisson noise apart.

    Without it a mean that a campaign doubles would leave its own interval.

    >>> [part.tolist() for part in moved_with(*(np.array([v]) for v in (4.0, 8.0, 12.0, 1.0, 9.0)))]
    [[40.0], [2.0], [18.0]]
    """
    factor = np.divide(after, before, out=np.ones_like(after), where=before > 0.0)
    return after + np.maximum(variance - before, 0.0) * factor**2, low * factor, high * factor


def _coherent(
    frame: DailyFrame,
    mean: Floats,
    variance: Floats,
    priors: Mapping[str, FittedPrior],
    calendar: TradeCalendar,
) -> Floats:
    """Bring the means of each day in line with the priors of categories and regions; a degraded prior moves nothing."""
    days = frame.first_day + frame.pieces.shape[1] + np.arange(mean.shape[1])
    regional = by_region(frame)
    known = regressors(frame, calendar, days) | regressors(regional, calendar, days)
    trusted = [prior for name, prior in sorted(priors.items()) if name in known and not prior.degraded]
    if not trusted:
        return mean
    members = memberships([prior.key for prior in trusted], frame.group, regional.group)
    told = [prior.predict(days, known[prior.key]) for prior in trusted]
    out = mean.copy()
    for day in range(mean.shape[1]):
        sums = members @ mean[:, day]
        whole = np.array([forecast.mean[day] for forecast in told])
        unsure = np.array([forecast.variance[day] for forecast in told])
        whole = np.clip(whole, sums / FURTHEST_FACTOR, sums * FURTHEST_FACTOR)
        out[:, day], _ = reconciled(mean[:, day], variance[:, day], members, whole, unsure)
    return out
