"""The rules each line of a plan must keep by itself, and those between orders: sizes, spacing, windows, capacity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from optimizers.given import Decided
from optimizers.problem import Problem
from optimizers.solution import Ints, Plan
from optimizers.tables import FREE

Broken = tuple[str, tuple[int, ...]]


def broken_rules(problem: Problem, plan: Plan, given: Decided) -> list[Broken]:
    """Every rule that some line breaks, with the first row that does."""
    shapes = list(_well_formed(problem, plan))
    if shapes:
        return shapes
    found: list[Broken] = []
    for rules in (_orders, _spacing, _minimum_value, _moves, _deliveries, _caps, _scrap):
        found += rules(problem, plan, given)
    return found


def _first(rule: str, bad: Any) -> Iterator[Broken]:
    if np.any(bad):
        yield rule, tuple(int(k) for k in np.argwhere(bad)[0])


def _well_formed(problem: Problem, plan: Plan) -> Iterator[Broken]:
    size = problem.sizes
    limits = {
        "mode": size["M"], "period": size["T"], "lane": size["L"], "item": size["N"], "demand": size["K"],
        "warehouse": size["W"], "pool": 3, "arrival": size["T"] + 1, "pieces": np.iinfo(np.int64).max,
    }  # fmt: skip
    for name in ("orders", "moves", "deliveries", "scrap"):
        table = getattr(plan, name)
        for each in fields(table):
            column = getattr(table, each.name)
            least = 1 if each.name == "pieces" else 0
            yield from _first(f"{name}.{each.name} out of range", (column < least) | (column >= limits[each.name]))
        keys = np.stack([getattr(table, each.name) for each in fields(table) if each.name not in ("pieces", "arrival")])
        again = np.ones(keys.shape[1], dtype=bool)
        again[np.unique(keys, axis=1, return_index=True)[1]] = False
        yield from _first(f"{name} repeated", again)


def _orders(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    orders, modes = plan.orders, problem.modes
    quantity = _grid(problem, plan)
    yield from _first("given order changed", given.fixed & (quantity != given.pieces))
    yield from _first("order arrival", orders.arrival != modes.arrival[orders.mode, orders.period])
    free = ~given.fixed[orders.mode, orders.period]
    late = orders.arrival >= problem.sizes["T"]
    yield from _first("order after the horizon", free & late)
    pieces, mode = orders.pieces, orders.mode
    yield from _first("order below MOQ", free & (pieces < modes.moq[mode]))
    yield from _first("order not a multiple", free & (pieces % modes.multiple[mode] != 0))
    yield from _first("order above maximum", free & (modes.maximum[mode] >= 0) & (pieces > modes.maximum[mode]))
    groups = problem.groups
    grouped = modes.group >= 0
    use = np.zeros(groups.capacity.shape, dtype=np.int64)
    fixed = np.zeros(groups.capacity.shape, dtype=np.int64)
    for target, amount in ((use, quantity), (fixed, given.pieces)):
        for m in np.flatnonzero(grouped & (amount > 0).any(axis=1)):
            np.add.at(target[modes.group[m]], problem.time.bucket, amount[m] * modes.usage[m])
    hard = (groups.capacity >= 0) & (groups.overflow_price < 0)[:, None]
    yield from _first("supplier capacity", hard & (use > np.maximum(groups.capacity, fixed)))


def _grid(problem: Problem, plan: Plan) -> Ints:
    quantity = np.zeros((problem.sizes["M"], problem.sizes["T"]), dtype=np.int64)
    quantity[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    return quantity


def _spacing(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    """A new order may not stand too close to another one; given orders may stand as they are."""
    offers, orders = problem.offers, plan.orders
    new = ~given.fixed[orders.mode, orders.period]
    offer = problem.modes.offer[orders.mode]
    start = problem.time.boundaries[orders.period]
    day = problem.time.day[orders.period]
    by_offer = np.argsort(offer, kind="stable")
    edges = np.searchsorted(offer[by_offer], np.arange(len(offers.item) + 1))
    for o in np.flatnonzero((offers.batches_per_day > 0) | (offers.gap > 0)):
        mine = by_offer[edges[o] : edges[o + 1]]
        for line in mine[new[mine]]:
            if offers.batches_per_day[o] and np.count_nonzero(day[mine] == day[line]) > offers.batches_per_day[o]:
                yield "batches per day", (int(o), int(orders.period[line]))
            if offers.gap[o] and np.count_nonzero(np.abs(start[mine] - start[line]) < offers.gap[o]) > 1:
                yield "gap between batches", (int(o), int(orders.period[line]))


def _minimum_value(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    orders = plan.orders
    value = np.zeros((problem.sizes["S"], problem.sizes["T"]), dtype=np.int64)
    supplier = problem.mode_supplier[orders.mode]
    np.add.at(value, (supplier, orders.period), orders.pieces * problem.modes.unit_cost[orders.mode])
    new = ~given.fixed[orders.mode, orders.period]
    low = value[supplier, orders.period] < problem.suppliers.minimum_value[supplier]
    yield from _first("minimum order value", new & low)


def _moves(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    moves, lanes, pins = plan.moves, problem.lanes, problem.pinned_moves
    yield from _first("move on a lane to a region", lanes.to_warehouse[moves.lane] < 0)
    yield from _first("move arrival", moves.arrival != lanes.arrival[moves.lane, moves.period])
    pinned = {
        (int(a), int(b), int(c)): int(q)
        for a, b, c, q in zip(pins.lane, pins.item, pins.period, pins.pieces, strict=True)
    }
    for row in np.flatnonzero(moves.arrival >= problem.sizes["T"]):
        if (int(moves.lane[row]), int(moves.item[row]), int(moves.period[row])) not in pinned:
            yield "move after the horizon", (int(row),)
    for row in np.flatnonzero(moves.pool == FREE) if pinned else ():
        limit = pinned.get((int(moves.lane[row]), int(moves.item[row]), int(moves.period[row])))
        if limit is not None and moves.pieces[row] > limit:
            yield "pinned move exceeded", (int(row),)
    use = np.zeros(lanes.capacity.shape, dtype=np.int64)
    fixed = np.zeros(lanes.capacity.shape, dtype=np.int64)
    bucket, volume, ship = problem.time.bucket, problem.goods.volume, plan.deliveries
    np.add.at(use, (moves.lane, bucket[moves.period]), moves.pieces * volume[moves.item])
    np.add.at(use, (ship.lane, bucket[ship.period]), ship.pieces * volume[problem.demand.item[ship.demand]])
    np.add.at(fixed, (pins.lane, bucket[pins.period]), pins.pieces * volume[pins.item])
    hard = (lanes.capacity >= 0) & (lanes.overflow_price < 0)[:, None]
    yield from _first("lane capacity", hard & (use > np.maximum(lanes.capacity, fixed)))
    fenced = (moves.pool != FREE) & (moves.period >= problem.goods.fence_lifts[moves.item])
    yield from _first("fenced move after the fence lifted", fenced)


def _deliveries(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    ship, lanes, demand = plan.deliveries, problem.lanes, problem.demand
    item = demand.item[ship.demand]
    yield from _first("delivery to another region", lanes.to_region[ship.lane] != demand.region[ship.demand])
    yield from _first("delivery tier", lanes.tier[ship.lane] < demand.tier[ship.demand])
    yield from _first("delivery arrival", ship.arrival != lanes.arrival[ship.lane, ship.period])
    late = ship.arrival > np.minimum(demand.last[ship.demand], problem.goods.end_of_run[item])
    yield from _first("delivery outside its window", late | (ship.arrival < demand.opens[ship.demand]))
    fenced = ship.pool != FREE
    wrong = (ship.pool != demand.channel[ship.demand]) | (ship.period >= problem.goods.fence_lifts[item])
    yield from _first("delivery from fenced stock", fenced & wrong)
    served = np.bincount(ship.demand, ship.pieces, problem.sizes["K"])
    yield from _first("more delivered than asked", served > demand.pieces)


def _caps(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    total = np.zeros(problem.sizes["C"], dtype=np.int64)
    for column in (problem.demand.session_cap, problem.demand.run_cap):
        cap = column[plan.deliveries.demand]
        np.add.at(total, cap[cap >= 0], plan.deliveries.pieces[cap >= 0])
    yield from _first("sale cap", total > problem.caps.pieces)


def _scrap(problem: Problem, plan: Plan, given: Decided) -> Iterator[Broken]:
    item = plan.scrap.item
    expires = np.isin(item, problem.expiring.item) | (problem.goods.shelf_life[item] > 0)
    yield from _first("scrap of goods that do not expire", ~expires)
