from dataclasses import replace

import numpy as np
import pytest

from supplychain.forecasting.frames import DailyFrame
from supplychain.forecasting.item_features import (
    HORIZON_FEATURES,
    ORIGIN_FEATURES,
    history,
    horizon_features,
    levels,
    origin_features,
)
from supplychain.forecasting.item_record import FEATURES, ItemModel, ItemSettings, item_model_from_json
from supplychain.forecasting.item_rows import training_origins, training_rows, training_series
from supplychain.forecasting.items import drivers, fit_items, predict_items
from supplychain.forecasting.losses import coverage, weighted_quantile_loss
from supplychain.forecasting.weekday_quantiles import ordered_past, weekday_quantiles

SMALL = ItemSettings(trees=30, learning_rate=0.15, least_rows=20, threads=1, origin_step=3, leaves=15)


def world(series: int = 80, days: int = 150, seed: int = 2) -> DailyFrame:
    """Poisson items of two groups with a strong Sunday, closed on Saturdays."""
    rng = np.random.default_rng(seed)
    weekday = (np.arange(20_000, 20_000 + days) + 3) % 7
    level = rng.lognormal(1.5, 0.8, series)
    mean = level[:, None] * np.where(weekday == 6, 3.0, 1.0) * (weekday != 5)
    pieces = rng.poisson(mean).astype(float)
    price = np.where(pieces > 0, rng.uniform(1, 9, series)[:, None], np.nan)
    keys = tuple(f"sku{i:03d}" for i in range(series))
    return DailyFrame(keys, 20_000, pieces, price, pieces, weekday != 5, tuple(f"g{i % 2}" for i in range(series)))


FRAME = world()
PAST = FRAME.until(20_000 + 136)
MODEL = fit_items(PAST, SMALL)


def test_the_model_learns_weekday_level_and_promises_what_it_keeps() -> None:
    forecast = predict_items(MODEL, PAST, range(14))
    actual = FRAME.pieces[:, 136:150]
    assert MODEL.method == "lightgbm"
    assert forecast.degraded == ("",) * 80
    grid = {level: forecast.quantiles[..., i] for i, level in enumerate(SMALL.levels) if level in {0.1, 0.5, 0.9}}
    naive = {level: FRAME.pieces[:, 129:136].mean(axis=1, keepdims=True) * np.ones((1, 14)) for level in grid}
    assert weighted_quantile_loss(actual, grid) < 0.6 * weighted_quantile_loss(actual, naive)
    assert coverage(actual, forecast.low, forecast.high) == pytest.approx(0.87, abs=0.1)
    weekday = (np.arange(20_136, 20_150) + 3) % 7
    assert forecast.mean[:, weekday == 6].mean() > 2.0 * forecast.mean[:, weekday == 1].mean()
    assert np.all(forecast.quantiles[:, weekday == 5] == 0.0)
    assert forecast.mean.sum() == pytest.approx(actual.sum(), rel=0.15)


def test_quantiles_never_cross_and_variance_is_at_least_poisson() -> None:
    forecast = predict_items(MODEL, PAST, range(20))
    assert np.all(np.diff(forecast.quantiles, axis=-1) >= 0)
    assert np.all(forecast.quantiles >= 0)
    assert np.all(forecast.variance >= forecast.mean)
    assert np.all(forecast.low <= forecast.high)


def test_the_same_seed_gives_the_same_model_and_json_round_trips() -> None:
    assert fit_items(PAST, SMALL).to_json() == MODEL.to_json()
    again = item_model_from_json(MODEL.to_json())
    np.testing.assert_array_equal(
        predict_items(again, PAST, range(7)).quantiles, predict_items(MODEL, PAST, range(7)).quantiles
    )
    with pytest.raises(ValueError, match="not an item model"):
        item_model_from_json(MODEL.to_json().replace('"version": 1', '"version": 0'))


def test_heads_trained_abreast_are_the_same_as_one_after_the_other() -> None:
    abreast = fit_items(PAST, replace(SMALL, threads=3))
    assert dict(abreast.heads) == dict(MODEL.heads)


def test_drivers_add_up_to_the_median() -> None:
    found = drivers(MODEL, PAST, "sku007", 2)
    assert len(found) == 9
    assert "its own past days" in dict(drivers(MODEL, PAST, "sku007", 2, most=99))
    median = float(predict_items(MODEL, PAST, [2]).quantiles[7, 0, 1])
    assert sum(effect for _, effect in found) == pytest.approx(median, rel=0.02, abs=0.05)


def test_thin_data_fall_back_and_say_so() -> None:
    thin = world(3, 20)
    model = fit_items(thin, SMALL)
    forecast = predict_items(model, thin, range(7))
    assert model.method == "pooled"
    assert all("pooled" in reason for reason in forecast.degraded)
    assert forecast.mean.mean() == pytest.approx(thin.pieces.mean(), rel=0.5)


