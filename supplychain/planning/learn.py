"""Refit the prior: Prophet on the aggregates of the shelf history, shared out to SKUs and regions.

Aggregates are categories: a few dozen fits with holidays and campaigns. A SKU and region gets the share of its aggregate that
it had lately; the fitted components are kept for explanation.
"""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.prior import AggregateSeries, PriorSettings, fit_priors
from supplychain.forecasting.trade_calendar import TradeCalendar, day_number
from supplychain.planning.baseline import PriorBody, encode_prior
from supplychain.planning.ports import SYSTEM, Compute, Store, WallClock

History = Sequence[tuple[str, str, str, str, int]]
"""Rows of day (ISO), SKU, region, channel, units."""

_AHEAD_DAYS = 14
_SHARE_DAYS = 56


@dataclass(frozen=True, slots=True)
class Refit:
    """What a refit made: its version, how many aggregates, and which are degraded and why."""

    version: int
    aggregates: int
    degraded: dict[str, str]


def refit(
    store: Store, compute: Compute, calendar: TradeCalendar, wall: WallClock, *, deadline_seconds: float = 300.0
) -> Refit | None:
    """Fit the prior on all history and make it active; None when there is no history.

    Raises
    ------
    UnavailableError
        If the fits miss the deadline; the old prior stays.
    """
    with store.read() as tx:
        history = tx.versions.history()
        _, catalogue = tx.versions.network()
        _, tuning = tx.versions.tuning()
    rows = [row for row in history if row[3] == "shelf" and row[1] in catalogue.skus and row[2] in catalogue.regions]
    if not rows:
        return None
    category = {sku: record.category for sku, record in catalogue.skus.items()}
    body = compute.run(
        fit, rows, category, calendar, tuning.forecast.min_history_days, deadline_seconds=deadline_seconds
    )
    degraded = {key: str(model["degraded"]) for key, model in body.aggregates.items() if model["degraded"]}
    with store.write() as tx:
        through = day_number(datetime.date.fromisoformat(body.fitted_through)) * 86_400_000
        version = tx.versions.put_prior(encode_prior(body), degraded=body.degraded, fitted_through=through, wall=wall())
        tx.versions.activate("prior", version)
        tx.audit.append(
            actor=SYSTEM.name,
            action="prior.refit",
            subject=f"prior {version}",
            at=through,
            wall=wall(),
            reason="refit",
            detail={"aggregates": len(body.aggregates), "degraded": sorted(degraded)},
        )
    return Refit(version, len(body.aggregates), degraded)


def fit(rows: History, category: dict[str, str], calendar: TradeCalendar, min_days: int) -> PriorBody:
    """Fit one prior per category and share it out. Top level, so that a pool can call it.

    Parameters
    ----------
    min_days
        No Prophet below so many days of history.
    """
    days = sorted({row[0] for row in rows})
    first, last = (day_number(datetime.date.fromisoformat(day)) for day in (days[0], days[-1]))
    length = last - first + 1
    sums: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = defaultdict(lambda: np.zeros(length))
    recent: dict[tuple[str, str], float] = defaultdict(float)
    whole: dict[str, float] = defaultdict(float)
    for date, sku, region, _channel, units in rows:
        number = day_number(datetime.date.fromisoformat(date))
        sums[category[sku]][number - first] += units
        if number > last - _SHARE_DAYS:
            recent[sku, region] += units
            whole[category[sku]] += units
    effects = calendar.effects(np.arange(first, last + 1))
    series = [
        AggregateSeries(f"category:{name}", first, pieces, pieces >= 0, effects)
        for name, pieces in sorted(sums.items())
    ]
    fitted = fit_priors(series, PriorSettings(prophet_from_days=max(min_days, 28)))
    ahead = np.arange(last + 1, last + 1 + _AHEAD_DAYS)
    coming = calendar.effects(ahead)
    level = {prior.key.removeprefix("category:"): float(prior.predict(ahead, coming).mean.mean()) for prior in fitted}
    per_day: dict[str, dict[str, float]] = defaultdict(dict)
    for (sku, region), lately in sorted(recent.items()):
        name = category[sku]
        if whole[name] > 0:
            per_day[sku][region] = round(level[name] * lately / whole[name], 6)
    return PriorBody(
        per_day=dict(per_day),
        fitted_through=days[-1],
        degraded=any(prior.degraded for prior in fitted),
        aggregates={prior.key: json.loads(prior.to_json()) for prior in fitted},
    )
