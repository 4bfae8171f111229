"""Working memory of one thread: allocated once for the largest item and reused, so that kernels allocate nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from optimizers.layout import Layout
from optimizers.milp import Floats
from optimizers.positions import FROM_ELSEWHERE
from optimizers.solution import Ints

Choices = npt.NDArray[np.int32]


MOST_ROWS = 48
"""Supply rows of an item that are dealt out all at once; an item with more is dealt out line by line."""
AT_ONCE, TRIED, SEARCHED = 0, 1, 2
"""How closely orders are chosen: by the program alone, by trials, and by a search for goods that expire."""
SPARE_ROWS = 4
"""Rows kept free for orders that a search adds."""


class Allotment(NamedTuple):
    """Supply rows against demand lines of the item in hand; the row after the last stands for nobody (see `allotment`).

    cost, arrival (lines, rows) : of a piece of the row for the line. flow (rows, lines) : pieces. idle (rows,) : pieces nobody
    takes. leave (rows,) : what a piece that stays is worth. worth (rows,) : what one more piece would save. arc, via (rows, rows) : cheapest line to hand on. label, parent (rows,).
    slot (rows,) : candidate whose order the row is. kept (4, rows, lines), kept_row (4, 3, rows) : deals to come back to: flow; idle, slot, pieces. due (lines,) : what a
    piece for the line would save. coming (T, lines), staying (T,) : cost of a piece that arrives at the hub in a period, and its worth when it stays.
    """

    cost: Floats
    arrival: Ints
    flow: Ints
    idle: Ints
    leave: Floats
    worth: Floats
    arc: Floats
    via: Ints
    label: Floats
    parent: Ints
    slot: Ints
    kept: Ints
    kept_row: Ints
    due: Floats
    coming: Floats
    staying: Floats


class Scratch(NamedTuple):
    """Arrays named after what the kernels keep in them; sizes are maxima over all items.

    label, step (slots, W, T), door, knock (slots, doors, T) : least cost to each place and period from the source of the
    slot, and the steps that lead there; two slots for the hub, then one for every place and period. fresh (slots,) : stamp of
    the costs a slot was filled at; `stamp` is the present one. care (1,) : how closely orders are chosen. hope (cands,) : what an order may gain at most. path (2, n) : legs of a way, lane and release.
    """

    room: Floats
    leg: Floats
    stay: Floats
    held: Floats
    label: Floats
    step: Ints
    door: Floats
    knock: Ints
    leave: Ints
    depart: Ints
    fresh: Ints
    stamp: Ints
    path: Ints
    line: Ints
    line_money: Floats
    cand: Ints
    hope: Floats
    lot_base: Floats
    lot_price: Floats
    time: Ints
    time_money: Floats
    value: Floats
    other: Floats
    queue: Ints
    choice: Choices
    stage: Ints
    care: Ints
    allot: Allotment


def scratch_for(lay: Layout) -> Scratch:
    """Allocate for the largest item of `lay`."""
    lines = _most(lay.line_start)
    cands = _most(lay.cand_start)
    lots = _most(lay.lot_start)
    periods, places = lay.periods, lay.warehouses
    slots, doors = FROM_ELSEWHERE + places * periods, lay.regions * max(len(lay.tiers), 1)
    states = int(_states(lay))
    stages = lines + cands + 3 * periods + 2

    def ints(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return Scratch(
        room=np.zeros((len(lay.lane_origin), int(lay.bucket[-1]) + 1)), leg=np.zeros((len(lay.lane_origin), periods)), stay=np.zeros((places, periods)), held=np.zeros((places, periods + 1)),
        label=np.zeros((slots, places, periods)), step=ints(slots, places, periods),
        door=np.zeros((slots, doors, periods)), knock=ints(slots, doors, periods), leave=ints(places, periods),
        depart=ints(doors, periods), fresh=ints(slots), stamp=np.ones(1, dtype=np.int64), path=ints(2, places * periods + 1),
        line=ints(6, lines), line_money=np.zeros((6, lines)), cand=ints(6, cands), hope=np.zeros(cands), lot_base=np.zeros(lots), lot_price=np.zeros(lots), time=ints(5, periods + 2),
        time_money=np.zeros((2, periods + 1)), value=np.zeros(states), other=np.zeros(states), queue=ints(states),
        choice=np.zeros((stages, states), dtype=np.int32), stage=ints(3, stages),
        care=np.full(1, SEARCHED), allot=_allotment(lines, periods),
    )  # fmt: skip


def _allotment(lines: int, periods: int) -> Allotment:
    rows = MOST_ROWS + 1

    def ints(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return Allotment(
        cost=np.zeros((lines, rows)), arrival=ints(lines, rows), flow=ints(rows, lines), idle=ints(rows),
        leave=np.zeros(rows), worth=np.zeros(rows), arc=np.zeros((rows, rows)), via=ints(rows, rows), label=np.zeros(rows),
        parent=ints(rows), slot=ints(rows), kept=ints(4, rows, lines), kept_row=ints(4, 3, rows), due=np.zeros(lines),
        coming=np.zeros((periods, lines)), staying=np.zeros(periods),
    )  # fmt: skip


def _most(start: Ints) -> int:
    return max(int(np.diff(start).max(initial=0)), 1)


def _states(lay: Layout) -> int:
    """Stock levels of the largest item: late-able pieces below zero, all demand above, and room for one order."""
    items = len(lay.hub)
    owner = np.repeat(np.arange(items), np.diff(lay.line_start))
    demand = np.bincount(owner, lay.line_pieces, items)
    late = np.bincount(owner, lay.line_pieces * (lay.line_last > lay.line_due), items)
    buyer = np.repeat(np.arange(items), np.diff(lay.cand_start))
    pad = np.zeros(items)
    np.maximum.at(pad, buyer, (lay.cand_low + lay.cand_step).astype(float))
    return int((demand + late + pad).max(initial=0)) + 4
