"""Milliseconds: plan only what changed, against what the rest of the published plan leaves.

Items that did not change keep every line, so that a spike of one item does not make the whole plan nervous. The rest is
touched only where its old lines are no longer possible, or, a few items, where they hold what changed items need most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from optimizers.budget import Budget
from optimizers.engine import checked, never
from optimizers.params import Params
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, joined, restrict
from optimizers.sequence import Found, in_turn
from optimizers.solution import Ints, Plan, Prices, Solution, StopReason
from optimizers.verify import MINIMUM, Fault, audit

ROUNDS: Final = 3


def replan(
    problem: Problem,
    previous: Plan,
    items: Ints,
    params: Params | None = None,
    *,
    prices: Prices | None = None,
    moving: float = 0.005,
    cancel: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> Solution:
    """Solve `items` again and keep the lines of all others, but for a few that give way.

    Parameters
    ----------
    previous : the last plan in the numbers of this problem.
    items : items whose facts changed. Items whose old lines break a rule now are added to them.
    prices : shadow prices of the last plan: each item is planned by its program under them, in milliseconds. None = by
        the exact model, and nobody gives way.
    moving : share of the other items that may be planned again, because what they hold is worth more to `items`.

    Returns
    -------
    Solution
        Its bound covers the changed items alone when the others were kept: it is the kept lines' cost plus theirs.
    """
    params = params or Params()
    budget = Budget(clock, clock(), params.time_limit_seconds, cancel)
    changed = np.unique(np.asarray(items, dtype=np.int64))
    everything = np.arange(problem.sizes["N"])
    for _ in range(ROUNDS):
        found = _solve(problem, previous, changed, params, budget, prices)
        faults = audit(problem, found.plan).faults
        if not faults:
            break
        culprits = np.setdiff1d(_culprits(problem, found.plan, faults), changed)
        changed = np.union1d(changed, culprits) if len(culprits) else everything
    else:
        found = _solve(problem, previous, everything, params, budget, prices)
    most = int(moving * (len(everything) - len(changed)))
    if prices is not None and most and len(changed) and found.stop is StopReason.WORK:
        from optimizers.give_way import give_way

        found = replace(found, plan=give_way(problem, found.plan, changed, prices, most, budget))
    return checked(problem, found, budget)


def _solve(
    problem: Problem, previous: Plan, changed: Ints, params: Params, budget: Budget, prices: Prices | None
) -> Found:
    plans, base = [], Taken.nothing(problem)
    if len(changed) < problem.sizes["N"]:
        kept = restrict(problem, np.setdiff1d(np.arange(problem.sizes["N"]), changed))
        plans.append(kept.lift(kept.lower(previous)))
        base = Taken.by(problem, plans[0])
    parts = sorted((restrict(problem, np.array([item])) for item in changed), key=_worth, reverse=True)
    found, nodes, stop = in_turn(parts, base, params, budget, prices, previous)
    plans += [part.lift(plan) for part, plan in zip(parts, found, strict=True)]
    return Found(joined(plans), -np.inf, False, 0, nodes, stop or StopReason.WORK, prices)


def _worth(part: Part) -> float:
    """What a piece that falls short costs more than one that is bought, on average: who comes first finds capacity."""
    demand, unit = part.problem.demand, part.problem.modes.unit_cost
    lost = float((demand.pieces * demand.shortage_cost).sum()) / max(int(demand.pieces.sum()), 1)
    return lost - float(unit.min(initial=unit.max(initial=0)))


def _culprits(problem: Problem, plan: Plan, faults: tuple[Fault, ...]) -> Ints:
    """Items whose own lines break a rule now, and those with an order below a supplier's minimum value."""
    broken = []
    for item in np.union1d(problem.mode_item[plan.orders.mode], plan.moves.item):
        part = restrict(problem, np.array([item]))
        if any(fault.rule != MINIMUM for fault in audit(part.problem, part.lower(plan)).faults):
            broken.append(int(item))
    if any(fault.rule == MINIMUM for fault in faults):
        value, orders = Taken.by(problem, plan), plan.orders
        supplier = problem.mode_supplier[orders.mode]
        low = value.value[supplier, orders.period] < problem.suppliers.minimum_value[supplier]
        broken += problem.mode_item[orders.mode[low]].tolist()
    return np.unique(np.array(broken, dtype=np.int64))


class Change(StrEnum):
    """What became of an order line of the published plan."""

    ADDED = "added"
    DROPPED = "dropped"
    RAISED = "raised"
    LOWERED = "lowered"


class Cause(StrEnum):
    """Why it changed: a planner's pin, a release period that is gone, or because the new plan is cheaper."""

    PINNED = "pinned"
    IMPOSSIBLE = "impossible"
    CHEAPER = "cheaper"


@dataclass(frozen=True, slots=True)
class LineChange:
    """One difference between the published plan and the new one."""

    mode: int
    period: int
    before: int
    after: int
    change: Change
    cause: Cause


def changes(problem: Problem, plan: Plan) -> tuple[LineChange, ...]:
    """Every order line in which `plan` differs from the published plan, by period and mode."""
    orders, published = plan.orders, problem.published
    before = {
        (int(t), int(m)): int(q) for m, t, q in zip(published.mode, published.period, published.pieces, strict=True)
    }
    after = {(int(t), int(m)): int(q) for m, t, q in zip(orders.mode, orders.period, orders.pieces, strict=True)}
    pinned = set(zip(problem.pins.period.tolist(), problem.pins.mode.tolist(), strict=True))
    found = []
    for period, mode in sorted(before.keys() | after.keys()):
        old, new = before.get((period, mode), 0), after.get((period, mode), 0)
        if old == new:
            continue
        kind = (
            Change.ADDED if old == 0 else Change.DROPPED if new == 0 else Change.RAISED if new > old else Change.LOWERED
        )
        arrival = problem.modes.arrival[mode, period]
        gone = arrival < 0 or arrival >= problem.sizes["T"]
        cause = Cause.PINNED if (period, mode) in pinned else Cause.IMPOSSIBLE if gone else Cause.CHEAPER
        found.append(LineChange(mode, period, old, new, kind, cause))
    return tuple(found)
