"""The refit of the shelf: spikes out, new goods pooled, a champion that falls only to something better, sums that add up."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from supplychain.forecasting.cold_start import like_others
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.prior import PriorSettings, fit_priors
from supplychain.forecasting.refit import aggregates
from supplychain.forecasting.shares import SHARES
from supplychain.forecasting.shelf_frame import Goods, History, by_region, key_of, shelf_frame
from supplychain.forecasting.shelf_learning import ITEMS, Learned, ShelfSettings, learn_shelf
from supplychain.forecasting.trade_calendar import TradeCalendar

CALENDAR = TradeCalendar("")
GOODS = {f"S{i}": Goods("snacks" if i % 2 else "drinks", 10.0 + i) for i in range(20)}
REGIONS = ("CN-GD", "CN-ZJ")
SETTINGS = ShelfSettings(
    items=ItemSettings(trees=20, learning_rate=0.2, least_rows=20, leaves=7, threads=1),
    prior=PriorSettings(prophet_from_days=1_000),
    ahead_days=10,
    origins=2,
)
WEEK = (0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 1.5)


def history(days: int = 90, *, weekly: bool = False, seed: int = 4) -> list[tuple[str, str, str, str, int]]:
    """Sales of a shelf, each SKU at its own level; with `weekly`, every second SKU turns the week around."""
    rng = np.random.default_rng(seed)
    rows = []
    for back in range(days, 0, -1):
        day = datetime.date(2026, 3, 1) - datetime.timedelta(days=back)
        for number, sku in enumerate(GOODS):
            factor = WEEK[(day.weekday() + 3 * (number // 2 % 2)) % 7] if weekly else 1.0
            for share, region in ((0.7, "CN-GD"), (0.3, "CN-ZJ")):
                units = int(rng.poisson((4 + 2 * number) * share * factor))
                if units:
                    rows.append((day.isoformat(), sku, region, "shelf", units))
    return rows


def learned(rows: History, settings: ShelfSettings = SETTINGS, goods: dict[str, Goods] | None = None) -> Learned:
    """Learn from rows as the service does."""
    found = shelf_frame(rows, goods or GOODS, REGIONS)
    assert found is not None
    frame, known = found
    batch = [*aggregates(frame, CALENDAR), *aggregates(by_region(frame), CALENDAR)]
    priors = {prior.key: prior for prior in fit_priors(batch, settings.prior)}
    return learn_shelf(frame, known, goods or GOODS, priors, CALENDAR, settings)


def test_a_frame_leaves_sessions_and_spikes_out_and_knows_since_when_a_sku_sells() -> None:
    rows = [
        ("2026-01-01", "S1", "CN-GD", "shelf", 5),
        ("2026-01-02", "S2", "CN-ZJ", "shelf", 9),
        ("2026-01-02", "S1", "CN-GD", "shelf", 20),
        ("2026-01-02", "S1", "CN-GD", "spike", 14),
        ("2026-01-02", "S1", "CN-GD", "live", 300),
        ("2026-01-02", "unknown", "CN-GD", "shelf", 3),
        ("2026-01-03", "S1", "elsewhere", "shelf", 3),
    ]
    found = shelf_frame(rows, GOODS, REGIONS)
    assert found is not None
    frame, known = found
    assert frame.keys == tuple(key_of(sku, region) for sku in ("S1", "S2") for region in REGIONS)
    np.testing.assert_array_equal(frame.pieces, [[5, 6], [0, 0], [0, 0], [0, 9]])
    np.testing.assert_array_equal(known, [0, 0, 1, 1])
    assert shelf_frame(rows[4:5], GOODS, REGIONS) is None


def test_a_tagged_spike_does_not_raise_next_weeks_baseline() -> None:
    calm = history()
    day = "2026-02-26"
    loud = [*calm, *((day, "S7", region, channel, 400) for region in REGIONS for channel in ("spike",))]
    loud = [(d, s, r, c, u + 400) if (d, s, c) == (day, "S7", "shelf") else (d, s, r, c, u) for d, s, r, c, u in loud]
    untagged = [row for row in loud if row[3] != "spike"]
    means = {}
    for name, rows in (("calm", calm), ("tagged", loud), ("untagged", untagged)):
        outlook = learned(rows, replace(SETTINGS, origins=0)).outlooks["S7"]["CN-GD"]
        means[name] = sum(outlook.mean[:7])
    assert means["tagged"] == pytest.approx(means["calm"], rel=1e-6)
    assert means["untagged"] > 1.3 * means["calm"]


def test_the_item_model_takes_over_only_when_it_is_better_beyond_noise() -> None:
    better = learned(history(110, weekly=True))
    assert better.verdict is not None
    assert better.verdict.promoted
    assert better.method == ITEMS
    assert {score.model for score in better.scores} == {SHARES, ITEMS}
    same = learned(history(110), replace(SETTINGS, items=replace(SETTINGS.items, trees=1, learning_rate=0.01)))
    assert same.verdict is not None
    assert not same.verdict.promoted
    assert same.method == SHARES
    thin = learned(history(20))
    assert thin.verdict is None
    assert thin.method == SHARES


@pytest.mark.parametrize("champion", [SHARES, ITEMS])
def test_outlooks_are_sound_and_near_the_truth(champion: str) -> None:
    found = learned(history(), replace(SETTINGS, champion=champion, origins=0))
    assert found.method == champion
    assert set(found.outlooks) == set(GOODS)
    for number, sku in enumerate(GOODS):
        for share, region in ((0.7, "CN-GD"), (0.3, "CN-ZJ")):
            outlook = found.outlooks[sku][region]
            arrays = np.array([outlook.mean, outlook.variance, outlook.low, outlook.high])
            assert arrays.shape == (4, 10)
            assert np.all(np.isfinite(arrays))
            assert np.all(arrays >= 0)
            assert np.all(arrays[2] <= arrays[3])
            assert np.all(arrays[1] >= arrays[0])
            assert np.mean(outlook.mean) == pytest.approx((4 + 2 * number) * share, rel=0.35, abs=0.5)


def test_equal_history_gives_equal_outlooks() -> None:
    rows = history()
    assert learned(rows).outlooks == learned(list(reversed(rows))).outlooks


def test_goods_that_never_sold_are_pooled_from_similar_ones_and_say_so() -> None:
    goods = {**GOODS, "NEW": Goods("snacks", 16.0), "TWIN": Goods("snacks", 900.0, "S19"), "ALONE": Goods("toys", 5.0)}
    found = learned(history(), replace(SETTINGS, origins=0), goods).outlooks
    assert "ALONE" not in found
    twin, like = found["TWIN"]["CN-GD"], found["S19"]["CN-GD"]
    assert twin.mean == like.mean
    assert twin.degraded == "no sale yet: like S19"
    assert all(a > b for a, b in zip(twin.variance, like.variance, strict=True))
    new = found["NEW"]["CN-GD"]
    assert new.degraded.startswith("no sale yet: pooled over")
    peers = [found[sku]["CN-GD"].mean[0] for sku in GOODS if GOODS[sku].category == "snacks"]
    assert min(peers) < new.mean[0] < max(peers)
    assert like_others({}, goods) == {}
