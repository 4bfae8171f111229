"""A witness is worth what it was worth: its weights have mean one, and one that is often excited has no say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from supplychain.domain.tuning import Detector
from supplychain.watching.detector import Constants, Floats
from supplychain.watching.witness import FLOOR, GAIN, LEVELS, RARE, RAREST, USUAL, Heard, Witnesses

CONSTANTS = Constants.of(Detector())


def listen(
    counts: Floats, excess: Floats | None = None, bursts: npt.NDArray[np.bool_] | None = None
) -> tuple[Witnesses, Floats]:
    """Let witnesses speak; counts, excess and the bins in which a burst runs of shape (bins, witnesses)."""
    bins, width = counts.shape
    one = Witnesses(CONSTANTS)
    rows = np.array([one.add((f"L{at}", ""), at) for at in range(width)])
    none = np.zeros(width)
    weights = [
        one.weigh(
            Heard(rows, counts[at], np.ones(width)),
            np.ones(width),
            none if excess is None else excess[at],
            np.zeros(width, dtype=np.bool_) if bursts is None else bursts[at],
            at,
        )
        for at in range(bins)
    ]
    return one, np.array(weights)


def test_levels_and_shares_are_ordered_and_the_budget_is_one() -> None:
    assert len(LEVELS) == len(USUAL)
    assert (np.diff(LEVELS) > 0.0).all()
    assert (np.diff(USUAL) < 0.0).all()
    # The mean of the weight over a uniform p.
    assert FLOOR + GAIN * (1.0 + np.log(RARE / RAREST)) <= 1.0


@pytest.mark.parametrize("mean", [0.5, 12.0, 200.0])
def test_the_mean_weight_of_a_crowd_that_means_nothing_is_at_most_one(mean: float) -> None:
    chance = np.random.default_rng(3)
    _, weights = listen(chance.poisson(mean, (3_000, 20)).astype(float))
    assert weights[500:].mean() <= 1.0
    assert weights[500:].max() > 5.0, "what is rare has much to say"


def test_a_crowd_that_is_often_excited_loses_its_say() -> None:
    chance = np.random.default_rng(4)
    bins, width = 4_000, 20
    calm = chance.poisson(12.0, (bins, width)).astype(float)
    excited = calm.copy()
    for start in range(100, bins - 20, 100):
        excited[start : start + 10] *= 3.0
    peak = 40.0 * np.ones((12, width))
    _, rarely = listen(np.concatenate((calm, peak)))
    _, often = listen(np.concatenate((excited, peak)))
    assert rarely[-1].mean() > 3.0 * often[-1].mean()
    assert often[500:].mean() <= 1.3


def test_excitement_that_a_burst_followed_costs_no_say() -> None:
    chance = np.random.default_rng(6)
    bins, width = 4_000, 20
    counts = chance.poisson(12.0, (bins, width)).astype(float)
    bursts = np.zeros((bins, width), dtype=np.bool_)
    for start in range(100, bins - 20, 100):
        counts[start : start + 10] *= 3.0
        bursts[start + 5 : start + 12] = True
    peak = 40.0 * np.ones((12, width))
    _, doubted = listen(np.concatenate((counts, peak)))
    _, proven = listen(np.concatenate((counts, peak)), bursts=np.concatenate((bursts, np.zeros_like(peak, np.bool_))))
    assert proven[-1].mean() > 3.0 * doubted[-1].mean()
    one, _ = listen(counts, bursts=bursts)
    rows = np.array(list(one.rows.values()))
    assert (one.reached[:, rows] >= 0.0).all()
    assert (one.known[rows] >= one.reached[0, rows]).all()


def test_a_lost_sample_takes_nothing_back_and_a_witness_that_has_gone_weighs_one() -> None:
    one, before = listen(np.full((200, 2), 10.0))
    none, still = np.zeros(2), np.zeros(2, dtype=np.bool_)
    excited = Heard(np.array([0]), np.array([90.0]), np.ones(1))
    loud = one.weigh(excited, np.ones(2), none, still, 200)
    assert loud[0] > 5.0
    silence = np.array([one.weigh(None, np.ones(2), none, still, 201 + at) for at in range(60)])
    assert 0.8 * loud[0] < silence[0, 0] < loud[0]
    assert before[-1, 1] < silence[0, 1] < 0.4, "the other was calm, and a lost sample is no reason to alarm"
    assert (np.diff(silence[:, 0]) < 0.0).all()
    assert silence[-1] == pytest.approx([1.0, 1.0], abs=0.1)


def test_a_burst_that_runs_weighs_one() -> None:
    one, _ = listen(np.full((200, 2), 10.0))
    heard = Heard(np.array([0, 1]), np.array([90.0, 90.0]), np.ones(2))
    weights = one.weigh(heard, np.ones(2), np.zeros(2), np.array([True, False]), 200)
    assert weights[0] == 1.0
    assert weights[1] > 5.0
    assert one.surplus[0] == 0.0
    after = one.weigh(None, np.ones(2), np.zeros(2), np.zeros(2, dtype=np.bool_), 201)
    assert after[0] == 1.0, "what was said before the burst is over with it"


def test_what_is_planned_is_nothing_unusual() -> None:
    one, _ = listen(np.full((200, 1), 10.0))
    other, _ = listen(np.full((200, 1), 10.0))
    heard, still = Heard(np.array([0]), np.array([30.0]), np.ones(1)), np.zeros(1, dtype=np.bool_)
    assert one.weigh(heard, np.full(1, 3.0), np.zeros(1), still, 200)[0] < 1.0
    assert other.weigh(heard, np.ones(1), np.zeros(1), still, 200)[0] > 1.0


def test_an_echo_of_the_orders_is_learned_and_taken_off() -> None:
    chance = np.random.default_rng(5)
    orders = chance.poisson(1.0, (3_000, 10)).astype(float)
    one, weights = listen(2.0 + 8.0 * orders, orders - 1.0)
    rows = list(one.rows.values())
    assert one.along[rows] / one.moved[rows] == pytest.approx(np.full(10, 8.0), rel=0.15)
    # Where orders ran high by chance the crowd ran high with them, and says no more for it.
    high = orders[1_000:] >= 4.0
    assert weights[1_000:][high].mean() <= 1.5
