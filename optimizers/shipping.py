"""Moves pieces of a supply row along their way: room, fences and expiry are checked first, then everything is posted."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Book, Ledgers, Rows
from optimizers.routes import INFINITE, LEG, NOWHERE, WAIT, best_arrival, spread
from optimizers.scratch import Scratch


@inlined
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


@kernel
def add_row(
    lay: Tables, item: int, w: int, came: int, pieces: int, pool: int, ends: int, at_hub: int, lot: int,
    led: Ledgers, rows: Rows,
) -> None:  # fmt: skip
    """Append a supply row; its stock is posted as if it stayed for ever."""
    led.storage[at.USED_STORAGE, w, came] += pieces * lay.item_money[at.ITEM_VOLUME, item]
    note_row(lay, item, w, came, pieces, pool, ends, at_hub, lot, rows)


@kernel
def note_row(
    lay: Tables, item: int, w: int, came: int, pieces: int, pool: int, ends: int, at_hub: int, lot: int, rows: Rows
) -> None:  # fmt: skip
    """Append a supply row."""
    n = rows.number[0]
    hub = lay.item[at.ITEM_HUB, item]
    rows.row[at.R_WAREHOUSE, n], rows.row[at.R_PERIOD, n], rows.row[at.R_PIECES, n] = w, came, pieces
    rows.row[at.R_POOL, n], rows.row[at.R_EXPIRES, n], rows.row[at.R_LOT, n] = pool, ends, lot
    rows.row[at.R_HUB, n] = at_hub
    slot = at.FROM_HUB if w == hub and came == 0 else at.FROM_ELSEWHERE + w * lay.periods + came
    rows.row[at.R_SLOT, n] = slot
    rows.number[0] = n + 1


@inlined
def refresh(lay: Tables, rows: Rows, r: int, work: Scratch) -> int:
    """Slot with the ways of row r at the present costs of legs."""
    slot = rows.row[at.R_SLOT, r]
    if work.fresh[slot] != work.stamp[0]:
        work.fresh[slot] = work.stamp[0]
        spread(lay, rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r], False, slot, work)
    return int(slot)


@inlined
def pinned(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
    """Carry out pinned moves from free rows at their origin; what is missing is paid for."""
    cost, volume = 0.0, lay.item_money[at.ITEM_VOLUME, item]
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        lane, t, owed = lay.pin[at.PIN_LANE, p], lay.pin[at.PIN_PERIOD, p], lay.pin[at.PIN_PIECES, p]
        moved, arrival = 0, lay.net.arrival[lane, t]
        for r in range(rows.number[0]):
            w, came, ends = rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r], rows.row[at.R_EXPIRES, r]
            free = rows.row[at.R_POOL, r] == 0 or t >= lay.item[at.ITEM_LIFTS, item]
            part = min(owed, rows.row[at.R_PIECES, r])
            if part == 0 or not free or w != lay.net.lane[at.LANE_ORIGIN, lane] or came > t or ends < t:
                continue
            if arrival < lay.periods and ends < arrival:
                continue
            owed -= part
            moved += part
            rows.row[at.R_PIECES, r] -= part
            cost += part * lay.holding[item, w] * (lay.net.clock[t] - lay.net.clock[came])
            led.storage[at.USED_STORAGE, w, t] -= part * volume
            if arrival >= lay.periods:
                cost -= part * lay.item_money[at.ITEM_SALVAGE, item]
                continue
            add_row(lay, item, lay.net.lane[at.LANE_TO, lane], arrival, part, 0, ends, 0, -1, led, rows)
        if moved > 0:
            _write(book, lane, t, moved, -1, 0)
            led.lane[at.USED_LANE, lane, lay.bucket[t]] += moved * volume
            flat = lay.lane_money[at.LANE_COST, lane] + volume * lay.lane_money[at.LANE_VOLUME_COST, lane] / 1000.0
            cost += moved * flat
        cost += owed * lay.pin_price[p]
    return cost


@inlined
def ship(
    lay: Tables, item: int, k: int, r: int, wanted: int, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> tuple[int, float]:  # fmt: skip
    """Send up to `wanted` pieces of row r to line k on its cheapest way; returns pieces sent and their true cost."""
    slot = refresh(lay, rows, r, work)
    arrival = best_arrival(lay, k, slot, rows.row[at.R_PERIOD, r], True, work)
    return ship_to(lay, item, k, r, arrival, wanted, led, work, rows, book)


@inlined
def ship_to(
    lay: Tables, item: int, k: int, r: int, arrival: int, wanted: int, led: Ledgers, work: Scratch, rows: Rows, book: Book
) -> tuple[int, float]:  # fmt: skip
    """The same with the period of arrival given (-1 = none); the ways of the row are fresh."""
    slot, amount, cost, legs = rows.row[at.R_SLOT, r], 0, 0.0, 0
    if arrival >= 0:
        legs = _read_way(lay, k, slot, arrival, work)
        amount = _most_on_way(lay, item, k, r, wanted, legs, led, work, rows)
    if amount > 0:
        cost = amount * _carry(lay, item, k, r, amount, legs, arrival, led, work, rows, book)
    return amount, cost


@inlined
def _most_on_way(
    lay: Tables, item: int, k: int, r: int, wanted: int, legs: int, led: Ledgers, work: Scratch, rows: Rows
) -> int:
    """Pieces that fences, expiry, sale caps and room on the legs let through."""
    t, pool, volume = work.path[1, 0], rows.row[at.R_POOL, r], lay.item_money[at.ITEM_VOLUME, item]
    amount = min(wanted, rows.row[at.R_PIECES, r])
    fenced = pool != 0 and t < lay.item[at.ITEM_LIFTS, item] and pool != lay.line[at.LINE_CHANNEL, k]
    if t > rows.row[at.R_EXPIRES, r] or fenced:
        amount = 0
    for row in (at.LINE_CAP1, at.LINE_CAP2):
        cap = lay.line[row, k]
        if cap >= 0:
            amount = min(amount, int(led.cap[at.USED_CAP_LIMIT, cap] - led.cap[at.USED_CAP, cap]))
    for n in range(legs):
        lane, b = work.path[0, n], lay.bucket[work.path[1, n]]
        if led.lane_price[lane] == INFINITE and volume > 0.0:
            left = led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6
            amount = min(amount, int(left / volume))
    return int(amount)


@inlined
def _read_way(lay: Tables, k: int, slot: int, arrival: int, work: Scratch) -> int:
    """Legs of the way that reaches line k in period `arrival`, last one first; returns their number."""
    n, last = 0, work.knock[slot, lay.line[at.LINE_DOOR, k], arrival]
    while last != NOWHERE:
        lane, t = last // LEG, last % LEG
        work.path[0, n], work.path[1, n] = lane, t
        n += 1
        w = lay.net.lane[at.LANE_ORIGIN, lane]
        last = work.step[slot, w, t]
        while last == WAIT:
            t -= 1
            last = work.step[slot, w, t]
    return n


@inlined
def _carry(
    lay: Tables, item: int, k: int, r: int, amount: int, legs: int, arrival: int, led: Ledgers, work: Scratch,
    rows: Rows, book: Book,
) -> float:  # fmt: skip
    """Post the way of `amount` pieces; returns the true cost per piece."""
    volume, cost = lay.item_money[at.ITEM_VOLUME, item], 0.0
    w, t = rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r]
    load = amount * volume
    rows.row[at.R_PIECES, r] -= amount
    for row in (at.LINE_CAP1, at.LINE_CAP2):
        if lay.line[row, k] >= 0:
            led.cap[at.USED_CAP, lay.line[row, k]] += amount
    for n in range(legs - 1, -1, -1):
        lane, leaves = work.path[0, n], work.path[1, n]
        cost += lay.holding[item, w] * (lay.net.clock[leaves] - lay.net.clock[t])
        led.storage[at.USED_STORAGE, w, leaves] -= load
        led.lane[at.USED_LANE, lane, lay.bucket[leaves]] += load
        cost += lay.lane_money[at.LANE_COST, lane] + volume * lay.lane_money[at.LANE_VOLUME_COST, lane] / 1000.0
        pool = rows.row[at.R_POOL, r] if leaves < lay.item[at.ITEM_LIFTS, item] else 0
        _write(book, lane, leaves, amount, k if n == 0 else -1, pool)
        if n > 0:
            w, t = lay.net.lane[at.LANE_TO, lane], lay.net.arrival[lane, leaves]
            led.storage[at.USED_STORAGE, w, t] += load
    due = lay.line[at.LINE_DUE, k]
    if arrival > due:
        cost += lay.line_money[at.LINE_LATE, k] * (lay.net.ends[arrival] - lay.net.ends[due])
    return cost


@kernel
def shut_full_lanes(lay: Tables, item: int, led: Ledgers, work: Scratch) -> None:
    """Legs without room for one more piece are no way any more; every way is found anew when it is asked for."""
    volume = lay.item_money[at.ITEM_VOLUME, item]
    for lane in range(lay.net.lane.shape[1]):
        if led.lane_price[lane] == INFINITE:
            for t in range(lay.periods):
                b = lay.bucket[t]
                if led.lane[at.USED_LANE_LIMIT, lane, b] - led.lane[at.USED_LANE, lane, b] + 1e-6 < volume:
                    work.leg[lane, t] = INFINITE
    work.stamp[0] += 1


@inlined
def leftover(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
    """What nobody takes: held to the end and worth its salvage, or scrapped when it expires."""
    cost = 0.0
    for r in range(rows.number[0]):
        q, w, came = rows.row[at.R_PIECES, r], rows.row[at.R_WAREHOUSE, r], rows.row[at.R_PERIOD, r]
        if q == 0:
            continue
        until = lay.periods
        if rows.row[at.R_EXPIRES, r] < lay.periods - 1:
            until = rows.row[at.R_EXPIRES, r]
            pool = rows.row[at.R_POOL, r] if until < lay.item[at.ITEM_LIFTS, item] else 0
            _write(book, -1 - w, until, q, -1, pool)
            cost += q * lay.item_money[at.ITEM_SCRAP, item]
            led.storage[at.USED_STORAGE, w, until] -= q * lay.item_money[at.ITEM_VOLUME, item]
        else:
            cost -= q * lay.item_money[at.ITEM_SALVAGE, item]
        cost += q * lay.holding[item, w] * max(lay.net.clock[until] - lay.net.clock[came], 0.0)
    return cost
