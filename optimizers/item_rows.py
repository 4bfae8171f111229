"""Columns and rows of one item: stock by warehouse and pool, moves and expiry; its deliveries are in `service_rows`."""

from __future__ import annotations

import numpy as np

from optimizers.arcs import MoveArcs, Supply, move_arcs, pool_at_arrival, supply_of
from optimizers.given import expiry
from optimizers.program import Formulation, ItemColumns, Served
from optimizers.service_rows import add_deliveries, gate, use_lane
from optimizers.solution import Ints
from optimizers.tables import DAY_MS


def add_item(form: Formulation, item: int) -> ItemColumns:
    """Write one item into the model."""
    problem = form.problem
    supply = supply_of(problem, item)
    pieces = supply.pieces.copy()
    pieces[0] += _given_arrivals(form, item)
    moves = move_arcs(problem, item, supply.pools)
    row = _stock(form, item, supply, pieces)
    _receive(form, item, row)
    move = _moves(form, item, supply, moves, row)
    served = add_deliveries(form, item, supply.pools, row)
    scrap = _expiry(form, item, pieces, served, row)
    return ItemColumns(moves, move, served, supply.pools, scrap)


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
    use_lane(form, item, arcs.lane, arcs.period, move)
    for end in (lanes.origin[arcs.lane], lanes.to_warehouse[arcs.lane]):
        gate(form, end, move, upper)
    return move


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


def _expiry(form: Formulation, item: int, pieces: Ints, served: Served, row: Ints) -> Ints:
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
        model.add(balance, served.release[served.arcs.period <= period], 1.0)
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
