"""Turns an item's program into a plan that can be carried out beside all others: real batches, real ways, real stock.

The program relaxes: pieces may leave before they are there and lanes are endless at a price. Here every piece comes from a
supply row (a lot or an order), takes a way with room, and leaves when it is there; what cannot be carried out is not
planned. Supply is used first expired, first in; leftovers are offered to lines the hub did not serve.
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.allotment import allot, price_rows
from optimizers.classes import count_sold, find_ways, price_backlog, useful_pieces, weigh_lines
from optimizers.item_program import order_classes
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.ordering import note_orders, order
from optimizers.posting import Book, Ledgers, Rows, reserve
from optimizers.routes import INFINITE, Rates, best_arrival, departures, fill_costs, way_cost
from optimizers.scratch import Scratch
from optimizers.shipping import add_row, leftover, pinned, refresh, ship, ship_to, shut_full_lanes
from optimizers.solution import Ints
from optimizers.trials import choose_orders, leave_to_hub, want_the_rest

TRIES = 12
"""Rows and ways tried for one demand line at most."""


@kernel
def plan_item(
    lay: Tables, item: int, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:
    """Plan one item beside what `led` holds, post it to `led` and append its rows to `book`; returns its cost."""
    cost = _open_item(lay, item, rates, closed, led, work, rows, book)
    _highest(lay, item, closed, led, work)
    lots = rows.number[0]
    at_once = choose_orders(lay, item, rates, led, work, rows)
    if not at_once:
        rows.number[0] = lots
        cost += _serve_lines(lay, item, rates, led, work, rows, book, True)
        want_the_rest(lay, item, lots, work, rows)
        leave_to_hub(lay, item, work)
        order(lay, item, rates, led, work)
    cost += _buy(lay, item, led, work, book)
    _open_orders(lay, item, led, work, rows)
    if at_once:
        _note_worth(lots, work, rows, book)
        cost += _serve_allotted(lay, item, led, work, rows, book)
    else:
        cost += _serve_from_hub(lay, item, led, work, rows, book)
    return _close_item(lay, item, rates, cost, led, work, rows, book)


@kernel
def deal_item(
    lay: Tables, item: int, orders: Ints, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:  # fmt: skip
    """Like `plan_item`, with the orders given (pieces by candidate of the item): only the pieces are dealt out.

    Nobody asks whether the orders may stand. The item must not have more supply rows than are dealt out at once.
    """
    cost = _open_item(lay, item, rates, closed, led, work, rows, book)
    order_classes(lay, item, work)
    for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
        work.line[at.W_TAKE, i] = rows.open[i]
    for c in range(len(orders)):
        work.cand[at.W_ORDER, c] = orders[c]
    lots = rows.number[0]
    note_orders(lay, item, lots, work, rows)
    price_rows(lay, item, 0, work, rows)
    allot(lay, item, work, rows)
    rows.number[0] = lots
    cost += _buy(lay, item, led, work, book)
    _open_orders(lay, item, led, work, rows)
    _note_worth(lots, work, rows, book)
    cost += _serve_allotted(lay, item, led, work, rows, book)
    return _close_item(lay, item, rates, cost, led, work, rows, book)


@inlined
def _open_item(
    lay: Tables, item: int, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:
    """Price all ways beside what `led` holds, open the item's lines and lots, carry out its pinned moves."""
    reserve(lay, item, -1.0, led)
    room = work.room
    for lane in range(room.shape[0]):
        soft = led.lane_price[lane] < INFINITE
        for b in range(room.shape[1]):
            room[lane, b] = (
                INFINITE if soft else led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6
            )
    fill_costs(lay, item, rates, room, closed, work)
    work.stamp[0] += 1
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        work.leg[lay.pin[at.PIN_LANE, p], lay.pin[at.PIN_PERIOD, p]] = INFINITE
    departures(lay, lay.item[at.ITEM_HUB, item], work)
    find_ways(lay, item, work)
    weigh_lines(lay, item, rates, work)
    price_backlog(lay, item, work)
    first = lay.start[at.LINE_START, item]
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        rows.open[k - first] = lay.line[at.LINE_PIECES, k]
    book.item[at.B_START, item] = book.next[0]
    _open_lots(lay, item, led, rows)
    cost = lay.item_money[at.ITEM_CONSTANT, item] + pinned(lay, item, led, rows, book)
    want_the_rest(lay, item, rows.number[0], work, rows)
    return float(cost)


