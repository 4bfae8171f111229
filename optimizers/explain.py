"""Why this quantity, why not more, why not from somebody else, why nothing at all: answers as data.

Every figure is computed by dealing the item's pieces out again beside the rest of the plan with one order changed, so that
an answer such as "one batch more would cost 310" is a fact about the model and not a story about it. With the orders given
that is one linear program, started from the one before, or where milliseconds count the item's program under prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from optimizers.given import Decided, decided
from optimizers.instead import Exactly, Instead, Quickly
from optimizers.pegging import Peg, Source, pegs
from optimizers.problem import Problem
from optimizers.restrict import Part, Taken, restrict
from optimizers.solution import Ints, Plan, Prices, Solution

if TYPE_CHECKING:
    from optimizers.beside import Beside


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
    """One item beside the rest of the plan, ready to be dealt out again with other orders."""

    part: Part
    own: Plan
    rest: Taken
    prices: Prices
    given: Decided
    orders: Ints
    instead: Instead


def explain_item(problem: Problem, solution: Solution, item: int, until: int | None = None) -> tuple[LineReason, ...]:
    """Explain the order lines of `item` placed up to period `until`, or all, in the order of `solution.orders`."""
    orders = solution.orders
    last = problem.sizes["T"] if until is None else until
    rows = np.flatnonzero(problem.mode_item[orders.mode] == item)
    if not (orders.period[rows] <= last).any():
        return ()
    part = restrict(problem, np.array([item]))
    found = explain_part(part, solution.plan, others(problem, solution.plan, part), solution.prices, last)
    inflow = np.flatnonzero(problem.inflow.item == item)
    return tuple(_lifted(reason, part, rows, inflow) for reason in found)


def explain_part(
    part: Part, plan: Plan, rest: Taken, prices: Prices, until: int, beside: Beside | None = None
) -> tuple[LineReason, ...]:
    """Explain the order lines of a part of one item beside `rest`, in the part's numbers.

    beside : the item's program under `prices` answers, in milliseconds; otherwise linear programs do, exactly.
    """
    bench = _bench(part, plan, rest, prices, beside)
    found = pegs(part.problem, bench.own, 0)
    return tuple(_line(bench, found, int(row)) for row in np.flatnonzero(bench.own.orders.period <= until))


def _lifted(reason: LineReason, part: Part, rows: Ints, inflow: Ints) -> LineReason:
    """The same reason in the numbers of the whole problem and plan."""
    old = {Source.ORDER: rows, Source.INFLOW: inflow}
    pegged = tuple(
        replace(
            peg,
            row=int(old[peg.source][peg.row]) if peg.source in old else peg.row,
            demand=int(part.demand[peg.demand]) if peg.demand >= 0 else -1,
        )
        for peg in reason.pegs
    )
    other = reason.alternative
    return replace(
        reason,
        mode=int(part.modes[reason.mode]),
        pegs=pegged,
        alternative=None if other is None else replace(other, mode=part.modes[other.mode]),
        binding=tuple(_binding_lifted(each, part) for each in reason.binding),
    )


def _binding_lifted(binding: Binding, part: Part) -> Binding:
    if binding.limit != "order-maximum":
        return binding
    mode, period = binding.where
    return replace(binding, where=(int(part.modes[mode]), period))


def explain_nothing(problem: Problem, solution: Solution, item: int) -> NoOrderReason:
    """Why `item` has no order although, perhaps, some of its demand stays short."""
    short = int(solution.shortage[problem.demand.item == item].sum())
    part = restrict(problem, np.array([item]))
    bench = _bench(part, solution.plan, others(problem, solution.plan, part), solution.prices)
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
        return bench.instead.dearer(orders)

    return cost


def _bench(part: Part, plan: Plan, rest: Taken, prices: Prices, beside: Beside | None = None) -> _Bench:
    own, problem = part.lower(plan), part.problem
    orders = _grid(problem, own)
    instead: Instead = Exactly.of(problem, rest, orders) if beside is None else Quickly(beside, problem, orders)
    return _Bench(part, own, rest, prices, decided(problem), orders, instead)


def others(problem: Problem, plan: Plan, part: Part) -> Taken:
    """What the rest of the plan takes of shared limits; nothing waits for this item's order value."""
    everything, own = Taken.by(problem, plan), Taken.by(part.problem, part.lower(plan))
    rest = everything.plus(own, -1)
    return replace(rest, waiting=np.zeros_like(rest.waiting))


