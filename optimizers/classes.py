"""What each demand line is worth to the receiving warehouse: the class it joins in the item program, and its gain there."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Net, Tables
from optimizers.routes import INFINITE, Rates, cost_to_go, latest_release
from optimizers.scratch import Scratch


@kernel
def find_ways(lay: Tables, item: int, work: Scratch) -> None:
    """Cost tables of every distinct way of the item's lines, and the last release in time from its hub."""
    slots, seen = 0, -1
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        key = lay.line[at.LINE_KEY, k]
        if key == seen:
            continue
        seen = key
        region, opens, due = lay.line[at.LINE_REGION, k], lay.line[at.LINE_OPENS, k], lay.line[at.LINE_DUE, k]
        last, tier, late = lay.line[at.LINE_LAST, k], lay.line[at.LINE_TIER, k], lay.line_money[at.LINE_LATE, k]
        leg, stay, net = work.leg, work.stay, lay.net
        work.key[at.SLOT_ON, key] = slots
        cost_to_go(net, region, opens, due, due, 0.0, tier, leg, stay, 0, work.cost[slots], work.step[slots])
        work.key[at.KEY_TIME, key] = latest_release(work.cost[slots], lay.item[at.ITEM_HUB, item], lay.periods)
        slots += 1
        work.key[at.SLOT_ANY, key] = -1
        work.key[at.SLOT_LATE, key] = work.key[at.SLOT_ON, key]
        if last > due:
            work.key[at.SLOT_ANY, key] = slots
            cost_to_go(net, region, opens, last, due, 0.0, tier, leg, stay, 1, work.cost[slots], work.step[slots])
            slots += 1
            work.key[at.SLOT_LATE, key] = slots
            cost_to_go(net, region, opens, last, due, late, tier, leg, stay, 0, work.cost[slots], work.step[slots])
            slots += 1
        work.key[at.KEY_FIRST, key] = _first_release(net, region, opens, last)


@kernel
def _first_release(net: Net, region: int, opens: int, last: int) -> int:
    for t in range(net.periods):
        for w in range(net.warehouses):
            for j in range(net.door_start[w * net.regions + region], net.door_start[w * net.regions + region + 1]):
                a = net.arrival[net.door_lane[j], t]
                if opens <= a <= last:
                    return t
    return net.periods


