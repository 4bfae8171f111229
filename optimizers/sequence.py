"""One item after another, each exactly, against what the ones before it have left: how a few changed items are re-planned.

It knows every rule of the problem because each step is the exact model itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimizers.budget import Budget
from optimizers.idle import idle_plan
from optimizers.monolith import Exact, solve_exactly
from optimizers.params import Params
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken
from optimizers.solution import Plan, Prices, StopReason


@dataclass(frozen=True, slots=True)
class Found:
    """A plan with its bound, the work it took, why the engine stopped and, where it has them, shadow prices."""

    plan: Plan
    bound: float
    proven: bool
    sweeps: int
    nodes: int
    stop: StopReason
    prices: Prices | None = None


def solve_in_one_piece(problem: Problem, params: Params, budget: Budget) -> Found:
    """The exact model over all items; the plan without proposals when the limits leave no time for a better one."""
    exact = _exactly(problem, None, params, budget)
    plan = idle_plan(problem) if exact.plan is None else exact.plan
    stop = StopReason.PROVEN if exact.proven else budget.exhausted() or StopReason.WORK
    return Found(plan, exact.bound, exact.proven and params.gap == 0, 0, exact.nodes, stop)


def in_turn(
    parts: list[Part],
    base: Taken,
    params: Params,
    budget: Budget,
    prices: Prices | None = None,
    standing: Plan | None = None,
) -> tuple[list[Plan], int, StopReason | None]:
    """Plan each part beside `base` and the parts before it; parts still to come hold what is given for them.

    Parameters
    ----------
    prices : of what is shared, for the program of one item to plan under; None = the exact model plans each part.
    standing : plan in force, in the numbers of the whole problem: under prices nothing dearer replaces its orders.

    Returns
    -------
    plans of the parts in their own numbers, nodes spent, and why it stopped early (None = it did not).
    """
    plans = [idle_plan(part.problem) for part in parts]
    uses = [Taken.by(part.problem, plan) for part, plan in zip(parts, plans, strict=True)]
    total, nodes, stop = _sum(base, uses), 0, None
    for k, part in enumerate(parts):
        stop = budget.exhausted()
        if stop:
            break
        rest = replace(
            total.plus(uses[k], -1), waiting=_any(base, uses, k, "waiting"), opened=_any(base, uses, k, "opened")
        )
        plan, more = _against(part, rest, params, budget, prices, standing)
        nodes += more
        if plan is not None:
            plans[k], uses[k] = plan, Taken.by(part.problem, plan)
            total = _sum(base, uses)
    return plans, nodes, stop


def _exactly(problem: Problem, taken: Taken | None, params: Params, budget: Budget) -> Exact:
    return solve_exactly(
        problem, taken, node_limit=params.node_limit, gap=params.gap, seed=params.seed, seconds=budget.left()
    )


def free_of_others(problem: Problem) -> Taken:
    """Everything shared is the item's own, and no joint minimum or opening cost holds it back: a relaxation."""
    nothing = Taken.nothing(problem)
    rich = np.broadcast_to(problem.suppliers.minimum_value[:, None], nothing.value.shape)
    return replace(nothing, value=rich, opened=np.ones_like(nothing.opened))


def _against(
    part: Part, rest: Taken, params: Params, budget: Budget, prices: Prices | None, standing: Plan | None
) -> tuple[Plan | None, int]:
    if prices is not None:
        from optimizers.beside import Beside

        kept = None if standing is None else part.lower(standing).orders
        return Beside(part.problem, rest, prices).plan(kept), 0
    exact = _exactly(part.problem, rest, params, budget)
    return exact.plan, exact.nodes


def fits(problem: Problem, plan: Plan, rest: Taken) -> bool:
    """Whether the plan stays inside every shared limit beside `rest`, without overflow and without opening anything."""
    own = Taken.by(problem, plan)
    both = own.plus(rest)
    groups, lanes, places = problem.groups, problem.lanes, problem.places
    for use, limit in (
        (both.group, groups.capacity),
        (both.lane, lanes.capacity),
        (both.storage, places.storage[:, None]),
    ):
        if ((use > limit) & (limit >= 0)).any():
            return False
    if (both.caps > problem.caps.pieces).any() or (own.opened & ~rest.opened).any():
        return False
    return not (both.waiting & (both.value < problem.suppliers.minimum_value[:, None])).any()


def _sum(base: Taken, uses: list[Taken]) -> Taken:
    for use in uses:
        base = base.plus(use)
    return base


def _any(base: Taken, uses: list[Taken], without: int, name: str) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = getattr(base, name).copy()
    for k, use in enumerate(uses):
        if k != without:
            found |= getattr(use, name)
    return found
