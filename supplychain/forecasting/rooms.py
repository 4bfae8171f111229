"""Rooms and hosts as aggregates: what each sells on the days it is on the air, with calendar, hours and offers; and who pulls.

A room or host that sells twice what others do in an hour moves what its sessions list. Their priors explain the evenings; their pull
is a feature of the items that a session lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from supplychain.domain.past import RoomDay
from supplychain.forecasting.ahead import OFFER_HOURS, SESSION_HOURS, taught
from supplychain.forecasting.frames import Floats, Ints
from supplychain.forecasting.prior import AggregateSeries
from supplychain.forecasting.prior_record import FittedPrior, PriorForecast
from supplychain.forecasting.trade_calendar import TradeCalendar, day_of_iso

LEAST_EVENINGS = 14
"""Fewer days on the air have no prior of their own."""
MOST = 100
"""So many rooms and so many hosts at most, those that sell most: each costs a fit."""
FURTHEST_PULL = 5.0


def room_key(room: str) -> str:
    """Name of the aggregate of a room."""
    return f"room:{room}"


def host_key(host: str) -> str:
    """Name of the aggregate of a host."""
    return f"host:{host}"


def of_room(key: str) -> bool:
    """Whether an aggregate is one of rooms and hosts.

    >>> [of_room(key) for key in ("room:studio", "host:ana", "region:CN-ZJ")]
    [True, True, False]
    """
    return key.startswith(("room:", "host:"))


@dataclass(frozen=True, slots=True)
class RoomHistory:
    """Days of rooms and hosts from `first_day` on, D values per aggregate: pieces, hours on the air, hours of flash offers."""

    first_day: int
    pieces: Mapping[str, Floats]
    hours: Mapping[str, Floats]
    offers: Mapping[str, Floats]

    @staticmethod
    def of(rows: Sequence[RoomDay], longest: int = 400) -> RoomHistory:
        """Sum rows up to days of rooms and of hosts; days on which nobody was on the air are none."""
        numbers = [day_of_iso(row.day) for row in rows]
        last = max(numbers, default=-1)
        first = max(min(numbers, default=0), last - longest + 1)
        parts: list[dict[str, Floats]] = [defaultdict(lambda: np.zeros(last - first + 1)) for _ in range(3)]
        for number, row in zip(numbers, rows, strict=True):
            if number >= first:
                for key in (room_key(row.room), host_key(row.host)):
                    for part, value in zip(
                        parts, (row.pieces, row.minutes / 60.0, row.offer_minutes / 60.0), strict=True
                    ):
                        part[key][number - first] += value
        pieces, hours, offers = (dict(sorted(part.items())) for part in parts)
        return RoomHistory(first, pieces, hours, offers)

    def aggregates(self, calendar: TradeCalendar) -> list[AggregateSeries]:
        """What priors are fitted on: the rooms and hosts with enough evenings, at most `MOST` of each kind."""
        found: list[AggregateSeries] = []
        for kind in ("room:", "host:"):
            often = [
                key
                for key in self.pieces
                if key.startswith(kind) and np.count_nonzero(self.hours[key]) >= LEAST_EVENINGS
            ]
            largest = sorted(often, key=lambda key: (-float(self.pieces[key].sum()), key))[:MOST]
            found.extend(self._aggregate(key, calendar) for key in sorted(largest))
        return found

    def _aggregate(self, key: str, calendar: TradeCalendar) -> AggregateSeries:
        days = np.arange(self.first_day, self.first_day + len(self.pieces[key]), dtype=np.int64)
        on_air = self.hours[key] > 0.0
        schedule = {SESSION_HOURS: self.hours[key], OFFER_HOURS: self.offers[key]}
        known = {name: values for name, values in schedule.items() if taught(values, on_air)}
        return AggregateSeries(key, self.first_day, self.pieces[key], on_air, {**calendar.effects(days), **known})

    def predict(
        self, prior: FittedPrior, calendar: TradeCalendar, days: Ints, hours: Floats, offers: Floats
    ) -> PriorForecast:
        """What a room or host sells on days with so many hours on the air and of offers, kept to the range of its past.

        A day without a session sells nothing: the caller asks for the days on the air.
        """
        was_on = self.hours[prior.key] > 0.0
        told = {SESSION_HOURS: (hours, self.hours), OFFER_HOURS: (offers, self.offers)}
        known = {
            name: np.clip(values, past[prior.key][was_on].min(), past[prior.key][was_on].max())
            for name, (values, past) in told.items()
        }
        # its weekdays off the air say when it was scheduled, not what it sells when it is
        return replace(prior, open_weekdays=(1.0,) * 7).predict(days, {**calendar.effects(days), **known})

    def evening(self, prior: FittedPrior, calendar: TradeCalendar, days: Ints) -> Floats:
        """What a room or host sells on days on which it is on the air as long, and has as many offers, as usual."""
        on_air = self.hours[prior.key] > 0.0
        usual, offers = float(self.hours[prior.key][on_air].mean()), float(self.offers[prior.key][on_air].mean())
        return self.predict(prior, calendar, days, np.full(len(days), usual), np.full(len(days), offers)).mean

    def until(self, day: int) -> RoomHistory:
        """The history as it was known at the start of a day."""
        width = max(0, day - self.first_day)
        kept = [
            {key: values[:width] for key, values in part.items()} for part in (self.pieces, self.hours, self.offers)
        ]
        return RoomHistory(self.first_day, *kept)

    def pull(
        self, priors: Mapping[str, FittedPrior], calendar: TradeCalendar, keys: Sequence[str], days: Ints
    ) -> Floats:
        """Pieces an hour that some of the aggregates are expected to sell, against all of them: 1 for who is not known yet."""
        pieces, hours = (sum(float(part.sum()) for part in parts.values()) for parts in (self.pieces, self.hours))
        known = [key for key in keys if key in priors and key in self.hours]
        if not known or pieces <= 0.0 or hours <= 0.0:
            return np.ones(len(days))
        ratios = []
        for key in known:
            usual = float(self.hours[key][self.hours[key] > 0.0].mean())
            ratios.append(self.evening(priors[key], calendar, days) / usual * hours / pieces)
        return np.asarray(np.clip(np.mean(ratios, axis=0), 1.0 / FURTHEST_PULL, FURTHEST_PULL))
