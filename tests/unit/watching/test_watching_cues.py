"""Forecasts are asked for on the grid, from exact counts, ever more rarely for what has stopped selling."""

from __future__ import annotations

from supplychain.domain.tuning import Tuning, parse
from supplychain.messages.v1 import Sale, Tick
from supplychain.watching import PartitionWatch
from tests.unit.watching.watching_rig import CATALOGUE, HOUR, MINUTE, SECOND, SESSION, T0, apply, sale, steady, watch


def test_an_item_that_sells_is_due_at_every_refresh() -> None:
    cues = [cue for cue in apply(watch(), steady(301)).cues if cue.sku == "A"]
    assert [cue.at for cue in cues] == [T0 + minute * MINUTE for minute in (1, 2, 3, 4, 5)]
    assert [cue.orders_by_region for cue in cues] == [{"CN-ZJ": 12 * minute} for minute in (1, 2, 3, 4, 5)]


def test_an_item_that_stops_selling_is_due_ever_more_rarely_until_the_end() -> None:
    ticks = [Tick(at=T0 + minute * MINUTE) for minute in range(1, 240)]
    delta = apply(watch(), [Tick(at=T0), sale(1, T0), *ticks])
    for sku in "AB":
        times = [(cue.at - T0) // MINUTE for cue in delta.cues if cue.sku == sku]
        assert times == [1, 2, 4, 8, 16, 32, 64, 120], f"item {sku} is on the list of the session, sold or not"


def test_pieces_and_regions_are_kept_apart() -> None:
    lines = [sale(1, T0, qty=3), sale(2, T0, qty=2, region="CN-GD"), sale(3, T0 + MINUTE, qty=5)]
    delta = apply(watch(), [Tick(at=T0), *lines, Tick(at=T0 + 2 * MINUTE)])
    first, second = (cue for cue in delta.cues if cue.sku == "A")
    assert (first.orders_by_region, first.units_by_region) == ({"CN-GD": 1, "CN-ZJ": 1}, {"CN-GD": 2, "CN-ZJ": 3})
    assert second.units_by_region == {"CN-GD": 2, "CN-ZJ": 8}


def test_what_is_stamped_ahead_of_the_clock_is_not_known_before() -> None:
    delta = apply(watch(), [Tick(at=T0), sale(1, T0), sale(2, T0 + 61 * SECOND), Tick(at=T0 + 2 * MINUTE)])
    known = [cue.orders_by_region for cue in delta.cues if cue.sku == "A"]
    assert known == [{"CN-ZJ": 1}, {"CN-ZJ": 2}]


def test_an_item_sold_out_to_its_cap_says_for_how_long() -> None:
    lines = [sale(1, T0, sku="B", qty=30), sale(2, T0 + 70 * SECOND, sku="B", qty=20)]
    ticks = [Tick(at=T0 + minute * MINUTE) for minute in range(1, 5)]
    events: list[Sale | Tick] = [Tick(at=T0), lines[0], ticks[0], lines[1], *ticks[1:]]
    cues = [cue for cue in apply(watch(), events).cues if cue.sku == "B"]
    assert [(cue.at - T0) // SECOND for cue in cues] == [60, 120, 180]
    assert [cue.censored_ms // SECOND for cue in cues] == [0, 45, 105]


def test_a_cue_knows_when_the_last_sale_was_known() -> None:
    delta = apply(watch(), [Tick(at=T0), sale(1, T0 + 70 * SECOND), *(Tick(at=T0 + m * MINUTE) for m in range(1, 6))])
    known = [
        ((cue.at - T0) // MINUTE, cue.sold_at - T0 if cue.sold_at >= 0 else -1) for cue in delta.cues if cue.sku == "A"
    ]
    assert known == [(2, 75 * SECOND), (3, 75 * SECOND), (5, 75 * SECOND)]


def test_a_day_of_a_shop_is_a_session_until_midnight() -> None:
    evening = 15 * HOUR + 50 * MINUTE
    late = sale(1, T0 + evening, room_id=None, sku="C")
    ticks = [Tick(at=T0 + evening + minute * MINUTE) for minute in range(1, 60)]
    delta = apply(watch(), [Tick(at=T0 + evening), late, *ticks])
    assert [(cue.at - T0 - evening) // MINUTE for cue in delta.cues] == [1, 2, 4, 8, 10]


def test_counts_of_a_session_are_dropped_a_day_after_its_end() -> None:
    one = watch()
    apply(one, steady(120))
    assert "L1" in one.cues.tallies
    next_day = T0 + 27 * HOUR
    apply(one, [Tick(at=next_day), sale(9, next_day, room_id=None), Tick(at=next_day + 2 * MINUTE)])
    assert list(one.cues.tallies) == ["shop:shop:2023-11-16"]


def test_the_refresh_time_is_rounded_up_to_whole_bins() -> None:
    tuning = parse({"forecast": {"refresh_seconds": 7}})
    cues = [cue for cue in apply(watch(tuning), steady(31)).cues if cue.sku == "A"]
    assert [(cue.at - T0) // SECOND for cue in cues] == [10, 20, 30]


def test_goods_that_left_the_catalogue_are_left_out_of_the_front() -> None:
    one = watch()
    apply(one, steady(3))
    without = {sku: record for sku, record in CATALOGUE.skus.items() if sku != "A"}
    smaller = type(CATALOGUE)(without, {}, {}, {}, {}, CATALOGUE.regions, {"L1": SESSION})
    two = PartitionWatch(smaller, Tuning(), partition=0, snapshot=one.snapshot())
    cues = apply(two, [sale("b", T0 + 4 * SECOND, sku="B"), Tick(at=T0 + MINUTE)]).cues
    assert {cue.sku: cue.orders_by_region for cue in cues} == {"A": {}, "B": {"CN-ZJ": 1}}
