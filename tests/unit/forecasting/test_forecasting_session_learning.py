from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from supplychain.forecasting.exposure_learning import (
    AUDIENCE,
    OFFER,
    PITCH,
    PRICE,
    SessionLog,
    cross_fitted_rates,
    learn_effects,
    learn_rates,
)
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.session import SessionPrior, remaining_orders
from supplychain.forecasting.tempering import Checkpoints, Tempering, checkpoint_losses, learn_shape, learn_tempering

NAMES = (AUDIENCE, PITCH, OFFER, PRICE, "slot1")
TRUE = np.array([0.8, np.log(5.0), np.log(2.0), 1.4, 0.4])


def sessions(count: int = 250, minutes: int = 60, seed: int = 4) -> SessionLog:
    rng = np.random.default_rng(seed)
    x = np.zeros((count, minutes, len(NAMES)))
    x[..., 0] = rng.normal(0.0, 0.3, (count, minutes))
    x[:, 10:18, 1] = 1.0
    x[: count // 2, 40:45, 2] = 1.0
    x[: count // 2, 40:45, 3] = -np.log(rng.uniform(0.5, 0.9, (count // 2, 1)))
    x[:, 30:, 4] = 1.0
    level = rng.gamma(1.0, 1.0, (count, 1))
    orders = rng.poisson(level * np.exp(x @ TRUE)).astype(float)
    return SessionLog(orders, x, np.ones(orders.shape, dtype=bool), NAMES)


def test_effects_are_learned_whatever_the_appeal() -> None:
    learned = learn_effects(sessions())
    np.testing.assert_allclose(learned.log_effects, TRUE, atol=0.25)
    np.testing.assert_allclose(learned.log_effects[:2], TRUE[:2], atol=0.07)
    assert learned.dispersion == pytest.approx(1.0, abs=0.1)
    assert max(learned.errors[:2]) < 0.05
    effects = learned.effects(120_000)
    assert effects.pitch == pytest.approx(5.0, rel=0.1)
    assert list(effects.slots) == pytest.approx([1.0, np.exp(0.4)], rel=0.1)


def test_minutes_out_of_stock_do_not_bend_the_effects() -> None:
    log = sessions()
    observed = log.observed.copy()
    orders = log.orders.copy()
    orders[:, 12:18], observed[:, 12:18] = 0.0, False  # sold out in the middle of the pitch
    censored = learn_effects(SessionLog(orders, log.covariates, observed, NAMES))
    blind = learn_effects(SessionLog(orders, log.covariates, log.observed, NAMES))
    assert censored.log_effects[1] == pytest.approx(TRUE[1], abs=0.1)
    assert blind.log_effects[1] < TRUE[1] - 0.5


def test_what_was_never_shown_stays_at_the_prior_and_nothing_breaks() -> None:
    log = sessions(20)
    empty = SessionLog(np.zeros_like(log.orders), log.covariates, log.observed, NAMES)
    learned = learn_effects(empty)
    assert learned.log_effects[1] == pytest.approx(1.5)
    with pytest.raises(ValueError, match="do not match"):
        SessionLog(log.orders[:, :3], log.covariates, log.observed, NAMES)


def test_rates_separate_products_from_hosts() -> None:
    rng = np.random.default_rng(9)
    products, hosts = rng.integers(0, 8, 2_000), rng.integers(0, 4, 2_000)
    rate, factor = np.linspace(0.5, 3.0, 8), np.array([0.5, 1.0, 1.5, 2.0])
    exposure = rng.uniform(50, 150, 2_000)
    orders = rng.poisson(exposure * rate[products] * factor[hosts]).astype(float)
    rates, factors = learn_rates([f"p{p}" for p in products], [f"h{h}" for h in hosts], orders, exposure)
    assert factors["h3"] / factors["h0"] == pytest.approx(4.0, rel=0.05)
    assert rates["p7"] / rates["p0"] == pytest.approx(6.0, rel=0.05)
    assert factors[""] == 1.0


def test_a_cross_fitted_rate_has_not_seen_its_own_session() -> None:
    orders, exposure = np.full(10, 50.0), np.full(10, 100.0)
    products, hosts = ["p"] * 10, ["h"] * 10
    surprised = orders.copy()
    surprised[3] = 5_000.0
    usual = cross_fitted_rates(products, hosts, orders, exposure)
    moved = cross_fitted_rates(products, hosts, surprised, exposure)
    np.testing.assert_allclose(usual, 0.5, rtol=0.01)
    assert moved[3] == pytest.approx(usual[3])
    assert moved[4] > 2.0 * usual[4]


def checkpoints(appeal: bool, clumps: bool, seed: int = 5) -> Checkpoints:
    rng = np.random.default_rng(seed)
    mean = rng.uniform(20, 60, 300)
    g = rng.gamma(2.0, 0.5, 300) if appeal else np.ones(300)
    shares = np.array([0.1, 0.5, 0.8])
    minute = (g * mean)[:, None] / 20 * np.ones((300, 20))
    size = 0.3
    orders = rng.negative_binomial(size, size / (size + minute)) if clumps else rng.poisson(minute)
    sold = np.stack([orders[:, : round(20 * share)].sum(axis=1) for share in shares], axis=1).astype(float)
    rest = orders.sum(axis=1)[:, None] - sold
    return Checkpoints(mean[:, None] * shares, mean[:, None] * (1 - shares), sold, rest, (0.1, 0.5, 0.8))


def test_surprise_is_learned_from_and_noise_is_not() -> None:
    varied = learn_tempering(checkpoints(appeal=True, clumps=False), 2.0)
    assert varied.kappa >= 0.5
    noisy = learn_tempering(checkpoints(appeal=False, clumps=True), 2.0)
    assert noisy.kappa <= 0.1


def test_the_learned_update_is_never_worse_than_the_prior_on_fresh_sessions() -> None:
    for appeal, clumps in ((True, False), (True, True), (False, True)):
        learned = learn_tempering(checkpoints(appeal, clumps), 2.0)
        alone = Tempering(learned.shape, 0.0, learned.dispersion, learned.future_cv)
        fresh = checkpoints(appeal, clumps, seed=6)
        assert np.all(checkpoint_losses(fresh, learned) <= 1.01 * checkpoint_losses(fresh, alone))


def test_the_interval_keeps_its_promise_at_every_look_at_fresh_sessions() -> None:
    learned = learn_tempering(with_wild_endings(5), 2.0)
    assert [elapsed for elapsed, _ in learned.widths] == [0.1, 0.5, 0.8]
    fresh = with_wild_endings(6)
    covered, plain = coverage_at(fresh, learned), coverage_at(fresh, replace(learned, widths=()))
    assert np.all(np.abs(covered - 0.8) <= 0.03)
    assert np.abs(covered - 0.8).max() < 0.6 * np.abs(plain - 0.8).max()


def with_wild_endings(seed: int) -> Checkpoints:
    """Sessions whose last fifth sells anything between a third and thrice: no spread of one kind fits all looks."""
    parts = [checkpoints(appeal=True, clumps=False, seed=100 * seed + part) for part in range(5)]
    past, rest, sold, left = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("past", "rest", "sold", "remaining")
    )
    surge = np.round(left[:, -1] * np.random.default_rng(seed).lognormal(-0.2, 0.7, len(left)))
    return Checkpoints(past, rest, sold, left - left[:, -1:] + surge[:, None], parts[0].elapsed)


def coverage_at(seen: Checkpoints, chosen: Tempering) -> NDArray[np.float64]:
    mean, variance = chosen.moments(seen.past, seen.rest, seen.sold, seen.elapsed)
    low, high = quantiles(mean, variance, 0.1), quantiles(mean, variance, 0.9)
    return np.asarray(((low <= seen.remaining) & (seen.remaining <= high)).mean(axis=0))


def test_few_past_sessions_hardly_move_the_width() -> None:
    seen = checkpoints(appeal=True, clumps=True)
    few = Checkpoints(seen.past[:8], seen.rest[:8], seen.sold[:8], seen.remaining[:8], seen.elapsed)
    for _, factor in learn_tempering(few, 2.0).widths:
        assert 0.3 ** (8 / 48) - 1e-9 <= factor <= 3.0 ** (8 / 48) + 1e-9


def test_the_array_form_equals_the_streams_own() -> None:
    chosen = Tempering(1.7, 0.4, 2.5, 0.3, ((0.1, 0.8), (0.5, 1.3), (0.75, 0.9)))
    prior = SessionPrior(1.0, chosen.shape, chosen.kappa, chosen.dispersion, chosen.future_cv, chosen.widths)
    for elapsed in (0.0, 0.1, 0.3, 0.5, 0.6, 0.75, 1.0):
        one = remaining_orders(30.0, 50.0, 41.0, elapsed, prior)
        mean, variance = chosen.moments(np.array([30.0]), np.array([50.0]), np.array([41.0]), elapsed)
        assert (one.mean, one.variance) == pytest.approx((mean[0], variance[0]))


def test_shape_by_moments_and_nothing_to_learn_from() -> None:
    rng = np.random.default_rng(1)
    mean = np.full(20_000, 80.0)
    assert learn_shape(mean, rng.poisson(mean * rng.gamma(3.0, 1 / 3.0, 20_000)).astype(float)) == pytest.approx(
        3.0, rel=0.1
    )
    assert learn_shape(mean, mean) == 200.0
    nothing = np.zeros((0, 2))
    assert learn_tempering(Checkpoints(nothing, nothing, nothing, nothing, (0.1, 0.5)), 2.0).kappa == 0.0
