"""The books of a plan in the making: what it uses of shared limits, posted and taken back item by item."""

from __future__ import annotations

from typing import NamedTuple

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.routes import INFINITE, Rates
from optimizers.solution import Ints, Shorts


class Ledgers(NamedTuple):
    """What a whole plan uses so far, what is allowed, and the price of more. A hard limit has an endless price.

    group (3, G*B) used, limit, price. lane (2, L, B) used, limit. lane_price (L,). storage (3, W, T) change of the volume from
    one period to the next, limit, price. cap (2, C).
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
    for scrap at warehouse w), period, pieces, demand line (-1 for a move), pool. cost (N,). worth (lots,) : what one more piece of a lot would have
    saved when its item was planned last. next (lists, 2) : first free row
    of each list of items planned side by side, and the end of its rows; kernels get one list's (2,).
    """

    placed: Ints
    item: Ints
    row: Shorts
    cost: Floats
    worth: Floats
    next: Ints


class Rows(NamedTuple):
    """Supply rows of the item in hand.

    row (8, n) : warehouse, period, pieces left, pool, last delivery, at hub, lot, slot of its ways. open : open pieces per line. first_lot : number of the item's first lot.
    """

    row: Ints
    open: Ints
    region: Floats
    number: Ints
    first_lot: Ints


@inlined
def reserve(lay: Tables, item: int, sign: float, led: Ledgers) -> None:
    """Pinned moves hold their lanes until their item is planned."""
    for p in range(lay.start[at.PIN_START, item], lay.start[at.PIN_START, item + 1]):
        led.lane[at.USED_LANE, lay.pin[at.PIN_LANE, p], lay.bucket[lay.pin[at.PIN_PERIOD, p]]] += (
            sign * lay.pin[at.PIN_PIECES, p] * lay.item_money[at.ITEM_VOLUME, item]
        )


@kernel
def remove_item(lay: Tables, item: int, led: Ledgers, book: Book) -> None:
    """Take the item's plan out of the ledgers; its rows stay in the book until the item is planned again."""
    post_item(lay, item, -1, led, book)
    reserve(lay, item, 1.0, led)


@kernel
def restore_item(lay: Tables, item: int, led: Ledgers, book: Book) -> None:
    """Post a plan that is in the book again."""
    reserve(lay, item, -1.0, led)
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
            led.storage[at.USED_STORAGE, lay.item[at.ITEM_HUB, item], lay.cand[at.CAND_ARRIVAL, c]] += q * volume
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        load = sign * lay.lot[at.LOT_PIECES, j] * volume
        led.storage[at.USED_STORAGE, lay.lot[at.LOT_WAREHOUSE, j], lay.lot[at.LOT_PERIOD, j]] += load
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
        led.storage[at.USED_STORAGE, origin, t] -= load
        if lane < 0:
            continue
        led.lane[at.USED_LANE, lane, lay.bucket[t]] += load
        k = book.row[at.B_LINE, n]
        if k >= 0:
            for cap in (lay.line[at.LINE_CAP1, k], lay.line[at.LINE_CAP2, k]):
                if cap >= 0:
                    led.cap[at.USED_CAP, cap] += sign * book.row[at.B_PIECES, n]
        elif lay.net.arrival[lane, t] < lay.periods:
            led.storage[at.USED_STORAGE, lay.net.lane[at.LANE_TO, lane], lay.net.arrival[lane, t]] += load


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
        volume = 0.0
        for t in range(led.storage[at.USED_STORAGE].shape[1]):
            volume += led.storage[at.USED_STORAGE, w, t]
            over = max(volume - led.storage[at.USED_STORAGE_LIMIT, w, t], 0.0)
            cost += over * led.storage[at.USED_STORAGE_PRICE, w, t]
    return cost


@kernel
def regrets(lay: Tables, rates: Rates, book: Book, least: Floats, found: Floats) -> None:
    """Fill `found` (N,) with what each item costs more at `rates`, group and lane use included, than it has to (`least`)."""
    for item in range(len(found)):
        volume, cost = lay.item_money[at.ITEM_VOLUME, item], book.cost[item]
        for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
            if book.placed[c] > 0 and lay.cand[at.CAND_CELL, c] >= 0:
                cost += book.placed[c] * lay.cand[at.CAND_USAGE, c] * rates.group[lay.cand[at.CAND_CELL, c]]
        for n in range(book.item[at.B_START, item], book.item[at.B_START, item] + book.item[at.B_COUNT, item]):
            lane = book.row[at.B_LANE, n]
            if lane >= 0:
                cost += book.row[at.B_PIECES, n] * volume * rates.lane[lane, lay.bucket[book.row[at.B_PERIOD, n]]]
        found[item] = cost - least[item]
