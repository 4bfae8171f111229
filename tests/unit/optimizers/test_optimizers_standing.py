"""A spike of one item: the others keep every line, the new plan keeps every rule, and its reasons add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizers import Engine, Params, Problem, Solution, solve
from optimizers.beside import Beside
from optimizers.branching import Relaxation
from optimizers.markets import market
from optimizers.replan import replan
from optimizers.restrict import Taken, joined, restrict
from optimizers.samples import small_problem
from optimizers.scratch import MOST_ROWS
from optimizers.solution import Orders, Plan
from optimizers.standing import Answer, Standing
from optimizers.tables import Inflow
from optimizers.verify import audit

PRICES = Params(engine=Engine.PRICES, sweeps=8)


def _spiked(problem: Problem, item: int) -> Problem:
    pieces = np.where(problem.demand.item == item, problem.demand.pieces * 3, problem.demand.pieces)
    return replace(problem, demand=replace(problem.demand, pieces=pieces))


def _together(problem: Problem, before: Solution, answer: Answer) -> Plan:
    kept = restrict(problem, np.setdiff1d(np.arange(problem.sizes["N"]), answer.part.items))
    return joined([kept.lift(kept.lower(before.plan)), answer.part.lift(answer.plan)])


@pytest.mark.parametrize("seed", range(24))
def test_an_answer_without_faults_stands_beside_the_others(seed: int) -> None:
    problem = small_problem(seed, items=4)
    before = solve(problem, PRICES)
    standing = Standing.of(problem, before)
    for item in range(4):
        spiked = _spiked(problem, item)
        answer = standing.answer(spiked, item)
        judged = audit(spiked, _together(spiked, before, answer))
        assert bool(answer.faults) == bool(judged.faults), (answer.faults, judged.faults)


@pytest.mark.parametrize("features", ["base", "all"])
def test_reasons_of_an_answer_add_up_and_repeat(features: str) -> None:
    problem = market(60, 3, features=features)
    standing = Standing.of(problem, solve(problem, PRICES))
    for item in range(0, 60, 12):
        spiked = _spiked(problem, item)
        answer, again = standing.answer(spiked, item), standing.answer(spiked, item)
        assert str(answer.reasons) == str(again.reasons)
        assert len(answer.reasons) == len(answer.plan.orders.mode)
        for reason in answer.reasons:
            assert reason.needed + reason.rounding == reason.pieces
            assert all(peg.row < len(answer.plan.orders.mode) for peg in reason.pegs)


@pytest.mark.parametrize("seed", range(8))
def test_a_replan_under_prices_keeps_the_lines_of_other_items(seed: int) -> None:
    problem = market(40, seed)
    before = solve(problem, PRICES)
    spiked = _spiked(problem, 7)
    after = replan(spiked, before.plan, np.array([7]), prices=before.prices)
    changed = _lines(before.orders) ^ _lines(after.orders)
    assert {int(problem.mode_item[mode]) for mode, _, _ in changed} <= {7}
    nothing = replan(spiked, before.plan, np.array([], dtype=np.int64), prices=before.prices)
    assert after.costs.total <= nothing.costs.total


def _lines(orders: Orders) -> set[tuple[int, int, int]]:
    return set(zip(orders.mode.tolist(), orders.period.tolist(), orders.pieces.tolist(), strict=True))


@pytest.mark.parametrize("features", ["base", "all"])
def test_pieces_dealt_out_quickly_cost_little_more_than_dealt_out_exactly(features: str) -> None:
    problem = market(60, 3, features=features)
    standing = Standing.of(problem, solve(problem, PRICES))
    quick, exact = 0.0, 0.0
    for item in range(0, 60, 6):
        part = restrict(_spiked(problem, item), np.array([item]))
        own = part.lower(standing.plan)
        rest = standing.taken.plus(Taken.by(part.problem, own), -1)
        beside = Beside(part.problem, rest, standing.prices)
        plan = beside.plan(own.orders)
        orders = np.zeros((part.problem.sizes["M"], part.problem.sizes["T"]), dtype=np.int64)
        orders[plan.orders.mode, plan.orders.period] = plan.orders.pieces
        found = beside.cost_with(orders, np.ones(orders.shape, dtype=bool))
        assert found is not None
        least = Relaxation.of(part.problem, rest).deal(orders).cost
        assert found[0] >= least - 10
        quick, exact = quick + found[0], exact + least
    assert quick <= exact * 1.02


def test_an_item_with_more_supply_than_is_dealt_out_at_once_is_answered_too() -> None:
    problem = market(20, 1)
    many = np.arange(MOST_ROWS + 5) % problem.sizes["T"]
    inflow = Inflow(
        item=np.full(len(many), 4), warehouse=np.zeros_like(many), period=many, pieces=np.ones_like(many),
        pool=np.zeros_like(many),
    )  # fmt: skip
    problem = replace(problem, inflow=inflow)
    before = solve(problem, PRICES)
    spiked = _spiked(problem, 4)
    answer = Standing.of(problem, before).answer(spiked, 4)
    assert not answer.faults
    assert not audit(spiked, _together(spiked, before, answer)).faults
    assert len(answer.reasons) == len(answer.plan.orders.mode)
