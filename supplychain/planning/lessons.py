"""What past sessions taught, from the service's own windows: learned at night, kept in versions, read by stream and planner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from supplychain.domain.network import Catalogue, Session
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.units import DAY, MINUTE, SECOND, floor_to
from supplychain.forecasting.empty_stretches import empty_stretches
from supplychain.forecasting.lesson_learning import learn_lessons
from supplychain.forecasting.session_lessons import Lessons, lessons_from_json
from supplychain.forecasting.trade_calendar import TradeCalendar
from supplychain.planning.evenings import known_rooms, with_evenings
from supplychain.planning.ports import SYSTEM, Compute, Store, Tx, WallClock
from supplychain.planning.schedule import known_schedule

LEAST_SESSIONS = 3
LEAST_ORDERS = 200
"""Fewer sessions or orders teach nothing: the tuning stays in force."""
LOOK_BACK_DAYS = 60


@dataclass(frozen=True, slots=True)
class Learned:
    """What a night's learning made: its version, and how many sessions it saw."""

    version: int
    sessions: int


@lru_cache(maxsize=4)
def _decoded(body: bytes) -> Lessons:
    return lessons_from_json(body)


def learned(tx: Tx) -> tuple[int, Lessons | None]:
    """Return number and lessons of the active version; 0 and None before anything was learned."""
    stored = tx.versions.lessons()
    return (stored[0], _decoded(stored[1])) if stored else (0, None)


def learn(
    store: Store,
    compute: Compute,
    calendar: TradeCalendar,
    wall: WallClock,
    now: int | None,
    *,
    deadline_seconds: float = 300.0,
) -> Learned | None:
    """Learn from the sessions that are over and make the lessons active; None when there were too few.

    Parameters
    ----------
    calendar
        Holidays and campaigns: what announced evenings differ by.
    now
        Business time; None before any.

    Raises
    ------
    UnavailableError
        If learning misses the deadline; the old lessons stay.
    """
    if now is None:
        return None
    with store.read() as tx:
        _, catalogue = tx.versions.network()
        _, tuning = tx.versions.tuning()
        past = _past(tx, now)
        rooms = known_rooms(tx)
    orders = sum(minute.orders for one in past for minute in one.minutes)
    if len(past) < LEAST_SESSIONS or orders < LEAST_ORDERS:
        return None
    lessons = compute.run(learn_lessons, past, catalogue, tuning.forecast, deadline_seconds=deadline_seconds)
    lessons = with_evenings(lessons, compute, rooms, past, catalogue, calendar, tuning.forecast, now, deadline_seconds)
    return keep(store, lessons, len(past), now, wall, "learned from past sessions")


def keep(store: Store, lessons: Lessons, sessions: int, through: int, wall: WallClock, reason: str) -> Learned:
    """Store lessons and make them the active ones."""
    with store.write() as tx:
        version = tx.versions.put_lessons(lessons.to_json(), sessions=sessions, learned_through=through, wall=wall())
        tx.versions.activate("lessons", version)
        tx.audit.append(
            actor=SYSTEM.name,
            action="lessons.learn",
            subject=f"lessons {version}",
            at=through,
            wall=wall(),
            reason=reason,
            detail={"sessions": sessions, "orders": lessons.session.orders},
        )
    return Learned(version, sessions)


def _past(tx: Tx, now: int) -> list[PastSession]:
    """The sessions that ended lately, of the active network and of those before it, oldest first."""
    _, catalogue = tx.versions.network()
    known = [
        session
        for session in known_schedule(tx).sessions.values()
        if now - LOOK_BACK_DAYS * DAY < session.ends_at <= now
    ]
    bin_ms = tx.versions.tuning()[1].detector.bin_seconds * SECOND
    found = []
    for session in sorted(known, key=lambda one: (one.starts_at, one.session)):
        minutes = tx.world.minutes(session.session, now - bin_ms + 1)
        if _folded(session, minutes):
            continue
        out = {item.sku: _sold_out(tx, catalogue, session, item.sku, minutes) for item in session.items}
        viewers = tx.world.viewers(session.room, session.starts_at, session.ends_at)
        found.append(PastSession(session, tuple(minutes), tuple(viewers), out, now))
    return found


def _folded(session: Session, minutes: Iterable[SoldMinute]) -> bool:
    """Whether a session sold nothing, or its windows were merged when they had become old: then its minutes are lost."""
    on_air: dict[str, int] = defaultdict(int)
    paid: dict[str, int] = defaultdict(int)
    for minute in minutes:
        paid[minute.sku] += minute.orders
        if session.starts_at <= minute.at < session.ends_at:
            on_air[minute.sku] += minute.orders
    whole = sum(paid.values())
    return whole == 0 or sum(on_air.values()) < whole / 2


def _sold_out(
    tx: Tx, catalogue: Catalogue, session: Session, sku: str, minutes: Iterable[SoldMinute]
) -> frozenset[int]:
    """Minutes in which nothing could be bought: the cap was reached, or the stock was sold and sales had stopped, until more came."""
    item = session.item(sku)
    record = catalogue.skus.get(sku)
    if item is None or record is None:
        return frozenset()
    sales = [(one.at, one.pieces) for one in minutes if one.sku == sku and one.orders and one.at < session.ends_at]
    caps = [cap for cap in (item.cap, record.sale_cap_session, record.sale_cap_run) if cap is not None]
    found: set[int] = set()
    if not item.presale and not record.components:
        opening = sum(level.on_hand for level in tx.world.stock(catalogue, [sku], session.starts_at))
        receipts = tx.world.receipts(sku, session.starts_at, session.ends_at)
        for start, end in empty_stretches(opening, receipts, sales):
            found.update(range(start, end - MINUTE + 1, MINUTE))
        caps.append(opening + sum(pieces for _, pieces in receipts))
    if caps and sum(pieces for _, pieces in sales) >= min(caps):
        last = sales[-1][0] if sales else floor_to(session.starts_at, MINUTE) - MINUTE
        found.update(range(last + MINUTE, session.ends_at, MINUTE))
    return frozenset(found)
