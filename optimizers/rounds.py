"""Rounds over items: plan each beside the others, then plan again what can be done cheaper with what is left."""

from __future__ import annotations

import numpy as np

from optimizers import positions as at
from optimizers.dispatch import plan_item
from optimizers.given import decided
from optimizers.kernel import inlined, kernel
from optimizers.layout import Layout, Tables
from optimizers.limits import Limits
from optimizers.milp import Floats
from optimizers.posting import Book, Ledgers, Rows, overflow_cost, remove_item, restore_item
from optimizers.problem import Problem
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import SPARE_ROWS, Scratch
from optimizers.solution import Ints


def empty_ledgers(problem: Problem, lay: Layout, limits: Limits) -> Ledgers:
    """Nothing used but what pinned moves reserve; endless limits are large numbers, hard ones have an endless price."""
    size = problem.sizes
    group_price = np.repeat(problem.groups.overflow_price.astype(float), size["B"])
    lane_price = problem.lanes.overflow_price.astype(float)
    reserved = np.zeros((size["L"], size["B"]))
    pins = problem.pinned_moves
    np.add.at(reserved, (pins.lane, problem.time.bucket[pins.period]), pins.pieces * problem.goods.volume[pins.item])
    least = np.repeat(problem.suppliers.minimum_value.astype(float), size["T"])
    deal = np.zeros(size["S"] * size["T"])
    given = decided(problem)
    for mode, period in np.argwhere(given.pieces > 0):
        value = given.pieces[mode, period] * problem.modes.unit_cost[mode]
        deal[problem.mode_supplier[mode] * size["T"] + period] += value
    limited = problem.groups.capacity.ravel() >= 0
    storage = np.where(problem.places.storage[:, None] < 0, INFINITE, limits.storage)
    return Ledgers(
        np.stack(
            [
                np.zeros(len(limits.group)),
                np.where(limited, limits.group, INFINITE),
                np.where(group_price < 0, INFINITE, group_price),
            ]
        ),
        np.stack([reserved, np.where(problem.lanes.capacity < 0, INFINITE, limits.lane)]),
        np.where(lane_price < 0, INFINITE, lane_price),
        np.stack([np.zeros_like(storage), storage, limits.most.storage]),
        np.stack([np.zeros(size["C"]), limits.cap]),
        np.stack([deal, least]),
        np.zeros((2, len(deal)), dtype=np.int64),
    )


def empty_book(lay: Layout, lists: int = 1) -> Book:
    """Room for a few rows of each demand line; `make_room` finds more when they are used up."""
    rows, items = 3 * len(lay.line_pieces) + 4 * len(lay.hub) + 4 * lists * most_rows(lay), len(lay.hub)
    return Book(
        np.zeros(len(lay.cand_mode), dtype=np.int64), np.zeros((2, items), dtype=np.int64),
        np.zeros((5, rows), dtype=np.int32), np.zeros(items), np.zeros(len(lay.lot_pieces)), _pages(0, rows, lists),
    )  # fmt: skip


def page(book: Book, number: int) -> Book:
    """The book as the list of that number writes in it."""
    return book._replace(next=book.next[number])


def _pages(first: int, end: int, lists: int) -> Ints:
    """(lists, 2) equal shares of the rows from `first` to `end`."""
    marks = np.linspace(first, end, lists + 1).astype(np.int64)
    return np.stack([marks[:-1], marks[1:]], axis=1)


def most_rows(lay: Layout) -> int:
    """More flow rows than one item can write."""
    lines, lots = (int(np.diff(start).max(initial=0)) for start in (lay.line_start, lay.lot_start))
    cands, pins = (int(np.diff(start).max(initial=0)) for start in (lay.cand_start, lay.pin_start))
    return (lines + 8) * 12 * min(lots + cands + pins + 2, 14) + 64


def supply_rows(lay: Layout) -> Rows:
    """Working rows for the item with the most supply."""
    lots, cands, pins = (int(np.diff(start).max(initial=0)) for start in (lay.lot_start, lay.cand_start, lay.pin_start))
    count = (lots + cands) * (pins + 1) + pins + 2 + SPARE_ROWS
    lines = int(np.diff(lay.line_start).max(initial=0)) + 1
    numbers = np.zeros((8, count), dtype=np.int64), np.zeros(lines, dtype=np.int64)
    return Rows(*numbers, np.zeros(2 * lay.regions), *np.zeros((2, 1), dtype=np.int64))


def make_room(book: Book, spare: int) -> Book:
    """The book with the rows in force at its front, and longer where a list would have fewer than twice `spare` rows left."""
    kept, lists = rows_in_force(book), len(book.next)
    row, count = book.row, book.item[at.B_COUNT]
    if len(kept) + 2 * lists * spare > row.shape[1]:
        row = np.zeros((5, 2 * len(kept) + 4 * lists * spare), dtype=np.int32)
    row[:, : len(kept)] = book.row[:, kept]
    book.item[at.B_START] = np.cumsum(count) - count
    return book._replace(row=row, next=_pages(len(kept), row.shape[1], lists))


def rows_in_force(book: Book) -> Ints:
    """Numbers of the flow rows of the plan, item by item."""
    start, count = book.item
    return np.repeat(start - (np.cumsum(count) - count), count) + np.arange(count.sum())


