"""One demand path: nothing is counted twice, everything is net of cancellations, bundles are components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning, parse
from supplychain.domain.units import DAY, HOUR
from supplychain.planning.calendar import axis
from supplychain.planning.demand_path import DemandPath, demand_path
from supplychain.planning.ports import Accepted
from supplychain.planning.view import View
from tests.unit.planning.small_trade import CATALOGUE, T0

TUNING = parse({"forecast": {"cancelled_share": 0.2, "returned_share": 0.1, "resellable_share": 0.5, "return_days": 2}})
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
        prior=None,
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


def _path(view: View, baseline: Mapping[tuple[str, str], float] | None = None) -> DemandPath:
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


def test_accepted_orders_are_net_of_what_was_and_will_be_cancelled() -> None:
    for cancelled, left in ((0, 80.0), (10, 80.0), (20, 80.0), (50, 50.0), (100, 0.0)):
        path = _path(_view(accepted=(_sold(cancelled=cancelled),)))
        assert sum(path.accepted.values()) == pytest.approx(left)


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
    assert a.variance == pytest.approx(90 * 4 * 0.64)
    assert b.mean == pytest.approx(30 * 0.8)
    assert b.variance == pytest.approx(90 * 0.64)


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
    assert _mean(path, "C") == pytest.approx(7 * 0.8 * 2 / 4)


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
    assert moments.variance == pytest.approx(80 * 0.64)


def test_shelf_is_spread_over_the_axis_by_length() -> None:
    path = _path(_view(), {("C", "CN-ZJ"): 24.0, ("Q", "CN-ZJ"): 99.0})
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    days = (grid.end - grid.start) / DAY
    assert _mean(path, "C") == pytest.approx(24 * 0.8 * days)
    assert {key[0] for key in path.shelf} == {"C"}
    assert path.live == {}
    whole_hours = [key for key in path.shelf if 0 < key[2] < 10]
    assert all(path.shelf[key].mean == pytest.approx(0.8) for key in whole_hours)


def test_every_source_counts_once_when_all_are_there() -> None:
    cut = T0 + 3 * HOUR
    rest = {"CN-ZJ": (7.0, 9.0), "CN-GD": (3.0, 4.0)}
    accepted = (_sold("C", gross=40, cancelled=8, due=cut + DAY), _sold("SET", gross=5, due=cut + DAY))
    view = _view(cut=cut, accepted=accepted, forecasts=(_forecast("C", T0 + 5 * HOUR, rest),))
    path = _path(view, {("C", "CN-ZJ"): 2.0})
    grid = axis(cut, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    shelf = 2.0 * (grid.end - grid.start) / DAY
    gross = sum(pieces for (item, *_), pieces in path.gross.items() if item == "C")
    assert gross == pytest.approx((40 - 8) + 10 + shelf)
    net = _mean(path, "C") + sum(p for (item, *_), p in path.accepted.items() if item == "C")
    assert net == pytest.approx(32 + (10 + shelf) * 0.8)


def test_returns_come_back_later_and_sellable_ones_alone() -> None:
    path = _path(_view(accepted=(_sold(gross=100, due=AFTER + HOUR), _sold(gross=100, due=AFTER - 5 * DAY))))
    grid = axis(AFTER, "Asia/Shanghai", hourly_days=2, horizon_days=14)
    assert dict(path.returns) == {("A", "CN-ZJ", grid.period(AFTER + HOUR + 2 * DAY)): pytest.approx(5.0)}
