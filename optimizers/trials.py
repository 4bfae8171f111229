"""Which orders an item places beside all others: its program, and the pieces dealt out, until both agree.

The program sees stock elsewhere only through its price, as if there were no end of it. So it is asked again for what is left open
beside the pieces that stock elsewhere gives, and once more under the prices that dealing all pieces out shows: what one more piece of
each lot is really worth beside those orders. The cheapest orders stay.
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.allotment import allot, price_rows
from optimizers.classes import reprice_lots
from optimizers.item_program import run_program
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Ledgers, Rows
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import MOST_ROWS, Scratch
from optimizers.shipping import note_row

TRIALS = 3
"""Runs of the program at most: at the prices given, alone beside stock elsewhere, and at the prices learned."""
ALONE = 1
SPACED = 10
"""Runs of it until orders that are too close are dropped."""


@kernel
def choose_orders(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows) -> bool:
    """Fill the item's orders and deal its pieces out; False when it has too many rows of supply to be dealt out at once."""
    lots, first, past = rows.number[0], lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]
    if lots > MOST_ROWS:
        return False
    price_rows(lay, item, 0, work, rows)
    least, last = INFINITE, False
    for trial in range(TRIALS if _may_learn(lay, item, work) else 1):
        if trial > 0:
            want_the_rest(lay, item, lots, work, rows)
        if trial == ALONE:
            _stand_alone(lay, item, lots, work, rows)
        elif trial > ALONE:
            _learn_prices(lots, work, rows)
            reprice_lots(lay, item, rates, work)
        order(lay, item, rates, led, work)
        cost, fits = _weigh_orders(lay, item, rates, led, work), note_orders(lay, item, lots, work, rows)
        if not fits:
            return False
        price_rows(lay, item, lots, work, rows)
        cost += allot(lay, item, work, rows)
        last = cost < least - 1e-6
        if last:
            least = cost
            for c in range(past - first):
                work.cand[at.W_BEST, c] = work.cand[at.W_ORDER, c]
    if not last:
        for c in range(past - first):
            work.cand[at.W_ORDER, c] = work.cand[at.W_BEST, c]
        note_orders(lay, item, lots, work, rows)
        price_rows(lay, item, lots, work, rows)
        allot(lay, item, work, rows)
    rows.number[0] = lots
    return True


@inlined
def _may_learn(lay: Tables, item: int, work: Scratch) -> bool:
    """Whether other prices of stock elsewhere could change the orders: there is such stock, and something to choose."""
    first, choice = lay.start[at.CAND_START, item], False
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        choice = choice or work.cand[at.W_HIGH, c - first] > lay.cand[at.CAND_LOW, c]
    return bool(choice and lay.start[at.SOURCE_START, item + 1] > lay.start[at.SOURCE_START, item])


@kernel
def order(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch) -> None:
    """Run the program until its orders keep the spacing of their offers and the capacity they share."""
    for attempt in range(SPACED):
        run_program(lay, item, rates, work)
        if not _too_close(lay, item, work, attempt == SPACED - 1):
            break
    first = lay.start[at.CAND_START, item]
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        q, cell = work.cand[at.W_ORDER, c - first], lay.cand[at.CAND_CELL, c]
        if q > 0 and cell >= 0 and led.group[at.USED_GROUP_PRICE, cell] == INFINITE and lay.cand[at.CAND_USAGE, c] > 0:
            left = led.group[at.USED_GROUP_LIMIT, cell] - led.group[at.USED_GROUP, cell]
            for d in range(first, c):
                if lay.cand[at.CAND_CELL, d] == cell:
                    left -= work.cand[at.W_ORDER, d - first] * lay.cand[at.CAND_USAGE, d]
            most = int(max(left, 0.0)) // int(lay.cand[at.CAND_USAGE, c])
            if q > most:
                q = most // int(lay.cand[at.CAND_STEP, c]) * int(lay.cand[at.CAND_STEP, c])
                work.cand[at.W_ORDER, c - first] = 0 if q < lay.cand[at.CAND_LOW, c] else q


