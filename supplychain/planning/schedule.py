"""The service's own schedule as learning reads it: who was and will be on the air with what, day by day, and at which prices.

Sessions and dated prices are read from the network in use and those before it, since an import replaces the schedule and the past would
be lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from supplychain.domain.network import Catalogue, Channel, DatedPrice, Session, SlotKind
from supplychain.domain.past import RoomDay
from supplychain.domain.units import HOUR, MINUTE, millis
from supplychain.forecasting.ahead import Ahead
from supplychain.forecasting.frames import Floats, Ints
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.rooms import RoomHistory, host_key, room_key
from supplychain.forecasting.shelf_frame import place_of
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of
from supplychain.planning.calendar import business_day
from supplychain.planning.ports import DaySold, Tx

NETWORKS = 60
"""Versions of the network that are looked through."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All sessions that are known, and the dated prices on the shelf by SKU, each as it was announced last."""

    sessions: Mapping[str, Session]
    prices: Mapping[str, tuple[DatedPrice, ...]]


def known_schedule(tx: Tx) -> Schedule:
    """Return the schedule of the active network and of those before it."""
    version, _ = tx.versions.network()
    sessions: dict[str, Session] = {}
    prices: dict[str, dict[tuple[int, int], DatedPrice]] = defaultdict(dict)
    for number in range(version, max(0, version - NETWORKS), -1):
        catalogue = tx.versions.network(number)[1]
        for name, session in catalogue.sessions.items():
            sessions.setdefault(name, session)
        for sku, record in catalogue.skus.items():
            for price in record.prices:
                if price.channel is Channel.SHELF:
                    prices[sku].setdefault((price.starts_at, price.ends_at), price)
    return Schedule(sessions, {sku: tuple(dated.values()) for sku, dated in sorted(prices.items())})


def room_days(day: str, start: int, end: int, sessions: Iterable[Session], sold: Sequence[DaySold]) -> list[RoomDay]:
    """Return what each room and host sold between two midnights, and how long they were on the air."""
    pieces: dict[str, int] = defaultdict(int)
    for part in sold:
        pieces[part.session] += part.pieces * (part.channel == Channel.LIVE.value)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for session in sessions:
        whole = _overlap(session.starts_at, session.ends_at, start, end)
        if whole or pieces.get(session.session):
            offers = [slot for slot in session.slots if slot.kind is SlotKind.FLASH_OFFER]
            found = sums[session.room, session.host]
            found[0] += pieces.get(session.session, 0)
            found[1] += whole // MINUTE
            found[2] += sum(_overlap(slot.starts_at, slot.ends_at, start, end) for slot in offers) // MINUTE
    return [RoomDay(day, *key, *numbers) for key, numbers in sorted(sums.items())]


def evenings(days: Ints, sessions: Iterable[Session], zone_name: str) -> list[RoomDay]:
    """Return the days of rooms and hosts that a schedule holds, sales left out."""
    zone, every = ZoneInfo(zone_name), tuple(sessions)
    return [
        row
        for day in days.tolist()
        for row in room_days(date_of(day).isoformat(), _midnight(day, zone), _midnight(day + 1, zone), every, ())
    ]


def ahead_of(
    keys: Sequence[str],
    days: Ints,
    schedule: Schedule,
    catalogue: Catalogue,
    rooms: RoomHistory,
    priors: Mapping[str, FittedPrior],
    calendar: TradeCalendar,
) -> Ahead:
    """Return what the schedule says of each series on each day; the regions of a SKU share it.

    Parameters
    ----------
    days
        Consecutive days from 1970-01-01.
    priors
        Those of rooms and hosts give their pull; without them each is taken to be like all.
    """
    skus = sorted({place_of(key)[0] for key in keys})
    place = {sku: row for row, sku in enumerate(skus)}
    on_air, offers, price, pull = (np.zeros((len(skus), len(days))) for _ in range(4))
    strength: dict[tuple[str, str], Floats] = {}
    for session in schedule.sessions.values():
        listed = sorted({place[item.sku] for item in session.items if item.sku in place})
        cells = list(_hours(session.starts_at, session.ends_at, days, catalogue.zone)) if listed else []
        if cells and (session.room, session.host) not in strength:
            keys_of = (room_key(session.room), host_key(session.host))
            strength[session.room, session.host] = rooms.pull(priors, calendar, keys_of, days)
        for column, hours in cells:
            on_air[listed, column] += hours
            pull[listed, column] += hours * strength[session.room, session.host][column]
        for slot in session.slots if cells else ():
            if slot.kind is SlotKind.FLASH_OFFER and slot.sku in place:
                for column, hours in _hours(slot.starts_at, slot.ends_at, days, catalogue.zone):
                    offers[place[slot.sku], column] += hours
    for sku in skus:
        usual = catalogue.skus[sku].price_minor if sku in catalogue.skus else 0
        for dated in schedule.prices.get(sku, ()) if usual else ():
            for column, hours in _hours(dated.starts_at, dated.ends_at, days, catalogue.zone):
                price[place[sku], column] += (dated.price_minor / usual - 1.0) * hours / 24.0
    rows = np.array([place[place_of(key)[0]] for key in keys], dtype=np.int64)
    return Ahead(on_air, offers, np.clip(price, -1.0, 10.0), pull, rows)


def _hours(starts_at: int, ends_at: int, days: Ints, zone_name: str) -> Iterator[tuple[int, float]]:
    """Columns of the business days that a span touches, with the hours on each."""
    zone = ZoneInfo(zone_name)
    if not len(days) or ends_at <= starts_at:
        return
    first = max(business_day(starts_at, zone_name), int(days[0]))
    for day in range(first, min(business_day(ends_at - 1, zone_name), int(days[-1])) + 1):
        opens, closes = (_midnight(day + after, zone) for after in (0, 1))
        yield day - int(days[0]), _overlap(starts_at, ends_at, opens, closes) / HOUR


def _midnight(day: int, zone: ZoneInfo) -> int:
    return millis(datetime(1970, 1, 1, tzinfo=zone) + timedelta(days=day))


def _overlap(starts_at: int, ends_at: int, start: int, end: int) -> int:
    return max(0, min(ends_at, end) - max(starts_at, start))
