"""Explanations recompute: quantity = need + rounding, pegs add up, one batch more or less really costs that much."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from optimizers import Params, solve
from optimizers.explain import NoOrder, explain_item, explain_nothing, others
from optimizers.monolith import solve_exactly
from optimizers.pegging import Source, pegs
from optimizers.replan import Cause, Change, changes, replan
from optimizers.restrict import restrict
from optimizers.samples import small_problem
from optimizers.solution import Orders
from optimizers.tables import OrderLines
from optimizers.verify import audit

EXACT = Params(gap=0.0)


@pytest.mark.parametrize("seed", [2, 4, 9, 17, 23])
def test_every_piece_is_pegged_once(seed: int) -> None:
    problem = small_problem(seed, items=3)
    found = solve(problem, EXACT)
    for item in range(3):
        by_source: dict[tuple[Source, int], int] = defaultdict(int)
        served: dict[int, int] = defaultdict(int)
        for peg in pegs(problem, found.plan, item):
            by_source[peg.source, peg.row] += peg.pieces
            served[peg.demand] += peg.pieces
        for row in np.flatnonzero(problem.mode_item[found.orders.mode] == item):
            arrives = found.orders.arrival[row] < problem.sizes["T"]
            assert by_source[Source.ORDER, int(row)] == (found.orders.pieces[row] if arrives else 0)
        for demand in np.flatnonzero(problem.demand.item == item):
            assert served[int(demand)] == problem.demand.pieces[demand] - found.shortage[demand]


@pytest.mark.parametrize("seed", [1, 2, 9])
def test_a_line_is_need_plus_rounding_and_its_neighbours_are_dearer(seed: int) -> None:
    problem = small_problem(seed, items=2)
    found = solve(problem, EXACT)
    lines = [line for item in range(2) for line in explain_item(problem, found, item)]
    assert len(lines) == len(found.orders.mode)
    for line in lines:
        assert line.needed + line.rounding == line.pieces
        assert (line.rounding == 0) == (line.rounded_by == "")
        assert line.more_cost is None or line.more_cost >= 0
        assert line.alternative is None or line.alternative.extra_cost >= 0


def test_without_an_order_the_reason_is_named() -> None:
    seen = set()
    for seed in range(80):
        problem = small_problem(seed, items=1)
        found = solve(problem, EXACT)
        if not len(found.orders.mode):
            reason = explain_nothing(problem, found, 0)
            assert (reason.short == 0) == (reason.reason is NoOrder.COVERED)
            assert reason.extra_cost is None or reason.extra_cost >= 0
            seen.add(reason.reason)
        if len(seen) > 1:
            break
    assert len(seen) > 1


def test_stock_that_covers_everything_is_the_reason_for_no_order() -> None:
    problem = small_problem(0, items=1)
    asked = replace(problem.demand, pieces=np.zeros_like(problem.demand.pieces))
    quiet = replace(problem, demand=asked)
    assert explain_nothing(quiet, solve(quiet, EXACT), 0).reason is NoOrder.COVERED


@pytest.mark.parametrize("seed", range(8))
def test_a_replan_keeps_the_lines_of_other_items(seed: int) -> None:
    problem = small_problem(seed, items=4)
    before = solve(problem)
    pieces = np.where(problem.demand.item == 1, problem.demand.pieces * 3, problem.demand.pieces)
    spiked = replace(problem, demand=replace(problem.demand, pieces=pieces))
    after = replan(spiked, before.plan, np.array([1]))
    assert audit(spiked, after.plan).faults == ()
    assert set(problem.mode_item[_changed_modes(before.orders, after.orders)].tolist()) <= {1}


def _changed_modes(before: Orders, after: Orders) -> list[int]:
    lines = [set(zip(o.mode.tolist(), o.period.tolist(), o.pieces.tolist(), strict=True)) for o in (before, after)]
    return [mode for mode, _, _ in lines[0] ^ lines[1]]


def test_changes_against_the_published_plan_say_what_and_why() -> None:
    problem = small_problem(3)
    mode, period = (int(k) for k in np.argwhere(problem.modes.arrival >= 0)[-1])
    none = OrderLines(*np.zeros((3, 0), dtype=np.int64))
    pinned = replace(problem, published=none, pins=OrderLines(np.array([mode]), np.array([period]), np.array([5])))
    found = {(c.mode, c.period): c for c in changes(pinned, solve(pinned, EXACT).plan)}
    assert found[mode, period].change is Change.ADDED
    assert found[mode, period].cause is Cause.PINNED
    assert found[mode, period].after == 5


@pytest.mark.parametrize("seed", [2, 4, 17])
def test_one_batch_more_costs_what_the_exact_model_says(seed: int) -> None:
    problem = small_problem(seed, items=2)
    found = solve(problem, EXACT)
    compared = 0
    for item in range(2):
        part = restrict(problem, np.array([item]))
        rest, own = others(problem, found.plan, part), part.lower(found.plan).orders
        orders = np.zeros((part.problem.sizes["M"], part.problem.sizes["T"]), dtype=np.int64)
        orders[own.mode, own.period] = own.pieces
        for line in explain_item(problem, found, item):
            mode = int(np.searchsorted(part.modes, line.mode))
            more = orders.copy()
            more[mode, line.period] += problem.modes.multiple[line.mode]
            twins = [
                solve_exactly(part.problem, rest, held=(each, np.ones(each.shape, dtype=bool)), gap=0.0)
                for each in (orders, more)
            ]
            if line.more_cost is not None:
                assert line.more_cost == pytest.approx(twins[1].objective - twins[0].objective, abs=1.0)
                compared += 1
    assert compared > 0


def test_only_the_orders_asked_for_are_explained() -> None:
    problem = small_problem(9, items=2)
    found = solve(problem, EXACT)
    every = [line for item in range(2) for line in explain_item(problem, found, item)]
    last = max(line.period for line in every)
    some = [line for item in range(2) for line in explain_item(problem, found, item, last - 1)]
    told = [[(line.mode, line.period, line.more_cost, line.less_cost) for line in lines] for lines in (some, every)]
    assert told[0] == [line for line in told[1] if line[1] < last]
