"""Others give way to a spike: a few items hand capacity over to those that changed, where the whole becomes cheaper.

Beside a plan in force a spike finds what nobody wanted, while others use capacity for what is worth far less. A cell of capacity
is worth to a changed item what its program saves when that cell has no end. Items that hold much of such cells are tried: the
changed item is planned as if the other had no lines, and the other again beside it. The best of these exchanges stays, and the
next one is looked for, as long as there is one and few enough items have moved.

Source: ejection chains of length two (Glover, Discrete Applied Mathematics 65, 1996), as in `exchange`; values are looked at again
only before they are used (Minoux, Optimization Techniques 7, 1978).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from optimizers.beside import Beside
from optimizers.budget import Budget
from optimizers.columns import Flag
from optimizers.milp import Floats
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, joined, restrict
from optimizers.solution import Ints, Orders, Plan, Prices
from optimizers.verify import audit

_TRIED: Final = 16
"""Exchanges tried at a time, those that promise most."""
_LOOKED: Final = 10
"""Items looked at for each changed one."""
_ROUNDS: Final = 3
"""Exchanges at most, for each item that may move."""


class _Own(NamedTuple):
    """An item's part, its plan in the part's numbers, what it takes of shared limits, and what it costs."""

    part: Part
    plan: Plan
    use: Taken
    cost: int


class _Exchange(NamedTuple):
    """What the plan costs less after an exchange, and both items after it; `round` in which it was tried."""

    gain: int
    round: int
    first: _Own
    other: _Own


@dataclass(slots=True)
class _Table:
    """The plan in the making: what all items take together, and the items that were looked at."""

    problem: Problem
    prices: Prices
    plan: Plan
    total: Taken
    owns: dict[int, _Own] = field(default_factory=dict)

    def own(self, item: int) -> _Own:
        """The item as it is planned now."""
        if item not in self.owns:
            part = restrict(self.problem, np.array([item]))
            self.owns[item] = _judged(part, part.lower(self.plan))
        return self.owns[item]

    def exchange(self, first: int, other: int, number: int) -> _Exchange:
        """Plan `first` as if `other` had no lines, then `other` beside it."""
        before = self.own(first), self.own(other)
        rest = _without(self.total, before[0], before[1])
        after = self._planned(before[0], rest)
        beside = self._planned(before[1], rest.plus(after.use))
        gain = before[0].cost + before[1].cost - after.cost - beside.cost
        return _Exchange(gain, number, after, beside)

    def _planned(self, own: _Own, rest: Taken) -> _Own:
        found = Beside(own.part.problem, rest, self.prices).plan(own.plan.orders)
        return _judged(own.part, found)

    def with_(self, exchange: _Exchange) -> Plan:
        """The whole plan after it."""
        new = exchange.first, exchange.other
        items = np.concatenate([own.part.items for own in new])
        kept = restrict(self.problem, np.setdiff1d(np.arange(self.problem.sizes["N"]), items))
        return joined([kept.lift(kept.lower(self.plan)), *(own.part.lift(own.plan) for own in new)])

    def accept(self, exchange: _Exchange, plan: Plan) -> None:
        """Make it the plan in force."""
        self.plan = plan
        for own in (exchange.first, exchange.other):
            item = int(own.part.items[0])
            self.total = self.total.plus(self.owns[item].use, -1).plus(own.use)
            self.owns[item] = own

    def promises(self, item: int, allowed: Flag) -> list[tuple[float, int, int]]:
        """Exchanges of a changed item by what they promise: what it gains of their cells less the price of what it takes."""
        own = self.own(item)
        cells, saved, units = Beside(own.part.problem, _without(self.total, own), self.prices).worth_of_room()
        if not len(cells):
            return []
        size = self.problem.sizes["G"] * self.problem.sizes["B"]
        worth, wanted = np.zeros(size), np.ones(size)
        worth[cells], wanted[cells] = saved, np.maximum(units, 1.0)
        held, owner, pieces = _holdings(self.problem, self.plan.orders)
        part = np.minimum(pieces / wanted[held], 1.0)
        price = self.prices.group.ravel()[held] * part * wanted[held]
        promised = np.bincount(
            owner, np.where(worth[held] > 0, part * worth[held] - price, 0.0), self.problem.sizes["N"]
        )
        promised[~allowed] = 0.0
        promised[item] = 0.0
        best = np.argsort(-promised, kind="stable")[:_LOOKED]
        return [(float(promised[other]), item, int(other)) for other in best if promised[other] > 0]


def give_way(problem: Problem, plan: Plan, changed: Ints, prices: Prices, most: int, budget: Budget) -> Plan:
    """`plan`, cheaper by exchanges of `changed` items with each other and with at most `most` others."""
    table = _Table(problem, prices, plan, Taken.by(problem, plan))
    search = _Search(table, changed, len(changed) + most, np.ones(problem.sizes["N"], dtype=bool))
    cost = audit(problem, plan).costs.total
    while search.number < _ROUNDS * search.most and budget.exhausted() is None:
        pair = search.best()
        if pair is None:
            break
        found = table.with_(search.tried[pair])
        judged = audit(problem, found)
        if judged.faults or judged.costs.total >= cost:
            search.tried[pair] = search.tried[pair]._replace(gain=0)
            continue
        cost = judged.costs.total
        search.accept(pair, found)
    return table.plan


class _Search:
    """Which exchanges promise something, and what those that were tried are worth.

    allowed : (N,) items that may still move; once `most` have, only those.
    """

    def __init__(self, table: _Table, changed: Ints, most: int, allowed: Flag) -> None:
        self.table, self.changed, self.most, self.allowed = table, changed.tolist(), most, allowed
        self.moved, self.number = set(self.changed), 0
        self.promised: dict[int, list[tuple[float, int, int]]] = {}
        self.tried: dict[tuple[int, int], _Exchange] = {}

    def best(self) -> tuple[int, int] | None:
        """The exchange that gains most of those that promise most, tried in this round; None when none gains."""
        for item in self.changed:
            if item not in self.promised:
                self.promised[item] = self.table.promises(item, self.allowed)
        ranked = sorted((each for many in self.promised.values() for each in many), reverse=True)
        pairs = [(item, other) for _, item, other in ranked[:_TRIED]]
        for pair in pairs:
            if pair not in self.tried:
                self.tried[pair] = self.table.exchange(*pair, self.number)
        while pairs:
            pair = max(pairs, key=lambda each: self.tried[each].gain)
            if self.tried[pair].gain <= 0:
                break
            if self.tried[pair].round == self.number:
                return pair
            self.tried[pair] = self.table.exchange(*pair, self.number)
        return None

    def accept(self, pair: tuple[int, int], plan: Plan) -> None:
        """Make an exchange part of the plan in force; what knew of its items is forgotten."""
        self.table.accept(self.tried[pair], plan)
        self.number += 1
        self.tried = {each: done for each, done in self.tried.items() if not set(pair) & set(each)}
        for item in pair:
            self.promised.pop(item, None)
        if pair[1] not in self.moved:
            self.moved.add(pair[1])
            if len(self.moved) >= self.most:
                self.allowed[:] = False
                self.allowed[list(self.moved)] = True
                self.promised.clear()


def _judged(part: Part, plan: Plan) -> _Own:
    return _Own(part, plan, Taken.by(part.problem, plan), audit(part.problem, plan, part=True).costs.total)


def _without(total: Taken, *owns: _Own) -> Taken:
    """What the others take; nobody waits for a minimum value, which the whole plan is judged by."""
    for own in owns:
        total = total.plus(own.use, -1)
    total.waiting[:] = False
    return total


def _holdings(problem: Problem, orders: Orders) -> tuple[Ints, Ints, Floats]:
    """Capacity cell, item and units of every order line that takes capacity."""
    group = problem.modes.group[orders.mode]
    rows = np.flatnonzero(group >= 0)
    mode, period = orders.mode[rows], orders.period[rows]
    cell = group[rows] * problem.sizes["B"] + problem.time.bucket[period]
    return cell, problem.mode_item[mode], orders.pieces[rows] * problem.modes.usage[mode].astype(float)


__all__ = ["give_way"]
