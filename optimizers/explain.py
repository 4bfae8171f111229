"""Why this quantity, why not more, why not from somebody else, why nothing at all: answers as data.

Every figure is computed by dealing the item's pieces out again beside the rest of the plan with one order changed, so that
an answer such as "one batch more would cost 310" is a fact about the model and not a story about it. With the orders given
that is one linear program, started from the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from optimizers.branching import Flags, Relaxation, Tree
from optimizers.given import Decided, decided
from optimizers.pegging import Peg, Source, pegs
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, restrict
from optimizers.solution import Ints, Plan, Solution

_BRANCHES = 4
"""Steps of the search for the plan without an offer."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit without room for one more multiple of the order; price in minor units per unit of it."""

    limit: str
    where: tuple[int, ...]
    price: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A good plan of the item without the offer of this line: extra cost, and the orders it would place instead.

    The cheapest one that a short search finds; without orders, transfers and shortage take their place.
    """

    extra_cost: int
    mode: Ints
    period: Ints
    pieces: Ints


@dataclass(frozen=True, slots=True)
class LineReason:
    """Explanation of one order line. `pieces` = `needed` + `rounding` always.

    needed : pieces that reach demand. rounding : pieces beyond it, bought only because of `rounded_by` ("moq", "multiple",
    "minimum-order-value", "given" or "price-break"; "" when nothing is rounded).
    cover_from, cover_until : first and last period in which pieces of the line are delivered, -1 when none is.
    more_cost, less_cost : minor units by which the plan becomes dearer with one multiple more or less (below MOQ: with
    none), other orders of the item unchanged; None when that is impossible.
    alternative : None when a given order of the offer or a pin leaves no plan without it.
    """

    mode: int
    period: int
    pieces: int
    arrival: int
    needed: int
    rounding: int
    rounded_by: str
    cover_from: int
    cover_until: int
    pegs: tuple[Peg, ...]
    binding: tuple[Binding, ...]
    more_cost: int | None
    less_cost: int | None
    alternative: Alternative | None


class NoOrder(StrEnum):
    """Why an item has no order."""

    COVERED = "covered"
    NO_OFFER = "no-offer"
    TOO_LATE = "too-late"
    NO_CAPACITY = "no-capacity"
    NOT_WORTH_IT = "not-worth-it"


@dataclass(frozen=True, slots=True)
class NoOrderReason:
    """Why nothing is ordered. extra_cost : what the cheapest possible order would add, None when none is possible."""

    item: int
    reason: NoOrder
    short: int
    extra_cost: int | None


@dataclass(frozen=True, slots=True)
class _Bench:
    """One item beside the rest of the plan, ready to be dealt out again with other orders; `cost` is that of its own."""

    part: Part
    rest: Taken
    given: Decided
    orders: Ints
    relaxation: Relaxation
    tree: Tree
    cost: float

    def dearer(self, orders: Ints) -> int | None:
        """What the item costs more with `orders` (M, T), minor units; None when no plan exists."""
        found = self.tree.deal(orders)
        return None if found.values is None else round(found.cost - self.cost)


def explain_item(problem: Problem, solution: Solution, item: int, until: int | None = None) -> tuple[LineReason, ...]:
    """Explain the order lines of `item` placed up to period `until`, or all, in the order of `solution.orders`."""
    orders = solution.orders
    last = problem.sizes["T"] if until is None else until
    rows = np.flatnonzero((problem.mode_item[orders.mode] == item) & (orders.period <= last))
    if not len(rows):
        return ()
    bench = _bench(problem, solution.plan, item)
    found = pegs(problem, solution.plan, item)
    return tuple(_line(problem, solution, bench, found, int(row)) for row in rows)


def explain_nothing(problem: Problem, solution: Solution, item: int) -> NoOrderReason:
    """Why `item` has no order although, perhaps, some of its demand stays short."""
    short = int(solution.shortage[problem.demand.item == item].sum())
    bench = _bench(problem, solution.plan, item)
    open_ = bench.given.open
    if short == 0:
        return NoOrderReason(item, NoOrder.COVERED, 0, None)
    if not len(bench.part.problem.modes.offer) or not open_.any():
        return NoOrderReason(item, NoOrder.NO_OFFER, short, None)
    late = solution.shortage[bench.part.demand] > 0
    last = np.minimum(problem.demand.last, problem.goods.end_of_run[problem.demand.item])[bench.part.demand[late]]
    arrival = np.where(open_, bench.part.problem.modes.arrival, problem.sizes["T"])
    if arrival.min() > last.max():
        return NoOrderReason(item, NoOrder.TOO_LATE, short, None)
    extra = [
        cost for cost in map(_smallest_order(bench), np.argwhere(open_ & (arrival <= last.max()))) if cost is not None
    ]
    if not extra:
        return NoOrderReason(item, NoOrder.NO_CAPACITY, short, None)
    return NoOrderReason(item, NoOrder.NOT_WORTH_IT, short, min(extra))


def _smallest_order(bench: _Bench) -> Callable[[Ints], int | None]:
    """Cost of the smallest order in a cell, everything else of the item as it is; None when a shared limit forbids it."""

    def cost(cell: Ints) -> int | None:
        modes, (mode, period) = bench.part.problem.modes, (int(k) for k in cell)
        pieces = -(-int(modes.moq[mode]) // int(modes.multiple[mode])) * int(modes.multiple[mode])
        orders = bench.orders.copy()
        orders[mode, period] = pieces
        return bench.dearer(orders)

    return cost


def _bench(problem: Problem, plan: Plan, item: int) -> _Bench:
    part = restrict(problem, np.array([item]))
    rest = others(problem, plan, part)
    orders = _grid(part.problem, part.lower(plan))
    relaxation = Relaxation.of(part.problem, rest)
    tree = Tree(relaxation)
    return _Bench(part, rest, decided(part.problem), orders, relaxation, tree, tree.deal(orders).cost)


def others(problem: Problem, plan: Plan, part: Part) -> Taken:
    """What the rest of the plan takes of shared limits; nothing waits for this item's order value."""
    everything, own = Taken.by(problem, plan), Taken.by(part.problem, part.lower(plan))
    rest = everything.plus(own, -1)
    return replace(rest, waiting=np.zeros_like(rest.waiting))


