"""What is decided before the solver starts: pinned orders, frozen orders, and which orders are still open to decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizers.problem import Problem
from optimizers.solution import Ints


@dataclass(frozen=True, slots=True)
class Decided:
    """Orders by (mode, period).

    fixed : (M, T) bool, the quantity is given. pieces : (M, T) the given quantities. published : (M, T) pieces of the
    published plan. open : (M, T) bool, the solver may order here.
    """

    fixed: npt.NDArray[np.bool_]
    pieces: Ints
    published: Ints
    open: npt.NDArray[np.bool_]


def decided(problem: Problem) -> Decided:
    """Pins first, then the published plan inside the frozen horizon; the rest that can arrive in time is open.

    A published order whose release period has become impossible is not repeated.
    """
    modes = problem.modes
    count, periods = len(modes.offer), problem.sizes["T"]
    published = np.zeros((count, periods), dtype=np.int64)
    published[problem.published.mode, problem.published.period] = problem.published.pieces
    fixed = np.arange(periods) < modes.frozen_until[:, None]
    pieces = np.where(fixed & (modes.arrival >= 0), published, 0)
    fixed[problem.pins.mode, problem.pins.period] = True
    pieces[problem.pins.mode, problem.pins.period] = problem.pins.pieces
    can = (modes.arrival >= 0) & (modes.arrival < periods)
    return Decided(fixed, pieces, published, can & ~fixed)


def expiry(problem: Problem, item: int) -> Ints:
    """(T,) last period in which pieces of the item that arrive in each period may be delivered.

    The last period that ends before the shelf life does, at least the period of arrival; T-1 when they do not perish.
    """
    life = int(problem.goods.shelf_life[item])
    starts, ends = problem.time.boundaries[:-1], problem.time.boundaries[1:]
    periods = len(starts)
    if life == 0:
        return np.full(periods, periods - 1, dtype=np.int64)
    last = np.searchsorted(ends, starts + life, side="right") - 1
    return np.asarray(np.maximum(last, np.arange(periods)), dtype=np.int64)


def most_pieces(problem: Problem, modes: Ints, published: Ints) -> Ints:
    """(M', T) largest order worth considering for each of `modes`: all demand, its MOQ, or what was published.

    More in one order can only be leftover, which is worth less than it costs; a supplier's minimum value may still call
    for it, so its worth in pieces is added, and one multiple so that "one batch more" can always be asked.
    """
    total = np.bincount(problem.demand.item, problem.demand.pieces, len(problem.goods.receiving)).astype(np.int64)
    rows = problem.modes
    value = problem.suppliers.minimum_value[problem.mode_supplier[modes]]
    extra = -(-value // np.maximum(rows.unit_cost[modes], 1))
    need = np.maximum(rows.moq[modes], total[problem.mode_item[modes]] + extra)[:, None]
    multiple = rows.multiple[modes][:, None]
    most = -(-np.maximum(need, published) // multiple) * multiple + multiple
    limit = np.where(rows.maximum[modes] < 0, np.iinfo(np.int64).max, rows.maximum[modes])[:, None]
    return np.asarray(np.minimum(most, limit // multiple * multiple))
