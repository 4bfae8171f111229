"""One sweep of the prices: every item's program, its bound, and what it would use of each shared limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizers import positions as at
from optimizers.classes import find_ways, price_backlog, useful_pieces, weigh_lines
from optimizers.item_program import run_program
from optimizers.kernel import inlined, kernel
from optimizers.layout import Layout, Tables
from optimizers.milp import Floats
from optimizers.routes import INFINITE, WAIT, Rates, fill_costs
from optimizers.scratch import Scratch
from optimizers.solution import Ints


class Use(NamedTuple):
    """Use of shared limits at the relaxed optimum; one per thread, summed afterwards.

    group (G*B,), lane (L, B), storage (W, T), cap (C,), lot (lots,) pieces, served (N,) pieces, bound (N,) minor units.
    """

    group: Floats
    lane: Floats
    storage: Floats
    cap: Floats
    lot: Floats
    served: Floats
    bound: Floats


def empty_use(lay: Layout, groups: int, caps: int) -> Use:
    """All zeros."""
    buckets = int(lay.bucket[-1]) + 1
    lanes, items = len(lay.lane_origin), len(lay.hub)
    sizes = (groups * buckets, (lanes, buckets), (lay.warehouses, lay.periods), caps, len(lay.lot_pieces), items, items)
    return Use(*(np.zeros(size) for size in sizes))


@kernel
def sweep(lay: Tables, items: Ints, rates: Rates, room: Floats, closed: Ints, work: Scratch, use: Use) -> None:
    """Solve the relaxed program of each of `items` and add up its use."""
    for n in range(len(items)):
        item = items[n]
        fill_costs(lay, item, rates, room, closed, work.leg, work.stay)
        find_ways(lay, item, work)
        fixed = weigh_lines(lay, item, rates, work)
        price_backlog(lay, item, work)
        hub_supply(lay, item, work)
        for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
            most = lay.cand[at.CAND_HIGH, c]
            if lay.item[at.ITEM_PERISHABLE, item] == 1:
                most = min(
                    most,
                    max(
                        useful_pieces(lay, item, c, work),
                        lay.cand[at.CAND_PUBLISHED, c] // lay.cand[at.CAND_STEP, c] * lay.cand[at.CAND_STEP, c],
                    ),
                )
            work.cand[at.W_HIGH, c - lay.start[at.CAND_START, item]] = (
                0 if closed[lay.item[at.ITEM_HUB, item]] == 1 else most
            )
        first = lay.start[at.LINE_START, item]
        for k in range(first, lay.start[at.LINE_START, item + 1]):
            work.line[at.W_WANT, k - first] = lay.line[at.LINE_PIECES, k]
        gain = run_program(lay, item, rates, work)
        use.bound[item] = fixed - gain
        _count(lay, item, work, use)


@inlined
def hub_supply(lay: Tables, item: int, work: Scratch) -> None:
    """Free pieces that appear at the receiving warehouse by period."""
    for t in range(lay.periods):
        work.time[at.W_SUPPLY, t] = 0
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        if lay.lot[at.LOT_HUB, j] == 1:
            work.time[at.W_SUPPLY, lay.lot[at.LOT_PERIOD, j]] += lay.lot[at.LOT_PIECES, j]


@inlined
def _count(lay: Tables, item: int, work: Scratch, use: Use) -> None:
    volume, hub = lay.item_money[at.ITEM_VOLUME, item], lay.item[at.ITEM_HUB, item]
    use.served[item] = 0.0
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        q = work.cand[at.W_ORDER, c - lay.start[at.CAND_START, item]]
        if q > 0 and lay.cand[at.CAND_CELL, c] >= 0:
            use.group[lay.cand[at.CAND_CELL, c]] += q * lay.cand[at.CAND_USAGE, c]
    for t in range(lay.periods):
        use.storage[hub, t] += max(work.time[at.W_STOCK, t], 0) * volume
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        use.lot[j] = 0.0
        if lay.lot[at.LOT_HUB, j] == 0:
            until = lay.lot[at.LOT_EXPIRES, j] if lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1 else lay.periods
            for t in range(lay.lot[at.LOT_PERIOD, j], until):
                use.storage[lay.lot[at.LOT_WAREHOUSE, j], t] += lay.lot[at.LOT_PIECES, j] * volume
    _count_lines(lay, item, work, use)


@inlined
def _count_lines(lay: Tables, item: int, work: Scratch, use: Use) -> None:
    volume, hub = lay.item_money[at.ITEM_VOLUME, item], lay.item[at.ITEM_HUB, item]
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        i, key = k - lay.start[at.LINE_START, item], lay.line[at.LINE_KEY, k]
        mine = float(work.line[at.W_TAKE, i])
        rest = lay.line[at.LINE_PIECES, k] - mine
        if mine > 0:
            if work.line_money[at.W_LINE_LATE_START, i] > 0.0:
                _walk(lay, work, work.key[at.SLOT_ANY, key], hub, 0, mine * volume, 0, use)
            else:
                for t in range(work.line[at.W_LINE_TIME, i]):
                    use.storage[hub, t] -= mine * volume
                _walk(lay, work, work.key[at.SLOT_ON, key], hub, 0, mine * volume, 1, use)
        j = work.line[at.W_LINE_LOT, i]
        if rest > 0 and j >= 0 and work.line_money[at.W_LINE_ALT, i] < work.line_money[at.W_LINE_VALUE, i]:
            use.lot[j] += rest
            w = lay.lot[at.LOT_WAREHOUSE, j]
            until = lay.lot[at.LOT_EXPIRES, j] if lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1 else lay.periods
            for t in range(lay.lot[at.LOT_PERIOD, j], until):
                use.storage[w, t] -= rest * volume
            _walk(lay, work, work.key[at.SLOT_LATE, key], w, lay.lot[at.LOT_PERIOD, j], rest * volume, 1, use)
            mine += rest
        use.served[item] += mine
        if lay.line[at.LINE_CAP1, k] >= 0:
            use.cap[lay.line[at.LINE_CAP1, k]] += mine
        if lay.line[at.LINE_CAP2, k] >= 0:
            use.cap[lay.line[at.LINE_CAP2, k]] += mine


@inlined
def _walk(lay: Tables, work: Scratch, slot: int, w: int, t: int, volume: float, stays: int, use: Use) -> None:
    """Add the use of the cheapest way from (w, t): volume on each leg, and storage while it waits when `stays` is 1."""
    while True:
        lane = work.step[slot, w, t]
        if lane == WAIT:
            if stays == 1:
                use.storage[w, t] += volume
            t += 1
        elif lane >= 0:
            use.lane[lane, lay.bucket[t]] += volume
            if lay.net.lane[at.LANE_TO, lane] < 0:
                return
            t, w = lay.net.arrival[lane, t], lay.net.lane[at.LANE_TO, lane]
        else:
            return


__all__ = ["INFINITE", "Use", "empty_use", "hub_supply", "sweep"]
