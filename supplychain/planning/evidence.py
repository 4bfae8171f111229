"""What a planner asks after the quantity: whom the pieces are for, what the last plan said, and why something stays short.

Every figure is read off the solution and the problem, so that it can be recomputed from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from optimizers.given import decided
from optimizers.pegging import Source, pegs
from optimizers.solution import Solution
from supplychain.domain.plan import PlanLine
from supplychain.domain.units import iso
from supplychain.planning.draft import Draft


class Short(StrEnum):
    """Why demand of an item stays short although it could be ordered for."""

    NO_OFFER = "no supplier can be ordered from"
    TOO_LATE = "no order arrives in time"
    CAPACITY = "supplier capacity is used up"
    COST = "an order would cost more than it saves"


@dataclass(slots=True)
class Pegging:
    """Whom each order of a solution serves: first in, first out through every warehouse, one item at a time."""

    draft: Draft
    solution: Solution
    _known: dict[int, dict[int, list[dict[str, Any]]]]

    @staticmethod
    def of(draft: Draft, solution: Solution) -> Pegging:
        """Return the pegging of a solution; items are pegged when first asked for."""
        return Pegging(draft, solution, {})

    def served_by(self, item: int, order: int) -> list[dict[str, Any]]:
        """Return pieces of an order by region and kind of demand, with the first and the last due time; they add up."""
        if item not in self._known:
            self._known[item] = self._peg(item)
        return self._known[item].get(order, [])

    def _peg(self, item: int) -> dict[int, list[dict[str, Any]]]:
        demand, grid = self.draft.problem.demand, self.draft.grid
        rows: dict[tuple[int, str, str], dict[str, Any]] = {}
        for peg in pegs(self.draft.problem, self.solution.plan, item):
            if peg.source is not Source.ORDER:
                continue
            region, kind, due = "", "left over", None
            if peg.demand >= 0:
                region = self.draft.regions[int(demand.region[peg.demand])]
                safety = self.draft.safety_row[peg.demand]
                kind = "accepted" if demand.accepted[peg.demand] else "safety" if safety else "expected"
                due = grid.boundaries[int(demand.due[peg.demand]) + 1]
            row = rows.setdefault(
                (peg.row, region, kind), {"region": region, "kind": kind, "pieces": 0, "from": due, "until": due}
            )
            row["pieces"] += peg.pieces
            if due is not None:
                row["from"], row["until"] = min(row["from"], due), max(row["until"], due)
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for (order, _region, _kind), row in sorted(rows.items(), key=lambda each: each[0]):
            found[order].append(row)
        return found


def why_short(draft: Draft, solution: Solution, item: int) -> Short:
    """Return why the demand of `item` that stays short is not ordered for."""
    problem = draft.problem
    mine = np.flatnonzero(problem.mode_item == item)
    open_ = decided(problem).open[mine]
    if not open_.any():
        return Short.NO_OFFER
    rows = np.flatnonzero((problem.demand.item == item) & (solution.shortage > 0))
    last = int(np.minimum(problem.demand.last[rows], problem.goods.end_of_run[item]).max(initial=0))
    in_time = open_ & (problem.modes.arrival[mine] <= last)
    if not in_time.any():
        return Short.TOO_LATE
    return Short.CAPACITY if _full(draft, solution, mine, in_time) else Short.COST


def _full(draft: Draft, solution: Solution, modes: Any, in_time: Any) -> bool:
    """Whether no order of the least size fits any more into the capacity of a supplier."""
    problem, orders = draft.problem, solution.orders
    use = np.zeros(problem.groups.capacity.shape, dtype=np.int64)
    grouped = problem.modes.group[orders.mode] >= 0
    mode, period = orders.mode[grouped], orders.period[grouped]
    at = problem.modes.group[mode], problem.time.bucket[period]
    np.add.at(use, at, orders.pieces[grouped] * problem.modes.usage[mode])
    for k, t in np.argwhere(in_time):
        m = int(modes[k])
        group, bucket = int(problem.modes.group[m]), int(problem.time.bucket[t])
        least = int(problem.modes.moq[m]) * int(problem.modes.usage[m])
        limit = -1 if group < 0 else int(problem.groups.capacity[group, bucket])
        if limit < 0 or int(use[group, bucket]) + least <= limit:
            return False
    return True


def before(line: PlanLine, earlier: Sequence[PlanLine]) -> dict[str, Any] | None:
    """Return what the proposal that this line replaces said, None when the last plan had none of its kind."""
    alike = [one for one in earlier if _kind(one) == _kind(line)]
    if not alike:
        return None
    nearest = min(alike, key=lambda one: (abs(one.release_at - line.release_at), one.line))
    return {
        "plan": nearest.plan,
        "pieces": nearest.quantity,
        "change": line.quantity - nearest.quantity,
        "release_at": nearest.release_at,
    }


def dropped(lines: Sequence[PlanLine], earlier: Sequence[PlanLine]) -> Iterator[str]:
    """Say which proposals of the last plan this one no longer makes."""
    kept = {_kind(line) for line in lines}
    for line in sorted(earlier, key=lambda one: (one.release_at, one.sku, one.line)):
        if _kind(line) not in kept:
            place = line.supplier or line.origin
            yield f"no longer proposed: {line.quantity} {line.sku} from {place} to {line.destination}, {iso(line.release_at)}"


def _kind(line: PlanLine) -> tuple[str, ...]:
    return line.kind.value, line.sku, line.offer or "", line.mode, line.origin or "", line.destination
