"""Which supply serves which demand: first in, first out through every warehouse a plan moves goods through."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from optimizers.problem import Problem
from optimizers.solution import Ints, Plan
from optimizers.tables import FREE, LIVE, SHELF


class Source(StrEnum):
    """Where a piece comes from: row is the warehouse for STOCK, the row of `inflow` or of the plan's `orders` else."""

    STOCK = "stock"
    INFLOW = "inflow"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Peg:
    """`pieces` of one source go to demand line `demand` over `lane` in `period`; demand is -1 for what is left over."""

    source: Source
    row: int
    demand: int
    lane: int
    period: int
    pieces: int


Lot = tuple[Source, int, int]
Shelf = dict[tuple[int, int], deque[Lot]]


def pegs(problem: Problem, plan: Plan, item: int) -> tuple[Peg, ...]:
    """Peg every piece of the item from its source to a demand line or to what is left at the end."""
    shelf: Shelf = {(p, w): deque() for p in (FREE, LIVE, SHELF) for w in range(problem.sizes["W"])}
    arriving = _arrivals(problem, plan, item)
    lifts = int(problem.goods.fence_lifts[item])
    found: list[Peg] = []
    for period in range(problem.sizes["T"]):
        if period == lifts:
            for (pool, warehouse), lots in shelf.items():
                if pool != FREE:
                    shelf[FREE, warehouse].extend(lots)
                    lots.clear()
        for pool, warehouse, lot in arriving.get(period, ()):
            shelf[FREE if period >= lifts else pool, warehouse].append(lot)
        _leave(problem, plan, item, period, shelf, arriving, found)
    for lots in shelf.values():
        found += [Peg(source, row, -1, -1, -1, pieces) for source, row, pieces in lots]
    return tuple(found)


def _arrivals(problem: Problem, plan: Plan, item: int) -> dict[int, list[tuple[int, int, Lot]]]:
    stock, inflow, orders = problem.stock, problem.inflow, plan.orders
    arriving: dict[int, list[tuple[int, int, Lot]]] = {}
    for w in range(problem.sizes["W"]):
        live, shelf = int(stock.live[item, w]), int(stock.shelf[item, w])
        for pool, pieces in ((FREE, int(stock.on_hand[item, w]) - live - shelf), (LIVE, live), (SHELF, shelf)):
            if pieces:
                arriving.setdefault(0, []).append((pool, w, (Source.STOCK, w, pieces)))
    for row in np.flatnonzero(inflow.item == item):
        lot = (Source.INFLOW, int(row), int(inflow.pieces[row]))
        arriving.setdefault(int(inflow.period[row]), []).append(
            (int(inflow.pool[row]), int(inflow.warehouse[row]), lot)
        )
    hub = int(problem.goods.receiving[item])
    for row in np.flatnonzero(problem.mode_item[orders.mode] == item):
        lot = (Source.ORDER, int(row), int(orders.pieces[row]))
        arriving.setdefault(int(orders.arrival[row]), []).append((FREE, hub, lot))
    return arriving


def _leave(
    problem: Problem, plan: Plan, item: int, period: int, shelf: Shelf, arriving: dict[int, list[tuple[int, int, Lot]]],
    found: list[Peg],
) -> None:  # fmt: skip
    """Releases of the period. A move that arrives in its own period may feed another one, so they repeat until done."""
    moves, ship, scrap, lanes = plan.moves, plan.deliveries, plan.scrap, problem.lanes
    now = np.flatnonzero((moves.item == item) & (moves.period == period))
    waiting = {int(k): int(moves.pieces[k]) for k in now}
    lifts = int(problem.goods.fence_lifts[item])
    while waiting:
        before = sum(waiting.values())
        for k in list(waiting):
            lots = _take(shelf[int(moves.pool[k]), int(lanes.origin[moves.lane[k]])], waiting[k])
            arrival, to = int(moves.arrival[k]), int(lanes.to_warehouse[moves.lane[k]])
            for lot in lots:
                if arrival == period:
                    shelf[FREE if period >= lifts else int(moves.pool[k]), to].append(lot)
                else:
                    arriving.setdefault(arrival, []).append((int(moves.pool[k]), to, lot))
            waiting[k] -= sum(lot[2] for lot in lots)
            if not waiting[k]:
                del waiting[k]
        if sum(waiting.values()) == before:
            break
    for row in np.flatnonzero((problem.demand.item[ship.demand] == item) & (ship.period == period)):
        k = int(row)
        lane = int(ship.lane[k])
        lots = _take(shelf[int(ship.pool[k]), int(lanes.origin[lane])], int(ship.pieces[k]))
        found += [Peg(lot[0], lot[1], int(ship.demand[k]), lane, period, lot[2]) for lot in lots]
    for row in np.flatnonzero((scrap.item == item) & (scrap.period == period)):
        k = int(row)
        lots = _take(shelf[int(scrap.pool[k]), int(scrap.warehouse[k])], int(scrap.pieces[k]))
        found += [Peg(lot[0], lot[1], -1, -1, period, lot[2]) for lot in lots]


def _take(lots: deque[Lot], pieces: int) -> list[Lot]:
    taken: list[Lot] = []
    while pieces and lots:
        source, row, held = lots.popleft()
        part = min(held, pieces)
        taken.append((source, row, part))
        pieces -= part
        if held > part:
            lots.appendleft((source, row, held - part))
    return taken


def pegged_pieces(found: tuple[Peg, ...], orders: int) -> Ints:
    """(orders,) pieces of each order row that reach a demand line."""
    reached = np.zeros(orders, dtype=np.int64)
    for peg in found:
        if peg.source is Source.ORDER and peg.demand >= 0:
            reached[peg.row] += peg.pieces
    return reached


__all__ = ["Peg", "Source", "pegged_pieces", "pegs"]
