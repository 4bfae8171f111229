"""The shared limits as right-hand sides of prices: how much is free for new decisions, and the most a unit can be worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizers.columns import Flag
from optimizers.given import decided
from optimizers.layout import Layout
from optimizers.milp import Floats
from optimizers.problem import Problem
from optimizers.routes import Rates
from optimizers.solution import Ints
from optimizers.sweep import Use


@dataclass(frozen=True, slots=True)
class Limits:
    """Free amounts and price ceilings, in the shapes of `Rates`; an unlimited resource has ceiling 0.

    group (G*B,), lane (L, B), storage (W, T), cap (C,), lot (lots,); service is the need per item. A hard limit has an
    endless ceiling.
    """

    group: Floats
    lane: Floats
    storage: Floats
    cap: Floats
    lot: Floats
    service: Floats
    most: Rates


def limits_of(problem: Problem, lay: Layout) -> Limits:
    """Read the limits off the tables; what given orders and pinned moves take is taken already."""
    groups, lanes, places = problem.groups, problem.lanes, problem.places
    given = decided(problem)
    fixed = np.zeros(groups.capacity.shape)
    for mode in np.flatnonzero((problem.modes.group >= 0) & (given.pieces > 0).any(axis=1)):
        np.add.at(
            fixed[problem.modes.group[mode]], problem.time.bucket, given.pieces[mode] * float(problem.modes.usage[mode])
        )
    pinned = np.zeros(lanes.capacity.shape)
    moves = problem.pinned_moves
    np.add.at(pinned, (moves.lane, problem.time.bucket[moves.period]), moves.pieces * problem.goods.volume[moves.item])
    soft_group = (groups.overflow_price >= 0)[:, None]
    group = np.where(soft_group, groups.capacity - fixed, np.maximum(groups.capacity - fixed, 0.0))
    soft_lane = (lanes.overflow_price >= 0)[:, None]
    lane = np.where(soft_lane, lanes.capacity, np.maximum(lanes.capacity, pinned))
    most = Rates(
        _ceiling(groups.capacity >= 0, soft_group, groups.overflow_price[:, None]).ravel(),
        _ceiling(lanes.capacity >= 0, soft_lane, lanes.overflow_price[:, None]),
        np.where(_priced_storage(problem, lay)[:, None], places.overflow_price[:, None] / 1000.0 * lay.days, 0.0),
        np.full(len(problem.caps.pieces), np.inf),
        np.full(len(lay.lot_pieces), np.inf),
        np.where(lay.service_need > 0, lay.service_price, 0.0),
    )
    storage = np.broadcast_to(places.storage[:, None], most.storage.shape).astype(float)
    return Limits(
        np.where(groups.capacity >= 0, group, 0.0).ravel(),
        np.where(lanes.capacity >= 0, lane, 0.0),
        np.where(storage >= 0, storage, 0.0),
        problem.caps.pieces.astype(float),
        lay.lot_pieces.astype(float),
        lay.service_need,
        most,
    )


def _priced_storage(problem: Problem, lay: Layout) -> Flag:
    """Warehouses whose storage may have a price (W,).

    What lies in a warehouse that is not an item's hub can leave it by a transfer, which an item program does not weigh
    against the room it takes. A price there would charge for room that a plan can free, and the bound would be none.
    """
    transfers = np.unique(problem.lanes.origin[problem.lanes.to_warehouse >= 0])
    leaves = np.isin(np.arange(problem.sizes["W"]), transfers)
    hub_of_all = np.array([bool((lay.hub == place).all()) for place in range(problem.sizes["W"])], dtype=bool)
    return np.asarray((problem.places.storage >= 0) & (~leaves | hub_of_all), dtype=bool)


def _ceiling(limited: Flag, soft: Flag, price: Ints) -> Floats:
    return np.where(limited, np.where(soft, price, np.inf), 0.0)


def bound_of(limits: Limits, rates: Rates, use: Use) -> float:
    """Lagrangian bound: what the items cost under the prices, less what the limits are worth at them."""
    total = float(use.bound.sum()) + float((rates.service * limits.service).sum())
    for name in ("group", "lane", "storage", "cap"):
        total -= float((getattr(rates, name) * getattr(limits, name)).sum())
    return total
