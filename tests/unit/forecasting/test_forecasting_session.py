import math
from dataclasses import replace

import numpy as np
import pytest

from supplychain.forecasting.exposure import (
    MINUTE_MS,
    ExposureCurve,
    ExposureEffects,
    FlashOffer,
    Pitch,
    RoomPace,
    RunOfShow,
    SpikeLift,
    exposure_curve,
)
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.session import SessionForecaster, SessionPrior, remaining_orders

START = 1_790_000_000_000


def at(minutes: float) -> int:
    return START + round(minutes * MINUTE_MS)


FLAT = ExposureCurve((at(0), at(100)), (1.0,))
PRIOR = SessionPrior(rate=2.0, shape=2.0, kappa=1.0, regions=("CN-ZJ", "CN-GD"), shares=(3.0, 1.0))


def test_before_the_first_sale_the_forecast_is_the_prior() -> None:
    left = SessionForecaster(PRIOR, FLAT).forecast(at(0))
    assert left.orders.mean == pytest.approx(200.0)
    assert left.orders.variance == pytest.approx(200.0 + 200.0**2 / 2.0)


def test_conjugate_update_equals_a_numerical_posterior() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(10))
    item.observe("CN-ZJ", 50, 50)
    left = item.forecast(at(10))
    g = np.linspace(1e-6, 30, 400_001)
    log_weight = (PRIOR.shape - 1) * np.log(g) - PRIOR.shape * g + 50 * np.log(20 * g) - 20 * g
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = float((weight * 180 * g).sum())
    variance = float((weight * (180 * g + (180 * g) ** 2)).sum()) - mean**2
    assert left.orders.mean == pytest.approx(mean, rel=1e-4)
    assert left.orders.variance == pytest.approx(variance, rel=1e-3)


def test_the_variance_is_wider_or_narrower_by_the_time_that_is_over() -> None:
    item = SessionForecaster(replace(PRIOR, widths=((0.25, 2.0), (0.75, 0.5))), FLAT)
    plain = SessionForecaster(PRIOR, FLAT)
    for minutes, factor in ((0, 2.0), (25, 2.0), (50, 1.25), (75, 0.5), (90, 0.5)):
        left, usual = item.forecast(at(minutes)), plain.forecast(at(minutes))
        assert left.orders.mean == usual.orders.mean
        assert left.orders.variance == pytest.approx(factor * usual.orders.variance)


def test_zero_tempering_never_learns_and_half_learns_less() -> None:
    means = [remaining_orders(20.0, 180.0, 60.0, 0.5, replace(PRIOR, kappa=kappa)).mean for kappa in (0.0, 0.5, 1.0)]
    assert means[0] == pytest.approx(180.0)
    assert means[0] < means[1] < means[2] < 180.0 * 3


def test_stock_out_minutes_teach_nothing() -> None:
    seen, censored = SessionForecaster(PRIOR, FLAT), SessionForecaster(PRIOR, FLAT)
    for item in (seen, censored):
        item.advance(at(10))
        item.observe("CN-ZJ", 20, 20)
    censored.stock_out(at(10))
    seen.advance(at(50))
    censored.restocked(at(50))
    assert censored.past_exposure == pytest.approx(10.0)
    assert seen.forecast(at(50)).orders.mean < censored.forecast(at(50)).orders.mean == pytest.approx(100.0)


def test_orders_without_stock_teach_the_basket_alone() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.stock_out(at(0))
    item.observe("CN-ZJ", 100, 600)
    assert item.orders == 0
    assert item.forecast(at(0)).units.mean > 4 * item.forecast(at(0)).orders.mean


def test_regions_add_up_and_learn_observed_shares() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(10))
    before = item.forecast(at(10)).regions()
    assert before["CN-ZJ"].mean == pytest.approx(3 * before["CN-GD"].mean)
    item.observe("CN-GD", 200, 200)
    left = item.forecast(at(10))
    after = left.regions()
    assert sum(m.mean for m in after.values()) == pytest.approx(left.units.mean)
    assert after["CN-GD"].mean > after["CN-ZJ"].mean
    assert item.observe("CN-XX", 1, 1) is False


