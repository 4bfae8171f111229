"""Orders of one item: what the program chooses within spacing and shared capacity, what they cost, and their rows of supply."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.item_program import run_program
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Ledgers, Rows
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import MOST_ROWS, Scratch
from optimizers.shipping import note_row

SPACED = 10
"""Runs of the program until orders that are too close are dropped."""


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
def weigh_orders(lay: Tables, item: int, rates: Rates, led: Ledgers, work: Scratch) -> float:
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


@kernel
def may_order(lay: Tables, item: int, cand: int, pieces: int, led: Ledgers, work: Scratch) -> bool:
    """Whether the item may order so many pieces of a candidate beside its other orders: limits, spacing, capacity."""
    first, cell = lay.start[at.CAND_START, item], lay.cand[at.CAND_CELL, cand]
    if pieces < lay.cand[at.CAND_LOW, cand] or pieces > work.cand[at.W_MOST, cand - first]:
        return False
    hard = cell >= 0 and led.group[at.USED_GROUP_PRICE, cell] == INFINITE
    left = led.group[at.USED_GROUP_LIMIT, cell] - led.group[at.USED_GROUP, cell] if hard else INFINITE
    left -= pieces * lay.cand[at.CAND_USAGE, cand]
    same, there = 1, lay.cand[at.CAND_PERIOD, cand]
    for d in range(first, lay.start[at.CAND_START, item + 1]):
        if d == cand or work.cand[at.W_ORDER, d - first] == 0:
            continue
        if hard and lay.cand[at.CAND_CELL, d] == cell:
            left -= work.cand[at.W_ORDER, d - first] * lay.cand[at.CAND_USAGE, d]
        if lay.cand[at.CAND_OFFER, d] == lay.cand[at.CAND_OFFER, cand]:
            here = lay.cand[at.CAND_PERIOD, d]
            same += lay.net.day[there] == lay.net.day[here]
            if abs(lay.net.moment[here] - lay.net.moment[there]) < lay.gap[lay.cand[at.CAND_OFFER, cand]]:
                return False
    return bool(left >= 0.0 and same <= lay.cand[at.CAND_LIMIT, cand])
