import numpy as np
import pytest

from supplychain.forecasting.coherence import memberships, reconciled
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.shelf import consume, spread_over_day, without_sessions

HOUR = 3_600_000


def test_orders_consume_their_period_then_backwards_then_forwards() -> None:
    forecast = [Moments(10.0, 10.0)] * 3
    assert [m.mean for m in consume(forecast, [0.0, 4.0, 0.0])] == pytest.approx([10, 6, 10])
    assert [m.mean for m in consume(forecast, [0.0, 15.0, 0.0])] == pytest.approx([5, 0, 10])
    assert [m.mean for m in consume(forecast, [0.0, 25.0, 0.0])] == pytest.approx([0, 0, 5])
    assert [m.mean for m in consume(forecast, [99.0, 0.0, 0.0])] == pytest.approx([0, 0, 0])


def test_the_baseline_holds_neither_sessions_nor_spikes() -> None:
    daily = np.array([[100.0, 40.0]])
    np.testing.assert_array_equal(
        without_sessions(daily, np.array([[30.0, 0.0]]), np.array([[20.0, 90.0]])), [[50.0, 0.0]]
    )


def test_days_are_cut_to_hours_and_add_up() -> None:
    days = [0, 24 * HOUR, 48 * HOUR]
    edges = [0, 6 * HOUR, 30 * HOUR, 48 * HOUR, 60 * HOUR]
    parts = spread_over_day(np.array([24.0, 48.0]), np.array([24.0, 148.0]), days, edges)
    assert [part.mean for part in parts] == pytest.approx([6.0, 18.0 + 12.0, 36.0, 0.0])
    assert parts[0].variance == pytest.approx(6.0)
    assert parts[2].variance == pytest.approx(36.0 + 100.0 * 0.75**2)


TWO = memberships(["x", "y"], ["x", "x", "y"])


def test_overlapping_aggregates_are_met_at_once() -> None:
    rng = np.random.default_rng(1)
    means, variances = rng.uniform(5.0, 20.0, 12), rng.uniform(1.0, 9.0, 12)
    tastes, places = [f"c{i % 3}" for i in range(12)], [f"r{i % 4}" for i in range(12)]
    names = ["c0", "c1", "c2", "r0", "r1", "r2", "r3"]
    members = memberships(names, tastes, places)
    told = members @ rng.uniform(5.0, 20.0, 12)
    parts, whole = reconciled(means, variances, members, told, np.zeros(7))
    np.testing.assert_allclose(whole, told, rtol=1e-6)
    unsure = reconciled(means, variances, members, told, np.full(7, 1e9))[0]
    np.testing.assert_allclose(unsure, means, rtol=1e-4)
    full, doubt = members.toarray(), rng.uniform(0.5, 5.0, 7)
    gain = np.diag(variances) @ full.T @ np.linalg.inv(full @ np.diag(variances) @ full.T + np.diag(doubt))
    slow = means + gain @ (told - full @ means)
    np.testing.assert_allclose(reconciled(means, variances, members, told, doubt)[0], np.maximum(slow, 0.0), rtol=1e-6)
    assert parts.min() >= 0.0


def test_a_giant_beside_a_small_aggregate_leaves_it_its_own() -> None:
    means, variances = np.array([10.0, 10.0, 1e9]), np.array([1.0, 1.0, 1e18])
    parts, _ = reconciled(means, variances, TWO, np.array([30.0, 2e9]), np.array([1e-6, 1e3]))
    np.testing.assert_allclose(parts, [15.0, 15.0, 2e9], rtol=1e-4)


def test_reconciled_parts_add_up_by_their_uncertainty() -> None:
    means, variances = np.array([10.0, 10.0, 5.0]), np.array([1.0, 3.0, 2.0])
    parts, whole = reconciled(means, variances, TWO, np.array([28.0, 5.0]), np.array([4.0, 1.0]))
    np.testing.assert_allclose(parts, [11.0, 13.0, 5.0])
    np.testing.assert_allclose(whole, [24.0, 5.0])


def test_reconciling_never_goes_negative() -> None:
    parts, whole = reconciled(
        np.array([1.0, 100.0]),
        np.array([50.0, 50.0]),
        memberships(["x"], ["x", "x"]),
        np.array([20.0]),
        np.array([0.0]),
    )
    assert np.all(parts >= 0.0)
    assert whole[0] == pytest.approx(20.0)
