"""Large, typical problems drawn from a seed, for measurements: `base` is the plain model, `all` has every feature.

Both have a central warehouse that receives, six regional ones, fourteen days and three order modes per item (main supplier,
cheaper and slower second supplier, expedite on the main supplier's capacity). `base` has days, one penalty per line, one
warehouse per region, and limits of suppliers, lanes and regional storage. `all` adds a limit of central storage, a first
day in hours with a live session, three shortage tranches, accepted orders, three warehouses that may serve each region
with stock at each, lateral lanes, live-dedicated warehouses that cost to open, inflow, fences, price breaks, spacing,
minimum order values, sale caps, shelf life, run ends, service targets, fair share, pins and a published plan. Figures are
synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.tables import (
    DAY_MS,
    Demand,
    Goods,
    Groups,
    Inflow,
    Lanes,
    Modes,
    Offers,
    OrderLines,
    Places,
    SaleCaps,
    Stock,
    Suppliers,
    TimeAxis,
)

REGIONS = 6
DAYS = 14
HOUR_MS = DAY_MS // 24


@dataclass(frozen=True, slots=True)
class _Draw:
    """What the tables of one market share: chance, sizes and the items' level of demand and cost."""

    rng: np.random.Generator
    items: int
    suppliers: int
    tightness: float
    full: bool
    boundaries: Ints
    day: Ints
    daily: Any
    unit: Ints
    volume: Ints

    @property
    def periods(self) -> int:
        return len(self.day)


