"""Seeded small problems with every feature of the trade, for tests, warm-up and measurements of correctness.

They are meant to be nasty rather than typical: tight capacity, stock in the wrong place, pins that break limits, goods that
expire, warehouses that are closed, prices that tie. `optimizers.markets` draws the large, typical ones.
"""

from __future__ import annotations

import numpy as np

from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.tables import (
    DAY_MS,
    Demand,
    Expiring,
    Goods,
    Groups,
    Inflow,
    Lanes,
    Modes,
    MoveLines,
    Offers,
    OrderLines,
    Places,
    SaleCaps,
    Stock,
    Suppliers,
    TimeAxis,
)

HOUR_MS = 3_600_000


def small_problem(seed: int, *, items: int = 2, warehouses: int = 2, regions: int = 2, periods: int = 4) -> Problem:
    """Draw a problem in which every table has rows and every optional rule is switched on for some of them."""
    rng = np.random.default_rng(seed)
    lengths = np.where(np.arange(periods) < periods // 2, 6 * HOUR_MS, DAY_MS)
    boundaries = np.concatenate([[0], np.cumsum(lengths)])
    day = np.unique(boundaries[:-1] // DAY_MS, return_inverse=True)[1]
    bucket = day if rng.random() < 0.5 else np.arange(periods)
    time = TimeAxis(boundaries, day, bucket)
    offers, modes, groups, suppliers = _supply(rng, items, periods, int(bucket[-1]) + 1)
    demand, caps = _demand(rng, items, regions, periods)
    lanes = _lanes(rng, warehouses, regions, periods, int(bucket[-1]) + 1)
    stock, expiring, inflow = _stock(rng, items, warehouses, periods)
    pins, published = _order_lines(rng, modes, periods)
    return Problem(
        time,
        _goods(rng, items, warehouses, periods),
        Places(
            storage=np.where(rng.random(warehouses) < 0.5, rng.integers(4, 20, warehouses), -1),
            overflow_price=rng.integers(500, 5000, warehouses),
            opening_cost=np.where(rng.random(warehouses) < 0.5, rng.integers(5, 60, warehouses), 0),
        ),
        regions,
        stock,
        lanes,
        suppliers,
        groups,
        offers,
        modes,
        demand,
        caps,
        inflow,
        expiring,
        pins,
        _pinned_move(rng, lanes, items, periods),
        published,
    )


def _goods(rng: np.random.Generator, items: int, warehouses: int, periods: int) -> Goods:
    def some(values: Ints, chance: float = 0.4) -> Ints:
        return np.where(rng.random(items) < chance, values, 0)

    return Goods(
        receiving=rng.integers(0, warehouses, items),
        volume=rng.integers(1, 4, items),
        salvage=rng.integers(0, 3, items),
        scrap_cost=rng.integers(0, 3, items),
        shelf_life=some(rng.integers(6, 60, items) * HOUR_MS),
        end_of_run=np.where(rng.random(items) < 0.3, rng.integers(0, periods, items), periods - 1),
        fence_lifts=np.where(rng.random(items) < 0.5, rng.integers(0, periods + 1, items), periods),
        change_cost=some(rng.integers(1, 6, items)),
        service_permille=some(rng.integers(500, 1001, items)),
        service_price=rng.integers(0, 20, items),
        fair_price=some(rng.integers(1, 10, items)),
    )


def _supply(
    rng: np.random.Generator, items: int, periods: int, buckets: int
) -> tuple[Offers, Modes, Groups, Suppliers]:
    suppliers = 2
    offers = np.array([(i, s) for i in range(items) for s in range(suppliers) if s == 0 or rng.random() < 0.4])
    rows = [(o, kind) for o in range(len(offers)) for kind in range(3) if kind == 0 or rng.random() < 0.4]
    offer, kind = np.array(rows).T
    count = len(offer)
    multiple = rng.integers(1, 5, len(offers))[offer]
    unit = rng.integers(4, 9, len(offers))[offer] - (kind == 1) + 2 * (kind == 2)
    lead = np.where(kind == 2, 0, rng.integers(0, 3, len(offers))[offer])
    release = np.arange(periods)
    arrival = np.minimum(release + lead[:, None], periods)
    arrival = np.where(rng.random((count, periods)) < 0.15, -1, arrival)
    moq = rng.integers(1, 6, len(offers))[offer] * np.where(kind == 1, 2, 1)
    roof = (moq + multiple - 1) // multiple * multiple
    maximum = np.where(rng.random(count) < 0.3, roof + multiple * rng.integers(0, 3, count), -1)
    modes = Modes(
        offer, arrival, unit, group=offers[offer, 1] - (rng.random(count) < 0.1) * (1 + offers[offer, 1]), moq=moq,
        multiple=multiple, maximum=maximum, order_cost=rng.integers(0, 30, count), usage=rng.integers(1, 3, count),
        tier=(kind == 1).astype(int), expedite=kind == 2, frozen_until=rng.integers(0, 2, count) * (rng.random(count) < 0.3),
    )  # fmt: skip
    capacity = np.where(rng.random((suppliers, buckets)) < 0.7, rng.integers(3, 25, (suppliers, buckets)), -1)
    groups = Groups(capacity, overflow_price=np.where(rng.random(suppliers) < 0.3, rng.integers(1, 9, suppliers), -1))
    return (
        Offers(
            offers[:, 0], offers[:, 1], rng.integers(0, 3, len(offers)), rng.integers(0, 3, len(offers)) * 5 * HOUR_MS
        ),
        modes,
        groups,
        Suppliers(np.where(rng.random(suppliers) < 0.4, rng.integers(10, 80, suppliers), 0)),
    )


def _demand(rng: np.random.Generator, items: int, regions: int, periods: int) -> tuple[Demand, SaleCaps]:
    cells = [(i, r, t) for i in range(items) for r in range(regions) for t in range(periods) if rng.random() < 0.5]
    rows = np.array([cell for cell in cells or [(0, 0, 0)] for _ in range(int(rng.integers(1, 3)))])
    count = len(rows)
    accepted = rng.random(count) < 0.3
    demand = Demand(
        rows[:, 0], rows[:, 1], rows[:, 2], rng.integers(0, 6, count),
        np.where(accepted, rng.integers(30, 60, count), rng.integers(3, 30, count)), accepted,
        late_cost=np.where(accepted, rng.integers(1, 8, count), 0), channel=rng.integers(1, 3, count),
        tier=(rng.random(count) < 0.2).astype(int), session_cap=rng.integers(-1, 1, count), run_cap=np.where(rng.random(count) < 0.5, 1, -1),
    )  # fmt: skip
    return demand, SaleCaps(rng.integers(4, 20, 2))


def _lanes(rng: np.random.Generator, warehouses: int, regions: int, periods: int, buckets: int) -> Lanes:
    ways = [(w, v, -1) for w in range(warehouses) for v in range(warehouses) if w != v and rng.random() < 0.8]
    ways += [(w, -1, r) for w in range(warehouses) for r in range(regions) if rng.random() < 0.85]
    ways = ways or [(0, -1, 0)]
    origin, to, region = np.array(ways).T
    count = len(ways)
    slow = rng.integers(0, 2, count) * np.where(to >= 0, 1, (rng.random(count) < 0.3))
    arrival = np.minimum(np.arange(periods) + slow[:, None], periods)
    arrival = np.where(rng.random((count, periods)) < 0.1, -1, arrival)
    return Lanes(
        origin, to, region, arrival, cost=rng.integers(0, 4, count), volume_cost=rng.integers(0, 900, count),
        capacity=np.where(rng.random((count, buckets)) < 0.3, rng.integers(0, 12, (count, buckets)), -1),
        overflow_price=np.where(rng.random(count) < 0.3, rng.integers(1, 6, count), -1), tier=rng.integers(0, 2, count),
    )  # fmt: skip


def _stock(rng: np.random.Generator, items: int, warehouses: int, periods: int) -> tuple[Stock, Expiring, Inflow]:
    shape = (items, warehouses)
    free, live, shelf = (rng.integers(0, 5, shape) * (rng.random(shape) < chance) for chance in (0.6, 0.3, 0.2))
    on_hand = free + live + shelf
    stock = Stock(on_hand, live, shelf, rng.integers(0, 900, shape))
    item = np.flatnonzero((on_hand.sum(axis=1) > 0) & (rng.random(items) < 0.4))
    expiring = Expiring(item, rng.integers(0, periods, len(item)), rng.integers(0, on_hand.sum(axis=1)[item] + 1))
    inflow = Inflow(*(rng.integers(0, top, 2) for top in (items, warehouses, periods, 5, 3)))
    return stock, expiring, inflow


def _order_lines(rng: np.random.Generator, modes: Modes, periods: int) -> tuple[OrderLines, OrderLines]:
    count = len(modes.offer)
    published = np.where(
        rng.random((count, periods)) < 0.15, modes.moq[:, None] + rng.integers(0, 3, (count, periods)), 0
    )
    pinned = (rng.random((count, periods)) < 0.06) & (modes.arrival >= 0)
    pieces = np.where(rng.random((count, periods)) < 0.4, 0, rng.integers(1, 8, (count, periods)))
    pinned &= np.arange(periods) >= modes.frozen_until[:, None]
    lines = []
    for cells, amount in ((pinned, pieces), (published > 0, published)):
        mode, period = np.nonzero(cells)
        lines.append(OrderLines(mode, period, amount[mode, period]))
    return lines[0], lines[1]


def _pinned_move(rng: np.random.Generator, lanes: Lanes, items: int, periods: int) -> MoveLines:
    lane, period = np.nonzero((lanes.arrival >= 0) & (lanes.to_warehouse >= 0)[:, None])
    if not len(lane) or rng.random() < 0.5:
        return MoveLines(*np.zeros((4, 0), dtype=np.int64))
    k = int(rng.integers(0, len(lane)))
    price = np.array([int(rng.integers(50, 500))])
    return MoveLines(lane[[k]], rng.integers(0, items, 1), period[[k]], rng.integers(1, 5, 1), price)
