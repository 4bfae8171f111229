"""Which orders an item places beside all others: its program, and the pieces dealt out, until both agree.

The program sees stock elsewhere only through its price, as if there were no end of it. So it is asked again for what is left open
beside the pieces that stock elsewhere gives, and once more under the prices that dealing all pieces out shows: what one more piece of
each lot is really worth beside those orders. The cheapest orders stay.
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.allotment import allot, price_rows
from optimizers.classes import reprice_lots
from optimizers.item_program import may_spoil
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.nearby import look_nearby
from optimizers.ordering import note_orders, order, weigh_orders
from optimizers.posting import Ledgers, Rows
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import AT_ONCE, MOST_ROWS, SEARCHED, Scratch

TRIALS = 3
"""Runs of the program at most: at the prices given, alone beside stock elsewhere, and at the prices learned."""
ALONE = 1


@kernel
def choose_orders(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows) -> bool:
    """Fill the item's orders and deal its pieces out; False when it has too many rows of supply to be dealt out at once."""
    lots, first, past = rows.number[0], lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]
    if lots > MOST_ROWS:
        return False
    for c in range(past - first):
        work.cand[at.W_MOST, c] = work.cand[at.W_HIGH, c]
    price_rows(lay, item, 0, work, rows)
    least, last = INFINITE, False
    for trial in range(TRIALS if work.care[0] > AT_ONCE and _may_learn(lay, item, work) else 1):
        if trial > 0:
            want_the_rest(lay, item, lots, work, rows)
        if trial == ALONE:
            _stand_alone(lay, item, lots, work, rows)
        elif trial > ALONE:
            _learn_prices(lots, work, rows)
            reprice_lots(lay, item, rates, work)
        order(lay, item, rates, led, work)
        cost = deal_orders(lay, item, rates, led, work, rows, lots)
        if cost == INFINITE:
            return False
        last = cost < least - 1e-6
        if last:
            least = cost
            for c in range(past - first):
                work.cand[at.W_BEST, c] = work.cand[at.W_ORDER, c]
    if not last:
        for c in range(past - first):
            work.cand[at.W_ORDER, c] = work.cand[at.W_BEST, c]
        deal_orders(lay, item, rates, led, work, rows, lots)
    searched = work.care[0] == SEARCHED and may_spoil(lay, item)
    if searched and look_nearby(lay, item, rates, led, work, rows, lots, least) < least:
        deal_orders(lay, item, rates, led, work, rows, lots)
    rows.number[0] = lots
    return True


@kernel
def deal_orders(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch, rows: Rows, lots: int) -> float:
    """Deal the pieces out beside the orders of `work`; returns what both cost, endless where there are too many rows."""
    if not note_orders(lay, item, lots, work, rows):
        return INFINITE
    price_rows(lay, item, lots, work, rows)
    return float(weigh_orders(lay, item, rates, led, work) + allot(lay, item, work, rows))


@inlined
def _may_learn(lay: Tables, item: int, work: Scratch) -> bool:
    """Whether other prices of stock elsewhere could change the orders: there is such stock, and something to choose."""
    first, choice = lay.start[at.CAND_START, item], False
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        choice = choice or work.cand[at.W_HIGH, c - first] > lay.cand[at.CAND_LOW, c]
    return bool(choice and lay.start[at.SOURCE_START, item + 1] > lay.start[at.SOURCE_START, item])


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
