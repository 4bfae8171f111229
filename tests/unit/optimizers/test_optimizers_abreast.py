"""Items planned side by side: no list may take what another one holds, and the cost of over-use is never counted short."""

from __future__ import annotations

import numpy as np
import pytest

from optimizers import Engine, Params, abreast, solve
from optimizers import positions as at
from optimizers.abreast import add_up, cut, in_threads, own_ledgers
from optimizers.layout import lay_out
from optimizers.limits import limits_of
from optimizers.markets import market
from optimizers.posting import Ledgers, overflow_cost
from optimizers.rounds import empty_ledgers


def _ledgers(seed: int) -> Ledgers:
    problem = market(30, seed, features="all")
    lay = lay_out(problem)
    ledgers = empty_ledgers(problem, lay, limits_of(problem, lay))
    rng = np.random.default_rng(seed)
    ledgers.group[at.USED_GROUP] = rng.integers(0, 2 * ledgers.group[at.USED_GROUP_LIMIT].clip(1, 10**6))
    ledgers.group[at.USED_GROUP_PRICE, ::2] = 3.0
    ledgers.storage[at.USED_STORAGE, :, 0] = rng.integers(0, 10**6, len(ledgers.storage[at.USED_STORAGE]))
    return ledgers


@pytest.mark.parametrize("seed", range(4))
def test_lists_share_what_is_left_and_the_cost_of_over_use(seed: int) -> None:
    ledgers = _ledgers(seed)
    shares = np.full((3, ledgers.cap.shape[1]), 1 / 3)
    own = own_ledgers(ledgers, shares)
    assert sum(overflow_cost(each) for each in own) == pytest.approx(overflow_cost(ledgers))
    left = ledgers.group[at.USED_GROUP_LIMIT] - ledgers.group[at.USED_GROUP]
    mine = [each.group[at.USED_GROUP_LIMIT] - each.group[at.USED_GROUP] for each in own]
    assert np.allclose(np.sum(mine, axis=0), left)
    rng = np.random.default_rng(seed + 100)
    moves = [rng.integers(-500, 500, len(left)) for _ in own]
    for each, move in zip(own, moves, strict=True):
        each.group[at.USED_GROUP] += move
    counted, before = sum(overflow_cost(each) for each in own), ledgers.group[at.USED_GROUP].copy()
    add_up(ledgers, own)
    assert (ledgers.group[at.USED_GROUP] == before + np.sum(moves, axis=0)).all()
    assert overflow_cost(ledgers) <= counted + 1e-6


def test_new_orders_that_keep_a_minimum_together_cannot_all_leave() -> None:
    ledgers = _ledgers(1)
    ledgers.deal[at.USED_DEAL, 0], ledgers.deal[at.USED_DEAL_LEAST, 0], ledgers.deals[at.USED_DEALS, 0] = 100.0, 70.0, 2
    own = own_ledgers(ledgers, np.full((2, ledgers.cap.shape[1]), 0.5))
    assert [each.deal[at.USED_DEAL_LEAST, 0] for each in own] == [85.0, 85.0]
    own[0].deals[at.USED_DEALS, 0] -= 2
    assert own[0].deals[at.USED_DEALS, 0] > 0
    add_up(ledgers, own)
    assert ledgers.deals[at.USED_DEALS, 0] == 0


def test_lists_keep_the_order_of_their_items_and_every_number_is_worked_on_once() -> None:
    assert [part.tolist() for part in cut(np.array([5, 2, 4, 1]), np.arange(6) % 2, 2)] == [[2, 4], [5, 1]]
    done: list[int] = []
    in_threads(3, 7, lambda number, _: done.append(number))
    assert sorted(done) == list(range(7))


@pytest.mark.parametrize("features", ["base", "all"])
def test_threads_do_not_change_the_plan_of_many_items(features: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "MANY", 50)
    problem = market(120, 4, features=features)
    plans = [solve(problem, Params(engine=Engine.PRICES, sweeps=14, gap=0.0, threads=each)) for each in (1, 2, 3)]
    assert len({plan.digest for plan in plans}) == 1
