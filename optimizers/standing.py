"""A plan in force between spikes: what changed of one item is answered in milliseconds, with reasons.

The whole plan is read once, into what it takes of every shared limit. After that a spike of one item costs as much as one
item: it is cut out of the problem, planned under the kept prices beside the rest, judged by the independent check, and
explained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizers.beside import Beside
from optimizers.columns import Flag
from optimizers.explain import LineReason, explain_part
from optimizers.given import decided
from optimizers.idle import idle_plan
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, restrict
from optimizers.solution import Ints, Plan, Prices, Solution
from optimizers.verify import MINIMUM, Audit, Fault, audit


@dataclass(frozen=True, slots=True)
class Answer:
    """A new plan of one item beside a standing one.

    plan, reasons : in the numbers of `part`, whose problem is the item's own; `part.lift(plan)` has those of the whole.
    faults : rules that the item's plan breaks by itself or together with the others; empty = it may replace the old one.
    audit : what the independent check says of the item's plan alone.
    """

    part: Part
    plan: Plan
    reasons: tuple[LineReason, ...]
    audit: Audit
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan in force, its prices, what it takes of shared limits, and which of its orders are new rather than given."""

    plan: Plan
    prices: Prices
    taken: Taken
    new: Flag

    @classmethod
    def of(cls, problem: Problem, solution: Solution) -> Standing:
        """Read a solution."""
        orders = solution.orders
        new = ~decided(problem).fixed[orders.mode, orders.period]
        return cls(solution.plan, solution.prices, Taken.by(problem, solution.plan), new)

    def answer(self, problem: Problem, item: int) -> Answer:
        """Plan `item` again with the facts of `problem`; the lines of all other items stay.

        problem : in the numbers of the problem the plan was made for.
        """
        part = restrict(problem, np.array([item]))
        before = part.lower(self.plan)
        rest = replace(self.taken.plus(Taken.by(part.problem, before), -1), waiting=self._waiting(problem, item))
        beside = Beside(part.problem, rest, self.prices)
        plan = beside.plan(before.orders)
        judged = audit(part.problem, plan, part=True)
        reasons = explain_part(part, part.lift(plan), rest, self.prices, problem.sizes["T"], beside)
        return Answer(part, plan, reasons, judged, judged.faults + tuple(_jointly(part.problem, plan, rest)))

    def _waiting(self, problem: Problem, item: int) -> Flag:
        """Suppliers and periods (S, T) in which other items have new orders, which need the minimum value."""
        orders, least = self.plan.orders, problem.suppliers.minimum_value
        theirs = self.new & (problem.mode_item[orders.mode] != item)
        supplier = problem.mode_supplier[orders.mode[theirs]]
        waiting = np.zeros_like(self.taken.waiting)
        waiting[supplier, orders.period[theirs]] = least[supplier] > 0
        return waiting


def _jointly(problem: Problem, plan: Plan, rest: Taken) -> list[Fault]:
    """Hard limits that new lines of the item break together with the others; what is given may stand above a limit."""
    own = Taken.by(problem, plan)
    both = own.plus(rest)
    new = own.plus(Taken.by(problem, idle_plan(problem)), -1)
    groups, lanes = problem.groups, problem.lanes
    low = both.waiting & (both.value < problem.suppliers.minimum_value[:, None])
    broken = (
        ("supplier capacity", _over(new.group, both.group, groups.capacity, groups.overflow_price)),
        ("lane capacity", _over(new.lane, both.lane, lanes.capacity, lanes.overflow_price)),
        ("sale cap", (own.caps > 0) & (both.caps > problem.caps.pieces)),
        (MINIMUM, low),
    )
    return [Fault(rule, tuple(int(k) for k in np.argwhere(bad)[0])) for rule, bad in broken if bad.any()]


def _over(new: Ints, both: Ints, capacity: Ints, price: Ints) -> Any:
    return (capacity >= 0) & (price < 0)[:, None] & (new > 0) & (both > capacity)


__all__ = ["Answer", "Standing"]
