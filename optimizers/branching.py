"""Branch and bound over the orders of one item, on the linear relaxation of the exact model.

Once the orders are given, what remains is a flow, which the linear program solves in whole pieces. So only orders are
branched on, and first on what moves the bound most: how many orders there are at all, how many pieces they hold together,
how many orders each mode gets. A price break that the relaxation takes for a handful of pieces is settled by the third.

Source: Land and Doig, Econometrica 28 (1960); branching on sums before single columns, Ryan and Foster (1981).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from optimizers.columns import Flag
from optimizers.formulation import Formulation, formulate
from optimizers.milp import Floats, LinearProgram, Relaxed
from optimizers.monolith import read_plan, solve_exactly
from optimizers.problem import Problem
from optimizers.restrict import Taken
from optimizers.solution import Ints, Plan

WHOLE = 1e-6
"""How far from a whole number a column may be and still count as whole."""


@dataclass(frozen=True, slots=True, order=True)
class _Node:
    """A part of the search: no plan in it costs less than `bound`; `at` has no values where the solver gave up."""

    bound: float
    number: int
    lower: Floats = field(compare=False)
    upper: Floats = field(compare=False)
    at: Relaxed = field(compare=False)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The exact model of one item as a linear program, ready to be solved under many bounds, also for several searches.

    taken : what other items use of shared limits, or what makes the item free of them. sums : columns to branch on first.
    """

    problem: Problem
    taken: Taken
    form: Formulation
    sums: tuple[Ints, Ints]
    linear: LinearProgram
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, problem: Problem, taken: Taken) -> Relaxation:
        """Write the model and hand it to the solver."""
        form = formulate(problem, taken)
        sums = _sums(form)
        program = form.model.arrays()
        return cls(problem, taken, form, sums, LinearProgram(program), program.lower, program.upper)

    def deal(self, pieces: Ints, near: Relaxed | None = None) -> Relaxed:
        """Deal out the orders `pieces` (M, T) at least cost; given orders are dealt out as they are.

        near : a solved relaxation to start from, the last one when left out.
        """
        form = self.form
        lower, upper = self.lower.copy(), self.upper.copy()
        wanted = pieces[form.order_mode, form.order_period] / self.problem.modes.multiple[form.order_mode]
        for bounds in (lower, upper):
            bounds[form.batches] = wanted
            bounds[form.placed] = wanted > 0
        return self.solve(lower, upper, near)

    def solve(self, lower: Floats, upper: Floats, near: Relaxed | None = None) -> Relaxed:
        """Solve under these column bounds."""
        return self.linear.solve(lower, upper, near.basis if near is not None else None)

    def without(self, barred: Flag) -> Floats:
        """Upper bounds that forbid orders by the modes `barred` (M,)."""
        upper = self.upper.copy()
        for columns in (self.form.batches, self.form.placed):
            upper[columns[barred[self.form.order_mode]]] = 0.0
        return upper


