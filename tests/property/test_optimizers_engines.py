"""Any small problem with every feature: engines agree with each other and with the independent check."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optimizers import Engine, Params, solve
from optimizers.formulation import formulate
from optimizers.idle import idle_plan
from optimizers.milp import solve_integer
from optimizers.monolith import read_plan
from optimizers.samples import small_problem
from optimizers.verify import audit

SEEDS = st.integers(min_value=0, max_value=10**6)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, items=st.integers(1, 3))
def test_the_program_and_the_books_agree_on_rules_and_money(seed: int, items: int) -> None:
    problem = small_problem(seed, items=items)
    form = formulate(problem)
    outcome = solve_integer(form.model.arrays(), node_limit=None, gap=0.0, seed=0, seconds=None)
    assert outcome.values is not None
    found = audit(problem, read_plan(form, outcome.values))
    assert found.faults == ()
    assert found.costs.total == pytest.approx(outcome.objective, abs=6)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, items=st.integers(1, 4))
def test_the_plan_without_proposals_is_always_possible(seed: int, items: int) -> None:
    problem = small_problem(seed, items=items)
    assert audit(problem, idle_plan(problem)).faults == ()


@settings(max_examples=15, deadline=None)
@example(seed=139_569)  # stock that can leave a full warehouse by a transfer
@given(seed=SEEDS)
def test_bounds_hold_between_engines(seed: int) -> None:
    problem = small_problem(seed, items=3)
    exact = solve(problem, Params(gap=0.0, engine=Engine.EXACT))
    fast = solve(problem, Params(gap=0.0, engine=Engine.CLOSE))
    assert fast.objective >= exact.bound - 6
    assert fast.bound <= exact.objective + 6