@inlined
def _too_close(lay: Tables, item: int, work: Scratch, drop: bool) -> bool:
    """Whether orders of one offer break its spacing; the smaller ones are barred from the next run, or dropped now."""
    first, last = lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]
    clash = False
    for c in range(first, last):
        if work.cand[at.W_ORDER, c - first] == 0:
            continue
        same = 1
        for d in range(first, last):
            alike = d != c and lay.cand[at.CAND_OFFER, d] == lay.cand[at.CAND_OFFER, c]
            if not alike or work.cand[at.W_ORDER, d - first] == 0:
                continue
            bigger = work.cand[at.W_ORDER, d - first] > work.cand[at.W_ORDER, c - first]
            if not bigger and (work.cand[at.W_ORDER, d - first] < work.cand[at.W_ORDER, c - first] or d > c):
                continue
            here, there = lay.cand[at.CAND_PERIOD, c], lay.cand[at.CAND_PERIOD, d]
            same += lay.net.day[there] == lay.net.day[here]
            near = abs(lay.net.moment[here] - lay.net.moment[there]) < lay.gap[lay.cand[at.CAND_OFFER, c]]
            if near or same > lay.cand[at.CAND_LIMIT, c]:
                clash = True
                work.cand[at.W_HIGH, c - first] = 0
                if drop:
                    work.cand[at.W_ORDER, c - first] = 0
                    break
    return clash


@inlined
def _weigh_orders(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch) -> float:
    """What the orders cost at the price of their capacity, changes against the published plan included."""
    cost, first = 0.0, lay.start[at.CAND_START, item]
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        q, cell = work.cand[at.W_ORDER, c - first], lay.cand[at.CAND_CELL, c]
        cost += lay.item_money[at.ITEM_CHANGE, item] * abs(q - lay.cand[at.CAND_PUBLISHED, c])
        if q > 0:
            cost += q * lay.cand_money[at.CAND_UNIT, c] + lay.cand_money[at.CAND_ORDER, c]
            if cell >= 0:
                cost += q * lay.cand[at.CAND_USAGE, c] * rates.group[cell]
    return cost


@inlined
def note_orders(lay: Tables, item: int, lots: int, work: Scratch, rows: Rows) -> bool:
    """Supply rows of the new orders, after those of the lots; returns whether they are few enough."""
    hub, life, first = lay.item[at.ITEM_HUB, item], lay.item[at.ITEM_LIFE, item], lay.start[at.CAND_START, item]
    rows.number[0] = lots
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        q, a = work.cand[at.W_ORDER, c - first], lay.cand[at.CAND_ARRIVAL, c]
        if q > 0 and rows.number[0] <= MOST_ROWS:
            note_row(lay, item, hub, a, q, 0, lay.expires[life, a], 1, -1, rows)
    return bool(rows.number[0] <= MOST_ROWS)


@inlined
def want_the_rest(lay: Tables, item: int, lots: int, work: Scratch, rows: Rows) -> None:
    """What is open is what the program may serve; what pins left of the hub's lots is its supply."""
    first = lay.start[at.LINE_START, item]
    for k in range(first, lay.start[at.LINE_START, item + 1]):
        work.line[at.W_WANT, k - first] = rows.open[k - first]
    for t in range(lay.periods):
        work.time[at.W_SUPPLY, t] = 0
    for r in range(lots):
        if rows.row[at.R_HUB, r] == 1:
            work.time[at.W_SUPPLY, rows.row[at.R_PERIOD, r]] += rows.row[at.R_PIECES, r]


@inlined
def leave_to_hub(lay: Tables, item: int, work: Scratch) -> None:
    """Stock elsewhere serves no line any more."""
    for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
        work.line_money[at.W_LINE_GAIN, i] = work.line_money[at.W_LINE_VALUE, i] - work.line_money[at.W_LINE_HUB, i]


@inlined
def _stand_alone(lay: Tables, item: int, lots: int, work: Scratch, rows: Rows) -> None:
    """The hub alone may serve what lots elsewhere do not give in the last deal."""
    leave_to_hub(lay, item, work)
    for r in range(lots):
        if rows.row[at.R_HUB, r] == 0:
            for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
                work.line[at.W_WANT, i] -= work.allot.flow[r, i]


@inlined
def _learn_prices(lots: int, work: Scratch, rows: Rows) -> None:
    """Prices of the lots elsewhere are what one more piece of them would have saved in the last deal."""
    for r in range(lots):
        if rows.row[at.R_LOT, r] >= 0 and rows.row[at.R_HUB, r] == 0:
            work.lot_price[rows.row[at.R_LOT, r] - rows.first_lot[0]] = work.allot.worth[r]
