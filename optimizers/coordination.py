"""State of a price-coordinated solve, and how it starts: prices, bound, and the plan in force with its books."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizers.abreast import lists_for
from optimizers.budget import Budget
from optimizers.bundle import Bundle, empty_bundle
from optimizers.layout import Layout, Tables, lay_out, shared, stacked
from optimizers.limits import Limits, limits_of
from optimizers.milp import Floats
from optimizers.params import Params
from optimizers.posting import Book, Ledgers, Rows
from optimizers.problem import Problem
from optimizers.rounds import empty_book, empty_ledgers, supply_rows
from optimizers.routes import Rates, no_limits
from optimizers.scratch import Scratch, scratch_for
from optimizers.solution import Ints

MOST_PARTS, LEAST_IN_PART = 80, 25
MANY_ITEMS = 4_000
"""From how many items on a sample finds the first prices, and the first plan is made in haste."""
SHARED = 4
"""So many of the prices belong to what items share: capacity, lanes, storage, sale caps."""


@dataclass(slots=True)
class Coordination:
    """State of a price-coordinated solve: prices, bound, and the plan in force with its ledgers and book.

    first : first step of each price. parts : items in the order of planning, cut into parts. part_group, part_lane : use of capacity and lanes by each part at
    the best prices. of_list : (N,) list in which an item is planned beside the others, and cap_shares (lists, C) what of a sale cap
    belongs to each. bundle : what the last sweeps tell of shared prices. wish : (candidates,) orders of the last relaxed optimum. trace : seconds, cost and bound after each sweep and plan.
    """

    problem: Problem
    lay: Layout
    tables: Tables
    limits: Limits
    params: Params
    budget: Budget
    rates: Rates
    first: Rates
    steps: Rates
    signs: Rates
    closed: Ints
    scratch: list[Scratch]
    ledgers: Ledgers
    rows: list[Rows]
    book: Book
    best_rates: Rates
    bundle: Bundle
    bound: float = -np.inf
    cost: float = np.inf
    sweeps: int = 0
    item_bounds: Floats = field(default_factory=lambda: np.zeros(0))
    planned: bool = False
    wish: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    parts: list[Ints] = field(default_factory=list)
    of_list: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    cap_shares: Floats = field(default_factory=lambda: np.zeros((1, 0)))
    part_group: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    part_lane: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    trace: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """Relative gap of the plan in force."""
        return (self.cost - self.bound) / max(abs(self.cost), 1.0) if self.planned else np.inf

    def note(self) -> None:
        """Write down how far the solve is."""
        self.trace.append((self.budget.spent(), self.cost, self.bound))


def coordinate(
    problem: Problem, params: Params, budget: Budget, closed: Ints | None = None, lists: int | None = None
) -> Coordination:
    """Set up a solve: arrays, first prices, empty ledgers; `lists` of items side by side, by default as many as suit."""
    lay = lay_out(problem)
    tables = stacked(lay)
    lay = shared(lay, tables)
    limits = limits_of(problem, lay)
    rates = Rates(*(np.zeros_like(each) for each in limits.most))
    rates = rates._replace(lot=_worth_of_lots(lay))
    steps = _first_steps(lay, limits)
    signs = Rates(*(np.zeros_like(each) for each in limits.most))
    shut = no_limits(lay)[1] if closed is None else closed
    items = len(lay.hub)
    order, lists = order_of_planning(lay), lists or lists_for(items)
    parts = np.array_split(order, min(max(items // LEAST_IN_PART, 1), MOST_PARTS))
    of_list = np.zeros(items, dtype=np.int64)
    of_list[order] = np.arange(items) % lists
    return Coordination(
        problem, lay, tables, limits, params, budget, rates, steps, steps, signs, shut, [scratch_for(lay) for _ in range(params.threads)],
        empty_ledgers(problem, lay, limits), [supply_rows(lay) for _ in range(params.threads)], empty_book(lay, lists), rates, _bundle(limits, steps),
        wish=np.zeros(len(lay.cand_mode), dtype=np.int64), parts=parts, of_list=of_list, cap_shares=_cap_shares(lay, of_list, lists, len(limits.cap)),
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


def shared_prices(rates: Rates) -> Floats:
    """Prices of what items share, as one row (k,): capacity, lanes, storage, sale caps."""
    return np.concatenate([each.ravel() for each in rates[:SHARED]])


def own_prices(rates: Rates) -> Floats:
    """Prices that belong to one item, as one row (j,): lots and service."""
    return np.concatenate(rates[SHARED:])


def with_shared(rates: Rates, row: Floats) -> Rates:
    """The same prices, with those of what items share from a row (k,)."""
    ends = np.cumsum([each.size for each in rates[:SHARED]])
    parts = np.split(row, ends[:-1])
    return Rates(*(part.reshape(each.shape) for part, each in zip(parts, rates, strict=False)), *rates[SHARED:])


def _bundle(limits: Limits, steps: Rates) -> Bundle:
    free = np.concatenate([limits.group, limits.lane.ravel(), limits.storage.ravel(), limits.cap])
    return empty_bundle(shared_prices(steps), free, shared_prices(limits.most), len(own_prices(steps)))


def order_of_planning(lay: Layout) -> Ints:
    """Items with the most to lose per piece first: they are the ones that must find capacity."""
    owner = np.repeat(np.arange(len(lay.hub)), np.diff(lay.line_start))
    worth = np.bincount(owner, lay.line_pieces * lay.line_short, len(lay.hub))
    pieces = np.bincount(owner, lay.line_pieces * lay.volume[owner], len(lay.hub))
    return np.argsort(-worth / np.maximum(pieces, 1.0), kind="stable").astype(np.int64)


def _cap_shares(lay: Layout, of_list: Ints, lists: int, caps: int) -> Floats:
    """(lists, C) share of each list of items in the pieces that every sale cap is asked for."""
    owner = np.repeat(np.arange(len(lay.hub)), np.diff(lay.line_start))
    asked = np.zeros((lists, caps))
    for column in (lay.line_cap1, lay.line_cap2):
        capped = np.flatnonzero(column >= 0)
        np.add.at(asked, (of_list[owner[capped]], column[capped]), lay.line_pieces[capped])
    return np.asarray(asked / np.maximum(asked.sum(axis=0), 1.0))


def scaled(rates: Rates, factor: float) -> Rates:
    """Prices of capacity, lanes and storage times `factor`; prices that belong to one item stay."""
    return rates._replace(group=rates.group * factor, lane=rates.lane * factor, storage=rates.storage * factor)
