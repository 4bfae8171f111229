"""Turns an item's program into a plan that can be carried out beside all others: real batches, real ways, real stock.

The program relaxes: pieces may leave before they are there and lanes are endless at a price. Here every piece comes from a
supply row (a lot or an order), takes a way with room, and leaves when it is there; what cannot be carried out is not
planned. Supply is used first expired, first in; leftovers are offered to lines the hub did not serve.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizers import positions as at
from optimizers.item_program import find_ways, price_backlog, run_program, useful_pieces, weigh_lines
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.routes import INFINITE, WAIT, Rates, cost_to_go, fill_costs
from optimizers.scratch import Scratch
from optimizers.solution import Ints
from optimizers.sweep import hub_supply


class Ledgers(NamedTuple):
    """What a whole plan uses so far, what is allowed, and the price of more. A hard limit has an endless price.

    group (3, G*B) used, limit, price. lane (2, L, B) used, limit. lane_price (L,). storage (3, W, T). cap (2, C).
    deal (2, S*T) minor units ordered, least. deals (2, S*T) new orders, barred.
    """

    group: Floats
    lane: Floats
    lane_price: Floats
    storage: Floats
    cap: Floats
    deal: Floats
    deals: Ints


class Book(NamedTuple):
    """Decisions of a plan.

    placed : pieces per candidate. item (2, N) : flow rows of item i are start to start + count. row (5, rows) : lane (-1-w
    for scrap at warehouse w), period, pieces, demand line (-1 for a move), pool. cost (N,). next (1,) : first free row.
    """

    placed: Ints
    item: Ints
    row: Ints
    cost: Floats
    next: Ints


class Rows(NamedTuple):
    """Supply rows of the item in hand.

    row (7, n) : warehouse, period, pieces left, pool, last delivery, at hub, lot. open : open pieces per line.
    """

    row: Ints
    open: Ints
    region: Floats
    number: Ints


@kernel
def plan_item(
    lay: Tables, item: int, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:
    """Plan one item beside what `led` holds, post it to `led` and append its rows to `book`; returns its cost."""
    _reserve(lay, item, -1.0, led)
    room = np.empty_like(led.lane[at.USED_LANE])
    for lane in range(room.shape[0]):
        soft = led.lane_price[lane] < INFINITE
        for b in range(room.shape[1]):
            room[lane, b] = (
                INFINITE if soft else led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6
            )
    fill_costs(lay, item, rates, room, closed, work.leg, work.stay)
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        work.leg[lay.pin[at.PIN_LANE, p], lay.pin[at.PIN_PERIOD, p]] = INFINITE
    find_ways(lay, item, work)
    weigh_lines(lay, item, rates, work)
    price_backlog(lay, item, work)
    hub_supply(lay, item, work)
    _highest(lay, item, closed, led, work)
    for _ in range(8):
        run_program(lay, item, rates, work)
        if not _too_close(lay, item, work):
            break
    else:
        for c in range(lay.start[at.CAND_START, item + 1] - lay.start[at.CAND_START, item]):
            work.cand[at.W_ORDER, c] = 0
            work.cand[at.W_HIGH, c] = 0
        run_program(lay, item, rates, work)
    book.item[at.B_START, item] = book.next[0]
    cost = lay.item_money[at.ITEM_CONSTANT, item] + _buy(lay, item, led, work, book)
    _open_rows(lay, item, led, work, rows)
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        rows.open[k - lay.start[at.LINE_START, item]] = lay.line[at.LINE_PIECES, k]
    cost += _pinned(lay, item, led, rows, book)
    cost += _serve_from_hub(lay, item, led, work, rows, book)
    cost += _serve_the_rest(lay, item, rates, led, work, rows, book)
    cost += _leftover(lay, item, led, rows, book)
    cost += _unserved(lay, item, rows)
    book.item[at.B_COUNT, item] = book.next[0] - book.item[at.B_START, item]
    book.cost[item] = cost
    return float(cost)


@inlined
def _reserve(lay: Tables, item: int, sign: float, led: Ledgers) -> None:
    """Pinned moves hold their lanes until their item is planned."""
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        led.lane[at.USED_LANE, lay.pin[at.PIN_LANE, p], lay.bucket[lay.pin[at.PIN_PERIOD, p]]] += (
            sign * lay.pin[at.PIN_PIECES, p] * lay.item_money[at.ITEM_VOLUME, item]
        )


@inlined
def _highest(lay: Tables, item: int, closed: Ints, led: Ledgers, work: Scratch) -> None:
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        most = lay.cand[at.CAND_HIGH, c]
        if lay.item[at.ITEM_PERISHABLE, item] == 1:
            most = min(most, useful_pieces(lay, item, c, work))
        cell = lay.cand[at.CAND_CELL, c]
        if cell >= 0 and led.group[at.USED_GROUP_PRICE, cell] == INFINITE and lay.cand[at.CAND_USAGE, c] > 0:
            left = (
                int(max(led.group[at.USED_GROUP_LIMIT, cell] - led.group[at.USED_GROUP, cell], 0.0))
                // lay.cand[at.CAND_USAGE, c]
            )
            most = min(most, left // lay.cand[at.CAND_STEP, c] * lay.cand[at.CAND_STEP, c])
        if closed[lay.item[at.ITEM_HUB, item]] == 1 or led.deals[at.USED_BARRED, lay.cand[at.CAND_DEAL, c]] == 1:
            most = 0
        work.cand[at.W_HIGH, c - lay.start[at.CAND_START, item]] = most


@inlined
def _too_close(lay: Tables, item: int, work: Scratch) -> bool:
    """Whether two orders of one offer break its spacing; the smaller one is barred from the next run."""
    first, last = lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]
    clash = False
    for c in range(first, last):
        if work.cand[at.W_ORDER, c - first] == 0:
            continue
        same = 1
        for d in range(first, last):
            if (
                d == c
                or work.cand[at.W_ORDER, d - first] == 0
                or lay.cand[at.CAND_OFFER, d] != lay.cand[at.CAND_OFFER, c]
            ):
                continue
            if lay.cand[at.CAND_DAY, d] == lay.cand[at.CAND_DAY, c]:
                same += 1
            near = abs(lay.cand[at.CAND_MOMENT, c] - lay.cand[at.CAND_MOMENT, d]) < lay.cand[at.CAND_GAP, c]
            full = same > lay.cand[at.CAND_LIMIT, c]
            if near or full:
                smaller = c if work.cand[at.W_ORDER, c - first] < work.cand[at.W_ORDER, d - first] else d
                work.cand[at.W_HIGH, smaller - first] = 0
                clash = True
        if clash:
            return True
    return False


@inlined
def _buy(lay: Tables, item: int, led: Ledgers, work: Scratch, book: Book) -> float:
    """Post the orders; one that no longer fits a capacity shared with the item's own other orders shrinks or goes."""
    cost = 0.0
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        n = c - lay.start[at.CAND_START, item]
        q, cell = work.cand[at.W_ORDER, n], lay.cand[at.CAND_CELL, c]
        if q > 0 and cell >= 0:
            if led.group[at.USED_GROUP_PRICE, cell] == INFINITE and lay.cand[at.CAND_USAGE, c] > 0:
                left = (
                    int(max(led.group[at.USED_GROUP_LIMIT, cell] - led.group[at.USED_GROUP, cell], 0.0))
                    // lay.cand[at.CAND_USAGE, c]
                )
                if q > left:
                    q = left // lay.cand[at.CAND_STEP, c] * lay.cand[at.CAND_STEP, c]
                    q = 0 if q < lay.cand[at.CAND_LOW, c] else q
            led.group[at.USED_GROUP, cell] += q * lay.cand[at.CAND_USAGE, c]
        work.cand[at.W_ORDER, n] = q
        book.placed[c] = q
        cost += lay.item_money[at.ITEM_CHANGE, item] * abs(q - lay.cand[at.CAND_PUBLISHED, c])
        if q > 0:
            cost += q * lay.cand_money[at.CAND_UNIT, c] + lay.cand_money[at.CAND_ORDER, c]
            led.deal[at.USED_DEAL, lay.cand[at.CAND_DEAL, c]] += q * lay.cand_money[at.CAND_UNIT, c]
            led.deals[at.USED_DEALS, lay.cand[at.CAND_DEAL, c]] += 1
    return cost


