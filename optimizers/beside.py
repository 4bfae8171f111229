"""One item under kept prices, beside what the rest of a plan takes: its plan, and what it would cost with other orders.

The whole plan is not solved again: prices of shared limits stay, what the others use is posted, and the item's program runs
a few times, each in well under a millisecond. Plans are made at several levels of the prices and the cheapest stays, since
kept prices tell what capacity is worth to all while here only what is left counts.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from optimizers import positions as at
from optimizers.booking import read_book
from optimizers.budget import Budget
from optimizers.climb import climb
from optimizers.columns import Flag
from optimizers.coordination import coordinate, scaled
from optimizers.dispatch import deal_item
from optimizers.given import decided
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.params import Params
from optimizers.plans import used_places
from optimizers.posting import Ledgers, overflow_cost, remove_item
from optimizers.prices import own_round
from optimizers.problem import Problem
from optimizers.restrict import Taken
from optimizers.rounds import page, plan_items
from optimizers.routes import INFINITE, Rates
from optimizers.scratch import MOST_ROWS, scratch_for
from optimizers.solution import Ints, Orders, Plan, Prices

_LEVELS: Final = (1.0, 0.5, 0.0, 2.0)
_LEVELS_OF_MANY: Final = (1.0, 0.0)
"""For an item of many pieces, of which each trial takes more than a millisecond."""
_FEW: Final = 2
"""Levels tried where some orders are fixed."""
_TRIES, _FEWEST, _LIGHT = 48, 8, 600
"""Changes that are tried at most; fewer, but no fewer than the second, for items of more pieces than the third."""
_LANE_ROUNDS, _LANE_STEP = 6, 0.1
"""Deals that find the item's own prices of lanes, and by what share of the median loss of a piece they rise."""
_OWN_ROUNDS: Final = 8
"""Sweeps that find the item's own prices, of stock in the wrong place and of its service target."""


