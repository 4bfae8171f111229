"""What `solve` promises whatever the problem: a checked plan, a bound, limits kept, the same answer twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from optimizers import Engine, Params, Problem, ProblemError, Solution, Status, StopReason, solve
from optimizers.samples import small_problem
from optimizers.solution import Orders
from optimizers.tables import DAY_MS, Demand, Goods, Groups, Lanes, Modes, Offers, Places, Stock, Suppliers, TimeAxis
from optimizers.verify import PlanFaultError, audit, require


def one_item(**changes: object) -> Problem:
    """Four days, one warehouse, one region, 10 pieces asked on day 3, MOQ 4 in multiples of 4, one day on the way."""
    days = 4
    parts: dict[str, object] = {
        "time": TimeAxis(np.arange(days + 1) * DAY_MS),
        "goods": Goods(np.array([0])),
        "places": Places(np.array([-1])),
        "regions": 1,
        "stock": Stock(holding=np.array([[1000]])),
        "lanes": Lanes(np.array([0]), np.array([-1]), np.array([0]), np.arange(days)[None, :], cost=np.array([1])),
        "suppliers": Suppliers(np.array([0])),
        "groups": Groups(np.full((1, days), -1)),
        "offers": Offers(np.array([0]), np.array([0])),
        "modes": Modes(
            np.array([0]), np.minimum(np.arange(days) + 1, days)[None, :], np.array([5]), group=np.array([0]),
            moq=np.array([4]), multiple=np.array([4]), order_cost=np.array([7]),
        ),
        "demand": Demand(np.array([0]), np.array([0]), np.array([3]), np.array([10]), np.array([30])),
    }  # fmt: skip
    return Problem(**{**parts, **changes})  # type: ignore[arg-type]  # keyword tables by name


def test_a_small_case_by_hand() -> None:
    found = solve(one_item(), Params(gap=0.0))
    assert found.orders.pieces.tolist() == [12]
    assert found.orders.period.tolist() == [2]
    assert found.deliveries.pieces.tolist() == [10]
    assert found.objective == 12 * 5 + 7 + 10 + 2
    assert (found.status, found.stop, found.gap) == (Status.OPTIMAL, StopReason.PROVEN, 0.0)


def test_shortage_is_a_result_and_not_an_error() -> None:
    nothing = solve(one_item(groups=Groups(np.zeros((1, 4), dtype=np.int64))), Params(gap=0.0))
    assert nothing.shortage.tolist() == [10]
    assert nothing.costs.shortage == 300


def test_capacity_that_can_be_exceeded_at_a_price_is_a_named_violation() -> None:
    tight = Groups(np.full((1, 4), 4), overflow_price=np.array([1]))
    found = solve(one_item(groups=tight), Params(gap=0.0))
    assert found.shortage.tolist() == [0]
    assert {each.limit for each in found.violations} <= {"supplier-capacity"}
    assert found.costs.overflow == sum(each.price for each in found.violations)


def test_stock_is_used_before_anything_is_bought() -> None:
    found = solve(one_item(stock=Stock(np.array([[10]]))), Params(gap=0.0))
    assert len(found.orders.mode) == 0
    assert found.objective == 10


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.EXACT, Engine.CLOSE])
def test_the_same_problem_and_seed_give_the_same_bytes(engine: Engine) -> None:
    problem = small_problem(11, items=3)
    first, second = (solve(problem, Params(engine=engine)) for _ in range(2))
    assert first.digest == second.digest
    assert first.bound == second.bound


def test_a_cancelled_call_still_returns_a_checked_plan() -> None:
    found = solve(small_problem(5), cancel=lambda: True)
    assert found.stop is StopReason.CANCELLED
    assert found.objective >= found.bound


def test_the_time_limit_covers_the_whole_call() -> None:
    ticks = count()
    found = solve(small_problem(5, items=4), Params(time_limit_seconds=3.0), clock=lambda: float(next(ticks)))
    assert found.stop in {StopReason.TIME, StopReason.PROVEN}


def test_a_plan_with_a_fault_is_refused() -> None:
    problem = one_item()
    plan = solve(problem, Params(gap=0.0)).plan
    short = Orders(plan.orders.mode, plan.orders.period, plan.orders.pieces - 1, plan.orders.arrival)
    with pytest.raises(PlanFaultError, match="multiple"):
        require(problem, replace(plan, orders=short))


def test_delivering_what_is_not_there_is_a_fault() -> None:
    problem = one_item()
    plan = solve(problem, Params(gap=0.0)).plan
    none = Orders(*np.zeros((4, 0), dtype=np.int64))
    assert [fault.rule for fault in audit(problem, replace(plan, orders=none)).faults] == ["stock below zero"]


def test_params_without_meaning_are_refused() -> None:
    with pytest.raises(ProblemError, match=r"params\.gap"):
        Params(gap=1.0)


def costs_add_up(found: Solution) -> bool:
    parts = found.costs
    return parts.total == sum(
        (parts.purchase, parts.ordering, parts.transport, parts.holding, parts.shortage, parts.lateness, parts.opening,
         parts.scrap, parts.overflow, parts.service, parts.unfairness, parts.change, -parts.salvage)
    )  # fmt: skip


def test_costs_add_up_to_the_objective() -> None:
    assert costs_add_up(solve(small_problem(8)))
