"""Whatever a series looks like, forecasts are finite, not negative, and never cross."""

from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.forecasting.coherence import memberships, reconciled
from supplychain.forecasting.frames import daily_frame
from supplychain.forecasting.item_record import ItemForecast, ItemModel, ItemSettings
from supplychain.forecasting.items import fit_items, predict_items
from supplychain.forecasting.prior import AggregateSeries, PriorSettings, fit_prior
from supplychain.forecasting.prior_record import from_json
from supplychain.forecasting.returns import LossHistory, learn_losses
from supplychain.forecasting.tempering import Checkpoints, Tempering, checkpoint_losses

SMALL = ItemSettings(trees=10, least_rows=10, threads=1, leaves=7)
amounts = st.one_of(
    st.sampled_from([0.0, 1.0, -5.0, 1e9, float("nan"), float("inf"), 0.5]),
    st.floats(0, 1e6),
    st.integers(0, 30).map(float),
)
# Days before, inside and after the frame: gaps, duplicates and future stamps come by themselves.
lines = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(-5, 200), amounts, amounts), max_size=60)


@lru_cache(maxsize=1)
def trained() -> ItemModel:
    rng = np.random.default_rng(1)
    pieces = rng.poisson(rng.lognormal(1, 1, 60)[:, None] * np.ones((1, 120)))
    sku, day = np.nonzero(pieces)
    frame = daily_frame(
        [f"s{i}" for i in sku], day, pieces[sku, day], np.ones(len(sku)), first_day=0, end_day=120, weekly_closed=False
    )
    return fit_items(frame, SMALL)


def sound(forecast: ItemForecast) -> bool:
    arrays = (forecast.quantiles, forecast.mean, forecast.variance, forecast.low, forecast.high)
    return bool(
        all(np.all(np.isfinite(values)) and np.all(values >= 0) for values in arrays)
        and np.all(np.diff(forecast.quantiles, axis=-1) >= 0)
        and np.all(forecast.low <= forecast.high)
    )


@given(lines, st.integers(1, 120), st.booleans(), st.lists(st.integers(0, 40), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_items_survive_any_history(
    history: list[tuple[str, int, float, float]], width: int, closed: bool, steps: list[int]
) -> None:
    keys, days, pieces, prices = (
        (list(column) for column in zip(*history, strict=True)) if history else ([], [], [], [])
    )
    frame = daily_frame(
        keys,
        np.array(days, dtype=np.int64),
        np.array(pieces),
        np.array(prices),
        first_day=0,
        end_day=width,
        weekly_closed=closed,
    )
    assert sound(predict_items(trained(), frame, steps))
    own = fit_items(frame, SMALL)
    assert sound(predict_items(own, frame, steps))
    known = np.full(len(frame.keys), width)
    assert sound(predict_items(trained(), frame, steps, known))


@given(st.lists(amounts, max_size=54), st.lists(st.booleans(), min_size=54, max_size=54))
@settings(deadline=None, max_examples=100)
def test_priors_survive_any_series(values: list[float], opens: list[bool]) -> None:
    series = AggregateSeries(
        "x", 20_000, np.array(values, dtype=np.float64), np.array(opens[: len(values)], dtype=bool)
    )
    prior = fit_prior(series, PriorSettings())
    forecast = prior.predict(np.arange(20_000, 20_400))
    assert np.all(np.isfinite(forecast.mean))
    assert np.all(np.isfinite(forecast.variance))
    assert np.all(forecast.mean >= 0)
    assert np.all(forecast.variance >= 0)
    assert from_json(prior.to_json()) == prior


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 2)), min_size=1, max_size=20),
    st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e7)), min_size=3, max_size=3),
)
@settings(deadline=None)
def test_reconciled_parts_are_not_negative_and_add_up(
    parts: list[tuple[float, float, int]], wholes: list[tuple[float, float]]
) -> None:
    means, variances, group = (np.array(column) for column in zip(*parts, strict=True))
    aggregate, spread = (np.array(column) for column in zip(*wholes, strict=True))
    members = memberships(["0", "1", "2"], [str(int(one)) for one in group])
    moved, total = reconciled(means, variances, members, aggregate, spread)
    assert np.all(moved >= 0)
    assert np.all(np.isfinite(moved))
    np.testing.assert_allclose(np.bincount(group.astype(np.int64), moved, 3), total)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 99)), max_size=30),
    st.integers(0, 10**9),
)
@settings(deadline=None)
def test_losses_of_any_history_are_shares(rows: list[tuple[int, int, int]], age: int) -> None:
    count = len(rows)
    paid = np.array([row[0] for row in rows], dtype=np.int64)
    later = paid + np.array([row[1] for row in rows], dtype=np.int64)
    kind = np.array([row[2] % 4 for row in rows], dtype=np.int64)
    never = np.full(count, -1, dtype=np.int64)
    history = LossHistory(
        tuple((f"c{row[2] % 3}",) for row in rows),
        np.array([row[2] for row in rows], dtype=np.int64),
        paid,
        np.where(kind == 0, later, never),
        np.where(kind > 0, paid, never),
        np.where(kind == 1, later, never),
        np.where(kind == 2, later, never),
        np.zeros(count, dtype=bool),
        2 * 10**9,
    )
    model = learn_losses(history, sessions=[str(row[2] % 5) for row in rows])
    for cell in (("c0",), ("other",)):
        assert 0.0 <= model.keeps(cell, age) <= model.ships(cell, age) <= 1.0 + 1e-12


@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.integers(0, 5_000), st.integers(0, 5_000)),
        min_size=1,
        max_size=10,
    )
)
@settings(deadline=None)
def test_checkpoint_losses_are_finite(rows: list[tuple[float, float, int, int]]) -> None:
    past, rest, sold, left = (np.array(column, dtype=np.float64)[:, None] for column in zip(*rows, strict=True))
    losses = checkpoint_losses(
        Checkpoints(past, rest, sold, left, (0.5,)), Tempering(1.0, 0.5, 2.0, 0.3, ((0.5, 0.4),))
    )
    assert np.all(np.isfinite(losses))
    assert np.all(losses >= 0)
