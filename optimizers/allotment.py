"""Deals the pieces of one item out: which supply row serves which demand line, at least cost, all at once.

Rows (lots, wherever they are, and orders once they are chosen) are few and lines are many. A piece costs what its way to the
line costs, less what leaving it would cost; a piece a line does not get costs what the line loses. That is a transport
problem, started from what the item program says and improved as long as a circle of rows gains by handing lines on, each to
the next. `ground` closes the circles: it takes pieces that stay where they are, and serves what stays short.

What one more piece of a row would save comes with it: for stock elsewhere that is its price in the item program.

Source: negative cycle cancelling (Klein, Management Science 14, 1967) with Bellman and Ford's labels, on a graph of rows
alone: an arc from one row to another is the cheapest line to hand on.
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Rows
from optimizers.routes import INFINITE, LEG
from optimizers.scratch import Allotment, Scratch
from optimizers.shipping import refresh

LEAST_GAIN = 1e-4
"""Minor units below which a circle is not worth the handing on."""
MOST_CIRCLES = 1_000
NOTHING, IDLE = -2, -1
"""No arc; an arc of pieces that stay where they are."""


@kernel
def price_rows(lay: Tables, item: int, first: int, work: Scratch, rows: Rows) -> None:
    """Fill the costs and arrivals of rows from number `first` on, for every line of the item."""
    own = work.allot
    for r in range(first, rows.number[0]):
        refresh(lay, rows, r, work)
        _price_row(lay, item, r, own, work, rows)


@kernel
def _price_row(lay: Tables, item: int, r: int, own: Allotment, work: Scratch, rows: Rows) -> None:
    came, w, ends, pool = (
        rows.row[at.R_PERIOD, r],
        rows.row[at.R_WAREHOUSE, r],
        rows.row[at.R_EXPIRES, r],
        rows.row[at.R_POOL, r],
    )
    slot, lifts, start = rows.row[at.R_SLOT, r], lay.item[at.ITEM_LIFTS, item], lay.start[at.LINE_START, item]
    until, worth = lay.periods, lay.item_money[at.ITEM_SALVAGE, item]
    if ends < lay.periods - 1:
        until, worth = ends, -lay.item_money[at.ITEM_SCRAP, item]
    leave = worth - (work.held[w, max(until, came)] - work.held[w, came])
    own.leave[r] = leave
    for k in range(start, lay.start[at.LINE_START, item + 1]):
        i = k - start
        if lay.line[at.LINE_LIKE, k] == 1:
            own.cost[i, r], own.arrival[i, r] = own.cost[i - 1, r], own.arrival[i - 1, r]
            continue
        fenced = pool != 0 and pool != lay.line[at.LINE_CHANNEL, k]
        gate, due, late = lay.line[at.LINE_DOOR, k], lay.line[at.LINE_DUE, k], lay.line_money[at.LINE_LATE, k]
        found, least = -1, INFINITE
        for a in range(max(lay.line[at.LINE_OPENS, k], came), lay.line[at.LINE_LAST, k] + 1):
            c = work.door[slot, gate, a]
            if c >= INFINITE:
                continue
            if a > due:
                c += late * (lay.net.ends[a] - lay.net.ends[due])
            leaves = work.knock[slot, gate, a] % LEG
            if c < least and leaves <= ends and not (fenced and leaves < lifts):
                found, least = a, c
        own.cost[i, r], own.arrival[i, r] = least + leave if found >= 0 else INFINITE, found


@kernel
def allot(lay: Tables, item: int, work: Scratch, rows: Rows) -> float:
    """Deal the pieces of `rows` out to the open pieces of the lines; costs are filled. Returns what the pieces cost.

    Fills `work.allot.flow` and, for each row, what one more piece of it would save.
    """
    own, ground = work.allot, rows.number[0]
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    for i in range(lines):
        own.cost[i, ground] = work.line_money[at.W_LINE_VALUE, i]
    _begin(lines, own, work, rows)
    deal_again(lay, item, ground, work)
    find_worth(ground, own)
    return float(deal_cost(lay, item, ground, own, rows))


@kernel
def deal_again(lay: Tables, item: int, ground: int, work: Scratch) -> None:
    """Hand on as long as that gains, from whatever deal is in `work`; `ground` is the row of nobody."""
    own, lines = work.allot, lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    for r in range(ground + 1):
        _look(r, lines, ground, own)
    for _ in range(MOST_CIRCLES):
        if not _turn(lines, ground, own):
            break


@kernel
def deal_cost(lay: Tables, item: int, ground: int, own: Allotment, rows: Rows) -> float:
    """What the pieces of the deal cost."""
    lines, total = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item], 0.0
    for r in range(ground):
        total -= rows.row[at.R_PIECES, r] * own.leave[r]
    for r in range(ground + 1):
        for i in range(lines):
            if own.flow[r, i] > 0:
                total += own.flow[r, i] * own.cost[i, r]
    return total


@inlined
def _begin(lines: int, own: Allotment, work: Scratch, rows: Rows) -> None:
    """Start from the program: what the hub gives comes from hub rows, the rest from the cheapest row elsewhere."""
    ground = rows.number[0]
    for r in range(ground):
        own.idle[r] = rows.row[at.R_PIECES, r]
        own.flow[r, :lines] = 0
    for n in range(lines - 1, -1, -1):
        i = work.line[at.W_RANK, n]
        owed = rows.open[i]
        hub = min(work.line[at.W_TAKE, i], owed)
        for at_hub in range(1, -1, -1):
            part = hub if at_hub == 1 else owed
            while part > 0:
                best, least = -1, own.cost[i, ground]
                for r in range(ground):
                    if rows.row[at.R_HUB, r] == at_hub and own.idle[r] > 0 and own.cost[i, r] < least:
                        best, least = r, own.cost[i, r]
                if best < 0:
                    break
                give = min(part, own.idle[best])
                own.flow[best, i] += give
                own.idle[best] -= give
                part -= give
                owed -= give
        own.flow[ground, i] = owed


@kernel
def _look(r: int, lines: int, ground: int, own: Allotment) -> None:
    """Cheapest arc from row r to every other one: a line it hands on, or pieces that stay idle."""
    arc, via, cost = own.arc[r], own.via[r], own.cost
    for s in range(ground + 1):
        arc[s], via[s] = INFINITE, NOTHING
    if r == ground:
        for s in range(ground):
            arc[s], via[s] = 0.0, IDLE
    elif own.idle[r] > 0:
        arc[ground], via[ground] = 0.0, IDLE
    for i in range(lines):
        if own.flow[r, i] > 0:
            mine = cost[i, r]
            for s in range(ground + 1):
                c = cost[i, s] - mine
                if c < arc[s] and s != r and cost[i, s] < INFINITE:
                    arc[s], via[s] = c, i


@kernel
def _turn(lines: int, ground: int, own: Allotment) -> bool:
    """Find a circle that gains and hand on along it as much as goes; returns whether there was one."""
    at_circle = _circle(ground, own)
    if at_circle < 0:
        return False
    most, s = 1 << 40, at_circle
    while True:
        r = own.parent[s]
        i = own.via[r, s]
        if i >= 0:
            most = min(most, own.flow[r, i])
        elif r != ground:
            most = min(most, own.idle[r])
        s = r
        if s == at_circle:
            break
    while True:
        r = own.parent[s]
        i = own.via[r, s]
        if i >= 0:
            own.flow[r, i] -= most
            own.flow[s, i] += most
        elif r != ground:
            own.idle[r] -= most
        else:
            own.idle[s] += most
        s = r
        if s == at_circle:
            break
    while True:
        _look(s, lines, ground, own)
        s = own.parent[s]
        if s == at_circle:
            return True


@inlined
def _circle(ground: int, own: Allotment) -> int:
    """A row on a circle of arcs that cost less than nothing together, `parent` leads round it; -1 for none."""
    for r in range(ground + 1):
        own.label[r], own.parent[r] = 0.0, -1
    found = -1
    for _ in range(ground + 2):
        moved = _relax(ground, own)
        if moved < 0:
            break
        found = _closed(moved, ground, own)
        if found >= 0:
            break
    return found


@inlined
def _relax(ground: int, own: Allotment) -> int:
    """One pass over all arcs; returns a row whose label fell, -1 for none."""
    moved = -1
    for r in range(ground + 1):
        mine = own.label[r]
        if mine >= INFINITE:
            continue
        for s in range(ground + 1):
            c = mine + own.arc[r, s]
            if c < own.label[s] - LEAST_GAIN and own.via[r, s] != NOTHING:
                own.label[s], own.parent[s], moved = c, r, s
    return moved


@inlined
def _closed(start: int, ground: int, own: Allotment) -> int:
    """A row on the circle that parents lead to from `start`; -1 when they end."""
    s, found = start, -1
    for _ in range(ground + 2):
        if s >= 0:
            s = own.parent[s]
    if s >= 0:
        found = s
    return found


@kernel
def find_worth(ground: int, own: Allotment) -> None:
    """What one more piece of each row would save: the cheapest path of handing on that ends with it."""
    for r in range(ground + 1):
        own.label[r] = INFINITE
    own.label[ground] = 0.0
    for _ in range(ground + 1):
        if _relax(ground, own) < 0:
            break
    for r in range(ground):
        own.worth[r] = max(-own.label[r], 0.0)
