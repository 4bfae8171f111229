"""Moves pieces of a supply row along their way: room, fences and expiry are checked first, then everything is posted."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Book, Ledgers, Rows
from optimizers.routes import INFINITE, WAIT, cost_to_go
from optimizers.scratch import Scratch


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
def pinned(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
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
def ship(
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
def again(lay: Tables, item: int, k: int, led: Ledgers, work: Scratch, slot: int) -> None:
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
def leftover(lay: Tables, item: int, led: Ledgers, rows: Rows, book: Book) -> float:
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