def test_region_moments_equal_a_simulation() -> None:
    prior = replace(PRIOR, dispersion=1.0, basket_mean=2.0, basket_square=6.0)
    regions = SessionForecaster(prior, FLAT).forecast(at(80)).regions()
    rng = np.random.default_rng(5)
    appeal = rng.gamma(2.0, 0.5, 300_000)
    orders = rng.poisson(40.0 * appeal)
    share = rng.beta(50 * 0.75, 50 * 0.25, 300_000)
    mine = rng.binomial(orders, share)
    pieces = 2.0 * mine + rng.normal(0.0, 1.0, 300_000) * np.sqrt(2.0 * mine)
    assert regions["CN-ZJ"].mean == pytest.approx(pieces.mean(), rel=0.01)
    assert regions["CN-ZJ"].variance == pytest.approx(pieces.var(), rel=0.02)


def test_periods_split_the_rest_and_shift_by_the_due_lag() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(20))
    item.observe("CN-ZJ", 40, 40)
    left = item.forecast(at(20))
    lag = 24 * 60 * MINUTE_MS
    parts = left.periods([at(0) + lag, at(60) + lag, at(200) + lag], due_lag_ms=lag)
    assert sum(m.mean for row in parts.values() for m in row) == pytest.approx(left.units.mean)
    assert parts["CN-ZJ"][0].mean == pytest.approx(parts["CN-ZJ"][1].mean)
    whole = left.periods([at(0), at(100)])["CN-ZJ"][0]
    assert whole.variance == pytest.approx(left.regions()["CN-ZJ"].variance)


def test_an_announced_offer_counts_before_its_first_sale() -> None:
    plain = RunOfShow(at(0), at(100), pitches=(Pitch("A", at(10), at(18)),))
    offer = replace(plain, offers=(FlashOffer("A", at(70), at(75), 0.5), FlashOffer("B", at(1), at(2), 0.5)))
    effects = ExposureEffects(pitch=5.0, offer=2.0, price_elasticity=1.0)
    assert exposure_curve(plain, "A", effects).total == pytest.approx(92 + 8 * 5)
    assert exposure_curve(offer, "A", effects).total == pytest.approx(87 + 8 * 5 + 5 * 4)
    assert exposure_curve(plain, "C", effects).total == pytest.approx(100)


def test_overlapping_pitch_and_offer_multiply_and_audience_scales() -> None:
    show = RunOfShow(
        at(0),
        at(10),
        pitches=(Pitch("A", at(2), at(4)), Pitch("A", at(3), at(4))),
        offers=(FlashOffer("A", at(3), at(5), 1.0),),
        audience=((at(5), 2.0),),
    )
    curve = exposure_curve(show, "A", ExposureEffects(pitch=4.0, offer=3.0, afterglow=1.5, afterglow_ms=MINUTE_MS))
    assert curve.between(at(2), at(3)) == pytest.approx(4.0)
    assert curve.between(at(3), at(4)) == pytest.approx(12.0)
    assert curve.between(at(4), at(5)) == pytest.approx(3.0)
    assert curve.between(at(5), at(6)) == pytest.approx(3.0)  # twice the audience, afterglow of the offer
    assert curve.between(at(6), at(7)) == pytest.approx(2.0)


def test_slots_are_equal_parts_of_the_session() -> None:
    curve = exposure_curve(RunOfShow(at(0), at(90)), "A", ExposureEffects(slots=(0.5, 1.0, 2.0)))
    assert [curve.between(at(a), at(a + 30)) for a in (0, 30, 60)] == pytest.approx([15, 30, 60])


