"""Lifting a limit never makes a plan dearer, and what it brings is what planning without it really costs less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizers import Engine, Params, solve
from optimizers.relief import Limit, candidates, lifted, ranked, reliefs
from optimizers.samples import small_problem
from optimizers.verify import audit

EXACT = Params(gap=0.0, engine=Engine.EXACT)


@pytest.mark.parametrize("seed", range(6))
def test_each_gain_is_the_difference_of_two_plans(seed: int) -> None:
    problem = small_problem(seed, items=2)
    found = solve(problem, EXACT)
    told = [relief for relief in reliefs(problem, found, candidates(problem, found), EXACT) if relief]
    for relief in told:
        free = lifted(problem, relief.limit, relief.where)
        again = solve(free, EXACT)
        assert audit(free, found.plan).faults == (), "what was allowed stays allowed"
        assert relief.gain == found.objective - again.objective > 0
        assert relief.digest == again.digest
    assert [relief.gain for relief in ranked(told)] == sorted((relief.gain for relief in told), reverse=True)


def test_a_supplier_that_is_full_is_what_to_ask_first() -> None:
    problem = small_problem(4, items=2)
    nothing = replace(
        problem.groups,
        capacity=np.zeros_like(problem.groups.capacity),
        overflow_price=np.full(len(problem.groups.capacity), -1),
    )
    full = replace(problem, groups=nothing)
    found = solve(full, EXACT)
    best = ranked([relief for relief in reliefs(full, found, candidates(full, found), EXACT) if relief])
    assert best[0].limit is Limit.SUPPLIER_CAPACITY
    assert best[0].pieces > 0


def test_cancelling_ends_the_list() -> None:
    problem = small_problem(4, items=2)
    found = solve(problem, EXACT)
    assert candidates(problem, found)
    assert list(reliefs(problem, found, candidates(problem, found), EXACT, cancel=lambda: True)) == []
