"""The problem as flat arrays in item order, the way the compiled kernels walk through it.

Three lists per item, each a slice of one long array: demand lines (sorted so that lines that share a way to their region are
neighbours), order candidates (mode and release period, sorted by arrival) and supply lots (where, from when, how much).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from optimizers.given import Decided, decided, expiry, most_pieces
from optimizers.milp import Floats
from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.tables import FREE


class Net(NamedTuple):
    """Lanes as arrays: out_start (W+1,), out_lane: to warehouses by origin. door_start (W*R+1,), door_lane: to regions."""

    periods: int
    warehouses: int
    regions: int
    ends: Floats
    arrival: Ints
    lane: Ints
    out_start: Ints
    out_lane: Ints
    door_start: Ints
    door_lane: Ints


class Tables(NamedTuple):
    """The columns of `Layout` stacked by kind, rows as in `positions`: what the kernels get."""

    net: Net
    periods: int
    warehouses: int
    regions: int
    days: Floats
    bucket: Ints
    lane_money: Floats
    earliest: Ints
    item: Ints
    item_money: Floats
    holding: Floats
    expires: Ints
    start: Ints
    line: Ints
    line_money: Floats
    cand: Ints
    cand_money: Floats
    lot: Ints
    pin: Ints
    pin_price: Floats


class Layout(NamedTuple):
    """Arrays for the kernels. Money and volumes are floats here; pieces and indices are int64.

    Lines: region, opens, due, last, tier, channel, pieces, short (minor per piece), late (minor per piece and day), cap1,
    cap2; `line_key` numbers the distinct (region, opens, due, last, tier) within the item. Candidates: see `_candidates`.
    Lots: warehouse, period from which it is there, pieces, pool, last period in which it may be delivered.
    """

    periods: int
    warehouses: int
    regions: int
    days: Floats
    bucket: Ints
    net: Net
    lane_origin: Ints
    lane_to: Ints
    lane_cost: Floats
    lane_volume_cost: Floats
    earliest: Ints
    hub: Ints
    volume: Floats
    holding: Floats
    salvage: Floats
    scrap: Floats
    perishable: Ints
    expires: Ints
    life: Ints
    lifts: Ints
    change: Floats
    service_need: Floats
    service_price: Floats
    fair_price: Floats
    line_start: Ints
    line_row: Ints
    line_region: Ints
    line_opens: Ints
    line_due: Ints
    line_last: Ints
    line_tier: Ints
    line_channel: Ints
    line_pieces: Ints
    line_short: Floats
    line_late: Floats
    line_cap1: Ints
    line_cap2: Ints
    line_accepted: Ints
    line_key: Ints
    cand_start: Ints
    cand_mode: Ints
    cand_period: Ints
    cand_arrival: Ints
    cand_unit: Floats
    cand_order: Floats
    cand_low: Ints
    cand_step: Ints
    cand_high: Ints
    cand_usage: Ints
    cand_cell: Ints
    cand_published: Ints
    cand_offer: Ints
    cand_day: Ints
    cand_moment: Ints
    cand_gap: Ints
    cand_limit: Ints
    cand_deal: Ints
    lot_start: Ints
    lot_warehouse: Ints
    lot_period: Ints
    lot_pieces: Ints
    lot_pool: Ints
    lot_expires: Ints
    lot_hub: Ints
    pin_start: Ints
    pin_row: Ints
    pin_lane: Ints
    pin_period: Ints
    pin_pieces: Ints
    pin_price: Floats
    constant: Floats


def lay_out(problem: Problem) -> Layout:
    """Flatten `problem`."""
    given = decided(problem)
    size = problem.sizes
    goods, lanes = problem.goods, problem.lanes
    lives, life = np.unique(goods.shelf_life, return_inverse=True)
    first = [int(np.argmax(life == k)) for k in range(len(lives))]
    expires = np.stack([expiry(problem, item) for item in first])
    ends = problem.time.boundaries[1:] / 86_400_000.0
    asked = np.bincount(problem.demand.item, problem.demand.pieces, size["N"])
    shape = (size["T"], size["W"], size["R"])
    lane = np.stack([_int(lanes.origin), _int(lanes.to_warehouse), _int(lanes.tier)])
    net = Net(*shape, ends - ends[0], _int(lanes.arrival), lane, *_doors(problem))
    columns: tuple[Any, ...] = (
        size["T"],
        size["W"],
        size["R"],
        problem.period_ms / 86_400_000.0,
        _int(problem.time.bucket),
        net,
        _int(lanes.origin),
        _int(lanes.to_warehouse),
        lanes.cost.astype(float),
        lanes.volume_cost.astype(float),
        _earliest(problem),
        _int(goods.receiving),
        goods.volume.astype(float),
        problem.stock.holding / 1000.0,
        goods.salvage.astype(float),
        goods.scrap_cost.astype(float),
        _int(goods.shelf_life > 0),
        expires,
        _int(life),
        _int(goods.fence_lifts),
        goods.change_cost.astype(float),
        goods.service_permille * asked / 1000.0,
        goods.service_price.astype(float),
        goods.fair_price.astype(float),
        *_lines(problem),
        *_candidates(problem, given),
        *_lots(problem, given),
        *_pins(problem),
        _constants(problem, given),
    )
    return Layout(*columns)


def stacked(lay: Layout) -> Tables:
    """Stack the columns; copies once per solve."""
    money = (
        lay.volume,
        lay.salvage,
        lay.scrap,
        lay.change,
        lay.service_need,
        lay.service_price,
        lay.fair_price,
        lay.constant,
    )
    return Tables(
        lay.net, lay.periods, lay.warehouses, lay.regions, lay.days, lay.bucket,
        np.stack([lay.lane_cost, lay.lane_volume_cost]), lay.earliest,
        np.stack([lay.hub, lay.perishable, lay.life, lay.lifts]), np.stack(money), lay.holding, lay.expires,
        np.stack([lay.line_start, lay.cand_start, lay.lot_start, lay.pin_start]),
        np.stack([
            lay.line_row, lay.line_region, lay.line_opens, lay.line_due, lay.line_last, lay.line_tier, lay.line_channel,
            lay.line_pieces, lay.line_cap1, lay.line_cap2, lay.line_accepted, lay.line_key,
        ]),
        np.stack([lay.line_short, lay.line_late]),
        np.stack([
            lay.cand_mode, lay.cand_period, lay.cand_arrival, lay.cand_low, lay.cand_step, lay.cand_high, lay.cand_usage,
            lay.cand_cell, lay.cand_published, lay.cand_offer, lay.cand_day, lay.cand_moment, lay.cand_gap, lay.cand_limit,
            lay.cand_deal,
        ]),
        np.stack([lay.cand_unit, lay.cand_order]),
        np.stack([lay.lot_warehouse, lay.lot_period, lay.lot_pieces, lay.lot_pool, lay.lot_expires, lay.lot_hub]),
        np.stack([lay.pin_row, lay.pin_lane, lay.pin_period, lay.pin_pieces]), lay.pin_price,
    )  # fmt: skip


def _int(values: Any) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)


def _doors(problem: Problem) -> tuple[Any, ...]:
    """Lanes by origin to warehouses, and by (origin, region) to regions."""
    lanes, size = problem.lanes, problem.sizes
    between = np.flatnonzero(lanes.to_warehouse >= 0)
    between = between[np.argsort(lanes.origin[between], kind="stable")]
    out_start = np.searchsorted(lanes.origin[between], np.arange(size["W"] + 1))
    door = np.flatnonzero(lanes.to_region >= 0)
    cell = lanes.origin[door].astype(np.int64) * size["R"] + lanes.to_region[door]
    order = np.argsort(cell, kind="stable")
    door_start = np.searchsorted(cell[order], np.arange(size["W"] * size["R"] + 1))
    return _int(out_start), _int(between), _int(door_start), _int(door[order])


def _earliest(problem: Problem) -> Ints:
    """(W, R, T) earliest arrival period at a region of a piece at a warehouse in a period; T when it never arrives."""
    lanes, size = problem.lanes, problem.sizes
    periods = size["T"]
    found = np.full((size["W"], size["R"], periods + 1), periods, dtype=np.int64)
    for t in range(periods - 1, -1, -1):
        found[:, :, t] = found[:, :, t + 1]
        leaves = np.flatnonzero((lanes.arrival[:, t] >= 0) & (lanes.arrival[:, t] < periods))
        for lane in leaves[lanes.to_region[leaves] >= 0]:
            cell = (lanes.origin[lane], lanes.to_region[lane], t)
            found[cell] = min(found[cell], lanes.arrival[lane, t])
        moves = leaves[lanes.to_warehouse[leaves] >= 0]
        for _ in range(size["W"]):
            before = found[:, :, t].copy()
            for lane in moves:
                w = lanes.origin[lane]
                found[w, :, t] = np.minimum(found[w, :, t], found[lanes.to_warehouse[lane], :, lanes.arrival[lane, t]])
            if (before == found[:, :, t]).all():
                break
    return found[:, :, :periods].copy()


def _lines(problem: Problem) -> tuple[Any, ...]:
    """Demand lines in item order; lines that end before they open or ask for nothing keep their place."""
    demand, goods = problem.demand, problem.goods
    last = np.minimum(demand.last, goods.end_of_run[demand.item])
    due = np.minimum(demand.due, last)
    order = np.lexsort((np.arange(len(due)), demand.tier, last, due, demand.opens, demand.region, demand.item))
    start = np.searchsorted(demand.item[order], np.arange(problem.sizes["N"] + 1))
    keys = np.stack([demand.item, demand.region, demand.opens, due, last, demand.tier])[:, order]
    fresh = np.ones(keys.shape[1], dtype=np.int64)
    fresh[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    number = np.cumsum(fresh) - 1
    own = number - number[np.minimum(start[demand.item[order]], max(len(number) - 1, 0))] if len(number) else number
    columns = (demand.region, demand.opens, due, last, demand.tier, demand.channel, demand.pieces)
    money = (demand.shortage_cost[order].astype(float), demand.late_cost[order].astype(float))
    rest = (demand.session_cap, demand.run_cap, demand.accepted)
    return (
        _int(start),
        _int(order),
        *(_int(column[order]) for column in columns),
        *money,
        *(_int(column[order]) for column in rest),
        _int(own),
    )


def _candidates(problem: Problem, given: Decided) -> tuple[Any, ...]:
    """Open orders by item and arrival: cost per piece and order, least, step and most pieces, capacity cell, published."""
    modes = problem.modes
    day_left, free = _spacing_left(problem, given)
    mode, period = np.nonzero(given.open & free[modes.offer])
    arrival = modes.arrival[mode, period]
    order = np.lexsort((period, mode, arrival, problem.mode_item[mode]))
    mode, period, arrival = mode[order], period[order], arrival[order]
    start = np.searchsorted(problem.mode_item[mode], np.arange(problem.sizes["N"] + 1))
    step = modes.multiple[mode]
    most = most_pieces(problem, np.arange(len(modes.offer)), given.published)[mode, period]
    group = modes.group[mode].astype(np.int64)
    cell = np.where(group >= 0, group * problem.sizes["B"] + problem.time.bucket[period], -1)
    return (
        _int(start),
        _int(mode),
        _int(period),
        _int(arrival),
        modes.unit_cost[mode].astype(float),
        modes.order_cost[mode].astype(float),
        _int(-(-modes.moq[mode] // step) * step),
        _int(step),
        _int(most),
        _int(modes.usage[mode]),
        _int(cell),
        _int(given.published[mode, period]),
        _int(modes.offer[mode]),
        _int(problem.time.day[period]),
        _int(problem.time.boundaries[period]),
        _int(problem.offers.gap[modes.offer[mode]]),
        _int(day_left[modes.offer[mode], problem.time.day[period]]),
        _int(problem.mode_supplier[mode].astype(np.int64) * problem.sizes["T"] + period),
    )


def _spacing_left(problem: Problem, given: Decided) -> tuple[Ints, Any]:
    """(O, days) orders each offer still has on a day, and (O, T) whether given orders leave a period usable."""
    offers, time = problem.offers, problem.time
    days = int(time.day[-1]) + 1
    left = np.where(offers.batches_per_day > 0, offers.batches_per_day, 10**6)[:, None].repeat(days, axis=1)
    free = np.ones((len(offers.item), problem.sizes["T"]), dtype=bool)
    starts = time.boundaries[:-1]
    for mode, period in np.argwhere(given.pieces > 0):
        offer = problem.modes.offer[mode]
        left[offer, time.day[period]] -= 1
        free[offer] &= np.abs(starts - starts[period]) >= offers.gap[offer]
    return left, free & (left > 0)[:, time.day]


def _lots(problem: Problem, given: Decided) -> tuple[Any, ...]:
    """Opening stock (split where part of it expires), inflow and given orders, by item; free hub lots included."""
    stock, inflow, goods = problem.stock, problem.inflow, problem.goods
    periods = problem.sizes["T"]
    rows = []
    free = stock.on_hand - stock.live - stock.shelf
    for pool, pieces in enumerate((free, stock.live, stock.shelf)):
        item, warehouse = np.nonzero(pieces)
        rows.append(_lot(item, warehouse, np.zeros_like(item), pieces[item, warehouse], np.full_like(item, pool)))
    rows.append(_lot(inflow.item, inflow.warehouse, inflow.period, inflow.pieces, inflow.pool))
    mode, period = np.nonzero(given.pieces)
    arrival, owner = problem.modes.arrival[mode, period], problem.mode_item[mode]
    kept = arrival < periods
    pieces = given.pieces[mode, period][kept]
    rows.append(_lot(owner[kept], goods.receiving[owner[kept]], arrival[kept], pieces, np.full_like(pieces, FREE)))
    lots: Any = np.concatenate(rows, axis=1)
    lots = lots[:, lots[3] > 0]
    lots[4] = np.where(lots[2] >= goods.fence_lifts[lots[0]], FREE, lots[4])
    lives, life = np.unique(goods.shelf_life, return_inverse=True)
    table = np.stack([expiry(problem, int(np.argmax(life == k))) for k in range(len(lives))])
    lots = np.concatenate([lots, np.asarray(table)[life[lots[0]], lots[2]][None, :]])
    lots = _split_expiring(problem, lots)
    lots = lots[:, np.lexsort((lots[4], lots[1], lots[5], lots[2], lots[0]))]
    start = np.searchsorted(lots[0], np.arange(problem.sizes["N"] + 1))
    at_hub = (lots[1] == goods.receiving[lots[0]]) & (lots[4] == FREE)
    return (_int(start), *(_int(lots[k]) for k in range(1, 6)), _int(at_hub))


def _lot(*columns: Ints) -> Ints:
    return np.stack([np.asarray(column, dtype=np.int64) for column in columns])


def _split_expiring(problem: Problem, lots: Ints) -> Ints:
    """Turn opening pieces into pieces that expire, earliest date first, until every expiring line is covered."""
    expiring = problem.expiring
    if not len(expiring.item):
        return lots
    extra: list[tuple[int, ...]] = []
    gone = lots[3].copy()
    inflow_zero = np.cumsum(lots[2] == 0)  # opening lots come first within period 0
    opening = (lots[2] == 0) & (inflow_zero > 0)
    for row in np.argsort(expiring.last, kind="stable"):
        owed = int(expiring.pieces[row])
        for k in np.flatnonzero(opening & (lots[0] == expiring.item[row])):
            part = min(owed, int(gone[k]))
            if part > 0:
                extra.append((*lots[:3, k], part, lots[4, k], int(expiring.last[row])))
                gone[k] -= part
                owed -= part
    kept = np.vstack([lots[:3], gone[None, :], lots[4:6]])
    return np.concatenate([kept[:, gone > 0], np.array(extra, dtype=np.int64).reshape(-1, 6).T], axis=1)


def _pins(problem: Problem) -> tuple[Any, ...]:
    pins = problem.pinned_moves
    order = np.lexsort((pins.lane, pins.period, pins.item))
    start = np.searchsorted(pins.item[order], np.arange(problem.sizes["N"] + 1))
    columns = (pins.lane, pins.period, pins.pieces)
    return (
        _int(start),
        _int(order),
        *(_int(column[order]) for column in columns),
        pins.shortfall_price[order].astype(float),
    )


def _constants(problem: Problem, given: Decided) -> Floats:
    """(N,) cost of given orders and of published ones that are not open."""
    modes = problem.modes
    change = problem.goods.change_cost[problem.mode_item][:, None] * np.abs(given.pieces - given.published)
    cost = given.pieces * modes.unit_cost[:, None] + (given.pieces > 0) * modes.order_cost[:, None]
    cost = cost + np.where(given.open & _spacing_left(problem, given)[1][modes.offer], 0, change)
    return np.bincount(problem.mode_item, cost.sum(axis=1), problem.sizes["N"]).astype(float)
