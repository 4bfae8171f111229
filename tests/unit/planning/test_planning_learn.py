"""A refit from the store to the store: forecasts stamped and found again, and a way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from supplychain.compute import InlineCompute
from supplychain.domain.errors import ForbiddenError, InvalidInputError, NotFoundError, TuningError, UnavailableError
from supplychain.domain.network import Channel, DatedPrice
from supplychain.domain.past import RoomDay
from supplychain.domain.units import DAY, HOUR, millis
from supplychain.forecasting.prior import AggregateSeries, PriorSettings
from supplychain.forecasting.trade_calendar import TradeCalendar
from supplychain.planning import judge_forecast
from supplychain.planning.baseline import shelf_baseline
from supplychain.planning.learn import fit_aggregates, refit, rollback
from supplychain.planning.ports import Actor, Result
from supplychain.planning.shelf_outlook import models
from supplychain.planning.view import load
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import CATALOGUE, PLANNER, SESSION, T0, WALL, open_trade, tune_to, wall

CALENDAR = TradeCalendar("")
QUICK = {"forecast": {"item_trees": 10, "item_least_rows": 10, "min_history_days": 365}}


OPERATOR = Actor("ola", frozenset({"operator"}))


class Dying(InlineCompute):
    """A pool whose workers die."""

    def run(self, call: Callable[..., Result], *arguments: Any, deadline_seconds: float) -> Result:
        raise UnavailableError("the worker died")


@pytest.fixture
def shelf(store: SqlStore) -> SqlStore:
    """The small trade with eight weeks of a shelf behind it."""
    open_trade(store)
    tune_to(store, QUICK)
    rng = np.random.default_rng(1)
    first = date(2025, 10, 1)
    rows = [
        ((first + timedelta(days=day)).isoformat(), sku, region, "shelf", int(rng.poisson(level)) + 1)
        for day in range(63)
        for sku, level in (("A", 8), ("C", 3))
        for region in ("CN-ZJ", "CN-GD")
    ]
    with store.write() as tx:
        tx.versions.add_history(rows, synthetic=True)
    return store


def test_no_history_no_model(store: SqlStore) -> None:
    open_trade(store)
    assert refit(store, InlineCompute(), CALENDAR, wall) is None


def test_a_refit_feeds_the_plan_and_is_stamped(shelf: SqlStore) -> None:
    done = refit(shelf, InlineCompute(), CALENDAR, wall)
    assert done is not None
    with shelf.read() as tx:
        view = load(tx, ("A",), T0)
    assert view.model_version == f"prior-{done.version}"
    assert {forecast.sku for forecast in view.shelf} >= {"A"}
    assert {forecast.tuning_version for forecast in view.shelf} == {view.tuning_version}
    demand = shelf_baseline(view)["A", "CN-ZJ"]
    assert demand.on(demand.first_day).mean == pytest.approx(9.0, rel=0.3)
    again = refit(shelf, InlineCompute(), CALENDAR, wall)
    assert again is not None
    assert again.version == done.version
    with shelf.read() as tx:
        assert tx.audit.verify() > 0


def test_a_rollback_makes_the_earlier_forecasts_active(shelf: SqlStore) -> None:
    first = refit(shelf, InlineCompute(), CALENDAR, wall)
    with shelf.write() as tx:
        tx.versions.add_history([("2025-12-03", "A", "CN-ZJ", "shelf", 900)], synthetic=False)
    second = refit(shelf, InlineCompute(), CALENDAR, wall)
    assert first is not None
    assert second is not None
    assert second.version != first.version
    assert [model["active"] for model in models(shelf)] == [True, False]
    with pytest.raises(ForbiddenError, match="operator"):
        rollback(shelf, first.version, actor=PLANNER, reason="x", wall=wall)
    rollback(shelf, first.version, actor=OPERATOR, reason="it doubles A", wall=wall)
    assert [model["active"] for model in models(shelf)] == [False, True]
    with pytest.raises(NotFoundError, match="no model 99"):
        rollback(shelf, 99, actor=OPERATOR, reason="x", wall=wall)
    with pytest.raises(InvalidInputError, match="reason"):
        rollback(shelf, first.version, actor=OPERATOR, reason=" ", wall=wall)


def test_a_dead_worker_costs_an_aggregate_its_fit_and_no_more() -> None:
    series = AggregateSeries("x", 20_000, np.arange(80.0), np.ones(80, dtype=bool))
    found = fit_aggregates(Dying(), [series, series], PriorSettings(), 2)["x"]
    assert found.method == "weekday"
    assert found.degraded.startswith("worker:")


def test_a_report_tells_what_a_forecast_rests_on(shelf: SqlStore) -> None:
    with pytest.raises(NotFoundError, match="no model"):
        judge_forecast.show(shelf, "A", "CN-ZJ", CALENDAR)
    done = refit(shelf, InlineCompute(), CALENDAR, wall)
    assert done is not None
    report = judge_forecast.show(shelf, "A", "CN-ZJ", CALENDAR)
    assert report["model"] == done.version
    assert report["refitted_wall"] == WALL
    assert report["fitted_through"] == "2025-12-02"
    assert len(report["days"]) == 21
    assert len(report["recent"]) == 56
    assert report["components"]["effects"].keys() == {"trend", "weekly"}
    assert report["components_region"]["aggregate"] == "region:CN-ZJ"
    assert report["components_region"]["effects"].keys() == {"trend", "weekly"}
    assert report["gaps"] == []
    assert {row["model"] for row in report["backtest"]} == {"shares", "items"}
    with pytest.raises(NotFoundError, match="unknown region 'nowhere'"):
        judge_forecast.show(shelf, "A", "nowhere", CALENDAR)


def _evenings(store: SqlStore, *, coming: int, price: bool = False) -> None:
    """Sessions of A on every third of 63 days, which doubled its shelf, and one more so many days after the last."""
    first = millis(datetime(2025, 10, 1, tzinfo=ZoneInfo("Asia/Shanghai")))
    days = [*range(0, 63, 3), *range(62 + coming, 63 + coming)]
    sessions, prices = {}, []
    for day in days:
        start = first + day * DAY + 12 * HOUR
        name = f"L{day}"
        sessions[name] = replace(SESSION, session=name, starts_at=start, ends_at=start + 3 * HOUR)
        prices.append(DatedPrice(Channel.SHELF, 1_400, first + day * DAY, first + (day + 1) * DAY))
    tea = replace(CATALOGUE.skus["A"], prices=tuple(prices) if price else ())
    open_trade(store, replace(CATALOGUE, skus={**CATALOGUE.skus, "A": tea}, sessions={} if price else sessions))
    lifted = [
        ((date(2025, 10, 1) + timedelta(days=day)).isoformat(), "A", region, "shelf", 9)
        for day in days[:-1]
        for region in ("CN-ZJ", "CN-GD")
    ]
    with store.write() as tx:
        tx.versions.add_history(lifted, synthetic=True)
        tx.learning.put_rooms(
            [
                RoomDay((date(2025, 10, 1) + timedelta(days=day)).isoformat(), "room", "host", 100 + day, 180, 0)
                for day in days[:-1]
            ]
        )


@pytest.mark.parametrize("price", [False, True])
def test_a_scheduled_session_and_a_price_cut_move_the_forecast_of_their_day(shelf: SqlStore, price: bool) -> None:
    tune_to(shelf, {"forecast": {**QUICK["forecast"], "min_history_days": 28}})
    _evenings(shelf, coming=3, price=price)
    done = refit(shelf, InlineCompute(), CALENDAR, wall)
    assert done is not None
    with shelf.read() as tx:
        (tea,) = tx.learning.shelf(["A"])
    mean = tea.regions["CN-ZJ"].mean
    assert mean[2] > 1.5 * max(mean[1], mean[3]), "the third day ahead is the one announced"
    report = judge_forecast.show(shelf, "A", "CN-ZJ", CALENDAR)
    name = "price_change" if price else "session_hours"
    assert report["components"]["effects"][name][2] > report["components"]["effects"][name][1] + 0.3
    rooms = [(row["aggregate"], row["days"], row["method"]) for row in report["components_rooms"]]
    announced = [] if price else [(key, ["2025-12-05"], "weekday") for key in ("host:host", "room:room")]
    assert rooms == announced
    assert price or all(100 < row["pieces"][0] < 200 for row in report["components_rooms"])


def test_live_exclusive_goods_are_shown_by_the_slots_of_their_sessions(shelf: SqlStore) -> None:
    new = replace(CATALOGUE.skus["A"], live_exclusive=True)
    open_trade(shelf, replace(CATALOGUE, skus={**CATALOGUE.skus, "A": new}))
    report = judge_forecast.show(shelf, "A", "CN-ZJ", CALENDAR)
    assert (report["method"], report["days"]) == ("sessions", [])
    assert [row["session"] for row in report["slots"]] == ["L1"]
    assert 0 < report["slots"][0]["q10"] < report["slots"][0]["mean"] < report["slots"][0]["q90"]
    open_trade(shelf)
    refit(shelf, InlineCompute(), CALENDAR, wall)
    assert judge_forecast.show(shelf, "A", "CN-ZJ", CALENDAR).keys() == report.keys()


def test_a_tuning_is_tried_on_the_past_and_nothing_is_stored(shelf: SqlStore) -> None:
    refit(shelf, InlineCompute(), CALENDAR, wall)
    before = models(shelf)
    changes = {"forecast": {"min_history_days": 28, "item_trees": 12}}
    done = judge_forecast.backtest(shelf, InlineCompute(), CALENDAR, changes, origins=1, series=4)
    assert {row["name"] for row in done["changes"]} == {"forecast.min_history_days", "forecast.item_trees"}
    assert done["method"] == "items"
    assert {row["model"] for row in done["scores"]} == {"active", "changed"}
    assert set(done["verdict"]) == {"promoted", "gain", "low", "high"}
    assert models(shelf) == before
    with pytest.raises(InvalidInputError, match="does not touch"):
        judge_forecast.backtest(shelf, InlineCompute(), CALENDAR, {"detector": {"ratio": 3.0}})
    with pytest.raises(TuningError, match="item_trees"):
        judge_forecast.backtest(shelf, InlineCompute(), CALENDAR, {"forecast": {"item_trees": 0}})
