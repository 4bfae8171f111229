"""What a plan costs, cause by cause, and which soft limits it exceeds at what price."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizers.given import Decided
from optimizers.ledger import Ledger
from optimizers.problem import Problem
from optimizers.solution import Costs, Ints, Plan, Violation
from optimizers.tables import DAY_MS, FREE


def cost_of(problem: Problem, plan: Plan, given: Decided, ledger: Ledger) -> tuple[Costs, tuple[Violation, ...]]:
    """Cost breakdown in minor units, each cause rounded once, and the violations whose prices are in `overflow`."""
    orders, moves, ship, modes = plan.orders, plan.moves, plan.deliveries, problem.modes
    demand, goods = problem.demand, problem.goods
    served = np.bincount(ship.demand, ship.pieces, problem.sizes["K"]).astype(np.int64)
    late = problem.days_late(demand.due[ship.demand], ship.arrival) * demand.late_cost[ship.demand] * ship.pieces
    soft = [*_storage(problem, ledger), *_groups(problem, plan), *_lanes(problem, plan), *_pinned_moves(problem, plan)]
    service, below = _service(problem, served)
    costs = Costs(
        purchase=int((orders.pieces * modes.unit_cost[orders.mode]).sum()),
        ordering=int(modes.order_cost[orders.mode].sum()),
        transport=round(_transport(problem, moves.lane, moves.item, moves.pieces) + _transport(problem, ship.lane, demand.item[ship.demand], ship.pieces)),
        holding=round(ledger.holding / 1000.0),
        shortage=int(((demand.pieces - served) * demand.shortage_cost).sum()),
        lateness=round(float(late.sum())),
        opening=int(problem.places.opening_cost[ledger.opened].sum()),
        scrap=int((plan.scrap.pieces * goods.scrap_cost[plan.scrap.item]).sum()),
        overflow=round(sum(price for _, price in soft)),
        service=round(service),
        unfairness=round(_unfairness(problem, served)),
        change=_change(problem, plan, given),
        salvage=int((ledger.left * goods.salvage).sum()),
    )  # fmt: skip
    found = [violation for violation, _ in soft] + below + list(_given(problem, plan, given))
    return costs, tuple(sorted(found, key=lambda each: (each.limit, each.where)))


def _transport(problem: Problem, lane: Ints, item: Ints, pieces: Ints) -> float:
    per_piece = problem.lanes.cost[lane] + problem.lanes.volume_cost[lane] * problem.goods.volume[item] / 1000.0
    return float((per_piece * pieces).sum())


def _storage(problem: Problem, ledger: Ledger) -> Iterator[tuple[Violation, float]]:
    places = problem.places
    over = np.where(places.storage[:, None] >= 0, ledger.volume - places.storage[:, None], 0)
    for w, t in np.argwhere(over > 0):
        price = float(over[w, t] * places.overflow_price[w]) / 1000.0 * float(problem.period_ms[t]) / DAY_MS
        yield Violation("storage", (int(w), int(t)), int(over[w, t]), round(price)), price


def _groups(problem: Problem, plan: Plan) -> Iterator[tuple[Violation, float]]:
    groups, orders, modes = problem.groups, plan.orders, problem.modes
    use = np.zeros(groups.capacity.shape, dtype=np.int64)
    grouped = modes.group[orders.mode] >= 0
    mode, period = orders.mode[grouped], orders.period[grouped]
    np.add.at(use, (modes.group[mode], problem.time.bucket[period]), orders.pieces[grouped] * modes.usage[mode])
    yield from _above("supplier-capacity", use, groups.capacity, groups.overflow_price)


def _lanes(problem: Problem, plan: Plan) -> Iterator[tuple[Violation, float]]:
    lanes, bucket, volume = problem.lanes, problem.time.bucket, problem.goods.volume
    use = np.zeros(lanes.capacity.shape, dtype=np.int64)
    moves, ship = plan.moves, plan.deliveries
    np.add.at(use, (moves.lane, bucket[moves.period]), moves.pieces * volume[moves.item])
    np.add.at(use, (ship.lane, bucket[ship.period]), ship.pieces * volume[problem.demand.item[ship.demand]])
    yield from _above("lane-capacity", use, lanes.capacity, lanes.overflow_price)


def _above(limit: str, use: Ints, capacity: Ints, price: Ints) -> Iterator[tuple[Violation, float]]:
    over = np.where(capacity >= 0, use - capacity, 0)
    for row, bucket in np.argwhere(over > 0):
        paid = float(over[row, bucket]) * max(int(price[row]), 0)
        yield Violation(limit, (int(row), int(bucket)), int(over[row, bucket]), round(paid)), paid


def _pinned_moves(problem: Problem, plan: Plan) -> Iterator[tuple[Violation, float]]:
    moves, pins = plan.moves, problem.pinned_moves
    if not len(pins.lane):
        return
    free = moves.pool == FREE
    keys = zip(moves.lane[free], moves.item[free], moves.period[free], strict=True)
    moved = dict(zip(keys, moves.pieces[free], strict=True))
    for row in range(len(pins.lane)):
        done = moved.get((pins.lane[row], pins.item[row], pins.period[row]), 0)
        missing = int(pins.pieces[row] - done)
        if missing > 0:
            price = float(missing) * float(pins.shortfall_price[row])
            yield Violation("pinned-move", (row,), missing, round(price)), price


def _service(problem: Problem, served: Ints) -> tuple[float, list[Violation]]:
    goods, demand = problem.goods, problem.demand
    count = len(goods.receiving)
    asked = np.bincount(demand.item, demand.pieces, count)
    got = np.bincount(demand.item, served, count)
    below = np.maximum(goods.service_permille * asked - 1000.0 * got, 0.0)
    price = below * goods.service_price / 1000.0
    found = [
        Violation("service-target", (int(i),), int(-(-below[i] // 1000)), round(float(price[i])))
        for i in np.flatnonzero(below > 0)
    ]
    return float(price.sum()), found


def _unfairness(problem: Problem, served: Ints) -> float:
    """Pieces by which regions get less than their share of what the item's future demand gets, times the price."""
    demand, goods = problem.demand, problem.goods
    shape = (len(goods.receiving), problem.regions)
    future = np.flatnonzero(~demand.accepted)
    cell = demand.item[future] * problem.regions + demand.region[future]
    size = shape[0] * shape[1]
    asked = np.bincount(cell, demand.pieces[future], size).reshape(shape)
    got = np.bincount(cell, served[future], size).reshape(shape)
    total = np.maximum(asked.sum(axis=1, keepdims=True), 1.0)
    less = np.maximum(got.sum(axis=1, keepdims=True) * asked / total - got, 0.0)
    return float((less.sum(axis=1) * goods.fair_price).sum())


