"""What each demand line is worth to the receiving warehouse: the class it joins in the item program, and its gain there."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.routes import INFINITE, Rates, best_arrival, spread, way_cost
from optimizers.scratch import Scratch


@kernel
def find_ways(lay: Tables, item: int, work: Scratch) -> None:
    """Ways from the hub, where lines may be late also with free waiting, and from each place with stock elsewhere."""
    hub = lay.item[at.ITEM_HUB, item]
    spread(lay, hub, 0, False, at.FROM_HUB, work)
    work.fresh[at.FROM_HUB] = work.stamp[0]
    if lay.item[at.ITEM_MAY_WAIT, item] == 1:
        spread(lay, hub, 0, True, at.FROM_HUB_FREE, work)
    for s in range(lay.start[at.SOURCE_START, item], lay.start[at.SOURCE_START, item + 1]):
        origin, start = lay.source[at.SOURCE_WAREHOUSE, s], lay.source[at.SOURCE_PERIOD, s]
        slot = at.FROM_ELSEWHERE + origin * lay.periods + start
        spread(lay, origin, start, False, slot, work)
        work.fresh[slot] = work.stamp[0]


@kernel
def weigh_lines(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """Gain of serving each line from the hub at the prices of lots in `rates`; returns the cost of the item when the hub serves none."""
    lots = lay.start[at.LOT_START, item]
    for j in range(lots, lay.start[at.LOT_START, item + 1]):
        work.lot_price[j - lots] = rates.lot[j]
    _weigh_lots(lay, item, work)
    _price_hub_ways(lay, item, work)
    return float(reprice_lots(lay, item, rates, work))


@kernel
def reprice_lots(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """The same at the prices of lots in `work.lot_price`; ways and what leaving a lot costs are known."""
    first, past, lots = (
        lay.start[at.LINE_START, item],
        lay.start[at.LINE_START, item + 1],
        lay.start[at.LOT_START, item],
    )
    fixed = lay.item_money[at.ITEM_CONSTANT, item]
    for j in range(lots, lay.start[at.LOT_START, item + 1]):
        if lay.lot[at.LOT_HUB, j] == 0:
            fixed += lay.lot[at.LOT_PIECES, j] * (work.lot_base[j - lots] - work.lot_price[j - lots])
    _price_lots(lay, item, work)
    cap1, cap2, cap, pieces = lay.line[at.LINE_CAP1], lay.line[at.LINE_CAP2], rates.cap, lay.line[at.LINE_PIECES]
    short, value, alt = lay.line_money[at.LINE_SHORT], work.line_money[at.W_LINE_VALUE], work.line_money[at.W_LINE_ALT]
    gain, way, extra = work.line_money[at.W_LINE_GAIN], work.line_money[at.W_LINE_HUB], -rates.service[item]
    for k in range(first, past):
        i, toll = k - first, extra
        if cap1[k] >= 0:
            toll += cap[cap1[k]]
        if cap2[k] >= 0:
            toll += cap[cap2[k]]
        value[i] = short[k] - toll
        stand = min(value[i], alt[i])
        gain[i] = stand - way[i]
        fixed += pieces[k] * (stand + toll)
    return float(fixed)


@inlined
def _weigh_lots(lay: Tables, item: int, work: Scratch) -> None:
    """What leaving each lot where it is costs."""
    lots = lay.start[at.LOT_START, item]
    for j in range(lots, lay.start[at.LOT_START, item + 1]):
        base, until = -lay.item_money[at.ITEM_SALVAGE, item], lay.periods
        if lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1:
            base, until = lay.item_money[at.ITEM_SCRAP, item], lay.lot[at.LOT_EXPIRES, j]
        w, came = lay.lot[at.LOT_WAREHOUSE, j], lay.lot[at.LOT_PERIOD, j]
        base += work.held[w, max(until, came)] - work.held[w, came]
        work.lot_base[j - lots] = base


@kernel
def _price_lots(lay: Tables, item: int, work: Scratch) -> None:
    """Cheapest lot elsewhere for each line, at the prices of the lots."""
    first, past = lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]
    alt, chosen = work.line_money[at.W_LINE_ALT], work.line[at.W_LINE_LOT]
    for i in range(past - first):
        alt[i], chosen[i] = INFINITE, -1
    opens, due, last = lay.line[at.LINE_OPENS], lay.line[at.LINE_DUE], lay.line[at.LINE_LAST]
    gate, like, channel = lay.line[at.LINE_DOOR], lay.line[at.LINE_LIKE], lay.line[at.LINE_CHANNEL]
    late, ends, lifts = lay.line_money[at.LINE_LATE], lay.net.ends, lay.item[at.ITEM_LIFTS, item]
    lots, release = lay.start[at.LOT_START, item], lay.line[at.LINE_FIRST]
    for j in range(lots, lay.start[at.LOT_START, item + 1]):
        if lay.lot[at.LOT_HUB, j] == 1:
            continue
        pool, came, base = (
            lay.lot[at.LOT_POOL, j],
            lay.lot[at.LOT_PERIOD, j],
            work.lot_price[j - lots] - work.lot_base[j - lots],
        )
        door, until, way = work.door[lay.lot[at.LOT_SLOT, j]], lay.lot[at.LOT_EXPIRES, j], INFINITE
        for k in range(first, past):
            if like[k] == 0:
                way = INFINITE
                if pool == 0 or pool == channel[k] or last[k] >= lifts:
                    for a in range(max(opens[k], came), last[k] + 1):
                        c = door[gate[k], a]
                        if a > due[k]:
                            c += late[k] * (ends[a] - ends[due[k]])
                        way = min(way, c)
            if way < INFINITE and release[k] <= until and way + base < alt[k - first]:
                alt[k - first], chosen[k - first] = way + base, j


@kernel
def _price_hub_ways(lay: Tables, item: int, work: Scratch) -> None:
    """Class period and cheapest way from the hub of each line, holding there up to the class period not counted."""
    first, hub = lay.start[at.LINE_START, item], lay.item[at.ITEM_HUB, item]
    opens, due, last = lay.line[at.LINE_OPENS], lay.line[at.LINE_DUE], lay.line[at.LINE_LAST]
    gate, like, depart, held = lay.line[at.LINE_DOOR], lay.line[at.LINE_LIKE], work.depart, work.held[hub]
    door, cost, late = work.door[at.FROM_HUB], work.line_money[at.W_LINE_HUB], work.line_money[at.W_LINE_LATE_START]
    times = work.line[at.W_LINE_TIME]
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        i = k - first
        if like[k] == 1:
            times[i], cost[i], late[i] = times[i - 1], cost[i - 1], late[i - 1]
            continue
        time, way = -1, INFINITE
        for a in range(opens[k], due[k] + 1):
            time = max(time, depart[gate[k], a])
            way = min(way, door[gate[k], a])
        late[i], times[i] = 0.0, time
        cost[i] = way - held[time] if time >= 0 else INFINITE
        if last[k] > due[k]:
            _late_way(lay, hub, k, i, work)
        if cost[i] >= INFINITE:
            times[i] = -1


@kernel
def _late_way(lay: Tables, hub: int, k: int, i: int, work: Scratch) -> None:
    """The way with free waiting, for a line that may be late, where it is cheaper or the only one."""
    slot, due = at.FROM_HUB_FREE, lay.line[at.LINE_DUE, k]
    plain = way_cost(lay, k, slot, best_arrival(lay, k, slot, 0, False, work), False, work)
    if work.line[at.W_LINE_TIME, i] < 0 and plain < INFINITE:
        work.line[at.W_LINE_TIME, i] = 0
        arrival = min(lay.earliest[hub, lay.line[at.LINE_REGION, k], 0], lay.periods - 1)
        plain += lay.line_money[at.LINE_LATE, k] * max(lay.net.ends[arrival] - lay.net.ends[due], 0.0)
    if plain < work.line_money[at.W_LINE_HUB, i]:
        work.line_money[at.W_LINE_HUB, i] = plain
        work.line_money[at.W_LINE_LATE_START, i] = 1.0


@kernel
def price_backlog(lay: Tables, item: int, work: Scratch) -> None:
    """Least cost of letting a piece wait through each period, and how many may wait; none waits for ever."""
    hub, first = lay.item[at.ITEM_HUB, item], lay.start[at.LINE_START, item]
    for t in range(lay.periods):
        work.time_money[at.W_BACKLOG, t] = INFINITE
        work.time[at.W_FLOOR, t] = 0
    if lay.item[at.ITEM_MAY_WAIT, item] == 1:
        for k in range(first, lay.start[at.LINE_START, item + 1]):
            time = work.line[at.W_LINE_TIME, k - first]
            if time >= 0 and lay.line[at.LINE_LAST, k] > lay.line[at.LINE_DUE, k]:
                work.time[at.W_FLOOR, time] += lay.line[at.LINE_PIECES, k]
                _price_waiting(lay, hub, k, time, work)
    floor = 0
    for t in range(lay.periods):
        floor += work.time[at.W_FLOOR, t]
        work.time[at.W_FLOOR, t] = floor
        if work.time_money[at.W_BACKLOG, t] == INFINITE:
            work.time_money[at.W_BACKLOG, t] = 0.0


@inlined
def _price_waiting(lay: Tables, hub: int, k: int, time: int, work: Scratch) -> None:
    region, due = lay.line[at.LINE_REGION, k], lay.net.ends[lay.line[at.LINE_DUE, k]]
    now = max(lay.net.ends[min(lay.earliest[hub, region, time], lay.periods - 1)], due)
    for t in range(time, lay.periods):
        then = now
        if t + 1 < lay.periods:
            then = max(lay.net.ends[min(lay.earliest[hub, region, t + 1], lay.periods - 1)], due)
        wait = lay.line_money[at.LINE_LATE, k] * (then - now)
        work.time_money[at.W_BACKLOG, t] = min(work.time_money[at.W_BACKLOG, t], wait)
        now = then


@kernel
def count_sold(lay: Tables, item: int, work: Scratch) -> None:
    """Pieces asked by lines whose first release is in or before each period: what shelf life lets be sold."""
    for t in range(lay.periods):
        work.time[at.W_SOLD, t] = 0
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        if lay.line[at.LINE_FIRST, k] < lay.periods:
            work.time[at.W_SOLD, lay.line[at.LINE_FIRST, k]] += lay.line[at.LINE_PIECES, k]
    for t in range(1, lay.periods):
        work.time[at.W_SOLD, t] += work.time[at.W_SOLD, t - 1]


@inlined
def useful_pieces(lay: Tables, item: int, cand: int, work: Scratch) -> int:
    """Most pieces of an order that shelf life lets be sold, rounded up to the multiple; `count_sold` has run."""
    until = min(lay.expires[lay.item[at.ITEM_LIFE, item], lay.cand[at.CAND_ARRIVAL, cand]], lay.periods - 1)
    step = lay.cand[at.CAND_STEP, cand]
    return int(max(-(-work.time[at.W_SOLD, until] // step) * step, lay.cand[at.CAND_LOW, cand]))
