"""One demand path: nothing is counted twice, everything is net of cancellations, bundles are components."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supplychain.domain.forecast import RegionOutlook, SessionForecast
from supplychain.domain.network import Catalogue, ShowSlot, SlotKind
from supplychain.domain.tuning import Tuning, parse
from supplychain.domain.units import DAY, HOUR
from supplychain.forecasting.cohort_losses import losses_from_shares
from supplychain.forecasting.lesson_learning import tuned_losses
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.session_lessons import Lessons, SessionLessons
from supplychain.planning.baseline import Baseline, DailyDemand
from supplychain.planning.calendar import axis, business_day
from supplychain.planning.demand_path import DemandPath, demand_path
from supplychain.planning.open_orders import open_orders
from supplychain.planning.ports import Accepted
from supplychain.planning.view import View
from tests.unit.planning.small_trade import CATALOGUE, T0, daily

TUNING = parse({"forecast": {"cancelled_share": 0.2, "returned_share": 0.1, "resellable_share": 0.5, "return_days": 2}})
LOSSES = tuned_losses(TUNING.forecast)
AFTER = T0 + 6 * HOUR
"""The session is over, nothing is announced."""


def _view(cut: int = AFTER, *, tuning: Tuning = TUNING, catalogue: Catalogue = CATALOGUE, **changes: object) -> View:
    view = View(
        cut=cut,
        groups=("A", "C"),
        skus=("A", "B", "C", "SET"),
        items=("A", "B", "C"),
        catalogue=catalogue,
        network_version=1,
        tuning=tuning,
        tuning_version=0,
        model_version="none",
        shelf=(),
        stock=(),
        accepted=(),
        shipped={},
        forecasts=(),
        supply=(),
        open_own=(),
        others=(),
        spikes=(),
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # a test's free hand with fields


def _path(view: View, baseline: Baseline | None = None) -> DemandPath:
    return demand_path(view, axis(view.cut, "Asia/Shanghai", hourly_days=2, horizon_days=14), baseline or {})


def _sold(
    sku: str = "A", gross: int = 100, cancelled: int = 0, due: int = AFTER + DAY, region: str = "CN-ZJ"
) -> Accepted:
    return Accepted("L1", sku, region, "live", due, gross, gross, cancelled, 0, 0)


def _forecast(
    sku: str, ends_at: int, rest: dict[str, tuple[float, float]], session: str = "L1", as_of: int | None = None
) -> SessionForecast:
    return SessionForecast(session, sku, AFTER - HOUR if as_of is None else as_of, ends_at, {}, rest, 0.0, 0, "m")


def _mean(path: DemandPath, item: str) -> float:
    return sum(moments.mean for part in (path.live, path.shelf) for key, moments in part.items() if key[0] == item)


def _left(*rows: Accepted) -> float:
    return sum(_path(_view(accepted=rows)).accepted.values())


def test_accepted_orders_lose_by_their_age_and_what_survived_is_safe() -> None:
    assert _left(_sold(due=AFTER + 2 * DAY)) == pytest.approx(80.0), "paid just now: the whole loss is to come"
    assert _left(_sold(due=AFTER + DAY)) > 99.0, "a day old: nearly all that cancel have done so"
    assert _left(_sold(cancelled=100)) == 0.0
    at = replace(_sold(due=AFTER + 2 * DAY), paid_ms=AFTER - 2 * HOUR)
    assert 80.0 < _left(at) < _left(replace(at, paid_ms=AFTER - 4 * HOUR)) < 100.0


def test_a_session_that_cancels_more_than_its_kind_has_more_to_come() -> None:
    def kept(cancelled: int) -> float:
        row = replace(_sold(cancelled=cancelled, due=AFTER + 2 * DAY), paid_ms=AFTER - HOUR)
        return _left(row) / (100 - cancelled)

    assert kept(40) < kept(13) < kept(0) < 1.0


def test_a_cancellation_comes_off_the_orders_before_it_wherever_its_window_stands() -> None:
    paid = _sold(gross=100, due=AFTER + DAY)
    later = Accepted("L1", "A", "CN-ZJ", "live", AFTER + DAY + 2 * HOUR, 0, 0, 30, 0, 0)
    assert _left(paid, later) == pytest.approx(_left(_sold(gross=100, cancelled=30)), rel=1e-3)
    (older, newer) = open_orders((paid, replace(later, gross=10, cancelled=30)))
    assert (older.open, newer.open) == (80, 0), "the latest first, then those before"
    assert [order.out for order in open_orders((replace(paid, refunded=5, returned=15),))] == [80]


def test_shipped_pieces_are_taken_off_once_oldest_due_first() -> None:
    rows = (_sold(gross=30, due=AFTER + 2 * DAY), _sold(gross=50, due=AFTER + DAY), _sold("C", gross=9))
    tuning = parse({"forecast": {"cancelled_share": 0.0}})
    path = _path(_view(accepted=rows, shipped={("A", "CN-ZJ"): 60, ("A", "CN-GD"): 5}, tuning=tuning))
    assert sum(p for (item, *_), p in path.accepted.items() if item == "A") == pytest.approx(20)
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    assert path.accepted["A", "CN-ZJ", grid.period(AFTER + 2 * DAY)] == pytest.approx(20)
    assert sum(p for (item, *_), p in path.accepted.items() if item == "C") == pytest.approx(9)


def test_overdue_and_far_orders_stay_on_the_axis() -> None:
    rows = (_sold(gross=10, due=AFTER - DAY), _sold(gross=5, due=AFTER + 90 * DAY))
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    periods = {period for _, _, period in _path(_view(accepted=rows)).accepted}
    assert periods == {0, grid.periods - 1}


def test_bundle_is_demand_for_its_components_alone() -> None:
    view = _view(accepted=(_sold("SET", gross=10),), tuning=parse({"forecast": {"cancelled_share": 0.0}}))
    assert {(item, pieces) for (item, _, _), pieces in _path(view).accepted.items()} == {("A", 20), ("B", 10)}
    running = _view(cut=T0 + 3 * HOUR, forecasts=(_forecast("SET", T0 + 5 * HOUR, {"CN-ZJ": (30.0, 90.0)}),))
    path = _path(replace(running, catalogue=replace(CATALOGUE, sessions={})))
    ((a_key, a), (b_key, b)) = sorted(path.live.items())
    assert (a_key[0], b_key[0]) == ("A", "B")
    assert a.mean == pytest.approx(30 * 2 * 0.8)
    kept = LOSSES.net(Moments(30.0, 90.0), ())
    assert a.variance == pytest.approx(4 * kept.variance), "each set takes two: they come and go together"
    assert b.mean == pytest.approx(30 * 0.8)
    assert b.variance == pytest.approx(kept.variance)
    assert kept.variance > 0.64 * 90.0 + 0.16 * 30.0, "thinned, and the loss itself is not sure"


def test_running_session_is_its_forecast_and_not_its_schedule_as_well() -> None:
    cut = T0 + 3 * HOUR
    announced = _path(_view(cut=cut))
    assert _mean(announced, "C") == pytest.approx(60 * 2 / 3 * 0.8), "two of three hours are left"
    running = _path(_view(cut=cut, forecasts=(_forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (7.0, 9.0)}),)))
    assert _mean(running, "C") == pytest.approx(7 * 0.8)
    assert _mean(running, "A") == pytest.approx(_mean(announced, "A")), "the others keep their schedule"


def test_what_sold_between_the_forecast_and_the_cut_is_not_expected_again() -> None:
    cut = T0 + 3 * HOUR
    older = _forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (7.0, 9.0)}, as_of=T0 + 1 * HOUR)
    path = _path(_view(cut=cut, forecasts=(older,)))
    assert _mean(path, "C") == pytest.approx(7 * 0.8 * 2 / 3), "two of the three hours on air are left"


def test_announced_session_comes_by_the_weights_of_the_regions_and_ends_with_its_end() -> None:
    path = _path(_view(cut=T0))
    share = {
        region: sum(m.mean for k, m in path.live.items() if k[:2] == ("C", region)) for region in CATALOGUE.regions
    }
    assert share["CN-ZJ"] == pytest.approx(2 * share["CN-GD"])
    assert sum(share.values()) == pytest.approx(60 * 0.8)
    assert _mean(path, "A") == pytest.approx((120 + 2 * 30 * 1.5) * 0.8)
    assert _mean(path, "B") == pytest.approx(30 * 1.5 * 0.8)
    assert path.shelf == {}
    over = _path(_view(cut=T0 + 5 * HOUR, forecasts=(_forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (7.0, 9.0)}),)))
    assert over.live == {}


def test_rooms_add_their_moments() -> None:
    other = replace(CATALOGUE.sessions["L1"], session="L2", room="room2")
    catalogue = replace(CATALOGUE, sessions={**CATALOGUE.sessions, "L2": other})
    found = tuple(_forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (10.0, 40.0)}, session=name) for name in ("L1", "L2"))
    path = _path(_view(cut=T0 + 3 * HOUR, catalogue=catalogue, forecasts=found))
    ((_, moments),) = [(key, m) for key, m in path.live.items() if key[0] == "C"]
    assert moments.mean == pytest.approx(16.0)
    assert moments.variance == pytest.approx(2 * LOSSES.net(Moments(10.0, 40.0), ()).variance)


def test_shelf_is_spread_over_the_axis_by_length() -> None:
    path = _path(_view(), {("C", "CN-ZJ"): daily(24.0, 60.0), ("Q", "CN-ZJ"): daily(99.0)})
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    days = (grid.end - grid.start) / DAY
    assert _mean(path, "C") == pytest.approx(24 * 0.8 * days)
    assert {key[0] for key in path.shelf} == {"C"}
    assert path.live == {}
    whole_hours = [key for key in path.shelf if 0 < key[2] < 10]
    assert all(path.shelf[key].mean == pytest.approx(0.8) for key in whole_hours)


def test_each_business_day_has_its_own_shelf_and_the_last_week_goes_on() -> None:
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    kept = parse({"forecast": {"cancelled_share": 0.0, "refunded_share": 0.0, "returned_share": 0.0}})
    today = business_day(AFTER, "Asia/Shanghai")
    means = tuple(float(day) for day in range(10))
    outlook = RegionOutlook(means, tuple(4.0 * mean for mean in means), means, means)
    path = _path(_view(tuning=kept), {("C", "CN-ZJ"): DailyDemand(today, outlook)})
    for period in range(1, grid.periods):
        expected = grid.day[period] if grid.day[period] < 10 else 3 + (grid.day[period] - 10) % 7
        length = (grid.boundaries[period + 1] - grid.boundaries[period]) / DAY
        found = path.shelf.get(("C", "CN-ZJ", period))
        assert (found.mean if found else 0.0) == pytest.approx(expected * length)
        if found:
            assert found.variance == pytest.approx(expected * (length + 3.0 * length**2))
    yesterday = _path(_view(tuning=kept), {("C", "CN-ZJ"): DailyDemand(today - 1, outlook)})
    assert _mean(yesterday, "C") > _mean(path, "C")


def test_every_source_counts_once_when_all_are_there() -> None:
    cut = T0 + 3 * HOUR
    rest = {"CN-ZJ": (7.0, 9.0), "CN-GD": (3.0, 4.0)}
    accepted = (_sold("C", gross=40, due=cut + 2 * DAY), _sold("SET", gross=5, due=cut + DAY))
    view = _view(cut=cut, accepted=accepted, forecasts=(_forecast("C", T0 + 5 * HOUR, rest),))
    path = _path(view, {("C", "CN-ZJ"): daily(2.0)})
    grid = axis(cut, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    shelf = 2.0 * (grid.end - grid.start) / DAY
    gross = sum(pieces for (item, *_), pieces in path.gross.items() if item == "C")
    assert gross == pytest.approx(40 + 10 + shelf)
    net = _mean(path, "C") + sum(p for (item, *_), p in path.accepted.items() if item == "C")
    assert net == pytest.approx(32 + (10 + shelf) * 0.8)


def test_returns_come_back_later_and_sellable_ones_alone() -> None:
    soon, past = _sold(gross=100, due=AFTER + HOUR), _sold(gross=100, due=AFTER - 5 * DAY)
    path = _path(_view(accepted=(soon, past)))
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    first, last = (grid.period(AFTER + HOUR + days * DAY) for days in (2, 3))
    assert {(item, region) for item, region, _ in path.returns} == {("A", "CN-ZJ")}
    assert {period for _, _, period in path.returns} == set(range(first, last + 1)), "within a day, and two in transit"
    # a tenth of what is paid, an eighth of what ships; half can be sold again
    assert sum(path.returns.values()) == pytest.approx(100 * 0.125 * 0.5, rel=0.03)
    assert sum(path.whole_returns().values()) == int(sum(path.returns.values()))
    back = _path(_view(accepted=(replace(soon, due=AFTER - HOUR, returned=100),)))
    assert sum(back.returns.values()) == 0.0, "what is back does not come back again"


def test_what_will_be_sold_comes_back_too() -> None:
    running = _view(cut=T0 + 3 * HOUR, forecasts=(_forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (100.0, 100.0)}),))
    back = sum(pieces for (item, *_), pieces in _path(running).returns.items() if item == "C")
    assert back == pytest.approx(80 * 0.125 * 0.5, rel=0.05)


def test_the_rest_of_a_session_is_due_as_its_run_of_show_sells_it() -> None:
    session = CATALOGUE.sessions["L1"]
    offer = ShowSlot(SlotKind.FLASH_OFFER, "C", T0 + 4 * HOUR, T0 + 5 * HOUR, 9.0)
    items = tuple(replace(item, ship_within_minutes=60) for item in session.items)
    catalogue = replace(CATALOGUE, sessions={"L1": replace(session, items=items, slots=(offer,))})
    cut = T0 + 3 * HOUR
    forecast = _forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (100.0, 300.0)}, as_of=cut)
    grid = axis(cut, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    path = _path(_view(cut=cut, catalogue=catalogue, forecasts=(forecast,)))
    due = {period: moments.mean for (item, _, period), moments in path.live.items() if item == "C"}
    kept = LOSSES.ships((), 0, HOUR)
    assert kept > 0.85, "what ships within the hour has little time to be cancelled"
    assert due == {
        grid.period(T0 + 4 * HOUR): pytest.approx(100 * kept * 0.1),
        grid.period(T0 + 5 * HOUR): pytest.approx(100 * kept * 0.9),
    }


def test_a_cap_bounds_what_can_still_be_sold() -> None:
    session = CATALOGUE.sessions["L1"]
    items = tuple(replace(item, cap=50 if item.sku == "C" else None) for item in session.items)
    catalogue = replace(CATALOGUE, sessions={"L1": replace(session, items=items)})
    cut = T0 + 3 * HOUR
    forecast = _forecast("C", T0 + 5 * HOUR, {"CN-ZJ": (60.0, 80.0), "CN-GD": (40.0, 60.0)}, as_of=cut)
    view = _view(
        cut=cut, catalogue=catalogue, forecasts=(forecast,), accepted=(_sold("C", gross=30, due=cut + 2 * DAY),)
    )
    assert _mean(_path(view), "C") == pytest.approx(20 * 0.8, rel=0.05), "twenty of fifty are left to sell"
    full = replace(view, accepted=(_sold("C", gross=50, due=cut + DAY),))
    assert _mean(_path(full), "C") == 0.0


def test_pre_sale_orders_use_up_the_session_they_were_paid_for() -> None:
    cut = T0 + HOUR
    before = _path(_view(cut=cut))
    taken = _path(_view(cut=cut, accepted=(_sold("C", gross=45, due=cut + 2 * DAY),)))
    assert _mean(taken, "C") == pytest.approx(_mean(before, "C") * 15 / 60)


def test_lessons_replace_what_is_tuned_unless_they_are_tuned_off() -> None:
    losses = losses_from_shares(0.5, 0.0, 0.0, 1.0, 0)
    lessons = Lessons(SessionLessons(rates={"": 1.0, "C": 2.0}, sessions=9), losses)
    taught = _path(_view(cut=T0, lessons=lessons))
    assert _mean(taught, "C") == pytest.approx(60 * 2 * 0.5)
    off = parse({"forecast": {"use_lessons": False, "cancelled_share": 0.2}})
    assert _mean(_path(_view(cut=T0, lessons=lessons, tuning=off)), "C") == pytest.approx(60 * 0.8)