@kernel
def weigh_lines(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """Gain of serving each line from the hub; returns the cost of the item when the hub serves none."""
    first, lots = lay.start[at.LINE_START, item], lay.start[at.LOT_START, item]
    fixed = lay.item_money[at.ITEM_CONSTANT, item]
    for j in range(lots, lay.start[at.LOT_START, item + 1]):
        base, until = -lay.item_money[at.ITEM_SALVAGE, item], lay.periods
        if lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1:
            base, until = lay.item_money[at.ITEM_SCRAP, item], lay.lot[at.LOT_EXPIRES, j]
        for t in range(lay.lot[at.LOT_PERIOD, j], until):
            base += work.stay[lay.lot[at.LOT_WAREHOUSE, j], t]
        work.lot_base[j - lots] = base
        if lay.lot[at.LOT_HUB, j] == 0:
            fixed += lay.lot[at.LOT_PIECES, j] * (base - rates.lot[j])
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        i = k - first
        toll = -rates.service[item]
        if lay.line[at.LINE_CAP1, k] >= 0:
            toll += rates.cap[lay.line[at.LINE_CAP1, k]]
        if lay.line[at.LINE_CAP2, k] >= 0:
            toll += rates.cap[lay.line[at.LINE_CAP2, k]]
        work.line_money[at.W_LINE_VALUE, i] = lay.line_money[at.LINE_SHORT, k] - toll
        _best_lot(lay, item, k, rates, work)
        _hub_way(lay, item, k, work)
        stand = min(work.line_money[at.W_LINE_VALUE, i], work.line_money[at.W_LINE_ALT, i])
        work.line_money[at.W_LINE_GAIN, i] = stand - work.line_money[at.W_LINE_HUB, i]
        fixed += lay.line[at.LINE_PIECES, k] * (stand + toll)
    return float(fixed)


@inlined
def _best_lot(lay: Tables, item: int, k: int, rates: Rates, work: Scratch) -> None:
    i, slot = k - lay.start[at.LINE_START, item], work.key[at.SLOT_LATE, lay.line[at.LINE_KEY, k]]
    work.line_money[at.W_LINE_ALT, i], work.line[at.W_LINE_LOT, i] = INFINITE, -1
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        if lay.lot[at.LOT_HUB, j] == 1:
            continue
        pool = lay.lot[at.LOT_POOL, j]
        if (
            pool != 0
            and pool != lay.line[at.LINE_CHANNEL, k]
            and lay.line[at.LINE_LAST, k] < lay.item[at.ITEM_LIFTS, item]
        ):
            continue
        way = work.cost[slot, lay.lot[at.LOT_WAREHOUSE, j], lay.lot[at.LOT_PERIOD, j]]
        if way < INFINITE:
            c = way - work.lot_base[j - lay.start[at.LOT_START, item]] + rates.lot[j]
            if c < work.line_money[at.W_LINE_ALT, i]:
                work.line_money[at.W_LINE_ALT, i], work.line[at.W_LINE_LOT, i] = c, j


@inlined
def _hub_way(lay: Tables, item: int, k: int, work: Scratch) -> None:
    """Class period and cheapest way from the hub, holding there up to the class period not counted."""
    i, key, hub = k - lay.start[at.LINE_START, item], lay.line[at.LINE_KEY, k], lay.item[at.ITEM_HUB, item]
    time = work.key[at.KEY_TIME, key]
    best = INFINITE
    work.line_money[at.W_LINE_LATE_START, i] = 0.0
    if time >= 0:
        held = 0.0
        for t in range(time):
            held += work.stay[hub, t]
        best = work.cost[work.key[at.SLOT_ON, key], hub, 0] - held
    if work.key[at.SLOT_ANY, key] >= 0:
        plain = work.cost[work.key[at.SLOT_ANY, key], hub, 0]
        if time < 0 and plain < INFINITE:
            time = 0
            arrival = min(lay.earliest[hub, lay.line[at.LINE_REGION, k], 0], lay.periods - 1)
            plain += lay.line_money[at.LINE_LATE, k] * max(
                lay.net.ends[arrival] - lay.net.ends[lay.line[at.LINE_DUE, k]], 0.0
            )
        if plain < best:
            best = plain
            work.line_money[at.W_LINE_LATE_START, i] = 1.0
    work.line[at.W_LINE_TIME, i] = time if best < INFINITE else -1
    work.line_money[at.W_LINE_HUB, i] = best


@kernel
def price_backlog(lay: Tables, item: int, work: Scratch) -> None:
    """Least cost of letting a piece wait through each period, and how many may wait; none waits for ever."""
    hub, first = lay.item[at.ITEM_HUB, item], lay.start[at.LINE_START, item]
    floor = 0
    for t in range(lay.periods):
        work.time_money[at.W_BACKLOG, t] = INFINITE
        for k in range(first, lay.start[at.LINE_START, item + 1]):
            i = k - first
            if (
                work.line[at.W_LINE_TIME, i] < 0
                or lay.line[at.LINE_LAST, k] <= lay.line[at.LINE_DUE, k]
                or work.line[at.W_LINE_TIME, i] > t
            ):
                continue
            if work.line[at.W_LINE_TIME, i] == t:
                floor += lay.line[at.LINE_PIECES, k]
            now = min(lay.earliest[hub, lay.line[at.LINE_REGION, k], t], lay.periods - 1)
            then = (
                now
                if t + 1 >= lay.periods
                else min(lay.earliest[hub, lay.line[at.LINE_REGION, k], t + 1], lay.periods - 1)
            )
            due = lay.net.ends[lay.line[at.LINE_DUE, k]]
            wait = lay.line_money[at.LINE_LATE, k] * (max(lay.net.ends[then], due) - max(lay.net.ends[now], due))
            work.time_money[at.W_BACKLOG, t] = min(work.time_money[at.W_BACKLOG, t], wait)
        if work.time_money[at.W_BACKLOG, t] == INFINITE:
            work.time_money[at.W_BACKLOG, t] = 0.0
        work.time[at.W_FLOOR, t] = floor


@kernel
def useful_pieces(lay: Tables, item: int, cand: int, work: Scratch) -> int:
    """Most pieces of an order that shelf life lets be sold, rounded up to the multiple."""
    until = lay.expires[lay.item[at.ITEM_LIFE, item], lay.cand[at.CAND_ARRIVAL, cand]]
    sold = 0
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        if work.key[at.KEY_FIRST, lay.line[at.LINE_KEY, k]] <= until:
            sold += lay.line[at.LINE_PIECES, k]
    step = lay.cand[at.CAND_STEP, cand]
    return int(max(-(-sold // step) * step, lay.cand[at.CAND_LOW, cand]))
