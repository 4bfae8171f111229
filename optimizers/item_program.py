"""Exact dynamic program of one item under prices: which batches to order when, and which demand they serve.

State: pieces at the receiving warehouse at the end of a period, below zero as far as accepted orders wait. Each demand
line is a class at the last period in which its pieces can leave the warehouse in time; its gain is what a piece saves
there (shortage cost, or the way from stock elsewhere) less the cheapest way to it. Within a period the value function is
convolved with one concave piece per class (a sliding-window maximum, O(states)) and with one batch choice per order
candidate (a window per residue class of the multiple, O(states)). Above the demand still to come the value is linear, so
the number of states never exceeds the item's demand.

The program relaxes, never tightens: pieces may leave early without being there yet, waiting orders pay the least
lateness of the item, shelf life caps each order by what can still be sold. So its value is a lower bound.

Source: Lagrangian decomposition of multi-item lot sizing (Trigeiro, Thomas and McClain, Management Science 35, 1989), with
the state recursion of Wagner and Whitin (1958) carried over units for MOQ and multiples; sliding-window maximum by a
monotone queue.
"""

from __future__ import annotations

import numpy as np

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Net, Tables
from optimizers.milp import Floats
from optimizers.routes import INFINITE, Rates, cost_to_go, latest_release
from optimizers.scratch import Scratch
from optimizers.solution import Ints

END, CLASS, ORDER, SUPPLY, SCRAP = 0, 1, 2, 3, 4
NEVER = -1e17


