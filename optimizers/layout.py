"""The problem as flat arrays in item order, the way the compiled kernels walk through it.

Three lists per item, each a slice of one long array: demand lines (sorted so that lines that share a way to their region are
neighbours), order candidates (mode and release period, sorted by arrival) and supply lots (where, from when, how much).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from optimizers.given import decided, expiry
from optimizers.milp import Floats
from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.supply_lists import as_int, candidates, constants, lots, pins


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
    lane = np.stack([as_int(lanes.origin), as_int(lanes.to_warehouse), as_int(lanes.tier)])
    net = Net(*shape, ends - ends[0], as_int(lanes.arrival), lane, *_doors(problem))
    columns: tuple[Any, ...] = (
        size["T"],
        size["W"],
        size["R"],
        problem.period_ms / 86_400_000.0,
        as_int(problem.time.bucket),
        net,
        as_int(lanes.origin),
        as_int(lanes.to_warehouse),
        lanes.cost.astype(float),
        lanes.volume_cost.astype(float),
        _earliest(problem),
        as_int(goods.receiving),
        goods.volume.astype(float),
        problem.stock.holding / 1000.0,
        goods.salvage.astype(float),
        goods.scrap_cost.astype(float),
        as_int(goods.shelf_life > 0),
        expires,
        as_int(life),
        as_int(goods.fence_lifts),
        goods.change_cost.astype(float),
        goods.service_permille * asked / 1000.0,
        goods.service_price.astype(float),
        goods.fair_price.astype(float),
        *_lines(problem),
        *candidates(problem, given),
        *lots(problem, given),
        *pins(problem),
        constants(problem, given),
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
    return as_int(out_start), as_int(between), as_int(door_start), as_int(door[order])


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
        as_int(start),
        as_int(order),
        *(as_int(column[order]) for column in columns),
        *money,
        *(as_int(column[order]) for column in rest),
        as_int(own),
    )
