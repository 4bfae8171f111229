"""`solve`: picks the engine, keeps the limits, and lets nothing out that the independent check has not passed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from optimizers.budget import Budget
from optimizers.idle import idle_plan
from optimizers.params import Engine, Params
from optimizers.problem import Problem
from optimizers.sequence import Found, solve_in_one_piece
from optimizers.solution import Prices, Solution, Status, StopReason
from optimizers.verify import require


def never() -> bool:
    """Nobody cancels."""
    return False


def solve(
    problem: Problem,
    params: Params | None = None,
    *,
    cancel: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> Solution:
    """Plan the orders, moves and deliveries of `problem` at least cost.

    Parameters
    ----------
    params : limits; the default works without a time limit and is repeatable.
    cancel : asked between steps; when it says yes the best plan so far comes back.
    clock : seconds, for the time limit and for `Solution.seconds` alone.

    Returns
    -------
    Solution
        Always a plan that keeps every hard rule; scarcity shows as shortage, overflow as violations with prices.

    Raises
    ------
    PlanFaultError
        If the independent check finds a broken rule: a defect of the engine. Such a plan is never returned.
    """
    params = params or Params()
    budget = Budget(clock, clock(), params.time_limit_seconds, cancel)
    found = _search(problem, params, budget)
    return checked(problem, found, budget)


def _search(problem: Problem, params: Params, budget: Budget) -> Found:
    stop = budget.exhausted()
    if stop:
        return Found(idle_plan(problem), -math.inf, False, 0, 0, stop)
    engine, items = params.engine, problem.sizes["N"]
    if engine is Engine.AUTO:
        engine = Engine.EXACT if items <= params.exact_items else Engine.CLOSE
    if engine is Engine.EXACT:
        return solve_in_one_piece(problem, params, budget)
    if engine is Engine.CLOSE and items <= params.close_items:
        from optimizers.closely import solve_closely

        return solve_closely(problem, params, budget)
    from optimizers.coordinated import solve_by_prices

    return solve_by_prices(problem, params, budget)


def checked(problem: Problem, found: Found, budget: Budget) -> Solution:
    """Audit the plan that was found and put the figures of the audit beside it."""
    audit = require(problem, found.plan)
    total = audit.costs.total
    # Each cause of cost is rounded once, so a total may lie a few units below an exact bound.
    floor = -(2**53) if math.isinf(found.bound) else math.floor(found.bound)
    bound = min(floor, total)
    close = total - bound <= max(6, 1e-6 * abs(total))
    stop = StopReason.PROVEN if close else found.stop
    if not close and stop is StopReason.PROVEN:
        stop = StopReason.GAP
    plan = found.plan
    return Solution(
        plan.orders,
        plan.moves,
        plan.deliveries,
        plan.scrap,
        audit.shortage,
        audit.late,
        audit.opened,
        audit.costs,
        audit.violations,
        found.prices or _unpriced(problem),
        bound,
        Status.OPTIMAL if close else Status.FEASIBLE,
        stop,
        found.sweeps,
        found.nodes,
        budget.spent(),
    )


def _unpriced(problem: Problem) -> Prices:
    size = problem.sizes
    return Prices(np.zeros((size["G"], size["B"])), np.zeros((size["L"], size["B"])), np.zeros((size["W"], size["T"])))
