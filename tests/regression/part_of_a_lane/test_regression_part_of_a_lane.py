"""A way with room for some of the pieces took those and the rest was given up, though another day had room for it.

Items of a plain market near full lanes lost up to 3 % of their worth by it, and the cost of a batch more or less had the
wrong sign. It came back, up to 1.2 %, when all pieces of an item were dealt out at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizers import Engine, Params, solve
from optimizers.instead import Exactly
from optimizers.markets import market
from optimizers.restrict import Taken, restrict
from optimizers.standing import Standing


@pytest.mark.parametrize("item", [0, 1, 100])
def test_the_rest_travels_on_another_day(item: int) -> None:
    problem = market(200, 0)
    before = solve(problem, Params(engine=Engine.PRICES, sweeps=16))
    standing = Standing.of(problem, before)
    tripled = np.where(problem.demand.item == item, problem.demand.pieces * 3, problem.demand.pieces)
    spiked = replace(problem, demand=replace(problem.demand, pieces=tripled))
    answer = standing.answer(spiked, item)
    part, plan = restrict(spiked, np.array([item])), answer.plan
    orders = np.zeros((part.problem.sizes["M"], part.problem.sizes["T"]), dtype=np.int64)
    orders[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    rest = standing.taken.plus(Taken.by(part.problem, part.lower(standing.plan)), -1)
    dealt_out_exactly = Exactly.of(part.problem, rest, orders).now.cost
    assert answer.audit.costs.total <= 1.002 * dealt_out_exactly
