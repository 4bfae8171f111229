"""Price coordination: thousands of items, each planned exactly by itself, brought together by prices of what they share.

A sweep solves every item's program under the current prices of capacity, lanes, storage, sale caps and stock in the
wrong place; its value is a lower bound on any plan. Prices then move against over-use, each with a step of its own. Between
sweeps a plan is made that can be carried out, and improved as long as that pays. So there is a plan and a proof at any
time, and both only get better.

Source: Lagrangian relaxation (Geoffrion 1974; Fisher, Management Science 27, 1981) with sign-based steps (Riedmiller and
Braun, Rprop, 1993), which need no scale common to minor units per piece, per volume unit and per capacity unit.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from optimizers import positions as at
from optimizers.budget import Budget
from optimizers.given import decided
from optimizers.layout import Layout, Tables, lay_out, shared, stacked
from optimizers.limits import Limits, bound_of, limits_of
from optimizers.milp import Floats
from optimizers.params import Params
from optimizers.posting import Book, Ledgers, Rows, overflow_cost, remove_item
from optimizers.problem import Problem
from optimizers.rounds import (
    empty_book,
    empty_ledgers,
    improve_items,
    make_room,
    most_rows,
    plan_items,
    rows_in_force,
    supply_rows,
)
from optimizers.routes import Rates, no_limits
from optimizers.scratch import Scratch, scratch_for
from optimizers.solution import Ints, StopReason
from optimizers.sweep import Use, empty_use, sweep

CHUNKS = 16
GROW, SHRINK = 1.2, 0.6
PLAN_EVERY = 8
FACTORS = (1.0, 1.2, 1.0, 1.1)
"""Prices a plan is made at, over the best prices: a little dearer leaves room for the items that come late."""


@dataclass(slots=True)
class Coordination:
    """State of a price-coordinated solve: prices, bound, and the plan in force with its ledgers and book."""

    problem: Problem
    lay: Layout
    tables: Tables
    limits: Limits
    params: Params
    budget: Budget
    rates: Rates
    steps: Rates
    signs: Rates
    closed: Ints
    scratch: list[Scratch]
    ledgers: Ledgers
    rows: Rows
    book: Book
    best_rates: Rates
    bound: float = -np.inf
    cost: float = np.inf
    sweeps: int = 0
    item_bounds: Floats = field(default_factory=lambda: np.zeros(0))
    planned: bool = False
    trace: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """Relative gap of the plan in force."""
        return (self.cost - self.bound) / max(abs(self.cost), 1.0) if self.planned else np.inf


def coordinate(problem: Problem, params: Params, budget: Budget, closed: Ints | None = None) -> Coordination:
    """Set up a solve: arrays, first prices, empty ledgers."""
    lay = lay_out(problem)
    tables = stacked(lay)
    lay = shared(lay, tables)
    limits = limits_of(problem, lay)
    rates = Rates(*(np.zeros_like(each) for each in limits.most))
    rates = rates._replace(lot=_worth_of_lots(lay))
    steps = _first_steps(lay, limits)
    signs = Rates(*(np.zeros_like(each) for each in limits.most))
    shut = no_limits(lay)[1] if closed is None else closed
    return Coordination(
        problem, lay, tables, limits, params, budget, rates, steps, signs, shut,
        [scratch_for(lay) for _ in range(params.threads)], empty_ledgers(problem, lay, limits), supply_rows(lay), empty_book(lay), rates,
    )  # fmt: skip


def _worth_of_lots(lay: Layout) -> Floats:
    """A piece in the wrong place is worth about what a new one costs."""
    items = len(lay.hub)
    cheapest = np.full(items, np.inf)
    buyer = np.repeat(np.arange(items), np.diff(lay.cand_start))
    np.minimum.at(cheapest, buyer, lay.cand_unit)
    worth = np.where(np.isfinite(cheapest), np.maximum(cheapest - lay.salvage, 0.0), 0.0)
    return np.where(lay.lot_hub == 0, np.repeat(worth, np.diff(lay.lot_start)), 0.0)


def _first_steps(lay: Layout, limits: Limits) -> Rates:
    """First step of each price, a few percent of what a unit of the resource can be worth."""
    unit = float(np.median(lay.cand_unit)) if len(lay.cand_unit) else 1.0
    volume = max(float(np.median(lay.volume)), 1.0)
    worth = _worth_of_lots(lay)
    bases = (0.03 * unit, 0.02 * unit / volume, 0.0005 * unit / volume, 0.05 * unit)
    group, lane, storage, cap = (
        np.minimum(np.full_like(most, base), most) for most, base in zip(limits.most[:4], bases, strict=True)
    )
    return Rates(group, lane, storage, cap, 0.05 * np.maximum(worth, 0.02 * unit), 0.1 * limits.most.service)


def sweep_all(state: Coordination, items: Ints | None = None) -> Use:
    """Solve all items at the current prices; chunks are fixed, so the sums do not depend on the number of threads."""
    lay, size = state.lay, state.problem.sizes
    everything = np.arange(len(lay.hub)) if items is None else items
    parts = [part for part in np.array_split(everything, CHUNKS) if len(part)]
    room = no_limits(lay)[0]
    uses = [empty_use(lay, size["G"], size["C"]) for _ in parts]

    def work(thread: int) -> None:
        for k in range(thread, len(parts), len(state.scratch)):
            sweep(state.tables, parts[k], state.rates, room, state.closed, state.scratch[thread], uses[k])

    if len(state.scratch) == 1:
        work(0)
    else:
        with ThreadPoolExecutor(len(state.scratch)) as pool:
            list(pool.map(work, range(len(state.scratch))))
    return Use(*(np.sum([use[k] for use in uses], axis=0) for k in range(len(uses[0]))))


def price_round(state: Coordination) -> None:
    """One sweep: take the bound when it is the best so far, then move every price against over-use."""
    use = sweep_all(state)
    found = bound_of(state.limits, state.rates, use)
    state.sweeps += 1
    if found > state.bound:
        state.bound, state.best_rates, state.item_bounds = found, state.rates, use.bound
    state.trace.append((state.budget.spent(), state.cost, state.bound))
    moved, steps, signs = [], [], []
    over = (
        use.group - state.limits.group,
        use.lane - state.limits.lane,
        use.storage - state.limits.storage,
        use.cap - state.limits.cap,
        np.where(state.lay.lot_hub == 0, use.lot - state.limits.lot, 0.0),
        state.limits.service - use.served,
    )
    for price, step, sign, most, excess in zip(
        state.rates, state.steps, state.signs, state.limits.most, over, strict=True
    ):
        now = np.sign(excess)
        now = np.where((price <= 0) & (now < 0), 0.0, now)
        turn = now * sign
        length = np.where(turn > 0, step * GROW, np.where(turn < 0, step * SHRINK, step))
        moved.append(np.clip(price + now * length, 0.0, most))
        steps.append(length)
        signs.append(now)
    state.rates, state.steps, state.signs = Rates(*moved), Rates(*steps), Rates(*signs)


def plan_round(state: Coordination, rates: Rates) -> None:
    """Make a plan from nothing at `rates`; keep it when it is cheaper than the one in force."""
    ledgers = empty_ledgers(state.problem, state.lay, state.limits)
    book = empty_book(state.lay)
    order = _order(state)
    book = _plan(state, order, rates, ledgers, book)
    book = _keep_deals(state, rates, ledgers, book)
    cost = float(book.cost.sum()) + overflow_cost(ledgers) + _opening(state, book)
    if cost < state.cost:
        state.ledgers, state.book, state.cost, state.planned = ledgers, book, cost, True


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


def _order(state: Coordination) -> Ints:
    """Items with the most to lose per piece first: they are the ones that must find capacity."""
    lay = state.lay
    owner = np.repeat(np.arange(len(lay.hub)), np.diff(lay.line_start))
    worth = np.bincount(owner, lay.line_pieces * lay.line_short, len(lay.hub))
    pieces = np.bincount(owner, lay.line_pieces * lay.volume[owner], len(lay.hub))
    return np.argsort(-worth / np.maximum(pieces, 1.0), kind="stable").astype(np.int64)


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
    if not price.any():
        return 0.0
    lay = state.lay
    rows = rows_in_force(book)
    lanes = np.unique(book.row[at.B_LANE, rows])
    lanes = lanes[lanes >= 0]
    used = np.zeros(len(price), dtype=bool)
    used[lay.lane_origin[lanes]] = True
    to = lay.lane_to[lanes]
    used[to[to >= 0]] = True
    owner = np.searchsorted(lay.cand_start, np.flatnonzero(book.placed > 0), side="right") - 1
    used[lay.hub[owner]] = True
    given = (decided(state.problem).pieces > 0).any(axis=1)
    used[lay.hub[state.problem.mode_item[given]]] = True
    return float(price[used].sum())


def finished(state: Coordination) -> StopReason | None:
    """Why to stop now, or None."""
    if state.planned and state.gap <= state.params.gap:
        return StopReason.GAP
    if state.sweeps >= state.params.sweeps:
        return StopReason.WORK
    return state.budget.exhausted()


def run(state: Coordination) -> StopReason:
    """Alternate sweeps, plans and improvements until a limit is reached; a plan exists from the first round on."""
    rng = np.random.default_rng(state.params.seed)
    items = len(state.lay.hub)
    plans = 0
    while True:
        price_round(state)
        if state.sweeps in (1, 4) or state.sweeps % PLAN_EVERY == 0:
            plan_round(state, scaled(state.best_rates, FACTORS[plans % len(FACTORS)]))
            plans += 1
            improve_round(state, scaled(state.best_rates, 0.0), rng.permutation(items))
            improve_round(state, scaled(state.best_rates, 0.5), rng.permutation(items))
        stop = finished(state)
        if stop is not None:
            return stop


def scaled(rates: Rates, factor: float) -> Rates:
    """Prices of capacity, lanes and storage times `factor`; prices that belong to one item stay."""
    return rates._replace(group=rates.group * factor, lane=rates.lane * factor, storage=rates.storage * factor)
