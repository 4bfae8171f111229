"""Plans that can be carried out, made at prices: from nothing, improved item by item, and by exchanges between items."""

from __future__ import annotations

import numpy as np

from optimizers import positions as at
from optimizers.columns import Flag
from optimizers.coordination import Coordination
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
    plan_items,
    rows_in_force,
)
from optimizers.routes import Rates
from optimizers.solution import Ints

LOWEST, STEEPEST = 0.5, 3.0
"""Least factor of a price in the first plan, and how far above one it may go, over the number of sweeps.

Prices of the first sweeps are rough, and what is left says more; later ones hardly need a correction. Lanes are another
matter: days on which a piece may travel at the same price are many, and all items choose the same of them. A price of a first
step where too many wish to travel spreads them; without it, the last items found no way at all.
"""
EXCHANGES = 6
"""Holders of a capacity cell that an item may change places with."""


def plan_round(state: Coordination, rates: Rates) -> None:
    """Make a plan from nothing at `rates`; keep it when it is cheaper than the one in force.

    Part by part, the most valuable items first. Before each part the prices are raised where the parts still to come would
    use more than is left; before there is a plan they are also lowered where those would use less.
    """
    ledgers = empty_ledgers(state.problem, state.lay, state.limits)
    book = empty_book(state.lay)
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
    cost = float(book.cost.sum()) + overflow_cost(ledgers) + _opening(state, book)
    if cost < state.cost:
        state.ledgers, state.book, state.cost, state.planned = ledgers, book, cost, True


def _scarcity(wanted: Floats, left: Floats) -> Floats:
    """What is still wanted over what is left."""
    return wanted / np.maximum(left, 1.0)


def _plan(state: Coordination, items: Ints, rates: Rates, ledgers: Ledgers, book: Book) -> Book:
    """Plan items beside the ledgers; returns the book, which may be a longer one."""
    spare, done = most_rows(state.lay), 0
    while True:
        done += plan_items(
            state.tables, items[done:], rates, state.closed, ledgers, state.scratch[0], state.rows, book, spare
        )
        if done == len(items):
            return book
        book = make_room(book, spare)


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
    """Let `items` change places with items that hold the capacity they wish."""
    lay, spare, done = state.lay, most_rows(state.lay), 0
    cands = np.flatnonzero((state.book.placed > 0) & (lay.cand_cell >= 0))
    cands = cands[np.argsort(lay.cand_cell[cands], kind="stable")]
    holders = (np.searchsorted(lay.cand_start, cands, side="right") - 1).astype(np.int64)
    starts = np.searchsorted(lay.cand_cell[cands], np.arange(len(state.limits.group) + 1)).astype(np.int64)
    while done < len(items):
        done += exchange_items(
            state.tables, items[done:], rates, state.closed, state.ledgers, state.scratch[0], state.rows, state.book, spare,
            state.wish, holders, starts, EXCHANGES,
        )  # fmt: skip
        if done < len(items):
            state.book = make_room(state.book, 2 * spare)
    state.cost = float(state.book.cost.sum()) + overflow_cost(state.ledgers) + _opening(state, state.book)


def improve_round(state: Coordination, rates: Rates, items: Ints) -> None:
    """Plan `items` again one by one where that makes the plan in force cheaper."""
    spare = most_rows(state.lay)
    done = 0
    while done < len(items):
        done += improve_items(
            state.tables,
            items[done:],
            rates,
            state.closed,
            state.ledgers,
            state.scratch[0],
            state.rows,
            state.book,
            spare,
        )
        if done < len(items):
            state.book = make_room(state.book, spare)
    cost = float(state.book.cost.sum()) + overflow_cost(state.ledgers)
    state.cost = cost + _opening(state, state.book)


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
