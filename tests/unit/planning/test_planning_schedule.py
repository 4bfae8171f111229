"""The schedule as days: hours fall on the business days they run on, past networks are remembered, price cuts are shares of a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import insert

from supplychain.domain.network import Catalogue, Channel, DatedPrice, Session, SessionItem, ShowSlot, SlotKind
from supplychain.domain.past import RoomDay
from supplychain.domain.units import DAY, HOUR, MINUTE, millis
from supplychain.forecasting.rooms import RoomHistory
from supplychain.forecasting.shelf_frame import key_of
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of, day_number
from supplychain.planning.finished_days import take_in
from supplychain.planning.ports import DaySold
from supplychain.planning.schedule import Schedule, ahead_of, evenings, known_schedule, room_days
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import windows
from tests.unit.planning.small_trade import CATALOGUE, T0, open_trade

MIDNIGHT = millis(datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Shanghai")))
FIRST = day_number(date(2026, 3, 2))
LATE = Session(
    "late",
    "studio",
    "ana",
    "p",
    "s",
    MIDNIGHT + 22 * HOUR,
    MIDNIGHT + 25 * HOUR,
    items=(SessionItem("A", 10.0),),
    slots=(
        ShowSlot(SlotKind.FLASH_OFFER, "A", MIDNIGHT + 23 * HOUR, MIDNIGHT + 23 * HOUR + 30 * MINUTE, 3.0),
        ShowSlot(SlotKind.PITCH, "A", MIDNIGHT + 22 * HOUR, MIDNIGHT + 23 * HOUR, 3.0),
    ),
)


def test_hours_of_a_session_across_midnight_fall_on_both_days() -> None:
    cut = DatedPrice(Channel.SHELF, 1_500, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY + 12 * HOUR)
    schedule = Schedule({"late": LATE}, {"A": (cut,)})
    keys = [key_of(sku, region) for sku in ("A", "B") for region in ("CN-GD", "CN-ZJ")]
    days = np.arange(FIRST, FIRST + 4)
    told = ahead_of(keys, days, schedule, CATALOGUE, RoomHistory.of([]), {}, TradeCalendar(""))
    assert told.place.tolist() == [0, 0, 1, 1], "regions share the schedule of their SKU"
    assert told.on_air.tolist() == [[2.0, 1.0, 0.0, 0.0], [0.0] * 4]
    assert told.pull.tolist() == told.on_air.tolist(), "nobody is known to pull more"
    assert told.offers[0].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert told.price[0] == pytest.approx([0.0, -0.25, -0.125, 0.0]), "2,000 was asked before"
    assert not told.price[1].any()
    mean = told.mixed(np.array([[0.5, 0.0, 0.25, 0.25]]))
    assert mean.on_air.tolist() == [[1.0, 0.5, 0.0, 0.0]]


def test_rooms_are_counted_by_what_their_sessions_sold_live() -> None:
    sold = [
        DaySold("late", "A", "CN-ZJ", "live", 30, 20),
        DaySold("late", "A", "CN-GD", "live", 12, 9),
        DaySold("shop", "A", "CN-GD", "shelf", 50, 40),
    ]
    rows = room_days("2026-03-02", MIDNIGHT, MIDNIGHT + DAY, [LATE], sold)
    assert rows == [RoomDay("2026-03-02", "studio", "ana", 42, 120, 30)]
    assert room_days("2026-03-04", MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY, [LATE], []) == []
    coming = evenings(np.arange(FIRST - 1, FIRST + 3), [LATE], "Asia/Shanghai")
    assert [(row.day, row.minutes) for row in coming] == [("2026-03-02", 120), ("2026-03-03", 60)]


def test_what_an_import_dropped_is_remembered_and_what_it_moved_counts_once(store: SqlStore) -> None:
    moved = replace(LATE, starts_at=LATE.starts_at + HOUR)
    first = replace(CATALOGUE, sessions={"late": LATE, "gone": replace(LATE, session="gone")})
    before = DatedPrice(Channel.SHELF, 1_500, T0, T0 + DAY)
    sale = replace(CATALOGUE.skus["A"], prices=(before, DatedPrice(Channel.LIVE, 1, T0, T0 + DAY)))
    _activate(store, replace(first, skus={**first.skus, "A": sale}))
    _activate(store, replace(CATALOGUE, sessions={"late": moved}))
    with store.read() as tx:
        found = known_schedule(tx)
    assert set(found.sessions) == {"late", "gone"}
    assert found.sessions["late"] == moved
    assert found.prices == {"A": (before,)}


def test_a_finished_day_writes_its_rooms(store: SqlStore) -> None:
    open_trade(store, through=T0 + 2 * DAY)
    with store.write() as tx:
        row = {"session": "L1", "sku": "A", "region": "CN-ZJ", "channel": "live", "due": 0, "orders": 5, "gross": 7}
        spent = dict.fromkeys(("cancelled", "refunded", "returned", "revenue_minor"), 0)
        at = {"bin_start": T0 + 3 * HOUR, "known_bin": T0 + 3 * HOUR}
        tx.connection.execute(insert(windows), [row | spent | at])
    assert take_in(store) > 0
    with store.read() as tx:
        assert tx.learning.rooms() == [RoomDay(date_of(T0 // DAY).isoformat(), "room", "host", 7, 180, 0)]


def _activate(store: SqlStore, catalogue: Catalogue) -> None:
    with store.write() as tx:
        tx.versions.activate("network", tx.versions.put_network(catalogue, "test", 0))
