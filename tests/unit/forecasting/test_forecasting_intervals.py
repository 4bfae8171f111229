import math

import numpy as np
import pytest

from supplychain.forecasting.intervals import (
    Conformal,
    horizon_classes,
    learn_conformal,
    shortest_interval,
    sorted_quantiles,
    volume_segments,
)

RNG = np.random.default_rng(7)


def draws(rows: int, scale: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(RNG.gamma(2.0, scale / 2.0, (rows, 7)))


def test_too_narrow_and_too_wide_intervals_are_put_right_per_segment() -> None:
    scale = np.repeat([10.0, 100.0], 300)
    segments = ["narrow"] * 300 + ["wide"] * 300
    low = np.repeat([[9.0], [1.0]], 300, axis=0) * np.ones((600, 7))
    high = np.repeat([[11.0], [400.0]], 300, axis=0) * np.ones((600, 7))
    seen = np.vstack([draws(300, 10.0), draws(300, 100.0)])
    fresh = np.vstack([draws(300, 10.0), draws(300, 100.0)])
    classes = horizon_classes(range(7))
    learned = learn_conformal(seen, low, high, scale, segments, classes)
    new_low, new_high = learned.apply(low, high, scale, segments, classes)
    for part in (slice(0, 300), slice(300, 600)):
        inside = (new_low[part] <= fresh[part]) & (fresh[part] <= new_high[part])
        assert inside.mean() == pytest.approx(0.8, abs=0.03)
    assert learned.margin("narrow", 1) > 0 > learned.margin("wide", 1)


def test_an_unknown_segment_falls_back() -> None:
    learned = Conformal(0.8, {("", -1): 0.5, ("a", -1): 0.2, ("a", 0): 0.1})
    assert [learned.margin("a", 0), learned.margin("a", 1), learned.margin("b", 0)] == [0.1, 0.2, 0.5]
    assert Conformal(0.8, {}).margin("a", 0) == 0.0


def test_few_scores_borrow() -> None:
    actual = draws(5, 1.0)
    learned = learn_conformal(actual, np.zeros((5, 7)), np.ones((5, 7)), np.ones(5), ["a"] * 5, [0] * 7)
    assert set(learned.margins) == {("", -1)}


def test_intervals_that_start_at_zero_end_at_the_coverage_quantile() -> None:
    levels = (0.1, 0.5, 0.8, 0.9)
    low, high = shortest_interval(levels, np.array([[0.0, 1.0, 4.0, 7.0], [5.0, 8.0, 9.0, 12.0]]))
    np.testing.assert_allclose(low, [0.0, 5.0])
    np.testing.assert_allclose(high, [4.0, 12.0])


def test_an_interval_never_turns_around() -> None:
    shrink = Conformal(0.8, {("", -1): -100.0})
    low, high = shrink.apply(np.array([[1.0]]), np.array([[2.0]]), np.ones(1), ["a"], [0])
    assert 0.0 <= low[0, 0] <= high[0, 0]


def test_quantiles_are_sorted_and_not_negative() -> None:
    np.testing.assert_array_equal(sorted_quantiles(np.array([[3.0, -1.0, math.nan, 2.0]])), [[0.0, 0.0, 2.0, 3.0]])


def test_segments_tell_volume_and_frequency_apart() -> None:
    assert volume_segments(np.array([0.5, 50.0]), np.array([0.1, 0.9])) == ("often0-much0", "often3-much2")
