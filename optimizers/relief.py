"""What to relax, ranked: every limit that a plan may lean on is lifted alone, and everything planned again.

Shadow prices say what one unit more is worth; a planner who calls a supplier wants to know what the call is worth. So a gain is
the difference of two plans and no derivative. It is as exact as the plans are: within the sum of their gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from optimizers.engine import never, solve
from optimizers.ledger import post
from optimizers.milp import Floats
from optimizers.params import Params
from optimizers.problem import Problem
from optimizers.solution import Ints, Solution


class Limit(StrEnum):
    """A kind of limit that somebody could lift."""

    SUPPLIER_CAPACITY = "supplier capacity"
    LANE_CAPACITY = "lane capacity"
    STORAGE = "storage"
    MOQ = "minimum order quantity"
    SPACING = "batches per day and the gap between them"
    MINIMUM_VALUE = "minimum order value"
    FENCE = "ring-fenced stock"


@dataclass(frozen=True, slots=True)
class Relief:
    """What lifting one limit brings.

    where : row of the capacity group, lane, warehouse, offer, supplier or item. gain : minor units that the plan gets
    cheaper. pieces : demand pieces that are served more. digest : of the plan without the limit.
    """

    limit: Limit
    where: int
    gain: int
    pieces: int
    digest: str


_BUSY = 0.5
"""A lane or a warehouse that is never fuller than this is no limit worth a plan of its own."""


def reliefs(
    problem: Problem,
    solution: Solution,
    limits: Iterable[tuple[Limit, int]],
    params: Params | None = None,
    *,
    cancel: Callable[[], bool] = never,
) -> Iterator[Relief | None]:
    """Lift one limit after the other and plan again; None for those that bring nothing, so that progress can be shown.

    Parameters
    ----------
    limits : what to lift, see `candidates`.
    params : as for the plan itself; other work limits would compare plans of different quality.
    """
    for limit, where in limits:
        if cancel():
            return
        free = solve(lifted(problem, limit, where), params, cancel=cancel)
        gain = solution.objective - free.objective
        served = int(solution.shortage.sum() - free.shortage.sum())
        yield Relief(limit, where, gain, served, free.digest) if gain > 0 else None


def ranked(found: list[Relief]) -> list[Relief]:
    """Sort by gain, the largest first."""
    return sorted(found, key=lambda each: (-each.gain, each.limit, each.where))


def candidates(problem: Problem, solution: Solution) -> list[tuple[Limit, int]]:
    """Limits that the plan may lean on, in a fixed order."""
    modes, offers, stock = problem.modes, problem.offers, problem.stock
    limited = np.flatnonzero((problem.groups.capacity >= 0).any(axis=1))
    dear = modes.moq > modes.multiple
    spaced = (offers.batches_per_day > 0) | (offers.gap > 0)
    fenced = (stock.live + stock.shelf).sum(axis=1) > 0
    found = [(Limit.SUPPLIER_CAPACITY, int(row)) for row in np.intersect1d(limited, modes.group)]
    found += [(Limit.LANE_CAPACITY, int(row)) for row in np.flatnonzero(_lane_load(problem, solution) >= _BUSY)]
    found += [(Limit.STORAGE, int(row)) for row in np.flatnonzero(_storage_load(problem, solution) >= _BUSY)]
    found += [(Limit.MOQ, int(row)) for row in np.unique(modes.offer[dear])]
    found += [(Limit.SPACING, int(row)) for row in np.flatnonzero(spaced)]
    found += [(Limit.MINIMUM_VALUE, int(row)) for row in np.flatnonzero(problem.suppliers.minimum_value > 0)]
    return found + [(Limit.FENCE, int(row)) for row in np.flatnonzero(fenced)]


def lifted(problem: Problem, limit: Limit, where: int) -> Problem:
    """The same problem without one limit."""

    def without(column: Ints, value: int) -> Ints:
        changed = column.copy()
        changed[where] = value
        return changed

    match limit:
        case Limit.SUPPLIER_CAPACITY:
            return replace(problem, groups=replace(problem.groups, capacity=without(problem.groups.capacity, -1)))
        case Limit.LANE_CAPACITY:
            return replace(problem, lanes=replace(problem.lanes, capacity=without(problem.lanes.capacity, -1)))
        case Limit.STORAGE:
            return replace(problem, places=replace(problem.places, storage=without(problem.places.storage, -1)))
        case Limit.MOQ:
            modes = problem.modes
            own = (modes.offer == where) & (modes.tier == modes.tier[modes.offer == where].min())
            moq = np.where(own, np.minimum(modes.moq, modes.multiple), modes.moq)
            return replace(problem, modes=replace(modes, moq=moq))
        case Limit.SPACING:
            offers = problem.offers
            free = replace(offers, batches_per_day=without(offers.batches_per_day, 0), gap=without(offers.gap, 0))
            return replace(problem, offers=free)
        case Limit.MINIMUM_VALUE:
            value = without(problem.suppliers.minimum_value, 0)
            return replace(problem, suppliers=replace(problem.suppliers, minimum_value=value))
        case Limit.FENCE:
            stock = problem.stock
            return replace(problem, stock=replace(stock, live=without(stock.live, 0), shelf=without(stock.shelf, 0)))


def _lane_load(problem: Problem, solution: Solution) -> Floats:
    """(L,) largest share of its capacity that a lane uses in a bucket; 0 without capacity, 1 where it has none left at all."""
    capacity, bucket = problem.lanes.capacity, problem.time.bucket
    used = np.zeros(capacity.shape)
    moves, ships = solution.moves, solution.deliveries
    for lane, item, period, pieces in (
        (moves.lane, moves.item, moves.period, moves.pieces),
        (ships.lane, problem.demand.item[ships.demand], ships.period, ships.pieces),
    ):
        np.add.at(used, (lane, bucket[period]), pieces * problem.goods.volume[item])
    share = np.where(capacity >= 0, used / np.maximum(capacity, 1), 0.0)
    return np.asarray(np.where(capacity == 0, 1.0, share).max(axis=1, initial=0.0))


def _storage_load(problem: Problem, solution: Solution) -> Floats:
    """(W,) largest share of its storage that a warehouse fills."""
    storage = problem.places.storage
    fullest = post(problem, solution.plan).volume.max(axis=1, initial=0)
    return np.asarray(np.where(storage >= 0, fullest / np.maximum(storage, 1), 0.0))