def _line(problem: Problem, solution: Solution, bench: _Bench, found: tuple[Peg, ...], row: int) -> LineReason:
    orders = solution.orders
    mode, period, pieces = int(orders.mode[row]), int(orders.period[row]), int(orders.pieces[row])
    mine = tuple(peg for peg in found if peg.source is Source.ORDER and peg.row == row)
    served = [peg for peg in mine if peg.demand >= 0]
    needed = sum(peg.pieces for peg in served)
    own = int(np.searchsorted(bench.part.modes, mode))
    multiple, moq = int(problem.modes.multiple[mode]), int(problem.modes.moq[mode])
    less = pieces - multiple if pieces - multiple >= moq else 0
    return LineReason(
        mode,
        period,
        pieces,
        int(orders.arrival[row]),
        needed,
        pieces - needed,
        _rounded_by(problem, bench, own, period, needed, pieces),
        min((peg.period for peg in served), default=-1),
        max((peg.period for peg in served), default=-1),
        mine,
        _binding(problem, solution, bench, mode, own, period),
        _changed(bench, own, period, pieces + multiple),
        _changed(bench, own, period, less),
        _alternative(bench, own, period),
    )


def _rounded_by(problem: Problem, bench: _Bench, own: int, period: int, needed: int, pieces: int) -> str:
    modes = bench.part.problem.modes
    if pieces == needed:
        return ""
    if not bench.given.open[own, period]:
        return "given"
    moq, multiple = int(modes.moq[own]), int(modes.multiple[own])
    least = -(-max(needed, 1) // multiple) * multiple
    if pieces <= max(least, -(-moq // multiple) * multiple):
        if pieces > least:
            return "price-break" if modes.tier[own] > 0 else "moq"
        return "multiple"
    return (
        "minimum-order-value"
        if problem.suppliers.minimum_value[bench.part.problem.mode_supplier[own]] > 0
        else "price-break"
    )


def _binding(
    problem: Problem, solution: Solution, bench: _Bench, mode: int, own: int, period: int
) -> tuple[Binding, ...]:
    found = []
    part, multiple = bench.part.problem, int(problem.modes.multiple[mode])
    group, bucket = int(problem.modes.group[mode]), int(problem.time.bucket[period])
    wanted = int(bench.orders[own, period]) + multiple
    if 0 <= part.modes.maximum[own] < wanted:
        found.append(Binding("order-maximum", (mode, period), 0.0))
    if _room(part, bench.rest, own, period, multiple, bench.orders) is not None:
        found.append(Binding("supplier-capacity", (group, bucket), float(solution.prices.group[group, bucket])))
    for lane, at in np.argwhere(solution.prices.lane > 0):
        hub = int(problem.goods.receiving[problem.mode_item[mode]])
        if problem.lanes.origin[lane] == hub and at >= bucket:
            found.append(Binding("lane-capacity", (int(lane), int(at)), float(solution.prices.lane[lane, at])))
    return tuple(found)


def _room(problem: Problem, rest: Taken, mode: int, period: int, pieces: int, orders: Ints) -> int | None:
    """Capacity units missing for `pieces` more of the mode, None when there is room or more can be bought."""
    group, bucket = int(problem.modes.group[mode]), int(problem.time.bucket[period])
    if group < 0 or problem.groups.capacity[group, bucket] < 0 or problem.groups.overflow_price[group] >= 0:
        return None
    same = (problem.modes.group == group)[:, None] & (problem.time.bucket == bucket)
    used = int(rest.group[group, bucket]) + int((orders * problem.modes.usage[:, None])[same].sum())
    missing = used + pieces * int(problem.modes.usage[mode]) - int(problem.groups.capacity[group, bucket])
    return missing if missing > 0 else None


def _changed(bench: _Bench, mode: int, period: int, pieces: int) -> int | None:
    most = int(bench.part.problem.modes.maximum[mode])
    if not bench.given.open[mode, period] or 0 <= most < pieces:
        return None
    orders = bench.orders.copy()
    orders[mode, period] = pieces
    return bench.dearer(orders)


def _alternative(bench: _Bench, mode: int, period: int) -> Alternative | None:
    """Search without the offer of a line: from its pieces moved to each other offer, and a few branches on."""
    modes = bench.part.problem.modes
    barred = modes.offer == modes.offer[mode]
    search = Tree(bench.relaxation, barred, bench.tree.root)
    search.try_orders(np.where(barred[:, None], 0, bench.orders))
    for other in np.flatnonzero(~barred & bench.given.open[:, period]).tolist():
        search.try_orders(_moved(bench, barred, mode, period, other))
    for _ in range(_BRANCHES):
        if search.settled:
            break
        search.step()
    if not np.isfinite(search.best):
        return None
    orders = search.orders()
    instead, at = np.nonzero(orders)
    return Alternative(round(search.best - bench.cost), bench.part.modes[instead], at, orders[instead, at])


def _moved(bench: _Bench, barred: Flags, mode: int, period: int, other: int) -> Ints:
    """The item's orders with those of the barred modes left out, but for the line's own pieces, given to another mode."""
    modes = bench.part.problem.modes
    orders = np.where(barred[:, None], 0, bench.orders)
    multiple, most = int(modes.multiple[other]), int(modes.maximum[other])
    wanted = max(int(bench.orders[mode, period]), int(modes.moq[other]))
    pieces = -(-wanted // multiple) * multiple
    orders[other, period] = max(
        int(orders[other, period]), pieces if most < 0 else min(pieces, most // multiple * multiple)
    )
    return orders


def _grid(problem: Problem, plan: Plan) -> Ints:
    orders = np.zeros((problem.sizes["M"], problem.sizes["T"]), dtype=np.int64)
    orders[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    return orders