def market(items: int, seed: int, *, tightness: float = 1.25, features: str = "base") -> Problem:
    """Draw a market.

    Parameters
    ----------
    tightness : supplier and lane capacity over mean demand; 1.05 is tight, 1.25 usual, 1.6 loose.
    features : ``base`` or ``all``.
    """
    if features not in ("base", "all"):
        raise ValueError(features)
    rng = np.random.default_rng([seed, items])
    full = features == "all"
    hours = np.arange(24) * HOUR_MS
    boundaries = np.concatenate([hours, np.arange(1, DAYS + 1) * DAY_MS]) if full else np.arange(DAYS + 1) * DAY_MS
    draw = _Draw(
        rng, items, min(40, max(4, items // 25)), tightness, full, boundaries, boundaries[:-1] // DAY_MS,
        np.clip(rng.lognormal(0.2, 0.7, items), 0.3, 6.0), rng.integers(2_000, 20_000, items), rng.integers(1, 5, items),
    )  # fmt: skip
    demand, caps = _demand(draw)
    offers, modes, groups, suppliers = _supply(draw)
    stock = _stock(draw)
    pins, published = _order_lines(draw, modes)
    return Problem(
        TimeAxis(boundaries, draw.day, draw.day),
        _goods(draw),
        _places(draw),
        REGIONS,
        stock,
        _lanes(draw),
        suppliers,
        groups,
        offers,
        modes,
        demand,
        caps,
        _inflow(draw),
        pins=pins,
        published=published,
    )


def _some(draw: _Draw, chance: float, values: Any, otherwise: Any = 0) -> Ints:
    return np.asarray(np.where((draw.rng.random(draw.items) < chance) & draw.full, values, otherwise))


def _goods(draw: _Draw) -> Goods:
    rng, n = draw.rng, draw.items
    return Goods(
        receiving=np.zeros(n, dtype=np.int64),
        volume=draw.volume,
        salvage=_some(draw, 0.7, draw.unit // 2, draw.unit // 2),
        scrap_cost=_some(draw, 0.5, 20),
        shelf_life=_some(draw, 0.15, rng.integers(5, 12, n) * DAY_MS),
        end_of_run=_some(draw, 0.15, rng.integers(draw.periods // 2 + 6, draw.periods, n), draw.periods - 1),
        fence_lifts=_some(draw, 0.3, 24, draw.periods),
        change_cost=_some(draw, 0.5, draw.unit // 200),
        service_permille=_some(draw, 0.2, 900),
        service_price=draw.unit // 20,
        fair_price=_some(draw, 0.2, draw.unit // 100),
    )


def _places(draw: _Draw) -> Places:
    total = float((draw.daily * REGIONS * draw.volume).sum())
    storage = np.array([30.0] + [4.0] * REGIONS) * total
    storage[1:] /= REGIONS
    storage[0] = storage[0] if draw.full else -1
    opening = np.zeros(REGIONS + 1, dtype=np.int64)
    if draw.full:
        opening[[REGIONS - 1, REGIONS]] = int(total * 40)
    return Places(storage.astype(np.int64), np.full(REGIONS + 1, 60_000), opening)


def _demand(draw: _Draw) -> tuple[Demand, SaleCaps]:
    """Poisson demand by item, region and period; in `all` split into tranches of falling penalty."""
    rng, n = draw.rng, draw.items
    share = rng.dirichlet(np.full(REGIONS, 8.0), n)
    rate = draw.daily[:, None, None] * share[:, :, None] * REGIONS * _season(draw)
    penalty = (draw.unit * rng.uniform(1.4, 2.6, n)).astype(np.int64)
    mean = rng.poisson(rate)
    if not draw.full:
        item, region, due = np.nonzero(mean)
        return Demand(item, region, due, mean[item, region, due], penalty[item]), SaleCaps(np.zeros(0, dtype=np.int64))
    rows = []
    for factor, part in ((1.0, 0.7), (0.8, 0.35), (0.55, 0.35)):
        pieces = rng.poisson(rate * part)
        item, region, due = np.nonzero(pieces)
        rows.append(
            (
                item,
                region,
                due,
                pieces[item, region, due],
                (penalty[item] * factor).astype(np.int64),
                np.zeros(len(item), bool),
            )
        )
    sold = rng.poisson(draw.daily[:, None] * 0.5, (n, REGIONS))
    item, region = np.nonzero(sold)
    due = rng.integers(4, 30, len(item))
    rows.append((item, region, due, sold[item, region], penalty[item] * 3, np.ones(len(item), bool)))
    item, region, due, pieces, short, accepted = (np.concatenate(column) for column in zip(*rows, strict=True))
    live = (due >= 20) & (due < 24)
    capped = np.flatnonzero(rng.random(n) < 0.1)
    cap = np.full(n, -1)
    cap[capped] = np.arange(len(capped))
    in_session = np.where(live & ~accepted, cap[item], -1)
    asked = np.bincount(in_session[in_session >= 0], pieces[in_session >= 0], len(capped))
    demand = Demand(
        item, region, due, pieces, short, accepted, late_cost=np.where(accepted, draw.unit[item] // 50, 0),
        channel=np.where(live, 1, 2), session_cap=in_session,
    )  # fmt: skip
    return demand, SaleCaps(np.maximum((asked * 0.9).astype(np.int64), 1))


def _season(draw: _Draw) -> Any:
    """(1, 1, T) pieces per period over pieces per day: a session in four hours of the first day, quiet hours around it."""
    days = np.diff(draw.boundaries) / DAY_MS
    weight = days.copy()
    if draw.full:
        weight[:24] = 0.0
        weight[[8, 12, 16]] = 0.15
        weight[20:24] = 0.5
    return weight[None, None, :]


def _supply(draw: _Draw) -> tuple[Offers, Modes, Groups, Suppliers]:
    rng, n = draw.rng, draw.items
    main = rng.integers(0, draw.suppliers, n)
    second = (main + rng.integers(1, draw.suppliers, n)) % draw.suppliers
    offers = Offers(
        np.repeat(np.arange(n), 2), np.stack([main, second], axis=1).ravel(),
        batches_per_day=np.full(2 * n, 2 if draw.full else 0), gap=np.full(2 * n, 3 * HOUR_MS if draw.full else 0),
    )  # fmt: skip
    kinds = 4 if draw.full else 3
    item = np.repeat(np.arange(n), kinds)
    kind = np.tile(np.arange(kinds), n)
    offer = 2 * item + (kind == 1)
    step = rng.integers(2, 13, n)[item]
    moq = np.maximum((draw.daily * REGIONS * rng.uniform(1.0, 4.0, n))[item].astype(np.int64), 1)
    moq = np.where(kind == 2, np.maximum(moq // 2, 1), np.where(kind == 3, moq * 3, moq))
    lead = np.where(kind == 2, 1, np.where(kind == 1, rng.integers(4, 8, n)[item], rng.integers(2, 4, n)[item]))
    factor = np.array([1.0, 0.93, 1.18, 0.96])[kind]
    modes = Modes(
        offer, _arrival(draw, lead), (draw.unit[item] * factor).astype(np.int64), group=offers.supplier[offer], moq=moq,
        multiple=step, order_cost=(rng.integers(2_000, 20_000, n)[item] * np.where(kind == 2, 1.5, 1.0)).astype(np.int64),
        tier=(kind == 3).astype(np.int64), expedite=kind == 2,
    )  # fmt: skip
    load = (
        np.bincount(main, draw.daily * REGIONS, draw.suppliers) * 0.75
        + np.bincount(second, draw.daily * REGIONS, draw.suppliers) * 0.25
    )
    wave = rng.uniform(0.6, 1.4, (draw.suppliers, DAYS))
    groups = Groups(np.maximum((load[:, None] * draw.tightness * wave).astype(np.int64), 1))
    least = np.where(rng.random(draw.suppliers) < 0.3, 40_000, 0) if draw.full else np.zeros(draw.suppliers)
    return offers, modes, groups, Suppliers(least.astype(np.int64))


def _arrival(draw: _Draw, lead: Ints) -> Ints:
    """Period in which an order released at a period's start plus `lead` days arrives; in hours only at 10, 14 and 18."""
    starts = draw.boundaries[:-1]
    found = np.searchsorted(draw.boundaries, starts + lead[:, None] * DAY_MS, side="left")
    found = np.minimum(found, draw.periods)
    if draw.full:
        found[:, [t for t in range(24) if t not in (10, 14, 18)]] = -1
    return found


def _lanes(draw: _Draw) -> Lanes:
    rng, periods = draw.rng, draw.periods
    ways: list[tuple[int, int, int, int, int, float]] = []
    for w in range(1, REGIONS + 1):
        ways.append((0, w, -1, int(rng.integers(80, 200)), int(rng.integers(1, 3)), 1.0))
        ways.append((w, -1, w - 1, 30, 0, -1.0))
        for step in (1, REGIONS - 1) if draw.full else ():
            near = (w - 1 + step) % REGIONS
            ways.append((w, -1, near, 160, 0, -1.0))
            ways.append((w, near + 1, -1, 120, 1, 0.5))
    origin, to, region, cost, lead, share = (np.array(column) for column in zip(*ways, strict=True))
    starts = draw.boundaries[:-1]
    arrival = np.searchsorted(draw.boundaries, starts + lead[:, None] * DAY_MS, side="left")
    arrival = np.minimum(np.where(lead[:, None] == 0, np.arange(periods), arrival), periods)
    volume = float((draw.daily * draw.volume).sum())
    wave = rng.uniform(0.7, 1.3, (len(ways), DAYS))
    capacity = np.where(share[:, None] > 0, volume * share[:, None] * draw.tightness * wave, -1).astype(np.int64)
    return Lanes(origin, to, region, arrival, cost, np.full(len(ways), 10_000), capacity)


def _stock(draw: _Draw) -> Stock:
    rng, n = draw.rng, draw.items
    hub = rng.poisson(draw.daily * REGIONS * rng.uniform(2.0, 6.0, n))
    local = rng.poisson(draw.daily[:, None] * rng.uniform(0.5, 3.0, (n, 1)), (n, REGIONS))
    on_hand = np.concatenate([hub[:, None], local * draw.full], axis=1)
    rate = np.concatenate([draw.unit[:, None], np.repeat(draw.unit[:, None] * 1.3, REGIONS, axis=1)], axis=1)
    live = np.zeros_like(on_hand)
    if draw.full:
        live[:, 1:] = np.where(rng.random((n, 1)) < 0.2, on_hand[:, 1:] // 3, 0)
    return Stock(on_hand, live, holding=rate.astype(np.int64))


def _inflow(draw: _Draw) -> Inflow:
    if not draw.full:
        return Inflow(*np.zeros((4, 0), dtype=np.int64))
    rng, n = draw.rng, draw.items
    item = np.flatnonzero(rng.random(n) < 0.3)
    count = len(item)
    pieces = rng.poisson(draw.daily[item] * REGIONS) + 1
    back = np.flatnonzero(rng.random(n) < 0.3)
    return Inflow(
        np.concatenate([item, back]),
        np.concatenate([np.zeros(count, dtype=np.int64), rng.integers(1, REGIONS + 1, len(back))]),
        np.concatenate([rng.integers(0, 28, count), rng.integers(24, draw.periods, len(back))]),
        np.concatenate([pieces, rng.poisson(draw.daily[back]) + 1]),
    )


def _order_lines(draw: _Draw, modes: Modes) -> tuple[OrderLines, OrderLines]:
    """A few pins and a published plan, on the main supplier; none in `base`."""
    lines = []
    for chance, period in ((0.01, 14), (0.2, 25)):
        item = np.flatnonzero((draw.rng.random(draw.items) < chance) & draw.full)
        mode = item * 4
        pieces = (modes.moq[mode] // modes.multiple[mode] + 1) * modes.multiple[mode]
        lines.append(OrderLines(mode, np.full(len(item), period), pieces))
    return lines[0], lines[1]
