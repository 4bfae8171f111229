"""Stock first, then orders: what stock cannot serve is planned as if there were no stock, and both are joined.

Prices on lots of stock need many sweeps to settle, and until they have, an item program believes that stock serves
everybody. A first plan without orders shows what really stays short; that rest is a problem without stock, which the item
programs solve almost exactly; its orders are then pinned in the whole problem, where stock and orders are dealt out
together. The better of this and the direct plan is kept, with the better of the bounds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizers.columns import NO_ROWS
from optimizers.engine import solve
from optimizers.params import Params
from optimizers.problem import Problem
from optimizers.solution import Solution, StopReason
from optimizers.tables import Inflow, OrderLines, Stock

_LIGHT_SWEEPS = 2
"""Enough where nothing but the dealing out is left to decide."""


def solve_around_stock(problem: Problem, params: Params) -> Solution:
    """Solve directly and around the stock, and return the cheaper plan with the higher bound."""
    direct = solve(problem, params)
    light = replace(params, sweeps=min(params.sweeps, _LIGHT_SWEEPS))
    if direct.stop is StopReason.PROVEN or not len(problem.modes.offer):
        return direct
    unordered = np.full_like(problem.modes.arrival, -1)
    idle = solve(replace(problem, modes=replace(problem.modes, arrival=unordered), published=_none()), light)
    rest = solve(_rest(problem, idle), params)
    joined = solve(_pinned(problem, rest), light)
    seconds = direct.seconds + idle.seconds + rest.seconds + joined.seconds
    best = min((direct, _as_ours(problem, joined)), key=lambda found: found.objective)
    bound = min(best.objective, max(direct.bound, -(2**53)))
    return replace(best, bound=bound, sweeps=direct.sweeps + rest.sweeps + joined.sweeps, seconds=seconds)


def _none() -> OrderLines:
    return OrderLines(NO_ROWS, NO_ROWS, NO_ROWS)


def _rest(problem: Problem, idle: Solution) -> Problem:
    """The demand that a plan without orders leaves short, and no stock: fenced pieces stay with their channel."""
    empty = np.zeros_like(problem.stock.on_hand)
    stock = Stock(on_hand=empty, live=empty, shelf=empty, holding=problem.stock.holding)
    return replace(
        problem,
        stock=stock,
        inflow=Inflow(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS),
        demand=replace(problem.demand, pieces=idle.shortage),
        pins=_none(),
        expiring=type(problem.expiring)(NO_ROWS, NO_ROWS, NO_ROWS),
        pinned_moves=type(problem.pinned_moves)(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS),
    )


def _pinned(problem: Problem, rest: Solution) -> Problem:
    """The whole problem with the orders of the rest pinned beside those a planner has pinned, and no others."""
    orders: dict[tuple[int, int], int] = {}
    for mode, period, pieces in zip(rest.orders.mode, rest.orders.period, rest.orders.pieces, strict=True):
        orders[int(mode), int(period)] = orders.get((int(mode), int(period)), 0) + int(pieces)
    own = zip(problem.pins.mode, problem.pins.period, problem.pins.pieces, strict=True)
    orders.update({(int(mode), int(period)): int(pieces) for mode, period, pieces in own})
    rows = np.array([(*key, pieces) for key, pieces in sorted(orders.items())], dtype=np.int64).reshape(-1, 3)
    return replace(problem, pins=OrderLines(rows[:, 0], rows[:, 1], rows[:, 2]))


def _as_ours(problem: Problem, joined: Solution) -> Solution:
    """The joined plan is a plan of the problem itself: its pins are orders like others."""
    from optimizers.solution import Plan
    from optimizers.verify import require

    plan = Plan(joined.orders, joined.moves, joined.deliveries, joined.scrap)
    audit = require(problem, plan)
    return replace(
        joined,
        costs=audit.costs,
        shortage=audit.shortage,
        late=audit.late,
        violations=audit.violations,
        opened=audit.opened,
    )
