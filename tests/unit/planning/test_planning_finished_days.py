"""Finished days become history once, spikes are tagged, and forecasts are held against what was sold."""

from __future__ import annotations

import pytest

from supplychain.domain.forecast import RegionOutlook, ShelfForecast
from supplychain.domain.units import DAY, HOUR
from supplychain.forecasting.trade_calendar import date_of
from supplychain.planning.calendar import business_day
from supplychain.planning.finished_days import history_rows, scores_of, take_in
from supplychain.planning.ports import DaySold
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import T0, open_trade

ZONE = "Asia/Shanghai"


def _window(store: SqlStore, at: int, pieces: int, channel: str = "shelf", region: str = "CN-ZJ") -> None:
    with store.write() as tx:
        tx.connection.exec_driver_sql(
            "INSERT INTO windows (session, sku, region, channel, due, bin_start, known_bin, orders, gross, cancelled,"
            " refunded, returned, revenue_minor) VALUES ('shop', 'A', ?, ?, 0, ?, ?, ?, ?, 0, 0, 0, 0)",
            (region, channel, at, at, pieces, pieces),
        )


def test_finished_days_are_taken_in_once_and_the_running_day_waits(store: SqlStore) -> None:
    open_trade(store, through=T0 + 2 * DAY)
    for days, pieces in enumerate((5, 7, 11)):
        _window(store, T0 + days * DAY, pieces)
    _window(store, T0 + HOUR, 4, channel="live")
    assert take_in(store) == 2
    assert take_in(store) == 0
    with store.read() as tx:
        rows = tx.versions.history()
    assert [row[1:] for row in rows] == [
        ("A", "CN-ZJ", "live", 4),
        ("A", "CN-ZJ", "shelf", 5),
        ("A", "CN-ZJ", "shelf", 7),
    ]


def test_nothing_is_taken_in_before_business_time_begins(store: SqlStore) -> None:
    open_trade(store)
    assert take_in(store) == 0


def test_a_spike_of_the_shelf_is_tagged_and_one_of_a_session_is_not() -> None:
    sold = [
        DaySold("shop", "A", "CN-ZJ", "shelf", 60, 60),
        DaySold("shop", "A", "CN-GD", "shelf", 40, 40),
        DaySold("L1", "A", "CN-ZJ", "live", 500, 400),
    ]
    rows = history_rows("2026-01-01", sold, {("shop", "A"): 75.0, ("L1", "A"): 300.0})
    assert rows == [
        ("2026-01-01", "A", "CN-GD", "shelf", 40),
        ("2026-01-01", "A", "CN-GD", "spike", 30),
        ("2026-01-01", "A", "CN-ZJ", "live", 500),
        ("2026-01-01", "A", "CN-ZJ", "shelf", 60),
        ("2026-01-01", "A", "CN-ZJ", "spike", 45),
    ]


def test_scores_by_hand() -> None:
    first = business_day(T0, ZONE)
    outlook = RegionOutlook((10.0, 10.0), (20.0, 20.0), (4.0, 4.0), (16.0, 16.0), "often3-much1")
    other = RegionOutlook((2.0,), (2.0,), (0.0,), (3.0,), "often1-much0")
    forecasts = [ShelfForecast("A", first, {"CN-GD": other, "CN-ZJ": outlook}, "items", "prior-7", 1)]
    day = date_of(first).isoformat()
    rows = [(day, "A", "CN-ZJ", "shelf", 30), (day, "A", "CN-ZJ", "spike", 10), (day, "A", "CN-GD", "live", 9)]
    found = {score.segment: score for score in scores_of(day, rows, forecasts)}
    assert set(found) == {"all", "often1-much0", "often3-much1"}
    mine = found["often3-much1"]
    assert (mine.model, mine.series, mine.inside, mine.pieces, mine.expected, mine.error) == (7, 1, 0, 20.0, 10.0, 10.0)
    assert mine.loss == pytest.approx(0.1 * 16 + 0.9 * 4)
    assert (found["all"].inside, found["all"].series) == (1, 2)
    assert scores_of("2001-01-01", rows, forecasts) == []
