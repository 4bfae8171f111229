"""One sweep of the prices: every item's program, its bound, and what it would use of each shared limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizers import positions as at
from optimizers.classes import count_sold, find_ways, price_backlog, useful_pieces, weigh_lines
from optimizers.item_program import run_program
from optimizers.kernel import inlined, kernel
from optimizers.layout import Layout, Tables
from optimizers.milp import Floats
from optimizers.routes import INFINITE, LEG, NOWHERE, WAIT, Rates, best_arrival, departures, fill_costs
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
def sweep(
    lay: Tables, items: Ints, rates: Rates, room: Floats, closed: Ints, work: Scratch, use: Use, wish: Ints
) -> None:
    """Solve the relaxed program of each of `items`, add up its use and write its orders to `wish` (candidates,)."""
    known = -1
    for n in range(len(items)):
        item = items[n]
        fill_costs(lay, item, rates, room, closed, work)
        if lay.item[at.ITEM_HUB, item] != known:
            known = lay.item[at.ITEM_HUB, item]
            departures(lay, known, work)
        find_ways(lay, item, work)
        fixed = weigh_lines(lay, item, rates, work)
        price_backlog(lay, item, work)
        hub_supply(lay, item, work)
        _highest(lay, item, closed, work)
        first = lay.start[at.LINE_START, item]
        for k in range(first, lay.start[at.LINE_START, item + 1]):
            work.line[at.W_WANT, k - first] = lay.line[at.LINE_PIECES, k]
        gain = run_program(lay, item, rates, work)
        use.bound[item] = fixed - gain
        for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
            wish[c] = work.cand[at.W_ORDER, c - lay.start[at.CAND_START, item]]
        _count(lay, item, work, use)


@inlined
def _highest(lay: Tables, item: int, closed: Ints, work: Scratch) -> None:
    """Most pieces of each candidate: all that shelf life allows, or what was published."""
    perishes, shut = lay.item[at.ITEM_PERISHABLE, item] == 1, closed[lay.item[at.ITEM_HUB, item]] == 1
    if perishes:
        count_sold(lay, item, work)
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        most = lay.cand[at.CAND_HIGH, c]
        if perishes:
            step = lay.cand[at.CAND_STEP, c]
            known = lay.cand[at.CAND_PUBLISHED, c] // step * step
            most = min(most, max(useful_pieces(lay, item, c, work), known))
        work.cand[at.W_HIGH, c - lay.start[at.CAND_START, item]] = 0 if shut else most


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


@kernel
def _count_lines(lay: Tables, item: int, work: Scratch, use: Use) -> None:
    first, served = lay.start[at.LINE_START, item], 0.0
    pieces, take, chosen = lay.line[at.LINE_PIECES], work.line[at.W_TAKE], work.line[at.W_LINE_LOT]
    alt, value = work.line_money[at.W_LINE_ALT], work.line_money[at.W_LINE_VALUE]
    cap1, cap2, cap = lay.line[at.LINE_CAP1], lay.line[at.LINE_CAP2], use.cap
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        i = k - first
        mine, rest = float(take[i]), float(pieces[k] - take[i])
        if rest > 0 and chosen[i] >= 0 and alt[i] < value[i]:
            _count_lot(lay, item, k, chosen[i], rest, work, use)
            mine += rest
        served += mine
        if cap1[k] >= 0:
            cap[cap1[k]] += mine
        if cap2[k] >= 0:
            cap[cap2[k]] += mine
    use.served[item] = served
    _count_hub(lay, item, work, use)


@inlined
def _count_hub(lay: Tables, item: int, work: Scratch, use: Use) -> None:
    """Ways of the pieces from the hub; holding there is in the program's stock up to the class period of a line."""
    volume, hub, first = (
        lay.item_money[at.ITEM_VOLUME, item],
        lay.item[at.ITEM_HUB, item],
        lay.start[at.LINE_START, item],
    )
    opens, due, gate, take = (
        lay.line[at.LINE_OPENS],
        lay.line[at.LINE_DUE],
        lay.line[at.LINE_DOOR],
        work.line[at.W_TAKE],
    )
    door, knock, step, lanes = work.door[at.FROM_HUB], work.knock[at.FROM_HUB], work.step[at.FROM_HUB], use.lane
    origin, bucket, storage, late = (
        lay.net.lane[at.LANE_ORIGIN],
        lay.bucket,
        use.storage,
        work.line_money[at.W_LINE_LATE_START],
    )
    time = work.line[at.W_LINE_TIME]
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        load = take[k - first] * volume
        if load <= 0.0:
            continue
        if late[k - first] > 0.0:
            a = best_arrival(lay, k, at.FROM_HUB_FREE, 0, False, work)
            _walk(lay, k, at.FROM_HUB_FREE, a, load, False, work, use)
            continue
        for t in range(time[k - first]):
            storage[hub, t] -= load
        found = opens[k]
        for a in range(opens[k] + 1, due[k] + 1):
            if door[gate[k], a] < door[gate[k], found]:
                found = a
        last = knock[gate[k], found]
        while last != NOWHERE:
            lane, t = last // LEG, last % LEG
            lanes[lane, bucket[t]] += load
            w = origin[lane]
            last = step[w, t]
            while last == WAIT:
                t -= 1
                storage[w, t] += load
                last = step[w, t]


@kernel
def _count_lot(lay: Tables, item: int, k: int, j: int, rest: float, work: Scratch, use: Use) -> None:
    volume = lay.item_money[at.ITEM_VOLUME, item]
    use.lot[j] += rest
    w, came, slot = lay.lot[at.LOT_WAREHOUSE, j], lay.lot[at.LOT_PERIOD, j], lay.lot[at.LOT_SLOT, j]
    until = lay.lot[at.LOT_EXPIRES, j] if lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1 else lay.periods
    for t in range(came, until):
        use.storage[w, t] -= rest * volume
    _walk(lay, k, slot, best_arrival(lay, k, slot, came, True, work), rest * volume, True, work, use)


@inlined
def _walk(lay: Tables, k: int, slot: int, a: int, volume: float, stays: bool, work: Scratch, use: Use) -> None:
    """Add the use of the way that reaches line k in period a: volume on each leg, and storage while it waits."""
    last = work.knock[slot, lay.line[at.LINE_DOOR, k], a]
    while last != NOWHERE:
        lane, t = last // LEG, last % LEG
        use.lane[lane, lay.bucket[t]] += volume
        w = lay.net.lane[at.LANE_ORIGIN, lane]
        last = work.step[slot, w, t]
        while last == WAIT:
            t -= 1
            if stays:
                use.storage[w, t] += volume
            last = work.step[slot, w, t]


__all__ = ["INFINITE", "Use", "empty_use", "hub_supply", "sweep"]
