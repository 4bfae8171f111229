import math

import numpy as np
import pytest
from scipy import stats

from supplychain.forecasting.moments import Moments, total
from supplychain.forecasting.quantiles import capped, distribution, expected_sales, quantiles, shortage_tranches


@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.3), (0.3, 2.0), (7.0, 7.0), (7.0, 40.0), (900.0, 90_000.0)])
def test_quantiles_equal_the_reference_distribution(mean: float, variance: float) -> None:
    levels = np.array([0.05, 0.1, 0.5, 0.9, 0.95, 0.999])
    reference = (
        stats.poisson(mean) if variance == mean else stats.nbinom(mean * mean / (variance - mean), mean / variance)
    )
    np.testing.assert_array_equal(quantiles(mean, variance, levels), reference.ppf(levels))
    np.testing.assert_allclose(distribution(mean, variance, [0, 3, 50]), reference.cdf([0, 3, 50]), rtol=1e-9)


@pytest.mark.parametrize(
    ("mean", "variance", "cap"), [(0.5, 0.5, 1), (12.0, 60.0, 9), (12.0, 12.0, 30), (300.0, 9_000.0, 280)]
)
def test_expected_sales_equal_a_slow_sum(mean: float, variance: float, cap: int) -> None:
    slow = sum(1.0 - float(distribution(mean, variance, k)) for k in range(cap))
    assert float(expected_sales(mean, variance, cap)) == pytest.approx(slow, rel=1e-9)


def test_the_gamma_limit_meets_the_count_distribution() -> None:
    small, large = quantiles([4_999.0, 5_001.0], [1e6, 1e6], 0.9)
    assert abs(small - large) <= 6


def test_tranches_cover_the_demand_from_the_surest_on() -> None:
    slices = shortage_tranches(Moments(40.0, 400.0), (0.1, 0.5, 0.9, 0.9999))
    chances = [piece.chance for piece in slices]
    assert chances == sorted(chances, reverse=True)
    assert sum(piece.pieces * piece.chance for piece in slices) == pytest.approx(40.0, rel=1e-3)
    assert shortage_tranches(Moments(0.0, 0.0)) == ()
    with pytest.raises(ValueError, match="levels"):
        shortage_tranches(Moments(1.0, 1.0), (0.9, 0.5))


def test_capped_moments_equal_a_simulation() -> None:
    rng = np.random.default_rng(2)
    draws = np.minimum(rng.negative_binomial(2, 2 / 42, 400_000), 50)
    cut = capped(Moments(40.0, 40.0 + 800.0), 50)
    assert cut.mean == pytest.approx(draws.mean(), rel=0.01)
    assert cut.variance == pytest.approx(draws.var(), rel=0.02)
    assert capped(Moments(40.0, 50.0), 10_000) == Moments(40.0, 50.0)
    assert capped(Moments(40.0, 50.0), 0) == Moments(0.0, 0.0)


def test_adding_quantiles_of_rooms_overstates_and_adding_moments_does_not() -> None:
    room = Moments(50.0, 50.0 + 2_500.0 * 0.5)
    added = float(quantiles(total([room] * 6).mean, total([room] * 6).variance, 0.9))
    alone = float(quantiles(room.mean, room.variance, 0.9))
    draws = np.random.default_rng(3).negative_binomial(2, 2 / 52, (100_000, 6)).sum(axis=1)
    assert added == pytest.approx(float(np.quantile(draws, 0.9)), rel=0.02)
    assert 6 * alone > 1.15 * added


def test_thinned_moments_equal_a_simulation() -> None:
    rng = np.random.default_rng(4)
    counts = rng.negative_binomial(3, 3 / 63, 400_000)
    kept = rng.binomial(counts, rng.beta(12, 8, 400_000))
    net = Moments(60.0, 60.0 + 1_200.0).thinned(0.6, 0.24 / 21)
    assert net.mean == pytest.approx(kept.mean(), rel=0.01)
    assert net.variance == pytest.approx(kept.var(), rel=0.02)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_impossible_moments_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        quantiles(bad, 1.0, 0.5)
    with pytest.raises(ValueError, match="finite"):
        Moments(1.0, bad)
    with pytest.raises(ValueError, match="probability"):
        quantiles(1.0, 1.0, 1.0)
