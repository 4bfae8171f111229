import numpy as np
import pytest

from supplychain.forecasting.life_table import LifeTable, learn_table
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.returns import (
    DAY_MS,
    HOUR_MS,
    LossHistory,
    LossModel,
    expected_returns,
    learn_losses,
    losses_from_json,
)

EDGES = (0, HOUR_MS, 10 * HOUR_MS)
TRUE_CANCEL = {"shoes": 0.30, "tea": 0.05}


def world(rows: int = 8_000, seed: int = 3, spread: float = 0.0) -> tuple[LossHistory, list[str]]:
    """Lines cancelled exponentially within ten hours, shipped after 24, returned evenly in days 5 to 10."""
    rng = np.random.default_rng(seed)
    category = rng.choice(["shoes", "tea"], rows)
    session = rng.integers(0, 40, rows)
    factor = rng.gamma(1 / spread, spread, 40) if spread else np.ones(40)
    risk = -np.log1p(-np.array([TRUE_CANCEL[c] for c in category])) * factor[session]
    paid = rng.integers(0, 10 * DAY_MS, rows)
    lost = rng.random(rows) > np.exp(-risk)
    cancelled = np.where(lost, paid + rng.integers(1, 10 * HOUR_MS, rows), -1)
    shipped = np.where(lost, -1, paid + DAY_MS)
    back = ~lost & (rng.random(rows) < np.where(category == "shoes", 0.4, 0.02))
    returned = np.where(back, shipped + rng.integers(5 * DAY_MS, 10 * DAY_MS, rows), -1)
    history = LossHistory(
        tuple((str(c), "low") for c in category),
        np.ones(rows, dtype=np.int64),
        paid,
        cancelled,
        shipped,
        np.full(rows, -1),
        returned,
        rng.random(rows) < 0.2,
        60 * DAY_MS,
    )
    return history, [str(s) for s in session]


def test_shares_are_recovered_by_category() -> None:
    model = learn_losses(world()[0])
    for category, lost, back in (("shoes", 0.30, 0.4), ("tea", 0.05, 0.02)):
        assert model.ships((category, "low")) == pytest.approx(1 - lost, abs=0.02)
        assert model.keeps((category, "low")) == pytest.approx((1 - lost) * (1 - back), abs=0.03)
    assert model.sellable == pytest.approx(0.8, abs=0.03)
    assert model.session_spread == 0.1


def test_what_survived_is_safer() -> None:
    model = learn_losses(world()[0])
    assert model.ships(("shoes", "low"), age_ms=9 * HOUR_MS) > 0.9
    assert (
        model.ships(("shoes", "low"), age_ms=20 * HOUR_MS) > 0.97
    )  # the bucket from 8 to 24 hours spreads its events evenly


def test_an_unseen_cell_takes_the_nearest_known_one() -> None:
    model = learn_losses(world()[0])
    assert model.ships(("shoes", "luxury")) == pytest.approx(model.ships(("shoes",)))
    assert model.ships(("tea", "low")) > model.ships(("toys", "low")) > model.ships(("shoes", "low"))


def test_a_small_cell_is_drawn_to_its_parent() -> None:
    cells = [("a", "x")] * 1_000 + [("a", "y")] * 2
    exits = np.full(1_002, 2 * HOUR_MS)
    event = np.zeros(1_002, dtype=bool)
    exits[:300], event[:300] = HOUR_MS // 2, True
    exits[-2:], event[-2:] = HOUR_MS // 2, True
    table = learn_table(cells, exits, event, np.ones(1_002), EDGES, pooling=100.0)
    assert table.of(("a", "y"))[0] < 0.35
    assert learn_table(cells, exits, event, np.ones(1_002), EDGES, pooling=0.01).of(("a", "y"))[0] > 0.98


def test_censoring_is_not_survival() -> None:
    exits = np.array([HOUR_MS // 2] * 50 + [HOUR_MS // 2] * 50)
    event = np.array([True] * 50 + [False] * 50)
    table = learn_table([()] * 100, exits, event, np.ones(100), EDGES)
    assert table.of(())[0] == pytest.approx(50 / 75)


def test_survival_interpolates_and_the_factor_multiplies_the_risk() -> None:
    table = LifeTable(EDGES, {(): (0.5, 0.0)})
    np.testing.assert_allclose(
        table.survival((), np.array([0, HOUR_MS // 2, HOUR_MS, 99 * HOUR_MS])), [1, 0.5**0.5, 0.5, 0.5]
    )
    assert float(table.survival((), np.array([HOUR_MS]), 2.0)[0]) == pytest.approx(0.25)


def test_sessions_that_differ_are_learned_and_a_bad_one_is_recognised() -> None:
    history, sessions = world(spread=0.3)
    model = learn_losses(history, sessions=sessions)
    assert model.session_spread == pytest.approx(0.3, abs=0.15)
    calm, _ = world()
    assert learn_losses(calm, sessions=world()[1]).session_spread < 0.05
    ages = np.full(500, 2 * HOUR_MS)
    cell = ("shoes", "low")
    expected = 500 * (1 - model.cancelled.survival(cell, ages)[0])
    assert model.session_factor(cell, ages, np.ones(500, dtype=np.int64), expected) == pytest.approx(1.0)
    assert 1.3 < model.session_factor(cell, ages, np.ones(500, dtype=np.int64), 2 * expected) < 2.0


def test_net_moments_are_smaller_and_less_sure_where_sessions_differ() -> None:
    history, sessions = world(spread=0.3)
    steady, varied = learn_losses(history), learn_losses(history, sessions=sessions)
    gross = Moments(1_000.0, 1_000.0)
    assert steady.net(gross, ("shoes", "low")).mean == pytest.approx(varied.net(gross, ("shoes", "low")).mean)
    assert varied.net(gross, ("shoes", "low")).variance > steady.net(gross, ("shoes", "low")).variance


def test_returns_come_when_they_are_due_and_add_up() -> None:
    model = learn_losses(world()[0])
    edges = [DAY_MS * d for d in range(61)]
    out = expected_returns(model, ("shoes", "low"), np.array([0]), np.array([1_000]), 0, edges, transit_ms=2 * DAY_MS)
    assert out.sum() == pytest.approx(400 * model.sellable, rel=0.06)
    assert out[:7].sum() < 0.02 * out.sum()
    assert out[7:12].sum() > 0.95 * out.sum()


def test_what_has_long_been_out_does_not_come_back() -> None:
    model = learn_losses(world()[0])
    edges = [20 * DAY_MS, 60 * DAY_MS]
    out = expected_returns(model, ("shoes", "low"), np.array([0]), np.array([1_000]), 20 * DAY_MS, edges)
    assert out.sum() == pytest.approx(0.0, abs=1.0)


def test_json_round_trip() -> None:
    model = learn_losses(world(500)[0])
    assert losses_from_json(model.to_json()) == model
    with pytest.raises(ValueError, match="version"):
        losses_from_json('{"version": 7}')


def test_nothing_seen_loses_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)
    model = learn_losses(LossHistory((), empty, empty, empty, empty, empty, empty, empty.astype(bool), 0))
    assert isinstance(model, LossModel)
    assert model.ships(("any",)) == 1.0