@inlined
def _open_rows(lay: Tables, item: int, led: Ledgers, work: Scratch, rows: Rows) -> None:
    """Supply rows: lots, then orders, by expiry and arrival; their stock is posted as if it stayed for ever."""
    n = 0
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        rows.row[at.R_WAREHOUSE, n], rows.row[at.R_PERIOD, n], rows.row[at.R_PIECES, n] = (
            lay.lot[at.LOT_WAREHOUSE, j],
            lay.lot[at.LOT_PERIOD, j],
            lay.lot[at.LOT_PIECES, j],
        )
        rows.row[at.R_POOL, n], rows.row[at.R_EXPIRES, n], rows.row[at.R_HUB, n], rows.row[at.R_LOT, n] = (
            lay.lot[at.LOT_POOL, j],
            lay.lot[at.LOT_EXPIRES, j],
            lay.lot[at.LOT_HUB, j],
            j,
        )
        n += 1
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        q = work.cand[at.W_ORDER, c - lay.start[at.CAND_START, item]]
        if q > 0:
            a = lay.cand[at.CAND_ARRIVAL, c]
            rows.row[at.R_WAREHOUSE, n], rows.row[at.R_PERIOD, n], rows.row[at.R_PIECES, n], rows.row[at.R_POOL, n] = (
                lay.item[at.ITEM_HUB, item],
                a,
                q,
                0,
            )
            rows.row[at.R_EXPIRES, n], rows.row[at.R_HUB, n], rows.row[at.R_LOT, n] = (
                lay.expires[lay.item[at.ITEM_LIFE, item], a],
                1,
                -1,
            )
            n += 1
    rows.number[0] = n
    for r in range(n):
        for t in range(rows.row[at.R_PERIOD, r], lay.periods):
            led.storage[at.USED_STORAGE, rows.row[at.R_WAREHOUSE, r], t] += (
                rows.row[at.R_PIECES, r] * lay.item_money[at.ITEM_VOLUME, item]
            )