@inlined
def _close_item(
    lay: Tables, item: int, rates: Rates, cost: float, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:
    """Serve what is open from what is left, and write the item's cost down."""
    cost += _serve_lines(lay, item, rates, led, work, rows, book, False)
    cost += leftover(lay, item, led, rows, book)
    cost += _unserved(lay, item, rows)
    book.item[at.B_COUNT, item] = book.next[0] - book.item[at.B_START, item]
    book.cost[item] = cost
    return float(cost)


@inlined
def _note_worth(lots: int, work: Scratch, rows: Rows, book: Book) -> None:
    for r in range(lots):
        if rows.row[at.R_LOT, r] >= 0:
            book.worth[rows.row[at.R_LOT, r]] = work.allot.worth[r]


@inlined
def _highest(lay: Tables, item: int, closed: Ints, led: Ledgers, work: Scratch) -> None:
    if lay.item[at.ITEM_PERISHABLE, item] == 1:
        count_sold(lay, item, work)
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        most = lay.cand[at.CAND_HIGH, c]
        if lay.item[at.ITEM_PERISHABLE, item] == 1:
            most = min(most, useful_pieces(lay, item, c, work))
        cell = lay.cand[at.CAND_CELL, c]
        if cell >= 0 and led.group[at.USED_GROUP_PRICE, cell] == INFINITE and lay.cand[at.CAND_USAGE, c] > 0:
            left = int(max(led.group[at.USED_GROUP_LIMIT, cell] - led.group[at.USED_GROUP, cell], 0.0)) // int(
                lay.cand[at.CAND_USAGE, c]
            )
            most = min(most, left // int(lay.cand[at.CAND_STEP, c]) * int(lay.cand[at.CAND_STEP, c]))
        if closed[lay.item[at.ITEM_HUB, item]] == 1 or led.deals[at.USED_BARRED, lay.cand[at.CAND_DEAL, c]] == 1:
            most = 0
        work.cand[at.W_HIGH, c - lay.start[at.CAND_START, item]] = most


@inlined
def _buy(lay: Tables, item: int, led: Ledgers, work: Scratch, book: Book) -> float:
    """Post the orders."""
    cost = 0.0
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        q, cell = work.cand[at.W_ORDER, c - lay.start[at.CAND_START, item]], lay.cand[at.CAND_CELL, c]
        book.placed[c] = q
        cost += lay.item_money[at.ITEM_CHANGE, item] * abs(q - lay.cand[at.CAND_PUBLISHED, c])
        if q > 0:
            if cell >= 0:
                led.group[at.USED_GROUP, cell] += q * lay.cand[at.CAND_USAGE, c]
            cost += q * lay.cand_money[at.CAND_UNIT, c] + lay.cand_money[at.CAND_ORDER, c]
            led.deal[at.USED_DEAL, lay.cand[at.CAND_DEAL, c]] += q * lay.cand_money[at.CAND_UNIT, c]
            led.deals[at.USED_DEALS, lay.cand[at.CAND_DEAL, c]] += 1
    return cost


@kernel
def _serve_allotted(lay: Tables, item: int, led: Ledgers, work: Scratch, rows: Rows, book: Book) -> float:
    """Send what was dealt out, earliest class first; what its way has no room for takes the next best one."""
    cost, first, own, shut = 0.0, lay.start[at.LINE_START, item], work.allot, False
    for n in range(lay.start[at.LINE_START, item + 1] - first - 1, -1, -1):
        i = work.line[at.W_RANK, n]
        for r in range(rows.number[0]):
            owed, tries, stuck = own.flow[r, i], 0, False
            while owed > 0 and tries < TRIES:
                tries += 1
                if shut:
                    sent, paid = ship(lay, item, first + i, r, owed, led, work, rows, book)
                else:
                    sent, paid = ship_to(lay, item, first + i, r, own.arrival[i, r], owed, led, work, rows, book)
                cost += paid
                owed -= sent
                rows.open[i] -= sent
                if sent == 0:
                    if stuck:
                        break
                    shut_full_lanes(lay, item, led, work)
                    shut = True
                stuck = sent == 0
    return cost


@inlined
def _open_lots(lay: Tables, item: int, led: Ledgers, rows: Rows) -> None:
    """Supply rows of the lots, by expiry and arrival."""
    rows.number[0], rows.first_lot[0] = 0, lay.start[at.LOT_START, item]
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        w, came, pieces = lay.lot[at.LOT_WAREHOUSE, j], lay.lot[at.LOT_PERIOD, j], lay.lot[at.LOT_PIECES, j]
        pool, ends, at_hub = lay.lot[at.LOT_POOL, j], lay.lot[at.LOT_EXPIRES, j], lay.lot[at.LOT_HUB, j]
        add_row(lay, item, w, came, pieces, pool, ends, at_hub, j, led, rows)


@inlined
def _open_orders(lay: Tables, item: int, led: Ledgers, work: Scratch, rows: Rows) -> None:
    """Supply rows of the new orders, after those of the lots."""
    hub, life = lay.item[at.ITEM_HUB, item], lay.item[at.ITEM_LIFE, item]
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        q, a = work.cand[at.W_ORDER, c - lay.start[at.CAND_START, item]], lay.cand[at.CAND_ARRIVAL, c]
        if q > 0:
            add_row(lay, item, hub, a, q, 0, lay.expires[life, a], 1, -1, led, rows)


@kernel
def _serve_from_hub(lay: Tables, item: int, led: Ledgers, work: Scratch, rows: Rows, book: Book) -> float:
    """What the program gives each line, earliest class first, from the hub row that expires or came first."""
    cost = 0.0
    first = lay.start[at.LINE_START, item]
    for n in range(lay.start[at.LINE_START, item + 1] - first - 1, -1, -1):
        i = work.line[at.W_RANK, n]
        owed, tries, stuck = work.line[at.W_TAKE, i], 0, False
        while owed > 0 and tries < TRIES:
            tries += 1
            best = _first_out(lay, item, first + i, work, rows)
            if best < 0:
                break
            sent, paid = ship(lay, item, first + i, best, owed, led, work, rows, book)
            cost += paid
            owed -= sent
            rows.open[i] -= sent
            if sent == 0:
                if stuck:
                    break
                shut_full_lanes(lay, item, led, work)
            stuck = sent == 0
    return cost


@inlined
def _first_out(lay: Tables, item: int, k: int, work: Scratch, rows: Rows) -> int:
    """Row of the hub that can reach line k and expires first, of equal ones the one that came first; -1 for none."""
    best = -1
    for r in range(rows.number[0]):
        came, ends = rows.row[at.R_PERIOD, r], rows.row[at.R_EXPIRES, r]
        if rows.row[at.R_HUB, r] == 0 or rows.row[at.R_PIECES, r] == 0:
            continue
        if ends < lay.line[at.LINE_OPENS, k] and lay.item[at.ITEM_PERISHABLE, item] == 1:
            continue
        if best >= 0:
            other = rows.row[at.R_EXPIRES, best]
            if ends > other or (ends == other and came >= rows.row[at.R_PERIOD, best]):
                continue
        if best_arrival(lay, k, refresh(lay, rows, r, work), came, True, work) >= 0:
            best = r
    return best


@inlined
def _cost_from(lay: Tables, item: int, k: int, r: int, work: Scratch, rows: Rows) -> float:
    """Cost of a piece of row r for line k, less what it would cost to leave it; endless when it cannot be used."""
    came, w, ends = rows.row[at.R_PERIOD, r], rows.row[at.R_WAREHOUSE, r], rows.row[at.R_EXPIRES, r]
    fenced = rows.row[at.R_POOL, r] != 0 and rows.row[at.R_POOL, r] != lay.line[at.LINE_CHANNEL, k]
    useless = rows.row[at.R_PIECES, r] == 0 or ends < min(lay.line[at.LINE_OPENS, k], lay.periods - 1)
    c = INFINITE
    if not useless and not (fenced and lay.line[at.LINE_LAST, k] < lay.item[at.ITEM_LIFTS, item]):
        slot = refresh(lay, rows, r, work)
        c = way_cost(lay, k, slot, best_arrival(lay, k, slot, came, True, work), True, work)
        if c < INFINITE:
            until = lay.periods
            if ends < lay.periods - 1:
                until = ends
                c -= lay.item_money[at.ITEM_SCRAP, item]
            else:
                c += lay.item_money[at.ITEM_SALVAGE, item]
            c -= work.held[w, max(until, came)] - work.held[w, came]
    return c


@inlined
def _cheapest_row(lay: Tables, item: int, k: int, rates: Rates, work: Scratch, rows: Rows, outside: bool) -> int:
    """Row that reaches line k for less than the line is worth, at least cost; -1 for none."""
    best, least = -1, work.line_money[at.W_LINE_VALUE, k - lay.start[at.LINE_START, item]]
    for r in range(rows.number[0]):
        if outside and rows.row[at.R_HUB, r] == 1:
            continue
        c = _cost_from(lay, item, k, r, work, rows)
        if outside and rows.row[at.R_LOT, r] >= 0:
            c += rates.lot[rows.row[at.R_LOT, r]]
        if c < least:
            best, least = r, c
    return best


@kernel
def _sort(key: Floats, ranked: Ints, count: int) -> None:
    """Numbers 0 to count - 1 in `ranked` by key, equal keys by number (Shell's method: nothing is allocated)."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            mine, j = ranked[i], i
            while j >= gap:
                other = ranked[j - gap]
                if key[other] < key[mine] or (key[other] == key[mine] and other < mine):
                    break
                ranked[j] = other
                j -= gap
            ranked[j] = mine
        gap //= 3


@kernel
def _serve_lines(
    lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, book: Book, outside: bool
) -> float:
    """Open pieces from the row that reaches them cheapest.

    outside : only from stock the receiving warehouse does not hold, lines it cannot reach and early ones first, at the
    price of the stock; else from every row, the most valuable lines first.
    """
    cost, left = 0.0, 0
    for r in range(rows.number[0]):
        if rows.row[at.R_HUB, r] == 0 or not outside:
            left += rows.row[at.R_PIECES, r]
    if left == 0:
        return cost
    first, lines = lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    key, ranked = work.line_money[at.W_LINE_KEY], work.line[at.W_PICK]
    for i in range(lines):
        key[i] = -work.line_money[at.W_LINE_VALUE, i]
        if outside:
            key[i] += 1e12 * work.line[at.W_LINE_TIME, i] + 1e10 * lay.line[at.LINE_DUE, first + i]
        ranked[i] = i
    _sort(key, ranked, lines)
    for n in range(lines):
        i = ranked[n]
        k, tries, stuck = first + i, 0, False
        while rows.open[i] > 0 and tries < TRIES:
            tries += 1
            best = _cheapest_row(lay, item, k, rates, work, rows, outside)
            if best < 0:
                break
            sent, paid = ship(lay, item, k, best, rows.open[i], led, work, rows, book)
            cost += paid
            rows.open[i] -= sent
            if sent == 0:
                if stuck:
                    break
                shut_full_lanes(lay, item, led, work)
            stuck = sent == 0
    return cost


@kernel
def _unserved(lay: Tables, item: int, rows: Rows) -> float:
    """Shortage, missed service target and unfair shares."""
    first, cost, served, future, got = lay.start[at.LINE_START, item], 0.0, 0.0, 0.0, 0.0
    asked, region, accepted, short = (
        lay.line[at.LINE_PIECES],
        lay.line[at.LINE_REGION],
        lay.line[at.LINE_ACCEPTED],
        lay.line_money[at.LINE_SHORT],
    )
    open_pieces, by_region, regions, fair = (
        rows.open,
        rows.region,
        lay.regions,
        lay.item_money[at.ITEM_FAIR_PRICE, item],
    )
    by_region[: 2 * regions] = 0.0
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        missing = open_pieces[k - first]
        cost += missing * short[k]
        served += asked[k] - missing
        if accepted[k] == 0:
            future += asked[k]
            got += asked[k] - missing
            by_region[region[k]] += asked[k]
            by_region[regions + region[k]] += asked[k] - missing
    cost += max(lay.item_money[at.ITEM_SERVICE_NEED, item] - served, 0.0) * lay.item_money[at.ITEM_SERVICE_PRICE, item]
    if fair > 0.0 and future > 0.0:
        for r in range(regions):
            cost += max(got * by_region[r] / future - by_region[regions + r], 0.0) * fair
    return float(cost)
