"""The plan without proposals: given orders arrive, expired goods are scrapped, nothing moves. Always possible."""

from __future__ import annotations

import numpy as np

from optimizers.arcs import supply_of
from optimizers.given import decided, expiry
from optimizers.problem import Problem
from optimizers.solution import Deliveries, Ints, Moves, Orders, Plan, Scrap


def idle_plan(problem: Problem) -> Plan:
    """Given orders and forced scrap of every item; pinned moves fall short by all they ask."""
    given = decided(problem)
    mode, period = np.nonzero(given.pieces.T)[::-1]
    arrival = problem.modes.arrival[mode, period]
    orders = Orders(mode, period, given.pieces[mode, period], arrival)
    expires = np.union1d(np.flatnonzero(problem.goods.shelf_life > 0), problem.expiring.item)
    rows = [np.zeros((5, 0), dtype=np.int64), *(_scrap(problem, int(item), orders) for item in expires)]
    scrap = np.concatenate(rows, axis=1)
    none = np.zeros((6, 0), dtype=np.int64)
    return Plan(
        orders, Moves(*none), Deliveries(*none), Scrap(*scrap[:, np.lexsort((scrap[4], scrap[1], scrap[0], scrap[2]))])
    )


def _scrap(problem: Problem, item: int, orders: Orders) -> Ints:
    supply = supply_of(problem, item)
    pieces = np.zeros((3, *supply.pieces.shape[1:]), dtype=np.int64)
    pieces[list(supply.pools)] = supply.pieces
    mine = (problem.mode_item[orders.mode] == item) & (orders.arrival < problem.sizes["T"])
    np.add.at(pieces, (0, problem.goods.receiving[item], orders.arrival[mine]), orders.pieces[mine])
    due = _due(problem, item, pieces.sum(axis=(0, 1)))
    stock = np.zeros(pieces.shape[:2], dtype=np.int64)
    lifts, rows, owed = int(problem.goods.fence_lifts[item]), [], 0
    for period in range(problem.sizes["T"]):
        if period == lifts:
            stock[0] += stock[1:].sum(axis=0)
            stock[1:] = 0
        stock += pieces[:, :, period]
        owed = int(due[period]) if period < problem.sizes["T"] - 1 else 0
        for pool, warehouse in np.argwhere(stock > 0):
            taken = min(owed, int(stock[pool, warehouse]))
            if taken:
                stock[pool, warehouse] -= taken
                owed -= taken
                rows.append((item, warehouse, period, taken, pool))
    return np.array(rows, dtype=np.int64).reshape(-1, 5).T


def _due(problem: Problem, item: int, came: Ints) -> Ints:
    """(T,) pieces that expire at the end of each period when nothing is delivered."""
    expiring = problem.expiring
    mine = np.flatnonzero(expiring.item == item)
    due = np.bincount(expiring.last[mine], expiring.pieces[mine], problem.sizes["T"]).astype(np.int64)
    if problem.goods.shelf_life[item] > 0:
        fresh = came.copy()
        fresh[0] -= expiring.pieces[mine].sum()
        np.add.at(due, expiry(problem, item), fresh)
    return due
