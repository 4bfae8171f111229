"""Columns and rows of one item: stock by warehouse and pool, moves, deliveries, expiry, service and fair share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimizers.arcs import DeliveryArcs, MoveArcs, Supply, delivery_arcs, move_arcs, pool_at_arrival, supply_of
from optimizers.given import expiry
from optimizers.program import Formulation, ItemColumns
from optimizers.solution import Ints
from optimizers.tables import DAY_MS, FREE

if TYPE_CHECKING:
    from optimizers.milp import Floats


def add_item(form: Formulation, item: int) -> ItemColumns:
    """Write one item into the model."""
    problem = form.problem
    supply = supply_of(problem, item)
    pieces = supply.pieces.copy()
    pieces[0] += _given_arrivals(form, item)
    moves, deliveries = move_arcs(problem, item, supply.pools), delivery_arcs(problem, item, supply.pools)
    row = _stock(form, item, supply, pieces)
    _receive(form, item, row)
    move = _moves(form, item, supply, moves, row)
    delivery = _deliveries(form, item, supply, deliveries, row)
    scrap = _expiry(form, item, pieces, deliveries, delivery, row)
    _service(form, item, deliveries, delivery)
    _fair_share(form, item, deliveries, delivery)
    return ItemColumns(moves, move, deliveries, delivery, supply.pools, scrap)


def _given_arrivals(form: Formulation, item: int) -> Ints:
    problem = form.problem
    arriving = np.zeros((problem.sizes["W"], problem.sizes["T"]), dtype=np.int64)
    order, starts = problem.items_of_modes
    for mode in order[starts[item] : starts[item + 1]]:
        at = problem.modes.arrival[mode]
        kept = (at >= 0) & (at < problem.sizes["T"])
        np.add.at(arriving[problem.goods.receiving[item]], at[kept], form.given.pieces[mode][kept])
    return arriving


def _stock(form: Formulation, item: int, supply: Supply, pieces: Ints) -> Ints:
    """Stock columns and their balance rows, (pool, W, T): stock - stock before - in + out = given supply."""
    problem, model = form.problem, form.model
    shape = pieces.shape
    periods = shape[2]
    rate = problem.stock.holding[item][:, None] / 1000.0 * (problem.period_ms / DAY_MS)
    cost = np.broadcast_to(rate, shape).copy()
    cost[:, :, -1] -= problem.goods.salvage[item]
    stock = model.add_columns(pieces.size, cost=cost.ravel()).reshape(shape)
    row = model.add_rows(pieces.size, lower=pieces.ravel(), upper=pieces.ravel()).reshape(shape)
    model.add(row, stock, 1.0)
    model.add(row[:, :, 1:], stock[:, :, :-1], -1.0)
    lifts = int(problem.goods.fence_lifts[item])
    if 0 < lifts < periods:
        for k in range(1, len(supply.pools)):
            model.add(row[k, :, lifts], stock[k, :, lifts - 1], 1.0)
            model.add(row[0, :, lifts], stock[k, :, lifts - 1], -1.0)
    volume = float(problem.goods.volume[item])
    limited = form.storage_rows >= 0
    for k in range(shape[0]):
        model.add(form.storage_rows[limited], stock[k][limited], volume)
    return row


def _receive(form: Formulation, item: int, row: Ints) -> None:
    problem = form.problem
    mine = np.flatnonzero(problem.mode_item[form.order_mode] == item)
    mode = form.order_mode[mine]
    arrival = problem.modes.arrival[mode, form.order_period[mine]]
    hub = problem.goods.receiving[item]
    form.model.add(row[0, hub, arrival], form.batches[mine], -problem.modes.multiple[mode].astype(float))


def _moves(form: Formulation, item: int, supply: Supply, arcs: MoveArcs, row: Ints) -> Ints:
    problem, model, lanes = form.problem, form.model, form.problem.lanes
    periods = problem.sizes["T"]
    late = arcs.arrival >= periods
    cost = problem.lane_unit_cost(item)[arcs.lane] - np.where(late, problem.goods.salvage[item], 0)
    pinned = arcs.pinned >= 0
    pins = problem.pinned_moves
    pieces = np.where(pinned, pins.pieces[arcs.pinned] if len(pins.pieces) else 0, 0)
    price = np.where(pinned, pins.shortfall_price[arcs.pinned] if len(pins.pieces) else 0, 0)
    model.offset += float((pieces * price).sum())
    upper = np.where(pinned, pieces, _everything(form, item))
    move = model.add_columns(len(arcs.lane), upper=upper, cost=cost - price, integer=True)
    slot = _slots(supply)
    model.add(row[slot[arcs.pool], lanes.origin[arcs.lane], arcs.period], move, 1.0)
    there = np.flatnonzero(~late)
    pool = slot[pool_at_arrival(problem, item, arcs.pool[there], arcs.arrival[there])]
    model.add(row[pool, lanes.to_warehouse[arcs.lane[there]], arcs.arrival[there]], move[there], -1.0)
    _use_lane(form, item, arcs.lane, arcs.period, move)
    for end in (lanes.origin[arcs.lane], lanes.to_warehouse[arcs.lane]):
        _gate(form, end, move, upper)
    return move


def _deliveries(form: Formulation, item: int, supply: Supply, arcs: DeliveryArcs, row: Ints) -> Ints:
    """Each piece delivered saves its shortage cost; nothing is delivered beyond a line's pieces or a sale cap."""
    problem, model, demand = form.problem, form.model, form.problem.demand
    order, starts = problem.items_of_demand
    lines = order[starts[item] : starts[item + 1]]
    model.offset += float((demand.pieces[lines] * demand.shortage_cost[lines]).sum())
    late = problem.days_late(demand.due[arcs.demand], arcs.arrival) * demand.late_cost[arcs.demand]
    cost = problem.lane_unit_cost(item)[arcs.lane] + late - demand.shortage_cost[arcs.demand]
    upper = demand.pieces[arcs.demand]
    delivery = model.add_columns(len(arcs.lane), upper=upper, cost=cost, integer=True)
    model.add(row[_slots(supply)[arcs.pool], problem.lanes.origin[arcs.lane], arcs.period], delivery, 1.0)
    place = np.searchsorted(lines, arcs.demand)
    model.add(model.add_rows(len(lines), upper=demand.pieces[lines])[place], delivery, 1.0)
    for cap in (demand.session_cap, demand.run_cap):
        capped = np.flatnonzero(cap[arcs.demand] >= 0)
        model.add(form.cap_rows[cap[arcs.demand[capped]]], delivery[capped], 1.0)
    _use_lane(form, item, arcs.lane, arcs.period, delivery)
    _gate(form, problem.lanes.origin[arcs.lane], delivery, upper)
    return delivery


