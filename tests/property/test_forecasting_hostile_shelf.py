"""The whole refit of the shelf over hostile series by name, and over whatever a history may hold: quantiles stay sound, parts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.forecast import RegionOutlook
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.newcomers import learn_pools, pool_names
from supplychain.forecasting.prior import PriorSettings, fit_priors
from supplychain.forecasting.refit import aggregates
from supplychain.forecasting.shares import SHARES
from supplychain.forecasting.shelf_frame import Goods, by_region, shelf_frame
from supplychain.forecasting.shelf_learning import ITEMS, ShelfSettings, learn_shelf
from supplychain.forecasting.trade_calendar import TradeCalendar

CALENDAR = TradeCalendar("")
GOODS = {name: Goods("tea" if number % 2 else "cups", 5.0 * number) for number, name in enumerate("ABCDEF")}
REGIONS = ("CN-GD", "CN-ZJ")
SETTINGS = ShelfSettings(
    items=ItemSettings(trees=5, leaves=4, least_rows=5, threads=1),
    prior=PriorSettings(prophet_from_days=1_000),
    ahead_days=9,
    origins=0,
)
DAYS = 120
Rows = list[tuple[str, str, str, str, int]]


def rows_of(sku: str, pieces: Mapping[int, int], channel: str = "shelf") -> Rows:
    """Rows of one SKU in one region, by day of the history."""
    first = date(2026, 1, 1)
    return [((first + timedelta(days=day)).isoformat(), sku, "CN-GD", channel, n) for day, n in sorted(pieces.items())]


USUAL = [row for sku in "BCD" for row in rows_of(sku, {day: 1 + (day * 7 + ord(sku)) % 5 for day in range(DAYS)})]
HOSTILE: dict[str, Rows] = {
    "empty": [],
    "one point": rows_of("A", {60: 3}),
    "one point, the last day": rows_of("A", {DAYS - 1: 3}),
    "all zeros": rows_of("A", dict.fromkeys(range(DAYS), 0)),
    "one giant": rows_of("A", dict.fromkeys(range(DAYS), 2) | {70: 10**9}),
    "a giant on the last day": rows_of("A", dict.fromkeys(range(DAYS), 2) | {DAYS - 1: 10**9}),
    "gaps": rows_of("A", {day: 4 for day in range(DAYS) if not 30 < day < 90}),
    "duplicates": rows_of("A", dict.fromkeys(range(DAYS), 3)) * 3,
    "future stamps": rows_of("A", dict.fromkeys(range(DAYS), 3)) + rows_of("A", {DAYS + 4_000: 9}),
    "stamps of long ago": rows_of("A", {-9_000: 5}) + rows_of("A", dict.fromkeys(range(DAYS), 3)),
    "negative": rows_of("A", dict.fromkeys(range(DAYS), -3)),
    "spikes larger than sales": rows_of("A", {60: 3, 61: 4}) + rows_of("A", {60: 300, 61: 4}, "spike"),
}


def outlooks(rows: Rows, method: str) -> Mapping[str, Mapping[str, RegionOutlook]]:
    """What a refit answers by a method, as the service would."""
    found = shelf_frame(rows, GOODS, REGIONS)
    if found is None:
        return {}
    chosen = replace(SETTINGS, champion=method)
    batch = [*aggregates(found[0], CALENDAR), *aggregates(by_region(found[0]), CALENDAR)]
    priors = {prior.key: prior for prior in fit_priors(batch, chosen.prior)}
    return learn_shelf(*found, GOODS, priors, CALENDAR, chosen).outlooks


def assert_sound(found: Mapping[str, Mapping[str, RegionOutlook]]) -> None:
    """Every number is finite and not negative, ends do not cross, and variance is at least that of chance."""
    for sku, regions in found.items():
        for region, told in regions.items():
            mean, variance, low, high = (np.array(part) for part in (told.mean, told.variance, told.low, told.high))
            assert len(mean) == SETTINGS.ahead_days, (sku, region)
            for part in (mean, variance, low, high):
                assert np.all(np.isfinite(part)), (sku, region)
                assert np.all(part >= 0.0), (sku, region)
            assert np.all(low <= high), (sku, region)
            assert np.all(variance >= mean - 0.002), (sku, region)


@pytest.mark.parametrize("method", [SHARES, ITEMS])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_series_beside_usual_ones(name: str, method: str) -> None:
    found = outlooks(USUAL + HOSTILE[name], method)
    assert_sound(found)
    assert set(found) == set(GOODS), "goods without a usable sale are pooled from those like them"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_series_alone(name: str) -> None:
    assert_sound(outlooks(HOSTILE[name], ITEMS))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDEFX"),
            st.integers(-40, 200),
            st.sampled_from([0, 1, 1, 2, 30, -4, 10**9]),
            st.sampled_from(["shelf", "shelf", "spike", "live"]),
        ),
        max_size=40,
    ),
    st.sampled_from([SHARES, ITEMS]),
)
@settings(deadline=None, max_examples=20)
def test_any_history_gives_a_sound_shelf(lines: list[tuple[str, int, int, str]], method: str) -> None:
    assert_sound(outlooks([row for sku, day, n, channel in lines for row in rows_of(sku, {day: n}, channel)], method))


@given(
    st.lists(
        st.tuples(st.sampled_from(["tea", "cups", ""]), st.integers(0, 10**9), st.floats(0, 1e6), st.floats(0, 1e6)),
        min_size=1,
        max_size=20,
    ),
    st.floats(0.0, 1.0),
)
def test_pools_of_any_past_are_finite_and_not_negative(items: list[tuple[str, int, float, float]], seen: float) -> None:
    names = [pool_names(category, price) for category, price, _, _ in items]
    orders, planned = (np.array([row[place] for row in items]) for place in (2, 3))
    pools = learn_pools(names, orders, planned, np.full(len(items), seen), np.ones(len(items)))
    assert "" in pools
    assert all(np.isfinite([pool.rate, pool.orders]).all() for pool in pools.values())
    assert all(pool.rate >= 0.0 and pool.orders >= 0.0 for pool in pools.values())


def test_a_plan_of_next_to_nothing_gives_no_endless_rate() -> None:
    names = [pool_names("tea", 0)]
    pools = learn_pools(names, np.array([1.0]), np.array([2e-208]), np.array([1.6e-101]), np.ones(1))
    assert all(np.isfinite([pool.rate, pool.orders]).all() for pool in pools.values())
