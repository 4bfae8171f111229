"""Others give way to a spike: never dearer, never more of them than allowed, the same every time, and no rule is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizers import Engine, Params, Problem, Solution, solve
from optimizers.beside import Beside
from optimizers.markets import market
from optimizers.replan import replan
from optimizers.restrict import Taken, restrict
from optimizers.solution import Ints
from optimizers.verify import audit

SPIKING = np.array([3, 11, 29])


def _spiked(features: str, seed: int) -> tuple[Problem, Solution]:
    problem = market(60, seed, features=features)
    before = solve(problem, Params(engine=Engine.PRICES, sweeps=8))
    pieces = np.where(np.isin(problem.demand.item, SPIKING), problem.demand.pieces * 4, problem.demand.pieces)
    return replace(problem, demand=replace(problem.demand, pieces=pieces)), before


def _moved(problem: Problem, before: Solution, after: Solution) -> Ints:
    lines = [
        set(zip(plan.orders.mode.tolist(), plan.orders.period.tolist(), plan.orders.pieces.tolist(), strict=True))
        for plan in (before, after)
    ]
    return np.setdiff1d([problem.mode_item[mode] for mode, _, _ in lines[0] ^ lines[1]], SPIKING)


@pytest.mark.parametrize("features", ["base", "all"])
@pytest.mark.parametrize("seed", range(2))
def test_few_others_move_and_the_whole_is_cheaper(features: str, seed: int) -> None:
    problem, before = _spiked(features, seed)
    kept = replan(problem, before.plan, SPIKING, prices=before.prices, moving=0.0)
    given = replan(problem, before.plan, SPIKING, prices=before.prices, moving=0.04)
    again = replan(problem, before.plan, SPIKING, prices=before.prices, moving=0.04)
    assert given.objective < kept.objective
    assert len(_moved(problem, before, kept)) == 0
    assert len(_moved(problem, before, given)) <= 2
    assert not audit(problem, given.plan).faults
    assert given.digest == again.digest


def test_a_cell_without_end_is_worth_something_to_an_item_that_it_holds_back() -> None:
    problem, before = _spiked("base", 0)
    rest = Taken.by(problem, before.plan)
    part = restrict(problem, SPIKING[:1])
    own = part.lower(before.plan)
    beside = Beside(part.problem, rest.plus(Taken.by(part.problem, own), -1), before.prices)
    first = beside.plan(own.orders)
    cells, saved, units = beside.worth_of_room()
    assert len(cells)
    assert saved.max() > 0
    assert (units[saved > 1.0] > 0).all()
    assert str(beside.plan(own.orders)) == str(first)