def _slots(supply: Supply) -> Ints:
    slot = np.zeros(3, dtype=np.int64)
    slot[list(supply.pools)] = np.arange(len(supply.pools))
    return slot


def _everything(form: Formulation, item: int) -> float:
    """More pieces than could ever be moved: all supply there is or could be sensible."""
    problem = form.problem
    supply = problem.stock.on_hand[item].sum() + problem.inflow.pieces[problem.inflow.item == item].sum()
    mine = problem.mode_item == item
    orders = form.given.pieces[mine].sum()
    demand = problem.demand.pieces[problem.demand.item == item].sum()
    return float(supply + orders + demand + (problem.modes.moq[mine] + problem.modes.multiple[mine]).sum())


def _use_lane(form: Formulation, item: int, lane: Ints, period: Ints, columns: Ints) -> None:
    row = form.lane_rows[lane, form.problem.time.bucket[period]]
    kept = row >= 0
    form.model.add(row[kept], columns[kept], float(form.problem.goods.volume[item]))


def _gate(form: Formulation, warehouse: Any, columns: Ints, upper: Any) -> None:
    """A flow needs its warehouse open; one row per flow keeps the linear relaxation strong."""
    gate = form.opened[warehouse]
    kept = np.flatnonzero((gate >= 0) & (upper > 0))
    rows = form.model.add_rows(len(kept), upper=0)
    form.model.add(rows, columns[kept], 1.0)
    form.model.add(rows, gate[kept], -np.asarray(upper, dtype=float)[kept])