@kernel
def _write(book: Book, lane: int, period: int, pieces: int, line: int, pool: int) -> None:
    n = book.next[0]
    (
        book.row[at.B_LANE, n],
        book.row[at.B_PERIOD, n],
        book.row[at.B_PIECES, n],
        book.row[at.B_LINE, n],
        book.row[at.B_POOL, n],
    ) = lane, period, pieces, line, pool
    book.next[0] = n + 1


@inlined
def _pinned(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
    """Carry out pinned moves from free rows at their origin; what is missing is paid for."""
    cost = 0.0
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        lane, t, owed = lay.pin[at.PIN_LANE, p], lay.pin[at.PIN_PERIOD, p], lay.pin[at.PIN_PIECES, p]
        moved = 0
        for r in range(rows.number[0]):
            free = rows.row[at.R_POOL, r] == 0 or t >= lay.item[at.ITEM_LIFTS, item]
            if (
                owed == 0
                or not free
                or rows.row[at.R_WAREHOUSE, r] != lay.net.lane[at.LANE_ORIGIN, lane]
                or rows.row[at.R_PERIOD, r] > t
                or rows.row[at.R_EXPIRES, r] < t
            ):
                continue
            part = min(owed, rows.row[at.R_PIECES, r])
            if part == 0:
                continue
            arrival = lay.net.arrival[lane, t]
            if arrival < lay.periods and rows.row[at.R_EXPIRES, r] < arrival:
                continue
            owed -= part
            moved += part
            rows.row[at.R_PIECES, r] -= part
            for s in range(rows.row[at.R_PERIOD, r], t):
                cost += part * lay.holding[item, rows.row[at.R_WAREHOUSE, r]] * lay.days[s]
            for s in range(t, lay.periods):
                led.storage[at.USED_STORAGE, rows.row[at.R_WAREHOUSE, r], s] -= (
                    part * lay.item_money[at.ITEM_VOLUME, item]
                )
            if arrival >= lay.periods:
                cost -= part * lay.item_money[at.ITEM_SALVAGE, item]
                continue
            n = rows.number[0]
            rows.row[at.R_WAREHOUSE, n], rows.row[at.R_PERIOD, n], rows.row[at.R_PIECES, n], rows.row[at.R_POOL, n] = (
                lay.net.lane[at.LANE_TO, lane],
                arrival,
                part,
                0,
            )
            rows.row[at.R_EXPIRES, n], rows.row[at.R_HUB, n], rows.row[at.R_LOT, n] = rows.row[at.R_EXPIRES, r], 0, -1
            rows.number[0] = n + 1
            for s in range(arrival, lay.periods):
                led.storage[at.USED_STORAGE, lay.net.lane[at.LANE_TO, lane], s] += (
                    part * lay.item_money[at.ITEM_VOLUME, item]
                )
        if moved > 0:
            _write(book, lane, t, moved, -1, 0)
            led.lane[at.USED_LANE, lane, lay.bucket[t]] += moved * lay.item_money[at.ITEM_VOLUME, item]
            cost += moved * (
                lay.lane_money[at.LANE_COST, lane]
                + lay.item_money[at.ITEM_VOLUME, item] * lay.lane_money[at.LANE_VOLUME_COST, lane] / 1000.0
            )
        cost += owed * lay.pin_price[p]
    return cost


@kernel
def _ship(
    lay: Tables, item: int, k: int, r: int, wanted: int, slot: int, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> tuple[int, float]:  # fmt: skip
    """Send up to `wanted` pieces of row r to line k on the way in `slot`; returns pieces sent and their true cost."""
    volume = lay.item_money[at.ITEM_VOLUME, item]
    w, t = rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r]
    amount = min(wanted, rows.row[at.R_PIECES, r])
    for cap in (lay.line[at.LINE_CAP1, k], lay.line[at.LINE_CAP2, k]):
        if cap >= 0:
            amount = min(amount, int(led.cap[at.USED_CAP_LIMIT, cap] - led.cap[at.USED_CAP, cap]))
    while amount > 0:
        lane = work.step[slot, w, t]
        if lane == WAIT:
            t += 1
            continue
        b = lay.bucket[t]
        if led.lane_price[lane] == INFINITE and volume > 0.0:
            amount = min(
                amount, int((led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6) / volume)
            )
        if lay.net.lane[at.LANE_TO, lane] < 0:
            fenced = (
                rows.row[at.R_POOL, r] != 0
                and t < lay.item[at.ITEM_LIFTS, item]
                and rows.row[at.R_POOL, r] != lay.line[at.LINE_CHANNEL, k]
            )
            if t > rows.row[at.R_EXPIRES, r] or fenced:
                return 0, 0.0
            break
        t, w = lay.net.arrival[lane, t], lay.net.lane[at.LANE_TO, lane]
    if amount <= 0:
        return 0, 0.0
    return amount, amount * _carry(lay, item, k, r, amount, slot, led, work, rows, book)


@kernel
def _carry(
    lay: Tables, item: int, k: int, r: int, amount: int, slot: int, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> float:  # fmt: skip
    """Post the way of `amount` pieces; returns the true cost per piece."""
    volume, cost = lay.item_money[at.ITEM_VOLUME, item], 0.0
    w, t = rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r]
    load = amount * volume
    for s in range(t, lay.periods):
        led.storage[at.USED_STORAGE, w, s] -= load
    rows.row[at.R_PIECES, r] -= amount
    for cap in (lay.line[at.LINE_CAP1, k], lay.line[at.LINE_CAP2, k]):
        if cap >= 0:
            led.cap[at.USED_CAP, cap] += amount
    while True:
        lane = work.step[slot, w, t]
        if lane == WAIT:
            cost += lay.holding[item, w] * lay.days[t]
            led.storage[at.USED_STORAGE, w, t] += load
            t += 1
            continue
        led.lane[at.USED_LANE, lane, lay.bucket[t]] += load
        cost += lay.lane_money[at.LANE_COST, lane] + volume * lay.lane_money[at.LANE_VOLUME_COST, lane] / 1000.0
        pool = rows.row[at.R_POOL, r] if t < lay.item[at.ITEM_LIFTS, item] else 0
        arrival = lay.net.arrival[lane, t]
        if lay.net.lane[at.LANE_TO, lane] < 0:
            _write(book, lane, t, amount, k, pool)
            if arrival > lay.line[at.LINE_DUE, k]:
                cost += lay.line_money[at.LINE_LATE, k] * (
                    lay.net.ends[arrival] - lay.net.ends[lay.line[at.LINE_DUE, k]]
                )
            return float(cost)
        _write(book, lane, t, amount, -1, pool)
        t, w = arrival, lay.net.lane[at.LANE_TO, lane]


@kernel
def _again(lay: Tables, item: int, k: int, led: Ledgers, work: Scratch, slot: int) -> None:
    """Recompute the true way of line k with the lanes that are full by now."""
    for lane in range(lay.net.lane.shape[1]):
        if led.lane_price[lane] == INFINITE:
            for t in range(lay.periods):
                b = lay.bucket[t]
                if (
                    led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6
                    < lay.item_money[at.ITEM_VOLUME, item]
                ):
                    work.leg[lane, t] = INFINITE
    late = lay.line_money[at.LINE_LATE, k] if lay.line[at.LINE_LAST, k] > lay.line[at.LINE_DUE, k] else 0.0
    cost_to_go(
        lay.net, lay.line[at.LINE_REGION, k], lay.line[at.LINE_OPENS, k], lay.line[at.LINE_LAST, k], lay.line[at.LINE_DUE, k], late, lay.line[at.LINE_TIER, k], work.leg,
        work.stay, 0, work.cost[slot], work.step[slot],
    )  # fmt: skip


@inlined
def _serve_from_hub(lay: Tables, item: int, led: Ledgers, work: Scratch, rows: Rows, book: Book) -> float:
    """What the program gives each line, earliest class first, from the hub row that expires or came first."""
    cost = 0.0
    first = lay.start[at.LINE_START, item]
    for n in range(lay.start[at.LINE_START, item + 1] - first - 1, -1, -1):
        i = work.line[at.W_RANK, n]
        owed = work.line[at.W_TAKE, i]
        slot = work.key[at.SLOT_LATE, lay.line[at.LINE_KEY, first + i]]
        while owed > 0:
            best = -1
            for r in range(rows.number[0]):
                w, came, ends = rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r], rows.row[at.R_EXPIRES, r]
                if rows.row[at.R_HUB, r] == 0 or rows.row[at.R_PIECES, r] == 0 or work.cost[slot, w, came] >= INFINITE:
                    continue
                fresh = ends >= lay.line[at.LINE_OPENS, first + i] or lay.item[at.ITEM_PERISHABLE, item] == 0
                if not fresh:
                    continue
                if best >= 0:
                    other = rows.row[at.R_EXPIRES, best]
                    if ends > other or (ends == other and came >= rows.row[at.R_PERIOD, best]):
                        continue
                best = r
            if best < 0:
                break
            sent, paid = _ship(lay, item, first + i, best, owed, slot, led, work, rows, book)
            if sent == 0:
                break
            cost += paid
            owed -= sent
            rows.open[i] -= sent
    return cost


