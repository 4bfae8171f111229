"""The problem as flat arrays in item order, the way the compiled kernels walk through it.

Three lists per item, each a slice of one long array: demand lines (sorted so that lines that share a way to their region are
neighbours), order candidates (mode and release period, sorted by arrival) and supply lots (where, from when, how much).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from optimizers import positions as at
from optimizers.columns import ProblemError
from optimizers.given import decided, expiry
from optimizers.milp import Floats
from optimizers.problem import Problem
from optimizers.solution import Ints, Shorts
from optimizers.supply_lists import MOST_PIECES, as_int, as_short, candidates, constants, lots, ordered, pins


class Net(NamedTuple):
    """Lanes as arrays: out_start (W+1,), out_lane: to warehouses by origin. door_start (W*R+1,), door_lane: to regions.

    clock (T+1,) days from the start to each boundary. day, moment (T,) number of the day and start in milliseconds. instant (T,) 1 where a leg between warehouses arrives in its period.
    """

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
    clock: Floats
    instant: Ints
    day: Ints
    moment: Ints


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
    tiers: Ints
    source: Ints
    start: Ints
    line: Shorts
    line_money: Floats
    cand: Shorts
    cand_money: Floats
    gap: Ints
    lot: Ints
    pin: Ints
    pin_price: Floats


class Layout(NamedTuple):
    """Arrays for the kernels. Money and volumes are floats here; pieces and indices are int64.

    Lines: region, opens, due, last, tier, channel, pieces, short (minor per piece), late (minor per piece and day), cap1,
    cap2; `line_door` is the rank of the tier times R plus the region, `line_like` 1 where the line before has the same ways
    and is never late, `line_first` the first release that can serve it. Candidates: see `supply_lists.candidates`. Lots:
    warehouse, period from which it is there, pieces, pool, last period in which it may be delivered, slot of its ways.
    Sources: the places and periods of each item's lots outside the free stock of its hub.
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
    tiers: Ints
    life: Ints
    lifts: Ints
    may_wait: Ints
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
    line_door: Ints
    line_channel: Ints
    line_pieces: Ints
    line_short: Floats
    line_late: Floats
    line_cap1: Ints
    line_cap2: Ints
    line_accepted: Ints
    line_like: Ints
    line_first: Ints
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
    cand_limit: Ints
    cand_deal: Ints
    gap: Ints
    lot_start: Ints
    lot_warehouse: Ints
    lot_period: Ints
    lot_pieces: Ints
    lot_pool: Ints
    lot_expires: Ints
    lot_hub: Ints
    lot_slot: Ints
    source_start: Ints
    source_warehouse: Ints
    source_period: Ints
    pin_start: Ints
    pin_row: Ints
    pin_lane: Ints
    pin_period: Ints
    pin_pieces: Ints
    pin_price: Floats
    constant: Floats


LINE_COLUMNS = (
    "line_row", "line_region", "line_opens", "line_due", "line_last", "line_door", "line_channel", "line_pieces", "line_cap1",
    "line_cap2", "line_accepted", "line_like", "line_first",
)  # fmt: skip
"""Rows of `Tables.line` as in `positions`."""
CAND_COLUMNS = (
    "cand_mode", "cand_period", "cand_arrival", "cand_low", "cand_step", "cand_high", "cand_usage", "cand_cell",
    "cand_published", "cand_offer", "cand_limit", "cand_deal",
)  # fmt: skip
"""Rows of `Tables.cand`."""


def lay_out(problem: Problem) -> Layout:
    """Flatten `problem`.

    Raises
    ------
    ProblemError
        When a quantity does not fit the 32 bits this engine gives it.
    """
    for table, column in (
        ("demand", "pieces"), ("modes", "moq"), ("modes", "multiple"), ("modes", "usage"), ("published", "pieces"),
    ):  # fmt: skip
        most = getattr(getattr(problem, table), column).max(initial=0)
        if most > MOST_PIECES:
            raise ProblemError(f"{table}.{column}", f"is {most}, expected at most {MOST_PIECES} in this engine")
    given = decided(problem)
    size = problem.sizes
    goods, lanes = problem.goods, problem.lanes
    lives, life = np.unique(goods.shelf_life, return_inverse=True)
    first = [int(np.argmax(life == k)) for k in range(len(lives))]
    expires = np.stack([expiry(problem, item) for item in first])
    ends = problem.time.boundaries[1:] / 86_400_000.0
    asked = np.bincount(problem.demand.item, problem.demand.pieces, size["N"])
    lane = np.stack([as_int(each) for each in (lanes.origin, lanes.to_warehouse, lanes.tier, lanes.to_region)])
    days = problem.period_ms / 86_400_000.0
    clock = np.concatenate([[0.0], np.cumsum(days)])
    instant = ((lanes.arrival == np.arange(size["T"])) & (lanes.to_warehouse >= 0)[:, None]).any(axis=0)
    doors = _doors(problem)
    net = Net(
        size["T"], size["W"], size["R"], ends - ends[0], as_int(lanes.arrival), lane, *doors, clock, as_int(instant),
        as_int(problem.time.day), as_int(problem.time.boundaries[:-1]),
    )  # fmt: skip
    found, tiers, may_wait = _lines(problem)
    columns: tuple[Any, ...] = (
        size["T"],
        size["W"],
        size["R"],
        days,
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
        tiers,
        as_int(life),
        as_int(goods.fence_lifts),
        may_wait,
        goods.change_cost.astype(float),
        goods.service_permille * asked / 1000.0,
        goods.service_price.astype(float),
        goods.fair_price.astype(float),
        *found,
        *candidates(problem, given),
        as_int(problem.offers.gap),
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
        np.stack([lay.hub, lay.perishable, lay.life, lay.lifts, lay.may_wait]), np.stack(money), lay.holding, lay.expires,
        lay.tiers, np.stack([lay.source_warehouse, lay.source_period]),
        np.stack([lay.line_start, lay.cand_start, lay.lot_start, lay.pin_start, lay.source_start]),
        np.stack([getattr(lay, name) for name in LINE_COLUMNS], dtype=np.int32, casting="unsafe"),
        np.stack([lay.line_short, lay.line_late]),
        np.stack([getattr(lay, name) for name in CAND_COLUMNS], dtype=np.int32, casting="unsafe"),
        np.stack([lay.cand_unit, lay.cand_order]), lay.gap,
        np.stack([lay.lot_warehouse, lay.lot_period, lay.lot_pieces, lay.lot_pool, lay.lot_expires, lay.lot_hub, lay.lot_slot]),
        np.stack([lay.pin_row, lay.pin_lane, lay.pin_period, lay.pin_pieces]), lay.pin_price,
    )  # fmt: skip