def _expiry(form: Formulation, item: int, pieces: Ints, arcs: DeliveryArcs, delivery: Ints, row: Ints) -> Ints:
    """By each expiry date the pieces that expire have been delivered or scrapped, and nothing else has been scrapped."""
    problem, model = form.problem, form.model
    mine = np.flatnonzero(problem.expiring.item == item)
    none = np.full(pieces.shape, -1, dtype=np.int64)
    if problem.goods.shelf_life[item] == 0 and not len(mine):
        return none
    periods = problem.sizes["T"]
    last = expiry(problem, item)
    scrap = model.add_columns(pieces.size, cost=float(problem.goods.scrap_cost[item]), integer=True).reshape(
        pieces.shape
    )
    model.add(row, scrap, 1.0)
    expiring = _expiring(form, item, pieces)
    orders = np.flatnonzero(problem.mode_item[form.order_mode] == item)
    mode = form.order_mode[orders]
    ends = last[problem.modes.arrival[mode, form.order_period[orders]]]
    perishes = int(problem.goods.shelf_life[item]) > 0
    for period in range(periods - 1):
        if not perishes and not expiring[: period + 1].any():
            form.model.add(model.add_rows(1, upper=0), scrap[:, :, period], 1.0)
            continue
        expired = float(expiring[: period + 1].sum())
        balance, only = model.add_rows(1, lower=expired), model.add_rows(1, upper=expired)
        model.add(balance, delivery[arcs.period <= period], 1.0)
        model.add(balance, scrap[:, :, : period + 1], 1.0)
        model.add(only, scrap[:, :, : period + 1], 1.0)
        gone = orders[ends <= period] if perishes else orders[:0]
        pieces = -problem.modes.multiple[form.order_mode[gone]].astype(float)
        for row_of in (balance, only):
            model.add(row_of, form.batches[gone], pieces)
    model.add(model.add_rows(1, upper=0), scrap[:, :, periods - 1], 1.0)
    return scrap


def _expiring(form: Formulation, item: int, pieces: Ints) -> Ints:
    """(T,) given pieces of which each period is the last one to deliver them; those beyond the horizon are left out."""
    problem = form.problem
    expiring = problem.expiring
    mine = np.flatnonzero(expiring.item == item)
    found = np.bincount(expiring.last[mine], expiring.pieces[mine], problem.sizes["T"]).astype(np.int64)
    if problem.goods.shelf_life[item] > 0:
        fresh = pieces.sum(axis=(0, 1))
        fresh[0] -= expiring.pieces[mine].sum()
        np.add.at(found, expiry(problem, item), fresh)
    return found


def _service(form: Formulation, item: int, arcs: DeliveryArcs, delivery: Ints) -> None:
    problem, goods = form.problem, form.problem.goods
    wanted = float(goods.service_permille[item] * problem.demand.pieces[problem.demand.item == item].sum())
    if wanted == 0 or goods.service_price[item] == 0:
        return
    below = form.model.add_columns(1, cost=goods.service_price[item] / 1000.0)
    row = form.model.add_rows(1, lower=wanted)
    form.model.add(row, below, 1.0)
    form.model.add(row, delivery, 1000.0)


def _fair_share(form: Formulation, item: int, arcs: DeliveryArcs, delivery: Ints) -> None:
    problem, demand = form.problem, form.problem.demand
    price = float(problem.goods.fair_price[item])
    future = (demand.item == item) & ~demand.accepted
    asked: Floats = np.bincount(demand.region[future], demand.pieces[future], problem.regions).astype(float)
    if price == 0 or np.count_nonzero(asked) < 2:
        return
    kept = np.flatnonzero(~demand.accepted[arcs.demand])
    region = demand.region[arcs.demand[kept]]
    total = asked.sum()
    less = form.model.add_columns(problem.regions, cost=price)
    row = form.model.add_rows(problem.regions, lower=0)
    form.model.add(row, less, 1.0)
    form.model.add(row[region], delivery[kept], 1.0)
    for each in range(problem.regions):
        form.model.add(row[each], delivery[kept], -asked[each] / total)


__all__ = ["FREE", "add_item"]
