"""The slow twin of the engines: tries every plan of a tiny problem and knows nothing of models, prices or bounds.

Each piece of supply has a list of fates (stay, be moved, delivered, scrapped); pieces are placed one after another, and ways to
the same use of every limit are kept once, at the least cost. Orders are tried in every permitted quantity, items in every
combination. What a plan costs is added up here in its own way, from `optimizers.tables` alone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import comb, prod
from typing import Any

import numpy as np

from optimizers.problem import Problem
from optimizers.samples import small_problem
from optimizers.tables import DAY_MS, FREE, OrderLines

Use = tuple[int, ...]
_MOST = 300_000
"""Most ways to place the pieces of one item under its largest orders."""


def tiny_problem(seed: int) -> Problem:
    """Draw a tiny problem, again when it has too many plans to try them all."""
    for again in itertools.count():
        found = _shrunk(seed + 3_000 * again)
        if max(_Item(found, item).size() for item in range(found.sizes["N"])) <= _MOST:
            return found
    raise AssertionError("some problem is tiny")


def _shrunk(seed: int) -> Problem:
    """Shrink a small problem with every feature until all its plans can be tried: three open orders an item, few pieces."""
    rng = np.random.default_rng([seed, 77])
    items = 1 + seed % 3
    drawn = small_problem(seed, items=items, warehouses=2, regions=2, periods=2 if items > 1 else 3)
    stock, most = drawn.stock, 1 if items < 3 else int(rng.integers(0, 2))
    fenced = rng.random(stock.live.shape) < 0.5
    live, shelf = np.minimum(stock.live, fenced), np.minimum(stock.shelf, ~fenced)
    free = np.minimum(stock.on_hand - stock.live - stock.shelf, most)
    if items == 1:
        free = np.where(live + shelf > 0, 0, free)
    on_hand = free + live + shelf
    rows = np.flatnonzero(np.isin(drawn.expiring.item, np.flatnonzero(on_hand.sum(axis=1) > 0)))
    expiring = replace(
        drawn.expiring, item=drawn.expiring.item[rows], last=drawn.expiring.last[rows],
        pieces=np.minimum(drawn.expiring.pieces[rows], on_hand.sum(axis=1)[drawn.expiring.item[rows]]),
    )  # fmt: skip
    modes = drawn.modes
    multiple, moq = np.minimum(modes.multiple, 2), np.minimum(modes.moq, 2)
    roof = -(-moq // multiple) * multiple
    arrival, lanes = modes.arrival.copy(), drawn.lanes.arrival.copy()
    pinned = np.zeros(arrival.shape, dtype=bool)
    pinned[drawn.pins.mode, drawn.pins.period] = True
    for item in range(items):
        cells = np.argwhere((arrival >= 0) & ~pinned & (drawn.mode_item == item)[:, None])
        for mode, period in rng.permutation(cells)[3 if items < 3 else 2 :]:
            arrival[mode, period] = -1
    back = (drawn.lanes.to_warehouse >= 0) & (drawn.lanes.to_warehouse < drawn.lanes.origin)
    lanes[back] = np.where(lanes[back] >= 0, np.maximum(lanes[back], np.arange(lanes.shape[1]) + 1), -1)
    return replace(
        drawn,
        stock=replace(stock, on_hand=on_hand, live=live, shelf=shelf),
        expiring=expiring,
        inflow=replace(drawn.inflow, pieces=np.minimum(drawn.inflow.pieces, 1)),
        demand=replace(drawn.demand, pieces=np.minimum(drawn.demand.pieces, 2)),
        modes=replace(
            modes,
            multiple=multiple,
            moq=moq,
            arrival=arrival,
            maximum=roof + multiple * rng.integers(0, 2, len(moq)) * (items > 1),
        ),
        lanes=replace(drawn.lanes, arrival=lanes),
        suppliers=replace(drawn.suppliers, minimum_value=np.minimum(drawn.suppliers.minimum_value, 25)),
        pins=replace(drawn.pins, pieces=np.minimum(drawn.pins.pieces, 2)),
        published=replace(drawn.published, pieces=np.minimum(drawn.published.pieces, 2)),
        pinned_moves=replace(drawn.pinned_moves, pieces=np.minimum(drawn.pinned_moves.pieces, 2)),
    )


def cheapest(problem: Problem) -> float:
    """Cost of the cheapest plan, by trying all of them."""
    shape, best = _Shape(problem), np.inf
    books = [_Item(problem, item).plans() for item in range(problem.sizes["N"])]
    floors = [{use: cost + _shared(problem, shape, use, whole=False) for use, cost in book.items()} for book in books]
    ranked = [
        sorted((book[use], use) for use in book if floor[use] < np.inf)
        for book, floor in zip(books, floors, strict=True)
    ]
    least = [plans[0][0] for plans in ranked]

    def combine(k: int, use: Use, cost: float) -> None:
        nonlocal best
        if cost + sum(least[k:]) + _shared(problem, shape, use, whole=k == len(ranked)) >= best:
            return
        if k == len(ranked):
            best = cost + _shared(problem, shape, use, whole=True)
            return
        for more, own in ranked[k]:
            if cost + more + sum(least[k + 1 :]) >= best:
                break
            combine(k + 1, tuple(a + b for a, b in zip(use, own, strict=True)), cost + more)

    combine(0, (0,) * shape.size, 0.0)
    return best


class _Shape:
    """Where each shared amount sits in a use: group, lane, storage, cap, order value, new orders, warehouses used."""

    def __init__(self, problem: Problem) -> None:
        size = problem.sizes
        parts = [size["G"] * size["B"], size["L"] * size["B"], size["W"] * size["T"], size["C"]]
        parts += [size["S"] * size["T"], size["S"] * size["T"], size["W"]]
        self.start = [0, *itertools.accumulate(parts)]
        self.size = self.start[-1]
        fixed_group, fixed_lane = _taken_by_given(problem)
        days = problem.period_ms / DAY_MS
        storage = np.repeat(problem.places.storage[:, None], size["T"], axis=1)
        stored = problem.places.overflow_price[:, None] / 1000.0 * days
        tables = (
            (0, fixed_group, problem.groups.capacity, _spread(problem.groups.overflow_price, size["B"])),
            (1, fixed_lane, problem.lanes.capacity, _spread(problem.lanes.overflow_price, size["B"])),
            (2, np.zeros(storage.shape), storage, stored),
        )
        least = np.repeat(problem.suppliers.minimum_value > 0, size["T"])
        self.counts = np.concatenate([
            problem.groups.capacity.ravel() >= 0, problem.lanes.capacity.ravel() >= 0, storage.ravel() >= 0,
            np.ones(size["C"], dtype=bool), least, least, problem.places.opening_cost > 0,
        ]).tolist()  # fmt: skip
        self.limits: list[tuple[Any, ...]] = [
            (
                self.start[k],
                np.flatnonzero(limit.ravel() >= 0).tolist(),
                *(each.ravel().tolist() for each in (fixed, limit, price)),
            )
            for k, fixed, limit, price in tables
        ]


def _shared(problem: Problem, shape: _Shape, use: Use, *, whole: bool) -> float:
    """Price of what items use together, endless where a hard limit breaks; of a part of them, a price that only grows."""
    at, price, periods = shape.start, 0.0, problem.sizes["T"]
    for first, rows, fixed, limits, prices in shape.limits:
        for k in rows:
            over = use[first + k] - limits[k]
            if over > 0 and prices[k] < 0 and use[first + k] > max(limits[k], fixed[k]):
                return float("inf")
            price += max(over, 0) * max(prices[k], 0.0)
    for k in range(problem.sizes["C"]):
        if use[at[3] + k] > problem.caps.pieces[k]:
            return float("inf")
    for w in range(problem.sizes["W"]):
        price += float(problem.places.opening_cost[w]) if use[at[6] + w] else 0.0
    if whole:
        for cell in range(at[5] - at[4]):
            if use[at[5] + cell] and use[at[4] + cell] < problem.suppliers.minimum_value[cell // periods]:
                return float("inf")
    return price


def _spread(price: Any, buckets: int) -> Any:
    return np.repeat(price.astype(float)[:, None], buckets, axis=1)


def _taken_by_given(problem: Problem) -> tuple[Any, Any]:
    """Capacity that pinned and frozen orders, and volume that pinned moves take by themselves."""
    size, bucket, modes = problem.sizes, problem.time.bucket, problem.modes
    group = np.zeros((size["G"], size["B"]))
    lane = np.zeros((size["L"], size["B"]))
    for mode, period, pieces in _given_orders(problem):
        if modes.group[mode] >= 0:
            group[modes.group[mode], bucket[period]] += pieces * modes.usage[mode]
    moves = problem.pinned_moves
    for row in range(len(moves.lane)):
        volume = problem.goods.volume[moves.item[row]]
        lane[moves.lane[row], bucket[moves.period[row]]] += moves.pieces[row] * volume
    return group, lane


def _given_orders(problem: Problem) -> Iterator[tuple[int, int, int]]:
    pins = {(int(m), int(t)): int(q) for m, t, q in _rows(problem.pins)}
    for (m, t), q in pins.items():
        if q:
            yield m, t, q
    for m, t, q in _rows(problem.published):
        if t < problem.modes.frozen_until[m] and (m, t) not in pins and problem.modes.arrival[m, t] >= 0 and q:
            yield m, t, q


def _rows(table: OrderLines) -> Iterator[tuple[int, int, int]]:
    columns = (table.mode, table.period, table.pieces)
    return ((int(m), int(t), int(q)) for m, t, q in zip(*columns, strict=True))


_BITS = 8
"""Bits per amount in a packed use: no amount of a tiny problem reaches 256."""


class _Item:
    """All plans of one item: `plans` maps what it uses of shared limits to the least cost of doing so."""

    def __init__(self, problem: Problem, item: int) -> None:
        self.problem, self.item = problem, item
        self.shape = _Shape(problem)
        size = problem.sizes
        self.periods = size["T"]
        self.lines = [int(k) for k in np.flatnonzero(problem.demand.item == item)]
        self.pins = [int(k) for k in np.flatnonzero(problem.pinned_moves.item == item)]
        self.perishes = bool(problem.goods.shelf_life[item] > 0 or (problem.expiring.item == item).any())
        lanes, stored, places = size["L"] * size["B"], size["W"] * size["T"], size["W"]
        counts = (lanes, stored, places, len(self.lines), len(self.pins), self.periods, self.periods)
        self.at = [0, *itertools.accumulate(counts)]
        self.fates: dict[tuple[int, int, int], list[tuple[int, float, int, int]]] = {}

    def plans(self) -> dict[Use, float]:
        """Try every set of orders."""
        found: dict[Use, float] = {}
        placed: dict[tuple[tuple[int, int, int], ...], dict[int, float]] = {(): {0: 0.0}}
        for orders in self._order_sets():
            fixed_cost, shared = self._ordered(orders)
            arriving = [(self._pool(0, t), self._hub, t) for t, q in self._arrivals(orders) for _ in range(q)]
            for packed, cost in self._placed((*self._given_pieces(), *sorted(arriving)), placed).items():
                total = cost + fixed_cost + self._closing(packed, orders)
                if total < np.inf:
                    key = self._use(packed, shared)
                    found[key] = min(found.get(key, np.inf), total)
        return found

    def size(self) -> int:
        """Ways to place the given pieces and those of the largest set of orders, equal pieces told apart only by place."""
        most = max((self._arrivals(orders) for orders in self._order_sets()), key=lambda each: sum(q for _, q in each))
        pieces = Counter(
            [*self._given_pieces(), *((self._pool(0, t), self._hub, t) for t, q in most for _ in range(q))]
        )
        return prod(comb(len(self._merged(piece)) + count - 1, count) for piece, count in pieces.items())

    @property
    def _hub(self) -> int:
        return int(self.problem.goods.receiving[self.item])

    def _pool(self, pool: int, period: int) -> int:
        return FREE if period >= self.problem.goods.fence_lifts[self.item] else pool

    def _order_sets(self) -> Iterator[dict[tuple[int, int], tuple[int, bool]]]:
        """Pieces by (mode, period) and whether the order is new, for every permitted set."""
        problem, modes = self.problem, self.problem.modes
        mine = np.flatnonzero(problem.mode_item == self.item)
        given = {(m, t): (q, False) for m, t, q in _given_orders(problem) if m in mine}
        pinned = {(int(m), int(t)) for m, t, _ in _rows(problem.pins)}
        cells: list[tuple[int, int]] = []
        choices: list[list[int]] = []
        for m in mine.tolist():
            for t in range(self.periods):
                if 0 <= modes.arrival[m, t] < self.periods and t >= modes.frozen_until[m] and (m, t) not in pinned:
                    step = int(modes.multiple[m])
                    least = -(-int(modes.moq[m]) // step) * step
                    cells.append((m, t))
                    choices.append([0, *range(least, int(modes.maximum[m]) + 1, step)])
        for pick in itertools.product(*choices):
            new = {cell: (q, True) for cell, q in zip(cells, pick, strict=True) if q}
            if self._spaced({**given, **new}):
                yield {**given, **new}

    def _spaced(self, orders: dict[tuple[int, int], tuple[int, bool]]) -> bool:
        problem, starts = self.problem, self.problem.time.boundaries
        for (m, t), (_, new) in orders.items():
            offer = problem.modes.offer[m]
            alike = [u for (n, u), _ in orders.items() if problem.modes.offer[n] == offer]
            daily, gap = problem.offers.batches_per_day[offer], problem.offers.gap[offer]
            if new and daily and sum(problem.time.day[u] == problem.time.day[t] for u in alike) > daily:
                return False
            if new and gap and sum(abs(int(starts[u]) - int(starts[t])) < gap for u in alike) > 1:
                return False
        return True

    def _ordered(self, orders: dict[tuple[int, int], tuple[int, bool]]) -> tuple[float, list[int]]:
        """Cost of the orders themselves, and what they use of shared limits."""
        problem, modes, at = self.problem, self.problem.modes, self.shape.start
        shared, cost = [0] * self.shape.size, 0.0
        published: dict[tuple[int, int], int] = {
            (m, t): q for m, t, q in _rows(problem.published) if problem.mode_item[m] == self.item
        }
        for (m, t), (q, new) in orders.items():
            cost += q * float(modes.unit_cost[m]) + float(modes.order_cost[m])
            if modes.group[m] >= 0:
                bucket = int(problem.time.bucket[t])
                shared[int(modes.group[m]) * problem.sizes["B"] + bucket] += q * int(modes.usage[m])
            cell = int(problem.mode_supplier[m]) * self.periods + t
            shared[at[4] + cell] += q * int(modes.unit_cost[m])
            shared[at[5] + cell] += int(new)
            shared[at[6] + self._hub] = 1
        for place in {*published, *orders}:
            moved = abs(orders.get(place, (0, False))[0] - published.get(place, 0))
            cost += moved * float(problem.goods.change_cost[self.item])
        return cost, shared

    def _arrivals(self, orders: dict[tuple[int, int], tuple[int, bool]]) -> list[tuple[int, int]]:
        found = [(int(self.problem.modes.arrival[m, t]), q) for (m, t), (q, _) in sorted(orders.items())]
        return [(t, q) for t, q in found if t < self.periods]

    def _given_pieces(self) -> list[tuple[int, int, int]]:
        """(pool, warehouse, period) of every piece of opening stock and inflow."""
        stock, inflow, item = self.problem.stock, self.problem.inflow, self.item
        found = []
        for w in range(self.problem.sizes["W"]):
            live, shelf = int(stock.live[item, w]), int(stock.shelf[item, w])
            for pool, pieces in ((0, int(stock.on_hand[item, w]) - live - shelf), (1, live), (2, shelf)):
                found += [(self._pool(pool, 0), w, 0)] * pieces
        for row in np.flatnonzero(inflow.item == item):
            t = int(inflow.period[row])
            start = (self._pool(int(inflow.pool[row]), t), int(inflow.warehouse[row]), t)
            found += [start] * int(inflow.pieces[row])
        return found

    def _placed(
        self, pieces: tuple[tuple[int, int, int], ...], known: dict[tuple[tuple[int, int, int], ...], dict[int, float]]
    ) -> dict[int, float]:
        """Least cost by packed use when every piece has met its fate; what is known of fewer pieces is not tried again."""
        if pieces in known:
            return known[pieces]
        piece, mask = pieces[-1], (1 << _BITS) - 1
        if piece not in self.fates:
            self.fates[piece] = self._merged(piece)
        grown: dict[int, float] = {}
        for use, cost in self._placed(pieces[:-1], known).items():
            for add, more, shift, limit in self.fates[piece]:
                key = use + add
                if shift >= 0 and (key >> shift) & mask > limit:
                    continue
                if cost + more < grown.get(key, np.inf):
                    grown[key] = cost + more
        known[pieces] = grown
        return grown

    def _merged(self, piece: tuple[int, int, int]) -> list[tuple[int, float, int, int]]:
        """Fates of a piece, equal uses once: packed use, cost, and the shift and limit of the line it serves (-1 = none)."""
        found: dict[int, tuple[int, float, int, int]] = {}
        for use, cost, line in self._fates(*piece):
            if use not in found or cost < found[use][1]:
                shift = -1 if line < 0 else _BITS * (self.at[3] + line)
                limit = 0 if line < 0 else int(self.problem.demand.pieces[self.lines[line]])
                found[use] = (use, cost, shift, limit)
        return list(found.values())

    def _one(self, block: int, place: int, amount: int = 1) -> int:
        return amount << (_BITS * (self.at[block] + place))

    def _fates(self, pool: int, w: int, t: int) -> Iterator[tuple[int, float, int]]:
        """Packed use, cost and line (-1 = none) of everything that can happen to a piece from here on."""
        problem, goods, item = self.problem, self.problem.goods, self.item
        pool = self._pool(pool, t)
        volume, salvage = int(goods.volume[item]), float(goods.salvage[item])
        rate = float(problem.stock.holding[item, w]) / 1000.0 * float(problem.period_ms[t]) / DAY_MS
        stored = self._one(1, w * self.periods + t, volume) if problem.places.storage[w] >= 0 else 0
        if t == self.periods - 1:
            yield stored, rate - salvage, -1
        else:
            for use, cost, line in self._fates(pool, w, t + 1):
                yield use + stored, cost + rate, line
            if self.perishes:
                yield self._one(5, t) + self._one(6, t), float(goods.scrap_cost[item]), -1
        for lane in np.flatnonzero((problem.lanes.origin == w) & (problem.lanes.arrival[:, t] >= 0)):
            yield from self._leave(pool, int(lane), t, volume)

    def _leave(self, pool: int, lane: int, t: int, volume: int) -> Iterator[tuple[int, float, int]]:
        problem, lanes, item = self.problem, self.problem.lanes, self.item
        arrival = int(lanes.arrival[lane, t])
        paid = float(lanes.cost[lane]) + float(lanes.volume_cost[lane]) * volume / 1000.0
        cell = lane * problem.sizes["B"] + int(problem.time.bucket[t])
        bucket = int(problem.time.bucket[t])
        use = self._one(0, cell, volume) if lanes.capacity[lane, bucket] >= 0 else 0
        use += self._opens(int(lanes.origin[lane]))
        if lanes.to_region[lane] >= 0:
            for line in range(len(self.lines)):
                late = self._lateness(pool, lane, t, arrival, self.lines[line])
                if late is not None:
                    yield use + self._one(3, line) + (self._one(5, t) if self.perishes else 0), paid + late, line
            return
        pin = -1
        for n, row in enumerate(self.pins):
            if pool == FREE and problem.pinned_moves.lane[row] == lane and problem.pinned_moves.period[row] == t:
                pin = n
        use += self._opens(int(lanes.to_warehouse[lane])) + (self._one(4, pin) if pin >= 0 else 0)
        if arrival >= self.periods:
            if pin >= 0:
                yield use, paid - float(problem.goods.salvage[item]), -1
            return
        for more, cost, line in self._fates(pool, int(lanes.to_warehouse[lane]), arrival):
            yield use + more, paid + cost, line

    def _opens(self, w: int) -> int:
        return self._one(2, w) if self.problem.places.opening_cost[w] > 0 else 0

    def _lateness(self, pool: int, lane: int, t: int, arrival: int, k: int) -> float | None:
        """What lateness costs a piece that serves line k; None when it may not."""
        problem, demand, lanes = self.problem, self.problem.demand, self.problem.lanes
        last = min(int(demand.last[k]), int(problem.goods.end_of_run[self.item]))
        if lanes.to_region[lane] != demand.region[k] or lanes.tier[lane] < demand.tier[k]:
            return None
        if not demand.opens[k] <= arrival <= last or (pool != FREE and pool != demand.channel[k]):
            return None
        ends = problem.time.boundaries[1:]
        return max(float(ends[arrival] - ends[demand.due[k]]), 0.0) / DAY_MS * float(demand.late_cost[k])

    def _closing(self, packed: int, orders: dict[tuple[int, int], tuple[int, bool]]) -> float:
        """Shortage, service, fair share and missed pins; endless where pins or expiry dates are broken."""
        problem, demand, goods = self.problem, self.problem.demand, self.problem.goods
        moved = self._block(packed, 4)
        cost = 0.0
        for n, row in enumerate(self.pins):
            missing = int(problem.pinned_moves.pieces[row]) - moved[n]
            if missing < 0:
                return float("inf")
            cost += missing * float(problem.pinned_moves.shortfall_price[row])
        if self.perishes and not self._in_date(packed, orders):
            return float("inf")
        served = self._block(packed, 3)
        asked = sum(int(demand.pieces[k]) for k in self.lines)
        cost += sum(
            (int(demand.pieces[k]) - got) * float(demand.shortage_cost[k])
            for k, got in zip(self.lines, served, strict=True)
        )
        below = float(goods.service_permille[self.item]) * asked - 1000.0 * sum(served)
        cost += max(below, 0.0) * float(goods.service_price[self.item]) / 1000.0
        future = [(k, got) for k, got in zip(self.lines, served, strict=True) if not demand.accepted[k]]
        whole = sum(int(demand.pieces[k]) for k, _ in future)
        for region in range(problem.regions):
            mine = [(int(demand.pieces[k]), got) for k, got in future if demand.region[k] == region]
            share = sum(got for _, got in future) * sum(q for q, _ in mine) / max(whole, 1)
            cost += max(share - sum(got for _, got in mine), 0.0) * float(goods.fair_price[self.item])
        return cost

    def _in_date(self, packed: int, orders: dict[tuple[int, int], tuple[int, bool]]) -> bool:
        """What expires by the end of a period has left by then, and no more than that was scrapped."""
        problem, item = self.problem, self.item
        due = [0] * self.periods
        opening = int(problem.stock.on_hand[item].sum())
        for row in np.flatnonzero(problem.expiring.item == item):
            due[int(problem.expiring.last[row])] += int(problem.expiring.pieces[row])
            opening -= int(problem.expiring.pieces[row])
        life = int(problem.goods.shelf_life[item])
        if life > 0:
            came = [(0, opening), *self._arrivals(orders)]
            mine = problem.inflow.item == item
            came += [
                (int(t), int(q)) for t, q in zip(problem.inflow.period[mine], problem.inflow.pieces[mine], strict=True)
            ]
            ends = problem.time.boundaries[1:]
            for t, q in came:
                until = int(problem.time.boundaries[t]) + life
                due[max([t, *(u for u in range(self.periods) if ends[u] <= until)])] += q
        gone, scrapped = self._block(packed, 5), self._block(packed, 6)
        return all(sum(scrapped[: t + 1]) <= sum(due[: t + 1]) <= sum(gone[: t + 1]) for t in range(self.periods - 1))

    def _block(self, packed: int, block: int) -> list[int]:
        mask = (1 << _BITS) - 1
        return [(packed >> (_BITS * k)) & mask for k in range(self.at[block], self.at[block + 1])]

    def _use(self, packed: int, shared: list[int]) -> Use:
        at, use = self.shape.start, shared.copy()
        use[at[1] : at[2]] = self._block(packed, 0)
        use[at[2] : at[3]] = self._block(packed, 1)
        for line, got in zip(self.lines, self._block(packed, 3), strict=True):
            for cap in (self.problem.demand.session_cap[line], self.problem.demand.run_cap[line]):
                if cap >= 0:
                    use[at[3] + int(cap)] += got
        for w, count in enumerate(self._block(packed, 2)):
            use[at[6] + w] = int(bool(count) or bool(use[at[6] + w]))
        return tuple(amount if counts else 0 for amount, counts in zip(use, self.shape.counts, strict=True))
