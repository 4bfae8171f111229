"""Shared prices chosen from the last sweeps together: on functions whose highest point is known."""

from __future__ import annotations

import numpy as np
import pytest

from optimizers.bundle import CUTS, Bundle, empty_bundle, learn, lightest, next_prices
from optimizers.milp import Floats

NOTHING = np.zeros(0)


def _peaks(rng: np.random.Generator, prices: int, pieces: int) -> tuple[Floats, Floats]:
    """Slopes (pieces, prices) and heights (pieces,) of a function that is the lowest of them all; its top is inside."""
    slopes = rng.normal(size=(pieces, prices))
    slopes[0] = -slopes[1:].sum(axis=0)
    return slopes, -slopes @ rng.uniform(1.0, 3.0, prices)


def _climbed(bundle: Bundle, slopes: Floats, heights: Floats, sweeps: int) -> float:
    prices = np.zeros(slopes.shape[1])
    for _ in range(sweeps):
        values = heights + slopes @ prices
        lowest = int(np.argmin(values))
        learn(bundle, float(values[lowest]), prices, NOTHING, slopes[lowest], NOTHING)
        prices = next_prices(bundle, NOTHING)
        assert (prices >= 0).all()
        assert (prices <= bundle.most).all()
    return bundle.value


@pytest.mark.parametrize("seed", range(8))
def test_prices_climb_to_the_top(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slopes, heights = _peaks(rng, prices=4, pieces=9)
    top = heights + slopes @ -np.linalg.lstsq(slopes, heights, rcond=None)[0]
    assert np.allclose(top, 0.0)
    bundle = empty_bundle(np.ones(4), np.ones(4), np.full(4, 10.0), 0)
    first = float(heights.min())
    assert _climbed(bundle, slopes, heights, 60) >= 0.001 * first
    assert bundle.count == CUTS


def test_a_ceiling_holds_prices_back() -> None:
    bundle = empty_bundle(np.ones(1), np.ones(1), np.array([0.5]), 0)
    assert _climbed(bundle, np.array([[2.0]]), np.array([1.0]), 10) == pytest.approx(2.0)
    assert bundle.centre == pytest.approx(np.array([0.5]))


def test_prices_of_one_items_own_raise_the_functions_known() -> None:
    bundle = empty_bundle(np.ones(1), np.ones(1), np.array([4.0]), 1)
    learn(bundle, 1.0, np.zeros(1), np.zeros(1), np.array([1.0]), np.array([3.0]))
    next_prices(bundle, np.zeros(1))
    before = bundle.expected
    next_prices(bundle, np.array([2.0]))
    assert bundle.expected == pytest.approx(before + 6.0)


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_the_lightest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(5, 3))
    quadratic, linear = root @ root.T, rng.normal(size=5)

    def cost(weights: Floats) -> float:
        return float(weights @ quadratic @ weights / 2 + linear @ weights)

    found = lightest(quadratic, linear, np.full(5, 0.2))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    others = rng.dirichlet(np.full(5, 0.4), 2_000)
    assert cost(found) <= min(cost(each) for each in others) + 1e-6