@inlined
def _serve_the_rest(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, book: Book) -> float:
    """Open pieces from whatever row reaches them cheapest, lines with the most to gain first."""
    cost = 0.0
    first, lines = lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    for i in range(lines):
        work.line_money[at.W_LINE_GAIN, i] = work.line_money[at.W_LINE_VALUE, i] - min(
            work.line_money[at.W_LINE_ALT, i], work.line_money[at.W_LINE_VALUE, i]
        )
    ranked = np.argsort(-work.line_money[at.W_LINE_GAIN, :lines], kind="mergesort")
    for n in range(lines):
        i = ranked[n]
        k, tries = first + i, 0
        slot = work.key[at.SLOT_LATE, lay.line[at.LINE_KEY, k]]
        while rows.open[i] > 0 and tries < 12:
            tries += 1
            best, least = -1, work.line_money[at.W_LINE_VALUE, i]
            for r in range(rows.number[0]):
                if rows.row[at.R_PIECES, r] == 0 or rows.row[at.R_EXPIRES, r] < min(
                    lay.line[at.LINE_OPENS, k], lay.periods - 1
                ):
                    continue
                c = work.cost[slot, rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r]]
                if c >= INFINITE or (
                    rows.row[at.R_POOL, r] != 0
                    and rows.row[at.R_POOL, r] != lay.line[at.LINE_CHANNEL, k]
                    and lay.line[at.LINE_LAST, k] < lay.item[at.ITEM_LIFTS, item]
                ):
                    continue
                until = lay.periods
                if rows.row[at.R_EXPIRES, r] < lay.periods - 1:
                    until = rows.row[at.R_EXPIRES, r]
                    c -= lay.item_money[at.ITEM_SCRAP, item]
                else:
                    c += lay.item_money[at.ITEM_SALVAGE, item]
                for t in range(rows.row[at.R_PERIOD, r], until):
                    c -= work.stay[rows.row[at.R_WAREHOUSE, r], t]
                if c < least:
                    best, least = r, c
            if best < 0:
                break
            sent, paid = _ship(lay, item, k, best, rows.open[i], slot, led, work, rows, book)
            cost += paid
            rows.open[i] -= sent
            if sent == 0 or rows.open[i] > 0:
                _again(lay, item, k, led, work, slot)
                if sent == 0 and tries > 1:
                    break
    return cost


