"""Against a twin that tries every plan: the exact model finds the least cost, and faster engines' bounds and plans enclose it."""

from __future__ import annotations

import pytest

from optimizers import Engine, Params, solve
from tests.property.every_plan import cheapest, tiny_problem

ROUNDING = 6
"""Each cause of cost of a plan is rounded once, the twin's total never."""


@pytest.mark.parametrize("seed", range(10, 40))
def test_the_exact_model_finds_the_cheapest_of_all_plans(seed: int) -> None:
    problem = tiny_problem(seed)
    best = cheapest(problem)
    exact = solve(problem, Params(gap=0.0, engine=Engine.EXACT, node_limit=100_000))
    assert exact.objective == pytest.approx(best, abs=ROUNDING)
    assert exact.bound <= best + ROUNDING


@pytest.mark.deep
@pytest.mark.parametrize("start", range(0, 1000, 50))
def test_every_engine_against_every_plan(start: int) -> None:
    for seed in range(start, start + 50):
        problem = tiny_problem(seed)
        best = cheapest(problem)
        exact = solve(problem, Params(gap=0.0, engine=Engine.EXACT, node_limit=100_000))
        assert exact.objective == pytest.approx(best, abs=ROUNDING), seed
        for engine in (Engine.PRICES, Engine.CLOSE):
            found = solve(problem, Params(gap=0.0, sweeps=12, node_limit=30, engine=engine))
            assert found.bound <= best + ROUNDING, (seed, engine)
            assert found.objective >= best - ROUNDING, (seed, engine)
