"""Lessons with a word on each announced evening: the night's learning asks the priors of rooms and hosts, and checks what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from supplychain.domain.network import Catalogue, Session
from supplychain.domain.past import PastSession
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import DAY
from supplychain.forecasting.evenings import Evening, Outlook, evening_outlook
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.rooms import RoomHistory, of_room
from supplychain.forecasting.session_lessons import Lessons, SessionLessons, rounded
from supplychain.forecasting.shares import SHARES
from supplychain.forecasting.show_plan import usual_price
from supplychain.forecasting.trade_calendar import TradeCalendar
from supplychain.planning.calendar import business_day
from supplychain.planning.learn import SCHEDULE_DAYS, shelf_settings
from supplychain.planning.learned import decode_model
from supplychain.planning.ports import Compute, Tx


def known_rooms(tx: Tx) -> tuple[RoomHistory, dict[str, FittedPrior]]:
    """Return what rooms and hosts sold day by day, and their priors in the active model."""
    stored = tx.versions.prior()
    priors = decode_model(stored[1]).priors() if stored else {}
    return RoomHistory.of(tx.learning.rooms()), {key: prior for key, prior in priors.items() if of_room(key)}


def with_evenings(
    lessons: Lessons,
    compute: Compute,
    rooms: tuple[RoomHistory, dict[str, FittedPrior]],
    past: Sequence[PastSession],
    catalogue: Catalogue,
    calendar: TradeCalendar,
    tuning: Forecast,
    now: int,
    deadline_seconds: float,
) -> Lessons:
    """Return the lessons with a factor per announced session; as they were while no room or host has a prior.

    Raises
    ------
    UnavailableError
        If it misses the deadline.
    """
    history, priors = rooms
    if not priors:
        return lessons
    soon = now + SCHEDULE_DAYS * DAY
    announced = [
        _evening(session, catalogue)
        for _, session in sorted(catalogue.sessions.items())
        if session.ends_at > now and session.starts_at < soon
    ]
    held = [_held(one, lessons.session, catalogue) for one in past]
    outlook: Outlook = compute.run(
        evening_outlook,
        history,
        priors,
        held,
        announced,
        calendar,
        shelf_settings(tuning, SHARES).prior,
        deadline_seconds=deadline_seconds,
    )
    factors = {session: rounded(factor) for session, factor in sorted(outlook.factors.items())}
    return replace(lessons, session=replace(lessons.session, evenings=factors, evening_power=rounded(outlook.power)))


def _evening(session: Session, catalogue: Catalogue) -> Evening:
    return Evening(session.session, session.room, session.host, business_day(session.starts_at, catalogue.zone))


def _held(one: PastSession, lessons: SessionLessons, catalogue: Catalogue) -> Evening:
    """A past session with the orders of its items that could be bought all the time, and what the lessons expect of these."""
    session = one.session
    whole = [item for item in session.items if not one.out_of_stock.get(item.sku)]
    names = {item.sku for item in whole}
    expected = 0.0
    for item in whole:
        category = catalogue.skus[item.sku].category if item.sku in catalogue.skus else ""
        price = usual_price(catalogue, session, item.sku)
        expected += lessons.expected(item.sku, item.expected_orders, session.host, category, price)
    orders = sum(minute.orders for minute in one.minutes if minute.sku in names and minute.at < session.ends_at)
    return replace(_evening(session, catalogue), orders=float(orders), expected=expected)
