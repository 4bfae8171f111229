"""A part of a problem: some items alone, and what the others have taken of everything that is shared."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizers.given import decided
from optimizers.ledger import post
from optimizers.problem import Problem
from optimizers.solution import Deliveries, Ints, Moves, Orders, Plan, Scrap


@dataclass(frozen=True, slots=True)
class Part:
    """Problem of `items` alone. Warehouses, lanes, suppliers, groups and caps keep their numbers; modes, demand and pin
    rows are renumbered, and `modes`, `demand` hold their old numbers.
    """

    problem: Problem
    items: Ints
    modes: Ints
    demand: Ints

    def lift(self, plan: Plan) -> Plan:
        """The same plan in the numbers of the whole problem."""
        return Plan(
            replace(plan.orders, mode=self.modes[plan.orders.mode]),
            replace(plan.moves, item=self.items[plan.moves.item]),
            replace(plan.deliveries, demand=self.demand[plan.deliveries.demand]),
            replace(plan.scrap, item=self.items[plan.scrap.item]),
        )

    def lower(self, plan: Plan) -> Plan:
        """The lines of a plan of the whole problem that belong to this part, in its own numbers."""
        return Plan(
            _renumber(plan.orders, "mode", self.modes),
            _renumber(plan.moves, "item", self.items),
            _renumber(plan.deliveries, "demand", self.demand),
            _renumber(plan.scrap, "item", self.items),
        )


def restrict(problem: Problem, items: Ints) -> Part:
    """Cut out the problem of `items` (sorted, unique)."""
    items = np.asarray(items, dtype=np.int64)
    own = np.isin(problem.offers.item, items)
    offers = np.flatnonzero(own)
    modes = np.flatnonzero(own[problem.modes.offer])
    demand = np.flatnonzero(np.isin(problem.demand.item, items))
    part = Problem(
        problem.time,
        _rows(problem.goods, items),
        problem.places,
        problem.regions,
        _rows(problem.stock, items),
        problem.lanes,
        problem.suppliers,
        problem.groups,
        _renumber(_rows(problem.offers, offers), "item", items),
        _renumber(_rows(problem.modes, modes), "offer", offers),
        _renumber(_rows(problem.demand, demand), "item", items),
        problem.caps,
        _renumber(problem.inflow, "item", items),
        _renumber(problem.expiring, "item", items),
        _renumber(problem.pins, "mode", modes),
        _renumber(problem.pinned_moves, "item", items),
        _renumber(problem.published, "mode", modes),
    )
    return Part(part, items, modes, demand)


def _rows(table: Any, rows: Ints) -> Any:
    return replace(table, **{each.name: getattr(table, each.name)[rows] for each in fields(table)})


def _renumber(table: Any, column: str, kept: Ints) -> Any:
    """Rows of `table` whose `column` is in `kept` (sorted), with positions in `kept` instead of old numbers."""
    old = getattr(table, column)
    rows = np.flatnonzero(np.isin(old, kept))
    found = _rows(table, rows)
    return replace(found, **{column: np.searchsorted(kept, old[rows])})


@dataclass(frozen=True, slots=True)
class Taken:
    """What other items use of shared limits.

    group (G, B) capacity units, lane (L, B) volume, storage (W, T) volume, value (S, T) minor units ordered, waiting
    (S, T) bool: other new orders there need the minimum value, opened (W,) bool, caps (C,) pieces.
    """

    group: Ints
    lane: Ints
    storage: Ints
    value: Ints
    waiting: npt.NDArray[np.bool_]
    opened: npt.NDArray[np.bool_]
    caps: Ints

    @staticmethod
    def nothing(problem: Problem) -> Taken:
        """Everything is free."""
        size = problem.sizes
        shapes = ((size["G"], size["B"]), (size["L"], size["B"]), (size["W"], size["T"]), (size["S"], size["T"]))
        group, lane, storage, value = (np.zeros(shape, dtype=np.int64) for shape in shapes)
        none = np.zeros(size["W"], dtype=bool)
        return Taken(group, lane, storage, value, value > 0, none, np.zeros(size["C"], dtype=np.int64))

    @staticmethod
    def by(problem: Problem, plan: Plan) -> Taken:
        """Use of shared limits by `plan`; pinned moves count in full on their lanes."""
        ledger = post(problem, plan)
        taken = Taken.nothing(problem)
        given = decided(problem)
        orders, modes, bucket = plan.orders, problem.modes, problem.time.bucket
        grouped = np.flatnonzero(modes.group[orders.mode] >= 0)
        mode, period = orders.mode[grouped], orders.period[grouped]
        np.add.at(taken.group, (modes.group[mode], bucket[period]), orders.pieces[grouped] * modes.usage[mode])
        supplier = problem.mode_supplier[orders.mode]
        np.add.at(taken.value, (supplier, orders.period), orders.pieces * modes.unit_cost[orders.mode])
        new = ~given.fixed[orders.mode, orders.period]
        taken.waiting[supplier[new], orders.period[new]] = problem.suppliers.minimum_value[supplier[new]] > 0
        np.add.at(taken.lane, *lane_use(problem, plan))
        pins, moves = problem.pinned_moves, plan.moves
        rest = pins.pieces.copy()
        for row in range(len(rest)):
            same = (moves.lane == pins.lane[row]) & (moves.item == pins.item[row]) & (moves.period == pins.period[row])
            rest[row] = max(int(rest[row]) - int(moves.pieces[same & (moves.pool == 0)].sum()), 0)
        np.add.at(taken.lane, (pins.lane, bucket[pins.period]), rest * problem.goods.volume[pins.item])
        for cap in (problem.demand.session_cap, problem.demand.run_cap):
            at = cap[plan.deliveries.demand]
            np.add.at(taken.caps, at[at >= 0], plan.deliveries.pieces[at >= 0])
        return replace(taken, storage=ledger.volume, opened=ledger.opened)

    def plus(self, other: Taken, sign: int = 1) -> Taken:
        """Sum of two uses; with `sign=-1` the difference, where yes-or-no entries keep those of `self`."""
        amounts = {
            name: getattr(self, name) + sign * getattr(other, name)
            for name in ("group", "lane", "storage", "value", "caps")
        }
        if sign < 0:
            return replace(self, **amounts)
        return replace(self, **amounts, waiting=self.waiting | other.waiting, opened=self.opened | other.opened)


def lane_use(problem: Problem, plan: Plan) -> tuple[tuple[Ints, Ints], Ints]:
    """Cells (lane, bucket) and volume of every move and delivery."""
    moves, ship = plan.moves, plan.deliveries
    lane = np.concatenate([moves.lane, ship.lane])
    period = np.concatenate([moves.period, ship.period])
    item = np.concatenate([moves.item, problem.demand.item[ship.demand]])
    pieces = np.concatenate([moves.pieces, ship.pieces])
    return (lane, problem.time.bucket[period]), pieces * problem.goods.volume[item]


def joined(plans: list[Plan]) -> Plan:
    """One plan out of plans of disjoint items, lines in their standing order."""
    orders, moves, ship, scrap = (
        _stacked([getattr(plan, name) for plan in plans]) for name in ("orders", "moves", "deliveries", "scrap")
    )
    return Plan(
        Orders(*orders[:, np.lexsort((orders[0], orders[1]))]),
        Moves(*moves[:, np.lexsort((moves[5], moves[1], moves[0], moves[2]))]),
        Deliveries(*ship[:, np.lexsort((ship[5], ship[0], ship[1], ship[2]))]),
        Scrap(*scrap[:, np.lexsort((scrap[4], scrap[1], scrap[0], scrap[2]))]),
    )


def _stacked(tables: list[Any]) -> npt.NDArray[np.int64]:
    columns = [[np.asarray(getattr(table, each.name), dtype=np.int64) for each in fields(table)] for table in tables]
    return np.concatenate([np.stack(rows) for rows in columns], axis=1)