class Beside:
    """The only item of `problem` beside `rest`, at `prices` of what is shared."""

    def __init__(self, problem: Problem, rest: Taken, prices: Prices) -> None:
        self._state = coordinate(problem, Params(), Budget(time.monotonic, 0.0, None, lambda: False))
        state = self._state
        lay = state.lay
        self._light = int(lay.line_pieces.sum()) <= _LIGHT
        # Orders that must stand may be larger than any the program would choose.
        self._most = lay.cand_high + lay.cand_step
        state.scratch = [scratch_for(lay._replace(cand_low=self._most))]
        _post(state.ledgers, rest)
        self._rest = rest
        self._before = overflow_cost(state.ledgers)
        self._given = decided(problem).pieces
        self._dealt: dict[bytes, float] = {}
        dear = (problem.places.opening_cost > 0) & ~rest.opened
        self._shut = [state.closed] + ([dear.astype(np.int64)] if dear.any() else [])
        cap = np.zeros_like(state.rates.cap)
        state.rates = state.rates._replace(
            group=prices.group.ravel(), lane=prices.lane, storage=prices.storage, cap=cap
        )
        state.best_rates = state.rates
        self._find_own_prices()
        levels = _LEVELS if self._light else _LEVELS_OF_MANY
        ways = [(scaled(state.best_rates, level), shut) for shut in self._shut for level in levels]
        found = [self._trial(state.tables, *way) for way in ways]
        order = np.argsort([cost for cost, _ in found], kind="stable")
        self._ways = [ways[k] for k in order]
        self._free = *found[order[0]], self._ways[0]
        self._learn_lanes(self._free[1])

    def plan(self, standing: Orders | None = None) -> Plan:
        """The cheapest plan found: the program's, then change by change as long as one makes it cheaper.

        standing : orders of the item in force; where they may still be kept, no plan that costs more replaces them.
        """
        state, lay = self._state, self._state.lay
        cost, placed, way = self._free
        orders = self._given.copy()
        orders[lay.cand_mode, lay.cand_period] += placed
        tried = [self._climb(orders)]
        if standing is not None:
            tried += [self._cost_of(kept) for kept in self._still_possible(standing)]
        better = min((found for found in tried if found is not None), key=lambda found: found[0], default=None)
        if better is not None and better[0] < cost:
            self._post_orders(better[1])
        else:
            self._run(state.tables, *way)
        found = read_book(state)
        remove_item(state.tables, 0, state.ledgers, state.book)
        return found

    def _post_orders(self, orders: Ints) -> None:
        """Post a plan with these orders, which may stand."""
        wanted = self._wanted(orders)
        if self._few_rows(wanted):
            self._place(wanted, *self._ways[0])
        else:
            tables = self._bound_to(wanted, np.ones(len(wanted), dtype=bool), wanted > 0)[0]
            self._run(tables, *self._ways[0])

    def worth_of_room(self) -> tuple[Ints, Floats, Floats]:
        """Capacity cells that hold the item back, what it would save were each without end, and units it would take then."""
        state, lay, led = self._state, self._state.lay, self._state.ledgers
        way = self._free[2]
        cost, placed = self._trial(state.tables, *way)
        sharing = np.flatnonzero(lay.cand_cell >= 0)
        cell, usage = lay.cand_cell[sharing], lay.cand_usage[sharing]
        limit = led.group[at.USED_GROUP_LIMIT]
        room = limit - led.group[at.USED_GROUP]
        step = np.zeros(len(room))
        np.maximum.at(step, cell, lay.cand_step[sharing] * usage)
        left = room - np.bincount(cell, placed[sharing] * usage, len(room))
        cells = np.unique(cell[left[cell] < step[cell]])
        saved, units = np.zeros((2, len(cells)))
        for n, each in enumerate(cells):
            known, limit[each] = limit[each], INFINITE
            other, placed = self._trial(state.tables, *way)
            limit[each] = known
            saved[n], units[n] = cost - other, (placed[sharing] * usage)[cell == each].sum() - room[each]
        return cells, saved, units

    def _still_possible(self, standing: Orders) -> list[Ints]:
        """Orders (M, T) of the standing plan as the only element, none where an offer no longer allows them."""
        orders, lay = np.zeros_like(self._given), self._state.lay
        orders[standing.mode, standing.period] = standing.pieces
        new = (orders - self._given)[lay.cand_mode, lay.cand_period]
        allowed = (new >= lay.cand_low) & (new <= lay.cand_high) & (new % lay.cand_step == 0)
        return [orders] if (allowed | (new == 0)).all() else []

    def _climb(self, orders: Ints) -> tuple[float, Ints] | None:
        """Cost and orders after changes that make them cheaper; None when they cannot stand."""
        found, lay = self._cost_of(orders), self._state.lay
        if found is None or not self._few_rows(self._wanted(orders)):
            return found
        pieces = max(int(lay.line_pieces.sum()), _LIGHT)
        cost, wanted = climb(self._cost, found[0], self._wanted(orders), lay, max(_TRIES * _LIGHT // pieces, _FEWEST))
        grid = self._given.copy()
        grid[lay.cand_mode, lay.cand_period] += wanted
        return cost, grid

    def cost_with(self, orders: Ints, fixed: Flag) -> tuple[float, Ints] | None:
        """Cost and orders (M, T) when `orders` are kept wherever `fixed`; None when no such plan was found.

        An order that must stand earns more than everything else the item could lose. Where all are given, no program runs.
        """
        lay, wanted = self._state.lay, self._wanted(orders)
        if fixed.all() and self._few_rows(wanted):
            return self._cost_of(orders)
        kept = fixed[lay.cand_mode, lay.cand_period]
        stands = kept & (wanted > 0)
        if (wanted > self._most)[stands].any():
            return None
        tables, reward = self._bound_to(wanted, kept, stands)
        best: tuple[float, Ints] | None = None
        for way in self._ways[: _FEW if self._light else 1]:
            cost, placed = self._trial(tables, *way)
            if (placed != wanted)[kept].any() or (best is not None and best[0] <= cost):
                continue
            best = cost, placed
        if best is None:
            return None
        grid = self._given.copy()
        grid[lay.cand_mode, lay.cand_period] += best[1]
        return None if (grid != orders)[fixed].any() else (best[0] + reward * int(stands.sum()), grid)

    def _cost_of(self, orders: Ints) -> tuple[float, Ints] | None:
        """The same where all orders (M, T) are given.

        Prices only decide how pieces travel then, so one level of them is enough.
        """
        wanted = self._wanted(orders)
        if not self._few_rows(wanted):
            return self.cost_with(orders, np.ones(orders.shape, dtype=bool))
        lay, grid = self._state.lay, self._given.copy()
        grid[lay.cand_mode, lay.cand_period] += wanted
        cost = self._cost(wanted)
        return None if not np.isfinite(cost) or (grid != orders).any() else (cost, grid)

    def _cost(self, wanted: Ints) -> float:
        """Cost of a plan with these pieces by candidate; endless when they cannot stand."""
        key = wanted.tobytes()
        if key not in self._dealt:
            stands = not (wanted > self._most).any() and self._apart(np.flatnonzero(wanted))
            self._dealt[key] = self._deal(wanted, *self._ways[0]) if stands else np.inf
        return self._dealt[key]

    def _wanted(self, orders: Ints) -> Ints:
        """Pieces by candidate."""
        lay = self._state.lay
        return np.ascontiguousarray(orders[lay.cand_mode, lay.cand_period])

    def _few_rows(self, wanted: Ints) -> bool:
        """Whether lots, what pinned moves make of them, and orders are few enough to be dealt out at once."""
        lay = self._state.lay
        lots = len(lay.lot_pieces) * (len(lay.pin_row) + 1) + len(lay.pin_row)
        return lots + int(np.count_nonzero(wanted)) <= MOST_ROWS

    def _apart(self, chosen: Ints) -> bool:
        """Whether these candidates keep the batches per day and the gap of their offers."""
        lay = self._state.lay
        offer, period = lay.cand_offer[chosen], lay.cand_period[chosen]
        alike = offer[:, None] == offer
        moment, day = lay.net.moment[period], lay.net.day[period]
        near = alike & (np.abs(moment[:, None] - moment) < lay.gap[offer][:, None])
        same = (alike & (day[:, None] == day)).sum(axis=1)
        return int(near.sum()) == int(np.count_nonzero(lay.gap[offer] > 0)) and bool(
            (same <= lay.cand_limit[chosen]).all()
        )

    def _deal(self, wanted: Ints, rates: Rates, shut: Ints) -> float:
        """Cost of a plan with these pieces by candidate that is taken back at once; endless when it may not be."""
        led, lay = self._state.ledgers, self._state.lay
        chosen = np.flatnonzero(wanted)
        if shut[lay.hub[0]] and len(chosen):
            return np.inf
        cost = self._place(wanted, rates, shut)
        cells, deals = lay.cand_cell[chosen], lay.cand_deal[chosen]
        cells = cells[cells >= 0]
        hard = led.group[at.USED_GROUP_PRICE, cells] == INFINITE
        above = led.group[at.USED_GROUP, cells] > led.group[at.USED_GROUP_LIMIT, cells] + 1e-6
        low = led.deal[at.USED_DEAL, deals] < led.deal[at.USED_DEAL_LEAST, deals]
        remove_item(self._state.tables, 0, led, self._state.book)
        return np.inf if (hard & above).any() or low.any() else cost

    def _place(self, wanted: Ints, rates: Rates, shut: Ints) -> float:
        """Deal the item out with these orders; its plan stays posted."""
        state, led = self._state, self._state.ledgers
        led.deals[at.USED_BARRED] = 0
        state.book.next[0, 0] = 0
        book, scratch, rows = page(state.book, 0), state.scratch[0], state.rows[0]
        deal_item(state.tables, 0, wanted, rates, shut, led, scratch, rows, book)
        return self._total()

    def _bound_to(self, wanted: Ints, kept: Flag, stands: Flag) -> tuple[Tables, float]:
        lay, tables = self._state.lay, self._state.tables
        loss = float((lay.line_pieces * lay.line_short).sum() + (wanted * lay.cand_unit).sum())
        reward = float(np.ceil(10.0 * (loss + float(lay.cand_order.sum()) + 1e4)))
        cand, money = tables.cand.copy(), tables.cand_money.copy()
        cand[at.CAND_HIGH, kept] = 0
        for row in (at.CAND_LOW, at.CAND_HIGH):
            cand[row, stands] = wanted[stands]
        money[at.CAND_ORDER, stands] -= reward
        return tables._replace(cand=cand, cand_money=money), reward

    def _find_own_prices(self) -> None:
        """Move the prices that belong to the item alone."""
        state = self._state
        if not (state.lay.lot_hub == 0).any() and not state.limits.service.any():
            return
        for _ in range(_OWN_ROUNDS if self._light else _OWN_ROUNDS // 2):
            own_round(state)

    def _learn_lanes(self, wanted: Ints) -> None:
        """Add a way to deal, first of all, whose prices of lanes spread the item over what others leave of them.

        Pieces are dealt out as if lanes had no end, at their price. A lane that the item fills becomes dearer for it, round
        by round; the prices of the cheapest deal stay.
        """
        state, lay, led = self._state, self._state.lay, self._state.ledgers
        rates, shut = self._ways[0]
        others, hard = led.lane[at.USED_LANE].copy(), (led.lane_price >= INFINITE)[:, None]
        volume = float(lay.volume[0])
        if not len(lay.line_short) or volume <= 0.0 or not self._few_rows(wanted):
            return
        step = _LANE_STEP * float(np.median(lay.line_short)) / volume
        least, best = np.inf, rates
        for _ in range(_LANE_ROUNDS):
            cost = self._place(wanted, rates, shut)
            used = led.lane[at.USED_LANE]
            full = hard & (used > others + 1e-6) & (used + volume > led.lane[at.USED_LANE_LIMIT] + 1e-6)
            remove_item(state.tables, 0, led, state.book)
            if cost < least:
                least, best = cost, rates
            if not full.any():
                break
            rates = rates._replace(lane=rates.lane + step * full)
        if best is not self._ways[0][0]:
            self._ways.insert(0, (best, shut))

    def _trial(self, tables: Tables, rates: Rates, shut: Ints) -> tuple[float, Ints]:
        """Cost and pieces per candidate of a plan that is taken back at once."""
        cost = self._run(tables, rates, shut)
        placed = self._state.book.placed.copy()
        remove_item(tables, 0, self._state.ledgers, self._state.book)
        return cost, placed

    def _run(self, tables: Tables, rates: Rates, shut: Ints) -> float:
        """Plan the item; its plan stays posted. Orders below a supplier's minimum value are barred and planned again."""
        state, led = self._state, self._state.ledgers
        led.deals[at.USED_BARRED] = 0
        while True:
            state.book.next[0, 0] = 0
            plan_items(tables, _ONLY, rates, shut, led, state.scratch[0], state.rows[0], page(state.book, 0), 0)
            placed = np.zeros(led.deals.shape[1], dtype=bool)
            placed[state.lay.cand_deal[state.book.placed > 0]] = True
            low = placed & (led.deal[at.USED_DEAL] < led.deal[at.USED_DEAL_LEAST])
            if not low.any():
                break
            remove_item(tables, 0, led, state.book)
            led.deals[at.USED_BARRED, low] = 1
        return self._total()

    def _total(self) -> float:
        """What the posted plan costs, with what it adds to overflow and opening."""
        state = self._state
        cost = float(state.book.cost[0]) + overflow_cost(state.ledgers) - self._before
        if len(self._shut) > 1:
            own = used_places(state, state.book) & ~self._rest.opened
            cost += float(state.problem.places.opening_cost[own].sum())
        return cost


_ONLY: Final = np.zeros(1, dtype=np.int64)


def _post(led: Ledgers, rest: Taken) -> None:
    """What the others use; storage is kept as the change of volume from one period to the next."""
    led.group[at.USED_GROUP] += rest.group.ravel()
    led.lane[at.USED_LANE] += rest.lane
    led.storage[at.USED_STORAGE] += np.diff(rest.storage, axis=1, prepend=0)
    led.cap[at.USED_CAP] += rest.caps
    led.deal[at.USED_DEAL] += rest.value.ravel()
    led.deals[at.USED_DEALS] += rest.waiting.ravel()
