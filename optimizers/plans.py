"""Plans that can be carried out, made at prices: from nothing, improved item by item, and by exchanges between items.

Items are planned in lists side by side (`abreast`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from optimizers import positions as at
from optimizers.abreast import add_up, copies, cut, in_threads, own_ledgers
from optimizers.columns import Flag
from optimizers.coordination import MANY_ITEMS, Coordination
from optimizers.exchange import exchange_items
from optimizers.given import decided
from optimizers.milp import Floats
from optimizers.posting import Book, Ledgers, overflow_cost, regrets, remove_item
from optimizers.rounds import (
    empty_book,
    empty_ledgers,
    improve_items,
    make_room,
    most_rows,
    page,
    plan_items,
    rows_in_force,
    settle_changes,
    settle_items,
)
from optimizers.routes import Rates
from optimizers.scratch import AT_ONCE, SEARCHED
from optimizers.solution import Ints

LOWEST, STEEPEST = 0.5, 3.0
"""Least factor of a price in the first plan, and how far above one it may go, over the number of sweeps.

Prices of the first sweeps are rough, and what is left says more; later ones hardly need a correction. Lanes are another
matter: days on which a piece may travel at the same price are many, and all items choose the same of them. A price of a first
step where too many wish to travel spreads them; without it, the last items found no way at all.
"""
EXCHANGES = 6
"""Holders of a capacity cell that an item may change places with."""
TOGETHER = 1_000
"""Items improved side by side before the lists see what the others did."""


def plan_round(state: Coordination, rates: Rates) -> None:
    """Make a plan from nothing at `rates`; keep it when it is cheaper than the one in force.

    Part by part, the most valuable items first. Before each part the prices are raised where the parts still to come would
    use more than is left; before there is a plan they are also lowered where those would use less. Where there are many items, the
    first plan takes the orders as the program gives them: prices are rough yet, and one is wanted soon.
    """
    for work in state.scratch:
        work.care[0] = AT_ONCE if not state.planned and len(state.lay.hub) >= MANY_ITEMS else SEARCHED
    ledgers = empty_ledgers(state.problem, state.lay, state.limits)
    book = empty_book(state.lay, len(state.cap_shares))
    group, lane = state.part_group.sum(axis=0), state.part_lane.sum(axis=0)
    least, most = 1.0 if state.planned else LOWEST, 1.0 + STEEPEST / max(state.sweeps, 1)
    for part, items in enumerate(state.parts):
        scarce_group = _scarcity(group, ledgers.group[at.USED_GROUP_LIMIT] - ledgers.group[at.USED_GROUP])
        scarce_lane = _scarcity(lane, ledgers.lane[at.USED_LANE_LIMIT] - ledgers.lane[at.USED_LANE])
        now = rates._replace(
            group=rates.group * np.clip(scarce_group, least, most),
            lane=rates.lane * np.clip(scarce_lane, 1.0, 2.0) + state.first.lane * np.clip(scarce_lane - 1.0, 0.0, 1.0),
        )
        book = _plan(state, items, now, ledgers, book)
        group, lane = group - state.part_group[part], lane - state.part_lane[part]
    book = _keep_deals(state, rates, ledgers, book)
    for work in state.scratch:
        work.care[0] = SEARCHED
    cost = float(book.cost.sum()) + overflow_cost(ledgers) + _opening(state, book)
    if cost < state.cost:
        state.ledgers, state.book, state.cost, state.planned = ledgers, book, cost, True


def _scarcity(wanted: Floats, left: Floats) -> Floats:
    """What is still wanted over what is left."""
    return wanted / np.maximum(left, 1.0)


def _each(
    state: Coordination, todo: list[Ints], own: list[Ledgers], book: Book, kernel: Callable[..., int], rates: Rates,
    spare: int, more: list[tuple[Any, ...]] | None = None,
) -> list[int]:  # fmt: skip
    """Let `kernel` go over each list beside its own ledgers, given `more` of it; returns how many items it did of each."""
    done = [0] * len(todo)

    def one(number: int, thread: int) -> None:
        scratch, rows, extra = state.scratch[thread], state.rows[thread], more[number] if more else ()
        done[number] = kernel(
            state.tables,
            todo[number],
            rates,
            state.closed,
            own[number],
            scratch,
            rows,
            page(book, number),
            spare,
            *extra,
        )

    in_threads(len(state.scratch), len(todo), one)
    return done


def _plan(state: Coordination, items: Ints, rates: Rates, ledgers: Ledgers, book: Book) -> Book:
    """Plan items beside the ledgers; returns the book, which may be a longer one.

    A list does not see what the others take meanwhile, so the lists are posted one after the other, and an item that finds
    its place taken then is planned again.
    """
    todo, spare = cut(items, state.of_list, len(state.cap_shares)), most_rows(state.lay)
    while True:
        done = _each(state, todo, copies(ledgers, len(todo)), book, plan_items, rates, spare)
        for number in range(1, len(todo)):
            rest = todo[number][: done[number]]
            while len(rest):
                scratch, rows = state.scratch[0], state.rows[0]
                own = page(book, number)
                count = settle_items(state.tables, rest, rates, state.closed, ledgers, scratch, rows, own, spare)
                rest = rest[count:]
                book = make_room(book, spare) if len(rest) else book
        todo = [rest[count:] for rest, count in zip(todo, done, strict=True)]
        if not any(len(rest) for rest in todo):
            return book
        book = make_room(book, spare)


def _share(
    state: Coordination,
    items: Ints,
    rates: Rates,
    kernel: Callable[..., int],
    spare: int,
    more: list[tuple[Any, ...]] | None = None,
) -> None:
    """Let `kernel` change the plan in force item by item, list beside list, each within its share of what is left."""
    todo = cut(items, state.of_list, len(state.cap_shares))
    while any(len(rest) for rest in todo):
        own = own_ledgers(state.ledgers, state.cap_shares)
        done = _each(state, todo, own, state.book, kernel, rates, spare, more)
        add_up(state.ledgers, own)
        todo = [rest[count:] for rest, count in zip(todo, done, strict=True)]
        if any(len(rest) for rest in todo):
            state.book = make_room(state.book, 2 * spare)


def _keep_deals(state: Coordination, rates: Rates, ledgers: Ledgers, book: Book) -> Book:
    """Bar supplier periods whose orders stay below the minimum value, and plan their items again, until none is left."""
    lay = state.lay
    while True:
        low = (ledgers.deals[at.USED_DEALS] > 0) & (ledgers.deal[at.USED_DEAL] < ledgers.deal[at.USED_DEAL_LEAST])
        if not low.any():
            return book
        ledgers.deals[at.USED_BARRED, low] = 1
        cands = np.flatnonzero((book.placed > 0) & low[lay.cand_deal])
        items = np.unique(np.searchsorted(lay.cand_start, cands, side="right") - 1)
        for item in items:
            remove_item(state.tables, int(item), ledgers, book)
        book = _plan(state, items, rates, ledgers, make_room(book, most_rows(lay)))


def worst_first(state: Coordination) -> Ints:
    """Items that cost more at the best prices than they have to, the worst first."""
    found = np.zeros(len(state.lay.hub))
    regrets(state.tables, state.best_rates, state.book, state.item_bounds, found)
    order = np.argsort(-found, kind="stable").astype(np.int64)
    return order[found[order] > 1e-6 * max(float(np.abs(found).max(initial=0.0)), 1.0)]


def exchange_round(state: Coordination, rates: Rates, items: Ints) -> None:
    """Let `items` change places with items of their list that hold the capacity they wish."""
    lay, spare = state.lay, most_rows(state.lay)
    cands = np.flatnonzero((state.book.placed > 0) & (lay.cand_cell >= 0))
    cands = cands[np.argsort(lay.cand_cell[cands], kind="stable")]
    cells, holders = lay.cand_cell[cands], (np.searchsorted(lay.cand_start, cands, side="right") - 1).astype(np.int64)
    more = []
    for number in range(len(state.cap_shares)):
        mine = state.of_list[holders] == number
        starts = np.searchsorted(cells[mine], np.arange(len(state.limits.group) + 1)).astype(np.int64)
        more.append((state.wish, holders[mine], starts, EXCHANGES))
    _share(state, items, rates, exchange_items, spare, more)
    _reckon(state)


def improve_round(state: Coordination, rates: Rates, items: Ints) -> None:
    """Plan `items` again one by one where that makes the plan in force cheaper.

    A change that a list made without knowing of the others' stays only where it fits beside theirs and still pays.
    """
    ledgers, spare = state.ledgers, most_rows(state.lay)
    for some in np.array_split(items, max(len(items) // TOGETHER, 1)):
        todo = cut(some, state.of_list, len(state.cap_shares))
        while any(len(rest) for rest in todo):
            book, own = state.book, copies(ledgers, len(todo))
            old = book.placed.copy(), book.item.copy(), book.cost.copy()
            done = _each(state, todo, own, book, improve_items, rates, spare)
            for number in range(1, len(todo)):
                settle_changes(state.tables, todo[number][: done[number]], ledgers, state.scratch[0], book, *old)
            todo = [rest[count:] for rest, count in zip(todo, done, strict=True)]
            if any(len(rest) for rest in todo):
                state.book = make_room(book, spare)
    _reckon(state)


def _reckon(state: Coordination) -> None:
    state.cost = float(state.book.cost.sum()) + overflow_cost(state.ledgers) + _opening(state, state.book)


def _opening(state: Coordination, book: Book) -> float:
    """Opening cost of the warehouses the plan uses."""
    price = state.problem.places.opening_cost
    return float(price[used_places(state, book)].sum()) if price.any() else 0.0


def used_places(state: Coordination, book: Book) -> Flag:
    """Warehouses (W,) that the plan uses."""
    lay = state.lay
    lanes = np.unique(book.row[at.B_LANE, rows_in_force(book)])
    lanes = lanes[lanes >= 0]
    used = np.zeros(state.problem.sizes["W"], dtype=bool)
    used[lay.lane_origin[lanes]] = True
    to = lay.lane_to[lanes]
    used[to[to >= 0]] = True
    owner = np.searchsorted(lay.cand_start, np.flatnonzero(book.placed > 0), side="right") - 1
    used[lay.hub[owner]] = True
    given = (decided(state.problem).pieces > 0).any(axis=1)
    used[lay.hub[state.problem.mode_item[given]]] = True
    return used
