"""Plans of real planning groups, closely: prices find the orders, a flow deals them out exactly, a search proves how good.

A group has a handful of items that meet only where a supplier or a lane is full. Price coordination decides what to order
and when, in a few sweeps; but it deals pieces out one line after another, and its bound on few items stays percents below
what is possible. So each item's orders are dealt out by a linear program, which finds whole pieces since only a flow is
left, and a small search over the orders of each item raises the bound and finds better orders. Work goes where the gap is
widest, so the whole is limited by a number of linear programs and never by a clock.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np

from optimizers.branching import Relaxation, Tree
from optimizers.budget import Budget
from optimizers.coordinated import solve_by_prices
from optimizers.params import Params
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, joined, restrict
from optimizers.sequence import Found, fits, free_of_others
from optimizers.solution import Ints, Plan, StopReason
from optimizers.verify import audit

_ABREAST: Final = 2
"""So many items are branched on at once."""


def solve_closely(problem: Problem, params: Params, budget: Budget) -> Found:
    """Price coordination, then a search per item; `params.node_limit` nodes over all items."""
    parts = [restrict(problem, np.array([item])) for item in range(problem.sizes["N"])]

    def planted(part: Part) -> Tree | None:
        if budget.exhausted():
            return None
        taken = Taken.nothing(problem) if len(parts) == 1 else free_of_others(part.problem)
        return Tree(Relaxation.of(part.problem, taken))

    def watered(part: Part, tree: Tree) -> None:
        tree.try_orders(_orders(part, part.lower(found.plan)))

    with ThreadPoolExecutor(params.threads) as threads:
        growing = threads.map(planted, parts)  # roots grow while prices are looked for
        found = solve_by_prices(problem, params, budget)
        trees = [tree for tree in growing if tree is not None]
        if len(trees) < len(parts):
            return replace(found, stop=budget.exhausted() or StopReason.TIME)
        list(threads.map(watered, parts, trees))
        stop = _search(trees, params, budget, threads)
    plan = _put_together(problem, found.plan, parts, trees)
    bound = max(found.bound, sum(tree.bound for tree in trees))
    nodes = sum(tree.solves for tree in trees)
    return replace(found, plan=plan, bound=bound, nodes=nodes, stop=stop)


def _orders(part: Part, plan: Plan) -> Ints:
    pieces = np.zeros((part.problem.sizes["M"], part.problem.sizes["T"]), dtype=np.int64)
    pieces[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    return pieces


def _search(trees: list[Tree], params: Params, budget: Budget, threads: ThreadPoolExecutor) -> StopReason:
    """Branch where the gap is widest until the sum of the gaps is small enough, some items abreast.

    Which items are branched on never depends on how many threads there are.
    """
    left = params.node_limit
    while left > 0:
        widths = np.array([0.0 if tree.settled else tree.best - tree.bound for tree in trees])
        total = sum(tree.best for tree in trees)
        if widths.max(initial=0.0) <= 0.0 or widths.sum() <= params.gap * abs(total):
            return StopReason.GAP
        stop = budget.exhausted()
        if stop:
            return stop
        widest = np.argsort(-widths, kind="stable")[: min(left, _ABREAST)]
        chosen = [trees[item] for item in widest.tolist() if widths[item] > 0.0]
        list(threads.map(Tree.step, chosen))
        left -= len(chosen)
    return StopReason.WORK


def _put_together(problem: Problem, plan: Plan, parts: list[Part], trees: list[Tree]) -> Plan:
    """Take over each item's plan where it fits beside the others; the whole must be cheaper than the plan there was."""
    own = [part.lower(plan) for part in parts]
    uses = [Taken.by(part.problem, each) for part, each in zip(parts, own, strict=True)]
    for k, (part, tree) in enumerate(zip(parts, trees, strict=True)):
        candidate = tree.plan()
        if candidate is None:
            continue
        rest = Taken.nothing(problem)
        for j, use in enumerate(uses):
            rest = rest.plus(use) if j != k else rest
        if len(parts) == 1 or fits(part.problem, candidate, rest):
            own[k], uses[k] = candidate, Taken.by(part.problem, candidate)
    together = joined([part.lift(each) for part, each in zip(parts, own, strict=True)])
    judged = audit(problem, together)
    return together if not judged.faults and judged.costs.total < audit(problem, plan).costs.total else plan


__all__ = ["solve_closely"]
