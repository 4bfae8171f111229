import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.forecasting.exposure import ExposureCurve
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.quantiles import capped, expected_sales, quantiles
from supplychain.forecasting.session import SessionForecaster, SessionPrior

means = st.floats(0.0, 1e9)
factors = st.floats(0.0, 1e4)


@given(means, factors)
@settings(deadline=None)
def test_quantiles_are_whole_finite_and_never_cross(mean: float, factor: float) -> None:
    values = quantiles(mean, mean * factor, [0.0, 0.05, 0.1, 0.5, 0.9, 0.99])
    assert np.all(np.isfinite(values))
    assert values[0] >= 0.0
    assert np.all(np.diff(values) >= 0.0)
    assert np.all(values == np.floor(values))


@given(st.floats(0.0, 1e5), factors, st.integers(0, 10_000))
@settings(deadline=None)
def test_a_cap_never_adds(mean: float, factor: float, cap: int) -> None:
    demand = Moments(mean, mean * factor)
    cut = capped(demand, cap)
    assert cut.mean <= min(mean, cap) * (1 + 1e-9)
    assert cut.variance <= demand.variance
    assert float(expected_sales(mean, mean * factor, cap)) <= float(expected_sales(mean, mean * factor, cap + 1)) + 1e-6


steps = st.lists(
    st.tuples(st.integers(0, 400_000), st.integers(0, 500), st.integers(0, 5_000), st.booleans()), max_size=20
)


@given(steps, st.floats(0, 100), st.floats(0.01, 50), st.floats(0, 1), st.integers(0, 20))
@settings(deadline=None)
def test_any_history_gives_finite_forecasts_that_add_up_and_resume(
    history: list[tuple[int, int, int, bool]], rate: float, shape: float, kappa: float, cut: int
) -> None:
    prior = SessionPrior(rate, shape, kappa, dispersion=1.5, future_cv=0.2, regions=("a", "b"), shares=(1.0, 0.0))
    curve = ExposureCurve((0, 600_000, 900_000, 3_600_000), (1.0, 7.0, 0.0))
    item = SessionForecaster(prior, curve)
    clock = 0
    for i, (wait, orders, units, out) in enumerate(history):
        clock += wait
        item.advance(clock, 1.0 + wait % 3)
        item.observe("a" if units % 2 else "b", orders, units)
        (item.stock_out if out else item.restocked)(clock)
        if i == cut:
            item = SessionForecaster.resume(prior, curve, item.snapshot())
    left = item.forecast(clock)
    parts = left.regions()
    assert np.isclose(sum(m.mean for m in parts.values()), left.units.mean)
    slots = left.periods([0, 500_000, 800_000, 4_000_000])
    assert np.isclose(sum(m.mean for row in slots.values() for m in row), left.units.mean)