@inlined
def _leftover(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
    """What nobody takes: held to the end and worth its salvage, or scrapped when it expires."""
    cost = 0.0
    for r in range(rows.number[0]):
        q, w = rows.row[at.R_PIECES, r], rows.row[at.R_WAREHOUSE, r]
        if q == 0:
            continue
        until = lay.periods
        if rows.row[at.R_EXPIRES, r] < lay.periods - 1:
            until = rows.row[at.R_EXPIRES, r]
            pool = rows.row[at.R_POOL, r] if until < lay.item[at.ITEM_LIFTS, item] else 0
            _write(book, -1 - w, until, q, -1, pool)
            cost += q * lay.item_money[at.ITEM_SCRAP, item]
            for t in range(until, lay.periods):
                led.storage[at.USED_STORAGE, w, t] -= q * lay.item_money[at.ITEM_VOLUME, item]
        else:
            cost -= q * lay.item_money[at.ITEM_SALVAGE, item]
        for t in range(rows.row[at.R_PERIOD, r], until):
            cost += q * lay.holding[item, w] * lay.days[t]
    return cost


@inlined
def _unserved(lay: Tables, item: int, rows: Rows) -> float:
    """Shortage, missed service target and unfair shares."""
    cost, served, future, got = 0.0, 0.0, 0.0, 0.0
    for r in range(2 * lay.regions):
        rows.region[r] = 0.0
    for k in range(lay.start[at.LINE_START, item], lay.start[at.LINE_START, item + 1]):
        short = rows.open[k - lay.start[at.LINE_START, item]]
        cost += short * lay.line_money[at.LINE_SHORT, k]
        served += lay.line[at.LINE_PIECES, k] - short
        if lay.line[at.LINE_ACCEPTED, k] == 0:
            future += lay.line[at.LINE_PIECES, k]
            got += lay.line[at.LINE_PIECES, k] - short
            rows.region[lay.line[at.LINE_REGION, k]] += lay.line[at.LINE_PIECES, k]
            rows.region[lay.regions + lay.line[at.LINE_REGION, k]] += lay.line[at.LINE_PIECES, k] - short
    cost += max(lay.item_money[at.ITEM_SERVICE_NEED, item] - served, 0.0) * lay.item_money[at.ITEM_SERVICE_PRICE, item]
    if lay.item_money[at.ITEM_FAIR_PRICE, item] > 0.0 and future > 0.0:
        for r in range(lay.regions):
            cost += (
                max(got * rows.region[r] / future - rows.region[lay.regions + r], 0.0)
                * lay.item_money[at.ITEM_FAIR_PRICE, item]
            )
    return float(cost)


@kernel
def remove_item(lay: Tables, item: int, led: Ledgers, book: Book) -> None:
    """Take the item's plan out of the ledgers; its rows stay in the book until the item is planned again."""
    post_item(lay, item, -1, led, book)
    _reserve(lay, item, 1.0, led)


@kernel
def restore_item(lay: Tables, item: int, led: Ledgers, book: Book) -> None:
    """Post a plan that is in the book again."""
    _reserve(lay, item, -1.0, led)
    post_item(lay, item, 1, led, book)


@kernel
def post_item(lay: Tables, item: int, sign: int, led: Ledgers, book: Book) -> None:
    """Post (or take back) everything the item uses."""
    volume = lay.item_money[at.ITEM_VOLUME, item]
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        q = sign * book.placed[c]
        if q != 0:
            if lay.cand[at.CAND_CELL, c] >= 0:
                led.group[at.USED_GROUP, lay.cand[at.CAND_CELL, c]] += q * lay.cand[at.CAND_USAGE, c]
            led.deal[at.USED_DEAL, lay.cand[at.CAND_DEAL, c]] += q * lay.cand_money[at.CAND_UNIT, c]
            led.deals[at.USED_DEALS, lay.cand[at.CAND_DEAL, c]] += sign
            for t in range(lay.cand[at.CAND_ARRIVAL, c], lay.periods):
                led.storage[at.USED_STORAGE, lay.item[at.ITEM_HUB, item], t] += q * volume
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        for t in range(lay.lot[at.LOT_PERIOD, j], lay.periods):
            led.storage[at.USED_STORAGE, lay.lot[at.LOT_WAREHOUSE, j], t] += sign * lay.lot[at.LOT_PIECES, j] * volume
    post_rows(lay, item, float(sign), led, book)


@kernel
def post_rows(lay: Tables, item: int, sign: float, led: Ledgers, book: Book) -> None:
    """Post (or take back) lanes, caps and storage of the item's flow rows."""
    for n in range(book.item[at.B_START, item], book.item[at.B_START, item] + book.item[at.B_COUNT, item]):
        lane, t, load = (
            book.row[at.B_LANE, n],
            book.row[at.B_PERIOD, n],
            sign * book.row[at.B_PIECES, n] * lay.item_money[at.ITEM_VOLUME, item],
        )
        origin = -1 - lane if lane < 0 else lay.net.lane[at.LANE_ORIGIN, lane]
        for s in range(t, lay.periods):
            led.storage[at.USED_STORAGE, origin, s] -= load
        if lane < 0:
            continue
        led.lane[at.USED_LANE, lane, lay.bucket[t]] += load
        k = book.row[at.B_LINE, n]
        if k >= 0:
            for cap in (lay.line[at.LINE_CAP1, k], lay.line[at.LINE_CAP2, k]):
                if cap >= 0:
                    led.cap[at.USED_CAP, cap] += sign * book.row[at.B_PIECES, n]
        elif lay.net.arrival[lane, t] < lay.periods:
            for s in range(lay.net.arrival[lane, t], lay.periods):
                led.storage[at.USED_STORAGE, lay.net.lane[at.LANE_TO, lane], s] += load


@kernel
def overflow_cost(led: Ledgers) -> float:
    """What the soft limits exceeded by the plan cost."""
    cost = 0.0
    for c in range(len(led.group[at.USED_GROUP])):
        over = led.group[at.USED_GROUP, c] - led.group[at.USED_GROUP_LIMIT, c]
        if over > 0.0 and led.group[at.USED_GROUP_PRICE, c] < INFINITE:
            cost += over * led.group[at.USED_GROUP_PRICE, c]
    for lane in range(led.lane[at.USED_LANE].shape[0]):
        if led.lane_price[lane] < INFINITE:
            for b in range(led.lane[at.USED_LANE].shape[1]):
                cost += (
                    max(led.lane[at.USED_LANE, lane, b] - led.lane[at.USED_LANE_LIMIT, lane, b], 0.0)
                    * led.lane_price[lane]
                )
    for w in range(led.storage[at.USED_STORAGE].shape[0]):
        for t in range(led.storage[at.USED_STORAGE].shape[1]):
            cost += (
                max(led.storage[at.USED_STORAGE, w, t] - led.storage[at.USED_STORAGE_LIMIT, w, t], 0.0)
                * led.storage[at.USED_STORAGE_PRICE, w, t]
            )
    return cost
