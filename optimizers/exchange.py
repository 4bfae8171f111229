"""Exchanges: an item that found its capacity taken is planned again before one of the items that took it.

Planning items one after another leaves some without the batch they wish, behind others that could do without theirs at
little cost. Both are taken out and planned again in the other order; what makes the whole plan cheaper stays.

Source: ejection chains of length two (Glover, Discrete Applied Mathematics 65, 1996).
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.dispatch import plan_item
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.posting import Book, Ledgers, Rows, overflow_cost, remove_item, restore_item
from optimizers.rounds import deals_stand
from optimizers.routes import Rates
from optimizers.scratch import SEARCHED, TRIED, Scratch
from optimizers.solution import Ints


@kernel
def exchange_items(
    lay: Tables, items: Ints, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book, spare: int,
    wish: Ints, holders: Ints, starts: Ints, tries: int,
) -> int:  # fmt: skip
    """Let each of `items` change places with up to `tries` holders of each capacity cell in which it wishes more.

    wish : (candidates,) pieces of the item's relaxed optimum. holders : items with an order in a cell, cell by cell from
    `starts` (cells + 1,). Stops when fewer than `spare` rows are left in the book; returns how many items were done.
    """
    over = overflow_cost(led)
    work.care[0] = TRIED  # many plans are made here and few stay
    for n in range(len(items)):
        item = items[n]
        for c in range(lay.start[at.CAND_START, item], lay.start[at.CAND_START, item + 1]):
            cell = lay.cand[at.CAND_CELL, c]
            if cell < 0 or wish[c] <= book.placed[c]:
                continue
            count = starts[cell + 1] - starts[cell]
            for k in range(min(tries, count)):
                if book.next[0] + 2 * spare > book.next[1]:
                    work.care[0] = SEARCHED
                    return n
                other = holders[starts[cell] + (n * 7919 + k * 104729 + c) % count]
                if other != item and wish[c] > book.placed[c]:
                    over = _exchange(lay, item, other, rates, closed, led, work, rows, book, over)
    work.care[0] = SEARCHED
    return len(items)


@kernel
def _exchange(
    lay: Tables, item: int, other: int, rates: Rates, closed: Ints, led: Ledgers, work: Scratch, rows: Rows, book: Book,
    over: float,
) -> float:  # fmt: skip
    """Plan `item` and then `other` again; keeps the cheaper of both states and returns its overflow cost."""
    top, before = book.next[0], book.cost[item] + book.cost[other]
    start, count, cost = book.item[at.B_START, item], book.item[at.B_COUNT, item], book.cost[item]
    start_too, count_too, cost_too = book.item[at.B_START, other], book.item[at.B_COUNT, other], book.cost[other]
    _keep(lay, item, book, work.cand[at.W_KEPT])
    _keep(lay, other, book, work.cand[at.W_KEPT_TOO])
    remove_item(lay, item, led, book)
    remove_item(lay, other, led, book)
    after = plan_item(lay, item, rates, closed, led, work, rows, book)
    after += plan_item(lay, other, rates, closed, led, work, rows, book)
    new_over = overflow_cost(led)
    if after + new_over < before + over - 1e-6 and deals_stand(lay, item, led) and deals_stand(lay, other, led):
        return new_over
    remove_item(lay, item, led, book)
    remove_item(lay, other, led, book)
    _put_back(lay, item, book, work.cand[at.W_KEPT])
    _put_back(lay, other, book, work.cand[at.W_KEPT_TOO])
    book.item[at.B_START, item], book.item[at.B_COUNT, item], book.cost[item] = start, count, cost
    book.item[at.B_START, other], book.item[at.B_COUNT, other], book.cost[other] = start_too, count_too, cost_too
    book.next[0] = top
    restore_item(lay, item, led, book)
    restore_item(lay, other, led, book)
    return over


@inlined
def _keep(lay: Tables, item: int, book: Book, kept: Ints) -> None:
    first = lay.start[at.CAND_START, item]
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        kept[c - first] = book.placed[c]


@inlined
def _put_back(lay: Tables, item: int, book: Book, kept: Ints) -> None:
    first = lay.start[at.CAND_START, item]
    for c in range(first, lay.start[at.CAND_START, item + 1]):
        book.placed[c] = kept[c - first]