def test_a_spike_moves_the_next_minutes_and_is_not_taken_for_appeal() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(20))
    item.observe("CN-ZJ", 40, 40)
    calm = item.forecast(at(20)).orders.mean
    item.advance(at(22))
    item.observe("CN-ZJ", 20, 20)
    lift = SpikeLift(5.0, at(20), half_life_ms=5 * MINUTE_MS)
    naive, aware = item.forecast(at(22)), item.forecast(at(22), lifts=[lift])
    ended = item.forecast(at(22), lifts=[replace(lift, ended_ms=at(22))])
    soon = [at(22), at(27)]
    assert aware.periods(soon)["CN-ZJ"][0].mean > 1.5 * naive.periods(soon)["CN-ZJ"][0].mean
    assert ended.orders.mean < naive.orders.mean
    assert ended.orders.mean == pytest.approx(calm * 78 / 80, rel=0.02)


def test_fading_exposure_equals_a_fine_sum() -> None:
    curve = ExposureCurve((at(0), at(3), at(10)), (1.0, 4.0))
    fine = sum(curve.between(at(m / 100), at((m + 1) / 100)) * 0.5 ** ((m + 0.5) / 500 - 0.4) for m in range(200, 1000))
    assert curve.fading(at(2), at(10), at(2), 5 * MINUTE_MS) == pytest.approx(fine, rel=1e-3)


def test_snapshot_resumes_to_the_same_forecast_and_stays_small() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(10), 1.3)
    item.observe("CN-GD", 9, 14)
    state = item.snapshot()
    again = SessionForecaster.resume(PRIOR, FLAT, state)
    assert again.forecast(at(10)).regions() == item.forecast(at(10)).regions()
    assert len(repr(state)) < 1_000
    with pytest.raises(ValueError, match="does not fit"):
        SessionForecaster.resume(SessionPrior(1.0), FLAT, state)


def test_room_pace_follows_viewers_and_trusts_the_far_future_less() -> None:
    pace = RoomPace()
    assert pace.now == 1.0
    for minute in range(30):
        pace.observe(at(minute), 2_000, 1_000)
    pace.observe(at(31), math.nan, 1_000)
    assert pace.now == pytest.approx(2.0)
    assert 1.0 < pace.ahead() < pace.now
    assert RoomPace.resume(pace.snapshot()).ahead(0.5) == pace.ahead(0.5)


def test_the_clock_going_back_changes_nothing() -> None:
    item = SessionForecaster(PRIOR, FLAT)
    item.advance(at(10))
    item.advance(at(5))
    assert item.past_exposure == pytest.approx(10.0)


def test_nothing_is_left_after_the_end() -> None:
    left = SessionForecaster(PRIOR, FLAT).forecast(at(101))
    assert left.units == Moments(0.0, 0.0)
    assert left.periods([at(0), at(300)])["CN-ZJ"] == (Moments(0.0, 0.0),)


@pytest.mark.parametrize(
    "change", [{"rate": math.nan}, {"shape": 0.0}, {"kappa": 1.1}, {"dispersion": 0.5}, {"shares": (1.0,)}]
)
def test_impossible_priors_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"prior|regions"):
        replace(PRIOR, **change)  # type: ignore[arg-type] # the table of cases is untyped on purpose


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="gross counts"):
        SessionForecaster(PRIOR, FLAT).observe("CN-ZJ", -1, 0)


def test_moments_of_a_region_equal_thinning_then_compounding() -> None:
    prior = replace(PRIOR, basket_mean=1.4, basket_square=3.0, dispersion=2.0, future_cv=0.3)
    item = SessionForecaster(prior, FLAT)
    item.advance(at(30))
    item.observe("CN-ZJ", 40, 70)
    left = item.forecast(at(30))
    for name, share in zip(left._names, left._shares, strict=True):
        spread = share * (1.0 - share) / (left._concentration + 1.0)
        slow = left.orders.thinned(share, spread).compounded(*left._basket)
        fast = left.regions()[name]
        assert (fast.mean, fast.variance) == pytest.approx((slow.mean, slow.variance))
