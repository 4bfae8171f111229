"""The supply side of the layout: order candidates, lots of stock, pinned moves and what given orders cost."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from optimizers.given import Decided, expiry, most_pieces
from optimizers.milp import Floats
from optimizers.positions import FROM_ELSEWHERE as FIRST_SLOT
from optimizers.problem import Problem
from optimizers.solution import Ints, Shorts
from optimizers.tables import FREE

MOST_PIECES = 2**30
"""Largest quantity and use of capacity per piece in this engine, which keeps them in 32 bits."""


def as_int(values: Any) -> Ints:
    """Contiguous int64, the kernels' only kind of whole number."""
    return np.ascontiguousarray(values, dtype=np.int64)


def as_short(values: Any) -> Shorts:
    """Contiguous int32, for what there is much of; the door checks that it fits."""
    return np.ascontiguousarray(values, dtype=np.int32)


def ordered(*columns: Any) -> Ints:
    """Order of rows by their columns, the first weighs most; equal rows keep their order.

    One number per row is sorted: several times as fast as by each column, as long as all of them fit into one.
    """
    lows = [int(column.min(initial=0)) for column in columns]
    spans = [int(column.max(initial=0)) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if prod(spans) >= 2**62:
        return np.lexsort(columns[::-1])
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column, low, span in zip(columns, lows, spans, strict=True):
        key *= span
        key += column
        key -= low
    return np.argsort(key, kind="stable")


def candidates(problem: Problem, given: Decided) -> tuple[Any, ...]:
    """Open orders by item and arrival: cost per piece and order, least, step and most pieces, capacity cell, published."""
    modes = problem.modes
    day_left, free = _spacing_left(problem, given)
    mode, period = np.nonzero(given.open & free[modes.offer])
    arrival = modes.arrival[mode, period]
    order = ordered(problem.mode_item[mode], arrival, mode, period)
    mode, period, arrival = mode[order], period[order], arrival[order]
    start = np.searchsorted(problem.mode_item[mode], np.arange(problem.sizes["N"] + 1))
    step = modes.multiple[mode]
    most = most_pieces(problem, np.arange(len(modes.offer)), given.published)[mode, period]
    most = np.minimum(most, MOST_PIECES // step * step)
    group = modes.group[mode].astype(np.int64)
    cell = np.where(group >= 0, group * problem.sizes["B"] + problem.time.bucket[period], -1)
    return (
        as_int(start),
        as_short(mode),
        as_short(period),
        as_short(arrival),
        modes.unit_cost[mode].astype(float),
        modes.order_cost[mode].astype(float),
        as_short(-(-modes.moq[mode] // step) * step),
        as_short(step),
        as_short(most),
        as_short(modes.usage[mode]),
        as_short(cell),
        as_short(given.published[mode, period]),
        as_short(modes.offer[mode]),
        as_short(day_left[modes.offer[mode], problem.time.day[period]]),
        as_short(problem.mode_supplier[mode].astype(np.int64) * problem.sizes["T"] + period),
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


def lots(problem: Problem, given: Decided) -> tuple[Any, ...]:
    """Opening stock (split where part of it expires), inflow and given orders, by item; free hub lots included.

    After the lots come the sources: distinct places and periods of the lots that are not free stock of the hub.
    """
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
    slot = FIRST_SLOT + lots[1] * periods + lots[2]
    away = np.flatnonzero(~at_hub)
    source = np.unique(np.stack([lots[0][away], lots[1][away], lots[2][away]]), axis=1)
    source_start = np.searchsorted(source[0], np.arange(problem.sizes["N"] + 1))
    columns = (as_int(lots[k]) for k in range(1, 6))
    return (
        as_int(start),
        *columns,
        as_int(at_hub),
        as_int(slot),
        as_int(source_start),
        as_int(source[1]),
        as_int(source[2]),
    )


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


def pins(problem: Problem) -> tuple[Any, ...]:
    """Pinned moves by item and period: lane, period, pieces and the price of a missing piece."""
    pins = problem.pinned_moves
    order = np.lexsort((pins.lane, pins.period, pins.item))
    start = np.searchsorted(pins.item[order], np.arange(problem.sizes["N"] + 1))
    columns = (pins.lane, pins.period, pins.pieces)
    return (
        as_int(start),
        as_int(order),
        *(as_int(column[order]) for column in columns),
        pins.shortfall_price[order].astype(float),
    )


def constants(problem: Problem, given: Decided) -> Floats:
    """(N,) cost of given orders and of published ones that are not open."""
    modes = problem.modes
    change = problem.goods.change_cost[problem.mode_item][:, None] * np.abs(given.pieces - given.published)
    cost = given.pieces * modes.unit_cost[:, None] + (given.pieces > 0) * modes.order_cost[:, None]
    cost = cost + np.where(given.open & _spacing_left(problem, given)[1][modes.offer], 0, change)
    return np.bincount(problem.mode_item, cost.sum(axis=1), problem.sizes["N"]).astype(float)
