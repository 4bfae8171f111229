"""Which pieces may go where and when: every permitted move of an item on the time-expanded network.

The exact model, the item program and the planners' explanations all walk the same ways, so they are listed once.
`verify` does not use this list: it judges from the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.tables import FREE, LIVE, SHELF


class MoveArcs(NamedTuple):
    """Permitted releases between warehouses; `pinned` is the row of the pin that fixes it, or -1."""

    lane: Ints
    period: Ints
    arrival: Ints
    pool: Ints
    pinned: Ints


@dataclass(frozen=True, slots=True)
class Supply:
    """Given supply of one item.

    pools : the pools that ever hold stock, FREE first. pieces : (pools, W, T) pieces that appear in each period, opening
    stock in period 0; ring-fenced supply counts as free from the period in which the fence lifts.
    """

    pools: tuple[int, ...]
    pieces: Ints


def supply_of(problem: Problem, item: int) -> Supply:
    """Opening stock and dated inflow of the item; fixed orders are not in it."""
    stock, sizes = problem.stock, problem.sizes
    lifts = int(problem.goods.fence_lifts[item])
    pieces = np.zeros((3, sizes["W"], sizes["T"]), dtype=np.int64)
    live, shelf = stock.live[item], stock.shelf[item]
    for pool, amount in ((FREE, stock.on_hand[item] - live - shelf), (LIVE, live), (SHELF, shelf)):
        pieces[pool if lifts > 0 else FREE, :, 0] += amount
    rows = np.flatnonzero(problem.inflow.item == item)
    inflow = problem.inflow
    pools = np.where(inflow.period[rows] >= lifts, FREE, inflow.pool[rows])
    np.add.at(pieces, (pools, inflow.warehouse[rows], inflow.period[rows]), inflow.pieces[rows])
    held = [FREE] + [pool for pool in (LIVE, SHELF) if pieces[pool].any()]
    return Supply(tuple(held), pieces[held])


def move_arcs(problem: Problem, item: int, pools: tuple[int, ...]) -> MoveArcs:
    """Moves that arrive within the horizon, and pinned ones whenever they arrive."""
    lanes, periods = problem.lanes, problem.sizes["T"]
    between = np.flatnonzero(lanes.to_warehouse >= 0)
    pinned = np.full((len(lanes.origin), periods), -1, dtype=np.int64)
    rows = np.flatnonzero(problem.pinned_moves.item == item)
    pinned[problem.pinned_moves.lane[rows], problem.pinned_moves.period[rows]] = rows
    usable = ((lanes.arrival >= 0) & (lanes.arrival < periods)) | (pinned >= 0)
    lane, period = np.nonzero(usable[between])
    lane = between[lane]
    lifts = int(problem.goods.fence_lifts[item])
    parts = []
    for pool in pools:
        kept = np.ones(len(lane), bool) if pool == FREE else (period < lifts) & (lanes.arrival[lane, period] < periods)
        pin = pinned[lane[kept], period[kept]] if pool == FREE else np.full(int(kept.sum()), -1)
        columns = (lane[kept], period[kept], lanes.arrival[lane[kept], period[kept]], np.full(len(pin), pool), pin)
        parts.append(np.stack([np.asarray(each, dtype=np.int64) for each in columns]))
    return MoveArcs(*np.concatenate(parts, axis=1))


def pool_at_arrival(problem: Problem, item: int, pool: Ints, arrival: Ints) -> Ints:
    """Ring-fenced pieces that arrive when the fence has lifted arrive as free stock."""
    return np.where(arrival >= problem.goods.fence_lifts[item], FREE, pool)