def _change(problem: Problem, plan: Plan, given: Decided) -> int:
    quantity = np.zeros_like(given.published)
    quantity[plan.orders.mode, plan.orders.period] = plan.orders.pieces
    price = problem.goods.change_cost[problem.mode_item]
    return int((np.abs(quantity - given.published).sum(axis=1) * price).sum())


def _given(problem: Problem, plan: Plan, given: Decided) -> Iterator[Violation]:
    """Limits that only pinned or frozen orders break; they stand as they are, named but unpriced."""
    modes, orders = problem.modes, plan.orders
    fixed = given.fixed[orders.mode, orders.period]
    value = np.zeros((problem.sizes["S"], problem.sizes["T"]), dtype=np.int64)
    supplier = problem.mode_supplier[orders.mode]
    np.add.at(value, (supplier, orders.period), orders.pieces * modes.unit_cost[orders.mode])
    lacking = problem.suppliers.minimum_value[:, None] - value
    low = {(int(s), int(t)) for s, t in zip(supplier[fixed], orders.period[fixed], strict=True) if lacking[s, t] > 0}
    for s, t in sorted(low):
        yield Violation("minimum-order-value", (s, t), int(lacking[s, t]), 0)
    for row in np.flatnonzero(fixed):
        m, pieces = int(orders.mode[row]), int(orders.pieces[row])
        most = int(modes.maximum[m])
        away = max(int(modes.moq[m]) - pieces, -pieces % int(modes.multiple[m]), pieces - most if most >= 0 else 0)
        if away > 0:
            yield Violation("order-size", (m, int(orders.period[row])), away, 0)