def _line(bench: _Bench, found: tuple[Peg, ...], row: int) -> LineReason:
    problem, orders = bench.part.problem, bench.own.orders
    mode, period, pieces = int(orders.mode[row]), int(orders.period[row]), int(orders.pieces[row])
    mine = tuple(peg for peg in found if peg.source is Source.ORDER and peg.row == row)
    served = [peg for peg in mine if peg.demand >= 0]
    needed = sum(peg.pieces for peg in served)
    multiple, moq = int(problem.modes.multiple[mode]), int(problem.modes.moq[mode])
    less = pieces - multiple if pieces - multiple >= moq else 0
    return LineReason(
        mode,
        period,
        pieces,
        int(orders.arrival[row]),
        needed,
        pieces - needed,
        _rounded_by(bench, mode, period, needed, pieces),
        min((peg.period for peg in served), default=-1),
        max((peg.period for peg in served), default=-1),
        mine,
        _binding(bench, mode, period),
        _changed(bench, mode, period, pieces + multiple),
        _changed(bench, mode, period, less),
        _alternative(bench, mode, period),
    )


def _rounded_by(bench: _Bench, mode: int, period: int, needed: int, pieces: int) -> str:
    problem, modes = bench.part.problem, bench.part.problem.modes
    if pieces == needed:
        return ""
    if not bench.given.open[mode, period]:
        return "given"
    moq, multiple = int(modes.moq[mode]), int(modes.multiple[mode])
    least = -(-max(needed, 1) // multiple) * multiple
    if pieces <= max(least, -(-moq // multiple) * multiple):
        if pieces > least:
            return "price-break" if modes.tier[mode] > 0 else "moq"
        return "multiple"
    return "minimum-order-value" if problem.suppliers.minimum_value[problem.mode_supplier[mode]] > 0 else "price-break"


def _binding(bench: _Bench, mode: int, period: int) -> tuple[Binding, ...]:
    found = []
    problem, prices = bench.part.problem, bench.prices
    multiple = int(problem.modes.multiple[mode])
    group, bucket = int(problem.modes.group[mode]), int(problem.time.bucket[period])
    if 0 <= problem.modes.maximum[mode] < int(bench.orders[mode, period]) + multiple:
        found.append(Binding("order-maximum", (mode, period), 0.0))
    if _room(problem, bench.rest, mode, period, multiple, bench.orders) is not None:
        found.append(Binding("supplier-capacity", (group, bucket), float(prices.group[group, bucket])))
    hub = int(problem.goods.receiving[0])
    for lane, at in np.argwhere((prices.lane > 0) & (problem.lanes.origin == hub)[:, None]):
        if at >= bucket:
            found.append(Binding("lane-capacity", (int(lane), int(at)), float(prices.lane[lane, at])))
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
    return bench.instead.dearer(orders)


def _alternative(bench: _Bench, mode: int, period: int) -> Alternative | None:
    found = bench.instead.without(mode, period)
    if found is None:
        return None
    other, at = np.nonzero(found.orders)
    return Alternative(found.extra, other.astype(np.int64), at.astype(np.int64), found.orders[other, at])


def _grid(problem: Problem, plan: Plan) -> Ints:
    orders = np.zeros((problem.sizes["M"], problem.sizes["T"]), dtype=np.int64)
    orders[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    return orders