def test_an_item_that_never_sold_gets_the_level_of_its_group() -> None:
    pieces = PAST.pieces.copy()
    pieces[0] = 0.0
    forecast = predict_items(MODEL, replace(PAST, pieces=pieces), range(7))
    assert forecast.degraded[0].startswith("no sale yet")
    assert 0.1 < forecast.mean[0].mean() < 20.0


def test_a_short_history_uses_what_is_known_alone() -> None:
    known = np.full(80, 129)
    hidden = replace(PAST, pieces=np.where(np.arange(136) < 129, PAST.pieces * 50.0, PAST.pieces))
    one = predict_items(MODEL, PAST, range(7), known)
    other = predict_items(MODEL, hidden, range(7), known)
    group = {"group_week", "group_month", "whole_week", "whole_month", "whole_weekday", "group_weekday"}
    past, masked = history(PAST, known), history(hidden, known)
    level, again = levels(past, 136), levels(masked, 136)
    np.testing.assert_allclose(level, again)
    names = list(ORIGIN_FEATURES)
    own = [i for i, name in enumerate(names) if name not in group | {"since_sale", "price_ratio", "log_price"}]
    np.testing.assert_allclose(
        origin_features(past, 136, level)[:, own], origin_features(masked, 136, level)[:, own], rtol=1e-5
    )
    assert one.mean.shape == other.mean.shape


def test_features_see_no_future() -> None:
    changed = replace(FRAME, pieces=np.where(np.arange(150) >= 120, FRAME.pieces + 99.0, FRAME.pieces))
    before, after = history(FRAME), history(changed)
    level = levels(before, 120)
    np.testing.assert_allclose(level, levels(after, 120))
    np.testing.assert_array_equal(origin_features(before, 120, level), origin_features(after, 120, level))
    for step in (0, 6, 9):
        ordered = [ordered_past(past.frame.pieces, past.counts, 120) for past in (before, after)]
        one, two = (horizon_features(p, 120, step, level, o) for p, o in zip((before, after), ordered, strict=True))
        np.testing.assert_array_equal(one, two)
        assert one.shape == (80, len(HORIZON_FEATURES))
    assert len(FEATURES) == len(set(FEATURES))


def test_an_outlook_lifts_the_days_it_names() -> None:
    rng = np.random.default_rng(3)
    campaign = (np.arange(164) % 15 == 14).astype(float)
    lifted = replace(FRAME, pieces=rng.poisson(FRAME.pieces * (1.0 + 2.0 * campaign[:150])).astype(float))
    outlook = np.tile(1.0 + 2.0 * campaign, (2, 1))
    past = lifted.until(20_000 + 146)
    model = fit_items(past, replace(SMALL, origin_step=1), outlook)
    told = predict_items(model, past, range(7), outlook=outlook).mean.sum(axis=0)
    untold = predict_items(model, past, range(7), outlook=np.ones((2, 164))).mean.sum(axis=0)
    day = int(np.flatnonzero(campaign[146:153])[0])
    assert told[day] > 1.3 * untold[day]


def test_weekday_quantiles_by_hand() -> None:
    pieces = np.zeros((1, 28))
    pieces[0, 1::7] = [4.0, 8.0, 6.0, 7.0]
    counts = np.arange(29.0)[None, :]
    same = weekday_quantiles(ordered_past(pieces, counts, 28), 1, (0.5, 0.9))
    assert same[0, 1] == 8.0
    assert same[0, 0] in {4.0, 6.0}
    other = weekday_quantiles(ordered_past(pieces, counts, 28), 3, (0.5,))
    assert other[0, 0] == 0.0
    assert np.isnan(weekday_quantiles(ordered_past(pieces, counts * 0, 28), 1, (0.5,))[0, 0])


def test_training_takes_the_large_and_some_of_the_small() -> None:
    chosen = training_series(FRAME, 20)
    order = np.argsort(-FRAME.pieces.sum(axis=1), kind="stable")
    assert set(order[:10]) <= set(chosen)
    assert len(set(chosen)) == 20
    assert list(training_origins(60, 7, 3, 7)) == [39, 46, 53]
    assert len(training_origins(30, 7, 3, 7)) == 0
    rows = training_rows(FRAME, 7, training_origins(150, 7, 4, 7), 0.5, None, 1)
    assert len(rows.ratio) == 80 * 6 * 6  # Saturdays are closed
    np.testing.assert_allclose((rows.ratio * rows.level)[:80], FRAME.pieces[:, 122])


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="levels"):
        ItemSettings(levels=(0.9, 0.5))
    assert ItemModel(SMALL, "pooled", 5).heads == {}
