"""Better orders near those an item has: one left out, another placed, or a size changed, each dealt out exactly beside the rest.

The item program knows nothing of what expires, and sees stock elsewhere through one price. A step here takes the best of all single
changes and exchanges of two orders, as the deal of all pieces prices them. What a new order may gain at most is read from the lines:
none of them pays more for a piece than it would lose by its change of hands, so few orders have to be tried.

Source: the bound is weak duality of the transport problem of `allotment`; a step is the steepest of a variable neighbourhood
(Mladenovic and Hansen, Computers and Operations Research 24, 1997).
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.allotment import deal_again, deal_cost, find_worth, price_rows
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.ordering import may_order, weigh_orders
from optimizers.posting import Ledgers, Rows
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import MOST_ROWS, SPARE_ROWS, Allotment, Scratch
from optimizers.shipping import note_row

MOST_STEPS = 8
TRIED = 3
"""Orders placed in trial beside each order left out: those that may gain most."""
LEAST_STEP = 1.0
"""Minor units a step has to gain."""
NOW, BESIDE, PLACED, BEST = 0, 1, 2, 3
"""Deals kept: the one in force, the one an order is placed beside, the best with such an order, and the best of all."""
MOST_PLACED = 3
"""Orders placed one after the other in place of one."""
NOBODY = -1


@kernel
def look_nearby(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int, cost: float
) -> float:  # fmt: skip
    """Change the orders of `work`, which `cost` so much with the deal that is made, for cheaper ones as long as that gains.

    Returns what they cost then; changed orders have to be dealt out again.
    """
    own, ground, least = work.allot, rows.number[0] + SPARE_ROWS, cost
    if ground > MOST_ROWS:
        return cost
    _open_slots(lay, item, lots, ground, work, rows)
    _price_arrivals(lay, item, ground, work, rows)
    for _ in range(MOST_STEPS):
        found = _step(lay, item, rates, led, work, rows, lots, ground, least)
        if found >= least - LEAST_STEP:
            break
        least = found
    if least == cost:  # worths are those of the last deal that was tried
        deal_again(lay, item, ground, work)
        find_worth(ground, own)
    rows.number[0] = lots
    return least


@inlined
def _open_slots(lay: Tables, item: int, lots: int, ground: int, work: Scratch, rows: Rows) -> None:
    """Note whose row is which, and put the row of nobody behind some spare ones."""
    own, past, lines = work.allot, rows.number[0], lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    r = lots
    for c in range(lay.start[at.CAND_START, item + 1] - lay.start[at.CAND_START, item]):
        if work.cand[at.W_ORDER, c] > 0:
            own.slot[r] = c
            r += 1
    for i in range(lines):
        own.flow[ground, i], own.cost[i, ground] = own.flow[past, i], work.line_money[at.W_LINE_VALUE, i]
    for s in range(past, ground):
        own.slot[s], own.idle[s], rows.row[at.R_PIECES, s] = NOBODY, 0, 0
        own.flow[s, :lines] = 0
        own.cost[:lines, s] = INFINITE


@inlined
def _price_arrivals(lay: Tables, item: int, ground: int, work: Scratch, rows: Rows) -> None:
    """Cost of a piece that an order brings in each period, for every line, and what it is worth when it stays."""
    own, first = work.allot, lay.start[at.CAND_START, item]
    lines, spare = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item], ground - 1
    for t in range(lay.periods):
        own.staying[t] = INFINITE
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        a = lay.cand[at.CAND_ARRIVAL, c]
        if own.staying[a] < INFINITE or work.cand[at.W_MOST, c - first] < lay.cand[at.CAND_LOW, c]:
            continue
        rows.number[0] = spare
        note_row(
            lay, item, lay.item[at.ITEM_HUB, item], a, 0, 0, lay.expires[lay.item[at.ITEM_LIFE, item], a], 1, -1, rows
        )
        price_rows(lay, item, spare, work, rows)
        own.staying[a] = own.leave[spare]
        for i in range(lines):
            own.coming[a, i] = own.cost[i, spare]
    own.cost[:lines, spare] = INFINITE


@kernel
def _step(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int, ground: int, cost: float
) -> float:  # fmt: skip
    """Make the best change of the orders, if any gains; returns what they cost then."""
    own, least = work.allot, cost
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    _keep(NOW, lines, lots, ground, own, rows)
    for base in range(lots - 1, ground):
        beside = cost
        if base >= lots:
            if own.slot[base] == NOBODY:
                continue
            least = _resize_trials(lay, item, rates, led, work, rows, lots, ground, base, least)
            _take_away(base, lines, ground, work, rows, 0)
            beside = _cost_now(lay, item, rates, led, work, rows, ground)
            least = _keep_better(beside, least, lines, lots, ground, own, rows)
        least = _place_trials(lay, item, rates, led, work, rows, lots, ground, beside, least)
        _back(NOW, lines, lots, ground, work, rows)
        if base >= lots:
            _fill_column(lay, item, base, lines, own)  # another order may have had its row
    if least < cost - LEAST_STEP:
        _back(BEST, lines, lots, ground, work, rows)
        for s in range(lots, ground):
            if own.slot[s] != NOBODY:
                _fill_column(lay, item, s, lines, own)
        return least
    return cost


@inlined
def _cost_now(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, ground: int) -> float:
    deal_again(lay, item, ground, work)
    return weigh_orders(lay, item, rates, led, work) + deal_cost(lay, item, ground, work.allot, rows)


@inlined
def _resize_trials(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int, ground: int, s: int,
    least: float,
) -> float:  # fmt: skip
    """One multiple less, and one more."""
    own, c = work.allot, work.allot.slot[s]
    lines, cand = (
        lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item],
        lay.start[at.CAND_START, item] + c,
    )
    q = work.cand[at.W_ORDER, c]
    for sign in range(-1, 2, 2):
        new = q + sign * lay.cand[at.CAND_STEP, cand]
        work.cand[at.W_ORDER, c] = 0
        if new > 0 and may_order(lay, item, cand, new, led, work):
            if sign > 0:
                own.idle[s] += new - q
                rows.row[at.R_PIECES, s], work.cand[at.W_ORDER, c] = new, new
            else:
                _take_away(s, lines, ground, work, rows, new)
            found = _cost_now(lay, item, rates, led, work, rows, ground)
            least = _keep_better(found, least, lines, lots, ground, own, rows)
        _back(NOW, lines, lots, ground, work, rows)
    return least


@kernel
def _place_trials(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int, ground: int, beside: float,
    least: float,
) -> float:  # fmt: skip
    """More orders beside those there are, one after the other, each the one that gains most."""
    own, lines = work.allot, lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    for _ in range(MOST_PLACED):
        free = NOBODY
        for s in range(lots, ground):
            if own.slot[s] == NOBODY:
                free = s
        if free == NOBODY:
            break
        _keep(BESIDE, lines, lots, ground, own, rows)
        found = _place(lay, item, rates, led, work, rows, lots, ground, free, beside)
        if found >= beside - LEAST_STEP:
            break
        beside = found
        _back(PLACED, lines, lots, ground, work, rows)
        _fill_column(lay, item, free, lines, own)
        least = _keep_better(beside, least, lines, lots, ground, own, rows)
    return least


@kernel
def _place(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int, ground: int, free: int,
    beside: float,
) -> float:  # fmt: skip
    """Try the candidates that may gain most, in two sizes; keeps the best as `PLACED` and returns what all costs with it."""
    own, first, best_of_all = work.allot, lay.start[at.CAND_START, item], beside
    lines, cands = (
        lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item],
        lay.start[at.CAND_START, item + 1] - first,
    )
    _hope(lay, item, rates, work, rows, ground)
    for _ in range(TRIED):
        best = NOBODY
        for c in range(cands):
            if work.hope[c] > beside - best_of_all + LEAST_STEP and (best == NOBODY or work.hope[c] > work.hope[best]):
                best = c
        if best == NOBODY:
            break
        work.hope[best] = -INFINITE
        tried = 0
        for size in range(2):
            q = _size(lay, item, first + best, rates, work, rows, size)
            if q != tried and may_order(lay, item, first + best, q, led, work):
                own.slot[free], rows.row[at.R_PIECES, free], own.idle[free] = best, q, q
                work.cand[at.W_ORDER, best] = q
                _fill_column(lay, item, free, lines, own)
                found = _cost_now(lay, item, rates, led, work, rows, ground)
                if found < best_of_all - LEAST_STEP:
                    best_of_all = found
                    _keep(PLACED, lines, lots, ground, own, rows)
                _back(BESIDE, lines, lots, ground, work, rows)
            tried = q
    for i in range(lines):
        own.cost[i, free] = INFINITE
    return best_of_all


@kernel
def _hope(lay: Tables, item: int, rates: Rates, work: Scratch, rows: Rows, ground: int) -> None:
    """What each candidate may gain at most beside the deal in force."""
    own, first = work.allot, lay.start[at.CAND_START, item]
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    find_worth(ground, own)
    for i in range(lines):
        own.due[i] = -INFINITE
    for r in range(ground + 1):
        for i in range(lines):
            if own.flow[r, i] > 0:
                own.due[i] = max(own.due[i], own.cost[i, r] - own.label[r])
    for c in range(lay.start[at.CAND_START, item + 1] - first):
        work.hope[c] = -INFINITE
        cand = first + c
        if work.cand[at.W_ORDER, c] > 0 or work.cand[at.W_MOST, c] < lay.cand[at.CAND_LOW, cand]:
            continue
        price, gain = _price(lay, cand, rates, own), 0.0
        coming = own.coming[lay.cand[at.CAND_ARRIVAL, cand]]
        for i in range(lines):
            gain += max(own.due[i] - coming[i] - price, 0.0) * rows.open[i]
        work.hope[c] = (
            gain - lay.cand_money[at.CAND_ORDER, cand]
            + lay.item_money[at.ITEM_CHANGE, item] * lay.cand[at.CAND_PUBLISHED, cand]
        )  # fmt: skip


@inlined
def _price(lay: Tables, cand: int, rates: Rates, own: Allotment) -> float:
    """What a piece of the candidate costs more than it is worth when it stays."""
    price, cell = lay.cand_money[at.CAND_UNIT, cand], lay.cand[at.CAND_CELL, cand]
    if cell >= 0:
        price += lay.cand[at.CAND_USAGE, cand] * rates.group[cell]
    return float(price - own.staying[lay.cand[at.CAND_ARRIVAL, cand]])


@inlined
def _size(lay: Tables, item: int, cand: int, rates: Rates, work: Scratch, rows: Rows, size: int) -> int:
    """The least order, or one for every line that would pay for its pieces."""
    q, step = lay.cand[at.CAND_LOW, cand], lay.cand[at.CAND_STEP, cand]
    if size == 1:
        own, wanted, price = work.allot, 0, _price(lay, cand, rates, work.allot)
        coming = own.coming[lay.cand[at.CAND_ARRIVAL, cand]]
        for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
            if own.due[i] - coming[i] - price > 0.0:
                wanted += rows.open[i]
        q = max(
            q, min(wanted // step * step, work.cand[at.W_MOST, cand - lay.start[at.CAND_START, item]] // step * step)
        )
    return int(q)


@inlined
def _fill_column(lay: Tables, item: int, s: int, lines: int, own: Allotment) -> None:
    a = lay.cand[at.CAND_ARRIVAL, lay.start[at.CAND_START, item] + own.slot[s]]
    own.leave[s] = own.staying[a]
    for i in range(lines):
        own.cost[i, s] = own.coming[a, i]


@inlined
def _take_away(s: int, lines: int, ground: int, work: Scratch, rows: Rows, left: int) -> None:
    """Leave `left` pieces of the order in row s: idle ones go first, then lines go short."""
    own = work.allot
    gone = rows.row[at.R_PIECES, s] - left
    part = min(own.idle[s], gone)
    own.idle[s] -= part
    gone -= part
    for i in range(lines):
        part = min(own.flow[s, i], gone)
        own.flow[s, i] -= part
        own.flow[ground, i] += part
        gone -= part
    rows.row[at.R_PIECES, s], work.cand[at.W_ORDER, own.slot[s]] = left, left
    if left == 0:
        own.slot[s] = NOBODY


@inlined
def _keep_better(found: float, least: float, lines: int, lots: int, ground: int, own: Allotment, rows: Rows) -> float:
    if found < least - 1e-6:
        _keep(BEST, lines, lots, ground, own, rows)
        return found
    return least


@kernel
def _keep(level: int, lines: int, lots: int, ground: int, own: Allotment, rows: Rows) -> None:
    for r in range(ground + 1):
        for i in range(lines):
            own.kept[level, r, i] = own.flow[r, i]
        own.kept_row[level, 0, r] = own.idle[r]
    for r in range(lots, ground):
        own.kept_row[level, 1, r], own.kept_row[level, 2, r] = own.slot[r], rows.row[at.R_PIECES, r]


@kernel
def _back(level: int, lines: int, lots: int, ground: int, work: Scratch, rows: Rows) -> None:
    """Return to a deal that was kept."""
    own = work.allot
    for r in range(ground + 1):
        for i in range(lines):
            own.flow[r, i] = own.kept[level, r, i]
        own.idle[r] = own.kept_row[level, 0, r]
    for r in range(lots, ground):
        if own.slot[r] != NOBODY:
            work.cand[at.W_ORDER, own.slot[r]] = 0
    for r in range(lots, ground):
        own.slot[r], rows.row[at.R_PIECES, r] = own.kept_row[level, 1, r], own.kept_row[level, 2, r]
        if own.slot[r] != NOBODY:
            work.cand[at.W_ORDER, own.slot[r]] = rows.row[at.R_PIECES, r]
