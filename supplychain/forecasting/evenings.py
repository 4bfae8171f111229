"""How an announced evening is expected to differ from the usual one of its room and host, as far as such words came true.

Rates of sessions are learned as realised over planned orders, and a plan may know the campaign or the weekend already. So what the priors
of room and host say of a day moves a session only as far as it would have foretold what past sessions sold beyond their rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from supplychain.forecasting.frames import Floats, Ints
from supplychain.forecasting.prior import PriorSettings, fit_prior
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.rooms import RoomHistory, host_key, room_key
from supplychain.forecasting.trade_calendar import TradeCalendar

JUDGED_DAYS = 28
"""So many last days are foretold from those before them."""
LEAST_JUDGED = 8
"""Fewer evenings judged tell nothing."""
FURTHEST = 3.0
LEAST_PIECES = 1.0
LEAST_NOISE = 0.02
"""Variance of the log of what an evening sells over its plan that is always granted."""


@dataclass(frozen=True, slots=True)
class Evening:
    """A session by the business day it begins on (days from 1970-01-01); `orders` and `expected` are zero for one that is announced."""

    session: str
    room: str
    host: str
    day: int
    orders: float = 0.0
    expected: float = 0.0

    @property
    def keys(self) -> tuple[str, str]:
        """Names of its aggregates."""
        return room_key(self.room), host_key(self.host)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Factor on what each announced session is expected to sell, and the share of the priors' word that is taken, in [0, 1]."""

    power: float = 0.0
    factors: Mapping[str, float] = field(default_factory=dict)


def evening_outlook(
    rooms: RoomHistory,
    priors: Mapping[str, FittedPrior],
    past: Sequence[Evening],
    announced: Sequence[Evening],
    calendar: TradeCalendar,
    settings: PriorSettings | None = None,
) -> Outlook:
    """Judge the priors of rooms and hosts on the last evenings, and let them speak of the announced ones.

    Parameters
    ----------
    rooms
        Days of rooms and hosts.
    priors
        Fitted on all of them, by aggregate.
    past
        Sessions that taught the rates; those without expected orders are left out.

    Returns
    -------
    Outlook
        Without factors when the priors foretold nothing, or there were too few evenings to tell.
    """
    held = [one for one in past if one.expected > 0.0]
    power = _came_true(rooms, held, calendar, settings)
    if power <= 0.0:
        return Outlook()
    usual, said = (_said(rooms, priors, held, asked, calendar) for asked in (held, announced))
    # rates are means over the held evenings, busy and quiet ones: on those the factor is one
    base = float(np.average(np.exp(power * usual), weights=[one.expected for one in held]))
    factors = np.clip(np.where(said == 0.0, 1.0, np.exp(power * said) / base), 1.0 / FURTHEST, FURTHEST)
    return Outlook(power, {one.session: float(factor) for one, factor in zip(announced, factors, strict=True)})


def _came_true(
    rooms: RoomHistory, held: Sequence[Evening], calendar: TradeCalendar, settings: PriorSettings | None
) -> float:
    """Share of what priors of the time before said of the last evenings that came true, less its standard error, in [0, 1].

    Source
    ------
    Least squares through the origin of the log of orders over expected orders on the log that was foretold.
    """
    cut = max((one.day for one in held), default=0) + 1 - JUDGED_DAYS
    before, after = [one for one in held if one.day < cut], [one for one in held if one.day >= cut]
    if not before or len(after) < LEAST_JUDGED:
        return 0.0
    known = rooms.until(cut)
    priors = {series.key: fit_prior(series, settings) for series in known.aggregates(calendar)}
    said = _said(known, priors, before, after, calendar)
    surprise = _surprises(after) - float(np.mean(_surprises(before)))
    square = float(np.sum(said**2))
    if square <= 1e-6:
        return 0.0
    slope = float(np.sum(said * surprise)) / square
    noise = max(LEAST_NOISE, float(np.mean((surprise - slope * said) ** 2)))
    return min(1.0, max(0.0, slope - float(np.sqrt(noise / square))))


def _surprises(evenings: Sequence[Evening]) -> Floats:
    return np.log([(one.orders + 1.0) / (one.expected + 1.0) for one in evenings])


def _logs(rooms: RoomHistory, prior: FittedPrior, calendar: TradeCalendar, days: Ints) -> Floats:
    return np.log(np.maximum(rooms.evening(prior, calendar, days), LEAST_PIECES))


def _said(
    rooms: RoomHistory,
    priors: Mapping[str, FittedPrior],
    usual: Sequence[Evening],
    asked: Sequence[Evening],
    calendar: TradeCalendar,
) -> Floats:
    """Log of what the priors expect of each evening, less its mean over the usual ones; 0 for who has no prior."""
    levels: dict[str, float] = {}
    said = np.zeros(len(asked))
    for place, one in enumerate(asked):
        parts = []
        for key in one.keys:
            if key not in priors or not rooms.hours.get(key, np.zeros(1)).any():
                continue
            if key not in levels:
                days = np.array(sorted({other.day for other in usual if key in other.keys}), dtype=np.int64)
                levels[key] = float(np.mean(_logs(rooms, priors[key], calendar, days))) if len(days) else np.nan
            parts.append(float(_logs(rooms, priors[key], calendar, np.array([one.day]))[0]) - levels[key])
        known = [part for part in parts if np.isfinite(part)]
        said[place] = float(np.mean(known)) if known else 0.0
    return np.clip(said, -np.log(FURTHEST), np.log(FURTHEST))