@kernel
def find_ways(lay: Tables, item: int, work: Scratch) -> None:
    """Cost tables of every distinct way of the item's lines, and the last release in time from its hub."""
    slots, seen = 0, -1
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        key = lay.line[at.LINE_KEY, k]
        if key == seen:
            continue
        seen = key
        region, opens, due, last = (
            lay.line[at.LINE_REGION, k],
            lay.line[at.LINE_OPENS, k],
            lay.line[at.LINE_DUE, k],
            lay.line[at.LINE_LAST, k],
        )
        work.key[at.SLOT_ON, key] = slots
        cost_to_go(
            lay.net,
            region,
            opens,
            due,
            due,
            0.0,
            lay.line[at.LINE_TIER, k],
            work.leg,
            work.stay,
            0,
            work.cost[slots],
            work.step[slots],
        )
        work.key[at.KEY_TIME, key] = latest_release(work.cost[slots], lay.item[at.ITEM_HUB, item], lay.periods)
        slots += 1
        work.key[at.SLOT_ANY, key] = -1
        work.key[at.SLOT_LATE, key] = work.key[at.SLOT_ON, key]
        if last > due:
            work.key[at.SLOT_ANY, key] = slots
            cost_to_go(
                lay.net,
                region,
                opens,
                last,
                due,
                0.0,
                lay.line[at.LINE_TIER, k],
                work.leg,
                work.stay,
                1,
                work.cost[slots],
                work.step[slots],
            )
            slots += 1
            work.key[at.SLOT_LATE, key] = slots
            cost_to_go(
                lay.net,
                region,
                opens,
                last,
                due,
                lay.line_money[at.LINE_LATE, k],
                lay.line[at.LINE_TIER, k],
                work.leg,
                work.stay,
                0,
                work.cost[slots],
                work.step[slots],
            )
            slots += 1
        work.key[at.KEY_FIRST, key] = _first_release(lay.net, region, opens, last)


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
def run_program(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """Run the recursion and trace it: fills `work.cand[at.W_ORDER]`, `work.line[at.W_TAKE]` and `work.time[at.W_STOCK]`; returns the gain.

    `work.cand[at.W_HIGH]` holds the most pieces of each candidate (below its least = not to be used).
    """
    T, hub, first = lay.periods, lay.item[at.ITEM_HUB, item], lay.start[at.LINE_START, item]
    off = work.time[at.W_FLOOR, T - 1]
    spoils = lay.item[at.ITEM_PERISHABLE, item] == 1
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        spoils = spoils or lay.lot[at.LOT_EXPIRES, j] < T - 1
    _order_classes(lay, item, work)
    value = work.value
    work.time_money[at.W_LEFT, T] = lay.item_money[at.ITEM_SALVAGE, item]
    for t in range(T - 1, -1, -1):
        work.time_money[at.W_LEFT, t] = work.time_money[at.W_LEFT, t + 1] - work.stay[hub, t]
        if spoils:
            work.time_money[at.W_LEFT, t] = max(work.time_money[at.W_LEFT, t], -lay.item_money[at.ITEM_SCRAP, item])
    for x in range(off):
        value[x] = NEVER
    value[off] = 0.0
    top, stage = off, 0
    cand, rank = lay.start[at.CAND_START, item + 1] - 1, 0
    lines = lay.start[at.LINE_START, item + 1] - first
    for t in range(T - 1, -1, -1):
        low = off - work.time[at.W_FLOOR, t]
        for x in range(top + 1):
            value[x] -= work.time_money[at.W_BACKLOG, t] * (off - x) if x < off else work.stay[hub, t] * (x - off)
        if spoils:
            _throw_away(value, work.choice[stage], off, top, lay.item_money[at.ITEM_SCRAP, item])
            work.stage[at.W_STAGE_KIND, stage], work.stage[at.W_STAGE_REF, stage] = SCRAP, t
            work.stage[at.W_STAGE_TOP, stage] = top
            stage += 1
        for x in range(low):
            value[x] = NEVER
        work.stage[at.W_STAGE_KIND, stage], work.stage[at.W_STAGE_REF, stage], work.stage[at.W_STAGE_TOP, stage] = (
            END,
            t,
            top,
        )
        stage += 1
        while rank < lines and work.line[at.W_LINE_TIME, work.line[at.W_RANK, rank]] == t:
            i = work.line[at.W_RANK, rank]
            rank += 1
            pieces = lay.line[at.LINE_PIECES, first + i]
            if pieces == 0 or work.line_money[at.W_LINE_GAIN, i] + max(0.0, -work.time_money[at.W_LEFT, t]) <= 0.0:
                continue
            extend(value, top, top + pieces, work.time_money[at.W_LEFT, t])
            top += pieces
            serve_class(
                value, work.other, work.queue, work.choice[stage], low, top, work.line_money[at.W_LINE_GAIN, i], pieces
            )
            work.stage[at.W_STAGE_KIND, stage], work.stage[at.W_STAGE_REF, stage], work.stage[at.W_STAGE_TOP, stage] = (
                CLASS,
                i,
                top,
            )
            stage += 1
        while cand >= lay.start[at.CAND_START, item] and lay.cand[at.CAND_ARRIVAL, cand] == t:
            c = cand - lay.start[at.CAND_START, item]
            if work.cand[at.W_HIGH, c] >= lay.cand[at.CAND_LOW, cand]:
                place_order(lay, item, cand, rates, work, low, top, work.time_money[at.W_LEFT, t], work.choice[stage])
                (
                    work.stage[at.W_STAGE_KIND, stage],
                    work.stage[at.W_STAGE_REF, stage],
                    work.stage[at.W_STAGE_TOP, stage],
                ) = ORDER, c, top
                stage += 1
            cand -= 1
        if work.time[at.W_SUPPLY, t] > 0:
            _shift(value, top, work.time[at.W_SUPPLY, t], work.time_money[at.W_LEFT, t])
            work.stage[at.W_STAGE_KIND, stage], work.stage[at.W_STAGE_REF, stage], work.stage[at.W_STAGE_TOP, stage] = (
                SUPPLY,
                t,
                top,
            )
            stage += 1
    gain = value[off]
    _trace(lay, item, work, stage, off)
    return float(gain)


@kernel
def _throw_away(value: Floats, choice: Ints, off: int, top: int, price: float) -> None:
    """value(x) = max over scrapping some pieces; the program may scrap any, a plan only what has expired."""
    for x in range(top + 1):
        choice[x] = 0
    for x in range(off + 1, top + 1):
        if value[x - 1] - price > value[x]:
            value[x] = value[x - 1] - price
            choice[x] = choice[x - 1] + 1


@inlined
def _order_classes(lay: Tables, item: int, work: Scratch) -> None:
    """Lines by class period, latest first; those without a way last."""
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    key = np.argsort(-work.line[at.W_LINE_TIME, :lines], kind="mergesort")
    for i in range(lines):
        work.line[at.W_RANK, i] = key[i]


@kernel
def extend(value: Floats, top: int, until: int, slope: float) -> None:
    """Continue the value function linearly: beyond the demand to come a piece is worth what leftover is worth."""
    for x in range(top + 1, until + 1):
        value[x] = value[top] + (x - top) * slope


@kernel
def _shift(value: Floats, top: int, pieces: int, slope: float) -> None:
    for x in range(top + 1):
        y = x + pieces
        value[x] = value[y] if y <= top else value[top] + (y - top) * slope


@kernel
def serve_class(
    value: Floats, other: Floats, queue: Ints, choice: Ints, low: int, top: int, gain: float, pieces: int
) -> None:
    """value(x) = max over 0 <= u <= pieces of gain u + value(x - u)."""
    head, tail = 0, 0
    for x in range(low, top + 1):
        f = value[x] - gain * x
        while tail > head and value[queue[tail - 1]] - gain * queue[tail - 1] <= f:
            tail -= 1
        queue[tail] = x
        tail += 1
        while queue[head] < x - pieces:
            head += 1
        y = queue[head]
        other[x] = value[y] + gain * (x - y)
        choice[x] = x - y
    for x in range(low, top + 1):
        value[x] = other[x]


@inlined
def place_order(
    lay: Tables, item: int, cand: int, rates: Rates, work: Scratch, low: int, top: int, slope: float, choice: Ints
) -> None:
    """value(x) = max of not ordering and ordering q pieces, q a multiple between least and most."""
    value, other = work.value, work.other
    step, least, most = (
        lay.cand[at.CAND_STEP, cand],
        lay.cand[at.CAND_LOW, cand],
        work.cand[at.W_HIGH, cand - lay.start[at.CAND_START, item]],
    )
    unit = lay.cand_money[at.CAND_UNIT, cand]
    if lay.cand[at.CAND_CELL, cand] >= 0:
        unit += lay.cand[at.CAND_USAGE, cand] * rates.group[lay.cand[at.CAND_CELL, cand]]
    change, published = lay.item_money[at.ITEM_CHANGE, item], lay.cand[at.CAND_PUBLISHED, cand]
    extend(value, top, top + least + step, slope)
    for x in range(low, top + 1):
        other[x] = value[x] - change * published
        choice[x] = 0
    if change > 0.0 and published >= least:
        below = min(most, published // step * step)
        if below >= least:
            window(
                value,
                other,
                work.queue,
                low,
                top,
                least,
                step,
                below,
                unit - change,
                lay.cand_money[at.CAND_ORDER, cand] + change * published,
                choice,
            )
        above = max(least, -(-published // step) * step)
        if above <= most:
            window(
                value,
                other,
                work.queue,
                low,
                top,
                above,
                step,
                most,
                unit + change,
                lay.cand_money[at.CAND_ORDER, cand] - change * published,
                choice,
            )
    else:
        window(
            value,
            other,
            work.queue,
            low,
            top,
            least,
            step,
            most,
            unit + change,
            lay.cand_money[at.CAND_ORDER, cand] - change * published,
            choice,
        )
    for x in range(low, top + 1):
        value[x] = other[x]


@kernel
def window(
    value: Floats,
    other: Floats,
    queue: Ints,
    low: int,
    top: int,
    least: int,
    step: int,
    most: int,
    unit: float,
    fixed: float,
    choice: Ints,
) -> None:
    """other(x) = max(other(x), value(x + q) - unit q - fixed) over the multiples least <= q <= most, with the best q.

    Beyond `top` the value is linear and less than the unit cost per piece, so one step above it is enough, unless keeping
    to the published plan makes pieces cheaper than leftover; `most` is the published quantity then.
    """
    reach = top + least + step
    slope = value[reach] - value[reach - 1]
    for residue in range(step):
        head, tail = 0, 0
        y = reach - (reach - residue) % step
        while y - least >= low:
            x = y - least
            f = value[y] - unit * y
            while tail > head and value[queue[tail - 1]] - unit * queue[tail - 1] <= f:
                tail -= 1
            queue[tail] = y
            tail += 1
            while queue[head] > x + most:
                head += 1
            if x <= top:
                best = queue[head]
                gain = value[best] - unit * (best - x) - fixed
                q = best - x
                if slope > unit and x + most > reach:
                    far = most
                    distant = value[reach] + (x + far - reach) * slope - unit * far - fixed
                    if distant > gain:
                        gain, q = distant, far
                if gain > other[x]:
                    other[x] = gain
                    choice[x] = q
            y -= step


@kernel
def _trace(lay: Tables, item: int, work: Scratch, stages: int, off: int) -> None:
    for c in range(lay.start[at.CAND_START, item + 1] - lay.start[at.CAND_START, item]):
        work.cand[at.W_ORDER, c] = 0
    for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
        work.line[at.W_TAKE, i] = 0
    x = off
    for s in range(stages - 1, -1, -1):
        kind, ref = work.stage[at.W_STAGE_KIND, s], work.stage[at.W_STAGE_REF, s]
        level = min(x, work.stage[at.W_STAGE_TOP, s])
        if kind == SUPPLY:
            x += work.time[at.W_SUPPLY, ref]
        elif kind == ORDER:
            work.cand[at.W_ORDER, ref] = work.choice[s, level]
            x += work.choice[s, level]
        elif kind == SCRAP:
            x -= work.choice[s, level] + max(x - work.stage[at.W_STAGE_TOP, s], 0) * (work.choice[s, level] > 0)
        elif kind == CLASS:
            work.line[at.W_TAKE, ref] = work.choice[s, level]
            x -= work.choice[s, level]
        else:
            work.time[at.W_STOCK, ref] = x - off


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