def shared(lay: Layout, tables: Tables) -> Layout:
    """The same layout with the columns of lines and candidates as views of `tables`, so that they are in memory once."""
    views = {name: tables.line[row] for row, name in enumerate(LINE_COLUMNS)}
    views |= {name: tables.cand[row] for row, name in enumerate(CAND_COLUMNS)}
    return lay._replace(
        **views, line_short=tables.line_money[at.LINE_SHORT], line_late=tables.line_money[at.LINE_LATE],
        cand_unit=tables.cand_money[at.CAND_UNIT], cand_order=tables.cand_money[at.CAND_ORDER],
    )  # fmt: skip


def _doors(problem: Problem) -> tuple[Ints, Ints, Ints, Ints]:
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
        doors, moves = leaves[lanes.to_region[leaves] >= 0], leaves[lanes.to_warehouse[leaves] >= 0]
        np.minimum.at(found[:, :, t], (lanes.origin[doors], lanes.to_region[doors]), lanes.arrival[doors, t])
        for _ in range(size["W"]):
            before = found[:, :, t].copy()
            onward = found[lanes.to_warehouse[moves], :, lanes.arrival[moves, t]]
            np.minimum.at(found[:, :, t], lanes.origin[moves], onward)
            if (before == found[:, :, t]).all():
                break
    return found[:, :, :periods].copy()


def _lines(problem: Problem) -> tuple[tuple[Any, ...], Ints, Ints]:
    """Demand lines in item order; lines that end before they open or ask for nothing keep their place.

    Returns the columns of the lines, the service tiers that occur, and (N,) 1 where an item has lines that may be late.
    """
    demand, goods, size = problem.demand, problem.goods, problem.sizes
    last = np.minimum(demand.last, goods.end_of_run[demand.item])
    due = np.minimum(demand.due, last)
    order = ordered(demand.item, demand.region, demand.opens, due, last, demand.tier, demand.channel)
    start = np.searchsorted(demand.item[order], np.arange(size["N"] + 1))
    columns = (demand.item, demand.region, demand.opens, due, last, demand.tier, demand.channel)
    keys = [as_short(column[order]) for column in columns]
    like = np.zeros(len(order), dtype=np.int32)
    like[1:] = keys[4][1:] <= keys[3][1:]
    for key in keys:
        like[1:] &= key[1:] == key[:-1]
    tiers, rank = np.unique(keys[5], return_inverse=True)
    may_wait = np.zeros(size["N"], dtype=np.int64)
    may_wait[keys[0][keys[4] > keys[3]]] = 1
    first = _first_releases(problem)[keys[1], keys[2], keys[4]]
    money = (demand.shortage_cost[order].astype(float), demand.late_cost[order].astype(float))
    rest = (demand.session_cap, demand.run_cap, demand.accepted)
    found = (
        as_int(start),
        as_short(order),
        *keys[1:5],
        as_short(rank) * size["R"] + keys[1],
        keys[6],
        as_short(demand.pieces[order]),
        *money,
        *(as_short(column[order]) for column in rest),
        like,
        as_short(first),
    )
    return found, as_int(tiers), may_wait


def _first_releases(problem: Problem) -> Ints:
    """(R, T, T) first period in which a parcel can leave that arrives at the region in opens..last; T when none can."""
    lanes, size = problem.lanes, problem.sizes
    T = size["T"]
    exactly = np.full((size["R"], T), T, dtype=np.int64)
    lane, period = np.nonzero((lanes.to_region >= 0)[:, None] & (lanes.arrival >= 0) & (lanes.arrival < T))
    np.minimum.at(exactly, (lanes.to_region[lane], lanes.arrival[lane, period]), period)
    first = np.full((size["R"], T, T), T, dtype=np.int64)
    for last in range(T):
        first[:, : last + 1, last] = np.minimum.accumulate(exactly[:, last::-1], axis=1)[:, ::-1]
    return first
