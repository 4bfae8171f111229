import math

import numpy as np
import pytest

from supplychain.forecasting.losses import bias, coverage, mase, pinball, wape, weighted_quantile_loss

RNG = np.random.default_rng(1)
ACTUAL = RNG.poisson(3.0, (5, 7)).astype(float)
PREDICTED = {level: ACTUAL * 0.5 + RNG.normal(1, 2, (5, 7)) for level in (0.1, 0.5, 0.9)}


def slow_pinball(y: float, f: float, level: float) -> float:
    return level * (y - f) if y >= f else (1 - level) * (f - y)


def test_weighted_quantile_loss_against_its_slow_twin() -> None:
    loss = sum(slow_pinball(ACTUAL[i, t], PREDICTED[q][i, t], q) for q in PREDICTED for i in range(5) for t in range(7))
    assert weighted_quantile_loss(ACTUAL, PREDICTED) == pytest.approx(2 * loss / 3 / ACTUAL.sum())


def test_the_median_alone_is_wape() -> None:
    assert weighted_quantile_loss(ACTUAL, {0.5: PREDICTED[0.5]}) == pytest.approx(wape(ACTUAL, PREDICTED[0.5]))


def test_mase_against_its_slow_twin() -> None:
    history = RNG.poisson(4.0, (5, 40)).astype(float)
    history[4] = 2.0  # a series without any seasonal error has no scale and is left out
    scores = []
    for i in range(4):
        scale = sum(abs(history[i, t] - history[i, t - 7]) for t in range(7, 40)) / 33
        scores.append(sum(abs(ACTUAL[i, t] - PREDICTED[0.5][i, t]) for t in range(7)) / 7 / scale)
    assert mase(ACTUAL, PREDICTED[0.5], history, 7) == pytest.approx(sum(scores) / 4)


def test_coverage_and_bias_by_hand() -> None:
    assert coverage([1, 2, 3, 4], [1, 3, 0, 0], [1, 9, 3, 3]) == 0.5
    assert bias([2, 2], [3, 4]) == 0.75
    assert wape([2, 2], [3, 1]) == 0.5
    np.testing.assert_allclose(pinball([3.0, 1.0], [1.0, 3.0], 0.9), [1.8, 0.2])


def test_nothing_to_divide_by_is_not_a_number() -> None:
    zeros = np.zeros((2, 3))
    assert math.isnan(wape(zeros, zeros))
    assert math.isnan(bias(zeros, zeros))
    assert math.isnan(weighted_quantile_loss(zeros, {0.5: zeros}))
    assert math.isnan(mase(zeros, zeros, np.zeros((2, 20)), 7))
    assert math.isnan(mase(zeros, zeros, np.zeros((2, 5)), 7))
    assert math.isnan(coverage([], [], []))
