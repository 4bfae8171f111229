"""What a forecast is made of, aggregate by aggregate: trend, week, holidays, campaigns, and the schedule's sessions, offers and prices."""

from __future__ import annotations

from typing import Any

import numpy as np

from supplychain.domain.forecast import ShelfForecast
from supplychain.forecasting.frames import DailyFrame, Ints
from supplychain.forecasting.prior_record import FittedPrior, PriorForecast
from supplychain.forecasting.refit import regressors
from supplychain.forecasting.rooms import RoomHistory, host_key, room_key
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of
from supplychain.planning.learn import Past
from supplychain.planning.learned import ModelBody
from supplychain.planning.schedule import evenings


def components(
    body: ModelBody, aggregate: str, forecast: ShelfForecast, frame: DailyFrame | None, calendar: TradeCalendar
) -> dict[str, Any]:
    """Trend in pieces and relative effects of the rest on it, per day; empty for an aggregate that has no prior.

    Parameters
    ----------
    frame
        With the aggregate among its groups: the schedule is read from it.
    """
    prior = body.priors().get(aggregate)
    days = _days(forecast)
    told = regressors(frame, calendar, days).get(aggregate) if frame else None
    if prior is None or told is None:
        return {}
    return _parts(prior, prior.predict(days, told))


def room_components(
    body: ModelBody, past: Past, sku: str, forecast: ShelfForecast, calendar: TradeCalendar
) -> list[dict[str, Any]]:
    """Components of the rooms and hosts that will list a SKU, on their days on the air, with the pieces each expects of all goods."""
    listing = [session for session in past.schedule.sessions.values() if session.item(sku)]
    with_it = {
        (row.day, key)
        for row in evenings(_days(forecast), listing, past.catalogue.zone)
        for key in (room_key(row.room), host_key(row.host))
    }
    coming = RoomHistory.of(evenings(_days(forecast), past.schedule.sessions.values(), past.catalogue.zone))
    rows = []
    for key, prior in sorted(body.priors().items()):
        place = [
            column
            for column in range(len(coming.hours.get(key, ())))
            if (date_of(coming.first_day + column).isoformat(), key) in with_it
        ]
        if place and key in past.rooms.hours:
            days = coming.first_day + np.array(place, dtype=np.int64)
            told = past.rooms.predict(prior, calendar, days, coming.hours[key][place], coming.offers[key][place])
            shown = {"days": [date_of(int(day)).isoformat() for day in days]}
            rows.append({**_parts(prior, told), **shown, "pieces": [round(float(value), 1) for value in told.mean]})
    return rows


def _days(forecast: ShelfForecast) -> Ints:
    length = max((len(outlook.mean) for outlook in forecast.regions.values()), default=0)
    return np.arange(forecast.first_day, forecast.first_day + length, dtype=np.int64)


def _parts(prior: FittedPrior, told: PriorForecast) -> dict[str, Any]:
    return {
        "aggregate": prior.key,
        "method": prior.method,
        "degraded": prior.degraded,
        "effects": {name: [round(float(value), 4) for value in values] for name, values in told.components.items()},
    }