@kernel
def plan_items(
    lay: Tables, items: Ints, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book, spare: int
) -> int:  # fmt: skip
    """Plan items that are not in the ledgers, in the order given, until fewer than `spare` rows are left in the book.

    Returns how many were planned.
    """
    for n in range(len(items)):
        if book.next[0] + spare > book.next[1]:
            return n
        plan_item(lay, items[n], rates, closed, led, work, rows, book)
    return len(items)


@kernel
def settle_items(
    lay: Tables, items: Ints, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book, spare: int
) -> int:  # fmt: skip
    """Post items that are in the book beside `led`, in the order given; one whose place is taken is planned anew.

    Stops when fewer than `spare` rows are left in the book. Returns how many are posted.
    """
    for n in range(len(items)):
        if book.next[0] + spare > book.next[1]:
            return n
        restore_item(lay, items[n], led, book)
        if not _within(lay, items[n], led, book):
            remove_item(lay, items[n], led, book)
            plan_item(lay, items[n], rates, closed, led, work, rows, book)
    return len(items)


@kernel
def _within(lay: Tables, item: int, led: Ledgers, book: Book) -> bool:
    """Whether every hard limit that the item uses is kept."""
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        cell = lay.cand[at.CAND_CELL, c]
        hard = book.placed[c] > 0 and cell >= 0 and led.group[at.USED_GROUP_PRICE, cell] == INFINITE
        if hard and led.group[at.USED_GROUP, cell] > led.group[at.USED_GROUP_LIMIT, cell] + 1e-6:
            return False
    for n in range(book.item[at.B_START, item], book.item[at.B_START, item] + book.item[at.B_COUNT, item]):
        lane, k = book.row[at.B_LANE, n], book.row[at.B_LINE, n]
        if lane >= 0 and led.lane_price[lane] == INFINITE:
            b = lay.bucket[book.row[at.B_PERIOD, n]]
            if led.lane[at.USED_LANE, lane, b] > led.lane[at.USED_LANE_LIMIT, lane, b] + 1e-6:
                return False
        if k >= 0:
            for cap in (lay.line[at.LINE_CAP1, k], lay.line[at.LINE_CAP2, k]):
                if cap >= 0 and led.cap[at.USED_CAP, cap] > led.cap[at.USED_CAP_LIMIT, cap]:
                    return False
    return True


@kernel
def improve_items(
    lay: Tables, items: Ints, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book, spare: int
) -> int:  # fmt: skip
    """Take each item out and plan it again at `rates`; keep what makes the whole plan cheaper.

    Stops when fewer than `spare` rows are left in the book. Returns how many items were tried.
    """
    over = overflow_cost(led)
    kept = work.cand[at.W_KEPT]
    for n in range(len(items)):
        if book.next[0] + spare > book.next[1]:
            return n
        item = items[n]
        first, last = lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]
        for c in range(first, last):
            kept[c - first] = book.placed[c]
        start, count, cost, top = (
            book.item[at.B_START, item],
            book.item[at.B_COUNT, item],
            book.cost[item],
            book.next[0],
        )
        remove_item(lay, item, led, book)
        new = plan_item(lay, item, rates, closed, led, work, rows, book)
        new_over = overflow_cost(led)
        if new + new_over < cost + over - 1e-6 and deals_stand(lay, item, led):
            over = new_over
            continue
        remove_item(lay, item, led, book)
        for c in range(first, last):
            book.placed[c] = kept[c - first]
        book.item[at.B_START, item], book.item[at.B_COUNT, item], book.cost[item], book.next[0] = (
            start,
            count,
            cost,
            top,
        )
        restore_item(lay, item, led, book)
    return len(items)


@kernel
def settle_changes(
    lay: Tables, items: Ints, led: Ledgers, work: Scratch, book: Book, placed: Ints, row: Ints, cost: Floats
) -> None:
    """Post the new plans of `items`, of which `led` holds the old ones, where they still fit and make the whole cheaper.

    placed (candidates,), row (2, N), cost (N,) : the book before; an item whose change is not kept gets these back.
    """
    over = overflow_cost(led)
    for n in range(len(items)):
        item = items[n]
        if book.item[at.B_START, item] == row[at.B_START, item]:
            continue
        _swap(lay, item, book, placed, row, cost)
        remove_item(lay, item, led, book)
        _swap(lay, item, book, placed, row, cost)
        restore_item(lay, item, led, book)
        new_over = overflow_cost(led)
        cheaper = book.cost[item] + new_over < cost[item] + over - 1e-6
        if cheaper and _within(lay, item, led, book) and deals_stand(lay, item, led):
            over = new_over
            continue
        remove_item(lay, item, led, book)
        _swap(lay, item, book, placed, row, cost)
        restore_item(lay, item, led, book)


@inlined
def _swap(lay: Tables, item: int, book: Book, placed: Ints, row: Ints, cost: Floats) -> None:
    """Exchange the item's plan in the book with the one beside it."""
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        book.placed[c], placed[c] = placed[c], book.placed[c]
    book.cost[item], cost[item] = cost[item], book.cost[item]
    for r in range(2):
        book.item[r, item], row[r, item] = row[r, item], book.item[r, item]


@kernel
def deals_stand(lay: Tables, item: int, led: Ledgers) -> bool:
    """Whether every supplier the item may order from still gets its minimum value or nothing new."""
    for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
        cell = lay.cand[at.CAND_DEAL, c]
        if led.deals[at.USED_DEALS, cell] > 0 and led.deal[at.USED_DEAL, cell] < led.deal[at.USED_DEAL_LEAST, cell]:
            return False
    return True