class Tree:
    """The search of one item: `bound` and `best` close in on each other with every `step`.

    Parameters
    ----------
    barred : (M,) modes by which nothing may be ordered; none when left out.
    near : a solved relaxation to start from.

    Attributes
    ----------
    best : cost of the cheapest plan found so far, endless before the first. solves : linear programs solved.
    """

    def __init__(self, relaxation: Relaxation, barred: Flag | None = None, near: Relaxed | None = None) -> None:
        self._relaxation = relaxation
        self._problem, self._form = relaxation.problem, relaxation.form
        self._lower = relaxation.lower
        self._upper = relaxation.upper if barred is None else relaxation.without(barred)
        self._open: list[_Node] = []
        self._values: Floats | None = None
        self.best, self.solves = np.inf, 0
        self._consider(-np.inf, self._lower, self._upper, near)

    @property
    def bound(self) -> float:
        """No plan of the item costs less."""
        found = self._open[0].bound if self._open else self.best
        return min(found, self.best)

    @property
    def root(self) -> Relaxed | None:
        """The solved relaxation of what is still open, None when nothing is."""
        return self._open[0].at if self._open else None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to branch on, or nothing can be gained by it."""
        return not self._open or self._open[0].at.values is None or self._open[0].bound >= self.best

    def try_orders(self, pieces: Ints) -> None:
        """Deal out the orders `pieces` (M, T) and keep the plan when it is the cheapest so far."""
        found = self._relaxation.deal(pieces, self.root)
        self.solves += 1
        if found.values is not None and found.cost < self.best:
            self.best, self._values = found.cost, found.values

    def step(self) -> None:
        """Branch on the node with the lowest bound."""
        node = heapq.heappop(self._open)
        column, at = self._branch(node)
        down, up = node.upper.copy(), node.lower.copy()
        down[column], up[column] = np.floor(at), np.ceil(at)
        self._consider(node.bound, node.lower, down, node.at)
        self._consider(node.bound, up, node.upper, node.at)

    def plan(self) -> Plan | None:
        """The cheapest plan found, None before the first."""
        if self._values is None:
            return None
        if np.abs(self._values - np.rint(self._values))[self._flows()].max(initial=0.0) <= WHOLE:
            return read_plan(self._form, self._values)
        orders = self.orders()
        everywhere = np.ones(orders.shape, dtype=bool)
        return solve_exactly(
            self._problem, self._relaxation.taken, held=(orders, everywhere), gap=1e-4, node_limit=20
        ).plan

    def orders(self) -> Ints:
        """(M, T) pieces that the cheapest plan orders; given orders are not among them."""
        form, values = self._form, self._values
        orders = np.zeros((self._problem.sizes["M"], self._problem.sizes["T"]), dtype=np.int64)
        if values is not None:
            multiple = self._problem.modes.multiple[form.order_mode]
            orders[form.order_mode, form.order_period] = np.rint(values[form.batches]).astype(np.int64) * multiple
        return orders

    def _flows(self) -> Ints:
        """Columns whose values become pieces of a plan."""
        parts = [self._form.batches]
        for item in self._form.items:
            parts += [item.move, item.served.release, item.served.sent, item.served.line, item.scrap[item.scrap >= 0]]
        return np.concatenate(parts)

    def _consider(self, floor: float, lower: Floats, upper: Floats, near: Relaxed | None = None) -> None:
        """Solve a part of the search and keep it while it may hold something better."""
        found = self._solve(lower, upper, near)
        if found.cost == np.inf:
            return
        bound = floor if np.isnan(found.cost) else max(floor, found.cost - 1e-7 * abs(found.cost))
        if bound >= self.best:
            return
        if found.values is not None and self._whole(found.values):
            self.best, self._values = min(self.best, found.cost), found.values
            return
        heapq.heappush(self._open, _Node(bound, self.solves, lower, upper, found))

    def _solve(self, lower: Floats, upper: Floats, near: Relaxed | None) -> Relaxed:
        self.solves += 1
        return self._relaxation.solve(lower, upper, near)

    def _whole(self, values: Floats) -> bool:
        orders = values[np.concatenate([self._form.placed, self._form.batches])]
        return float(np.abs(orders - np.rint(orders)).max(initial=0.0)) <= WHOLE

    def _branch(self, node: _Node) -> tuple[int, float]:
        """Column to branch on: the most fractional one of the first kind that has any, and its value."""
        values = node.at.values if node.at.values is not None else node.lower
        for columns in (*self._relaxation.sums, self._form.placed, self._form.batches):
            here = values[columns]
            part = np.abs(here - np.rint(here))
            if part.max(initial=0.0) > WHOLE:
                k = int(np.argmax(part))
                return int(columns[k]), float(here[k])
        raise AssertionError("a node with whole orders is settled")


def _sums(form: Formulation) -> tuple[Ints, Ints]:
    """Columns for the number of orders and the batches of all of them, and for the number of orders of each mode."""
    model, modes = form.model, form.problem.modes
    if not len(form.batches):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    multiple = modes.multiple[form.order_mode]
    batches = (multiple // np.gcd.reduce(multiple)).astype(float)
    both = model.add_columns(2)
    for column, columns, weight in ((both[0], form.placed, 1.0), (both[1], form.batches, batches)):
        row = model.add_rows(1, lower=0, upper=0)
        model.add(row, column, -1.0)
        model.add(row, columns, weight)
    used = np.unique(form.order_mode)
    each = model.add_columns(len(used))
    rows = model.add_rows(len(used), lower=0, upper=0)
    model.add(rows, each, -1.0)
    model.add(rows[np.searchsorted(used, form.order_mode)], form.placed, 1.0)
    return both, each
