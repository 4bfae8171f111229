"""The books of a plan: stock of every item in every warehouse at the end of every period, replayed line by line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizers.given import expiry
from optimizers.problem import Problem
from optimizers.solution import Ints, Plan
from optimizers.tables import DAY_MS, FREE, LIVE, SHELF

BLOCK = 2000


@dataclass(frozen=True, slots=True)
class Ledger:
    """Totals of the replay.

    holding : minor units per 1,000, exact sum of pieces x rate x milliseconds / day. volume : (W, T) stock volume.
    left : (N,) pieces that still exist after the horizon. opened : (W,). faults : broken stock rules.
    """

    holding: float
    volume: Ints
    left: Ints
    opened: npt.NDArray[np.bool_]
    faults: list[tuple[str, tuple[int, ...]]]


def post(problem: Problem, plan: Plan) -> Ledger:
    """Replay the plan, a block of items at a time so that memory stays bounded."""
    size = problem.sizes
    volume = np.zeros((size["W"], size["T"]), dtype=np.int64)
    left = np.zeros(size["N"], dtype=np.int64)
    days = problem.period_ms / DAY_MS
    holding = 0.0
    faults: list[tuple[str, tuple[int, ...]]] = []
    for start in range(0, size["N"], BLOCK):
        stop = min(start + BLOCK, size["N"])
        stock = _stock(problem, plan, start, stop)
        if (stock < 0).any():
            pool, item, warehouse, period = (int(k) for k in np.argwhere(stock < 0)[0])
            faults.append(("stock below zero", (pool, item + start, warehouse, period)))
        total = stock.sum(axis=0)
        volume += np.tensordot(problem.goods.volume[start:stop], total, axes=(0, 0))
        holding += float((np.asarray(total @ days) * problem.stock.holding[start:stop]).sum())
        left[start:stop] = total[:, :, -1].sum(axis=1)
    away = plan.moves.arrival >= size["T"]
    np.add.at(left, plan.moves.item[away], plan.moves.pieces[away])
    faults += _expired(problem, plan)
    return Ledger(holding, volume, left, _opened(problem, plan), faults)


def _stock(problem: Problem, plan: Plan, start: int, stop: int) -> Ints:
    """(3, items, W, T) stock at the end of each period by pool."""
    goods, periods = problem.goods, problem.sizes["T"]
    change = np.zeros((3, stop - start, problem.sizes["W"], periods), dtype=np.int64)

    def enter(sign: int, item: Ints, warehouse: Ints, period: Ints, pieces: Ints, pool: Ints) -> None:
        kept = (item >= start) & (item < stop) & (period < periods)
        lifted = period[kept] >= goods.fence_lifts[item[kept]]
        at = (np.where(lifted, FREE, pool[kept]), item[kept] - start, warehouse[kept], period[kept])
        np.add.at(change, at, sign * pieces[kept])

    own = problem.stock
    fenced = own.live[start:stop] + own.shelf[start:stop]
    for pool, opening in (
        (FREE, own.on_hand[start:stop] - fenced),
        (LIVE, own.live[start:stop]),
        (SHELF, own.shelf[start:stop]),
    ):
        change[pool, :, :, 0] += opening
    inflow, orders, moves, ship, scrap = problem.inflow, plan.orders, plan.moves, plan.deliveries, plan.scrap
    enter(1, inflow.item, inflow.warehouse, inflow.period, inflow.pieces, inflow.pool)
    item = problem.mode_item[orders.mode]
    enter(1, item, goods.receiving[item], orders.arrival, orders.pieces, np.zeros_like(orders.pieces))
    enter(1, moves.item, problem.lanes.to_warehouse[moves.lane], moves.arrival, moves.pieces, moves.pool)
    enter(-1, moves.item, problem.lanes.origin[moves.lane], moves.period, moves.pieces, moves.pool)
    enter(-1, problem.demand.item[ship.demand], problem.lanes.origin[ship.lane], ship.period, ship.pieces, ship.pool)
    enter(-1, scrap.item, scrap.warehouse, scrap.period, scrap.pieces, scrap.pool)
    stock = np.cumsum(change, axis=3)
    lifts = goods.fence_lifts[start:stop]
    for k in np.flatnonzero(lifts < periods):
        before = stock[1:, k, :, lifts[k] - 1].copy() if lifts[k] > 0 else change[1:, k, :, 0].copy()
        stock[1:, k, :, lifts[k] :] -= before[:, :, None]
        stock[0, k, :, lifts[k] :] += before.sum(axis=0)[:, None]
    return stock


def _expired(problem: Problem, plan: Plan) -> list[tuple[str, tuple[int, ...]]]:
    """By the end of each period at least the pieces expired by then must have left, delivered or scrapped."""
    periods = problem.sizes["T"]
    items = np.union1d(np.flatnonzero(problem.goods.shelf_life > 0), problem.expiring.item)
    if not len(items):
        return []
    slot = np.full(problem.sizes["N"], -1)
    slot[items] = np.arange(len(items))
    gone = np.zeros((len(items), periods), dtype=np.int64)
    ship, scrap = plan.deliveries, plan.scrap
    for item, period, pieces in (
        (problem.demand.item[ship.demand], ship.period, ship.pieces),
        (scrap.item, scrap.period, scrap.pieces),
    ):
        kept = slot[item] >= 0
        np.add.at(gone, (slot[item[kept]], period[kept]), pieces[kept])
    due = np.zeros_like(gone)
    expiring = problem.expiring
    np.add.at(due, (slot[expiring.item], expiring.last), expiring.pieces)
    came = _arrivals(problem, plan, slot, len(items))
    for item in items[problem.goods.shelf_life[items] > 0]:
        k = slot[item]
        came[k, 0] -= expiring.pieces[expiring.item == item].sum()
        np.add.at(due[k], expiry(problem, int(item)), came[k])
    short = (np.cumsum(gone, axis=1) < np.cumsum(due, axis=1))[:, :-1]
    thrown = np.zeros_like(gone)
    np.add.at(thrown, (slot[scrap.item], scrap.period), scrap.pieces)
    eager = np.cumsum(thrown, axis=1) > np.cumsum(due, axis=1)
    eager[:, -1] = thrown[:, -1] > 0
    found: list[tuple[str, tuple[int, ...]]] = []
    for rule, broken in (("expired stock", short), ("scrap of goods that have not expired", eager)):
        for k, t in np.argwhere(broken)[:1]:
            found.append((rule, (int(items[k]), int(t))))
    return found


def _arrivals(problem: Problem, plan: Plan, slot: Ints, count: int) -> Ints:
    came = np.zeros((count, problem.sizes["T"]), dtype=np.int64)
    kept_items = np.flatnonzero(slot >= 0)
    came[slot[kept_items], 0] = problem.stock.on_hand[kept_items].sum(axis=1)
    orders, inflow = plan.orders, problem.inflow
    for item, period, pieces in (
        (inflow.item, inflow.period, inflow.pieces),
        (problem.mode_item[orders.mode], orders.arrival, orders.pieces),
    ):
        kept = (slot[item] >= 0) & (period < problem.sizes["T"])
        np.add.at(came, (slot[item[kept]], period[kept]), pieces[kept])
    return came


def _opened(problem: Problem, plan: Plan) -> npt.NDArray[np.bool_]:
    used = np.zeros(problem.sizes["W"], dtype=bool)
    used[problem.goods.receiving[problem.mode_item[plan.orders.mode]]] = True
    used[problem.lanes.origin[plan.moves.lane]] = True
    used[problem.lanes.to_warehouse[plan.moves.lane]] = True
    used[problem.lanes.origin[plan.deliveries.lane]] = True
    return used & (problem.places.opening_cost > 0)
