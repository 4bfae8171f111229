"""Lessons are learned from the service's own windows, kept in versions, and read by stream and planner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from supplychain.compute import InlineCompute
from supplychain.domain.units import DAY, HOUR, MINUTE
from supplychain.forecasting.trade_calendar import TradeCalendar
from supplychain.planning.lessons import LEAST_SESSIONS, learn, learned
from supplychain.planning.view import load
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import audience, windows
from supplychain.storage.upserts import add_up, put
from tests.unit.planning.small_trade import CATALOGUE, SESSION, T0, open_trade, wall

NOW = T0 + DAY
NO_HOLIDAYS = TradeCalendar("")
NAMES = [f"P{number}" for number in range(1, 7)]


@pytest.fixture
def store(database: Database) -> SqlStore:
    """A trade whose rooms held six sessions in the last six weeks; item A sold twice its plan and a third was cancelled."""
    days = {name: (number + 1) * 7 * DAY for number, name in enumerate(NAMES)}
    held = {
        name: replace(SESSION, session=name, starts_at=SESSION.starts_at - back, ends_at=SESSION.ends_at - back)
        for name, back in days.items()
    }
    store = SqlStore(database)
    open_trade(
        store, replace(CATALOGUE, sessions={**held, "L1": replace(SESSION, starts_at=NOW, ends_at=NOW + 3 * HOUR)})
    )
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for session in held.values():
        for minute in range(180):
            at = session.starts_at + minute * MINUTE
            for sku, rate in (("A", 240 / 180), ("C", 60 / 180)):
                orders = int(rng.poisson(rate))
                rows.append(_row(session.session, sku, at, orders=orders, gross=orders))
                rows.append(_row(session.session, sku, at + 20 * MINUTE, cancelled=int(rng.binomial(orders, 1 / 3))))
    with database.write() as connection:
        add_up(connection, windows, rows, ["orders", "gross", "cancelled"])
        sample = {"room": "room", "samples": 2, "viewers": 200, "comments": 0, "likes": 0}
        put(connection, audience, [sample | {"bin_start": held["P1"].starts_at + n * 30_000} for n in range(360)])
    return store


def _row(session: str, sku: str, at: int, **counts: int) -> dict[str, Any]:
    nothing = {"orders": 0, "gross": 0, "cancelled": 0, "refunded": 0, "returned": 0, "revenue_minor": 0}
    key = {"session": session, "sku": sku, "region": "CN-ZJ", "channel": "live", "due": at // HOUR * HOUR + 48 * HOUR}
    return key | {"bin_start": at, "known_bin": at} | nothing | counts


def test_a_night_learns_from_what_was_sold_and_lost(store: SqlStore) -> None:
    done = learn(store, InlineCompute(), NO_HOLIDAYS, wall, NOW)
    assert done is not None
    assert done.sessions == len(NAMES)
    with store.read() as tx:
        version, lessons = learned(tx)
        view = load(tx, ["A"], NOW)
        audited = tx.audit.entries(limit=5)
    assert version == done.version
    assert lessons is not None
    assert lessons.session.rate("A", "host") == pytest.approx(2.0, rel=0.15)
    assert lessons.losses.ships(("",), 0, 48 * HOUR) == pytest.approx(2 / 3, abs=0.05)
    assert view.lessons is lessons
    assert view.model_version.endswith(f"lessons-{version}")
    assert any(entry["action"] == "lessons.learn" for entry in audited)


def test_the_same_night_twice_is_one_version(store: SqlStore) -> None:
    assert learn(store, InlineCompute(), NO_HOLIDAYS, wall, NOW) == learn(
        store, InlineCompute(), NO_HOLIDAYS, wall, NOW
    )


def test_too_little_teaches_nothing(store: SqlStore) -> None:
    assert learn(store, InlineCompute(), NO_HOLIDAYS, wall, None) is None
    early = SESSION.ends_at - 42 * DAY + (LEAST_SESSIONS - 2) * 7 * DAY
    assert learn(store, InlineCompute(), NO_HOLIDAYS, wall, early) is None
    with store.read() as tx:
        assert learned(tx) == (0, None)


def test_merged_windows_are_no_minutes(store: SqlStore, database: Database) -> None:
    later = update(windows).where(windows.c.session.in_(NAMES[:4])).values(bin_start=windows.c.bin_start + 20 * HOUR)
    with database.write() as connection:
        connection.execute(later)
    assert learn(store, InlineCompute(), NO_HOLIDAYS, wall, NOW) is None, "two sessions are too few"


def test_payment_time_of_accepted_orders_is_known(store: SqlStore) -> None:
    with store.read() as tx:
        rows = tx.world.accepted(["A"], NOW, 5_000)
    first = rows[0]
    assert first.paid_ms is not None
    assert first.due - 48 * HOUR <= first.paid_ms < first.due - 47 * HOUR
