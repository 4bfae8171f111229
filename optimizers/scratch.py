"""Working memory of one thread: allocated once for the largest item and reused, so that kernels allocate nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from optimizers.layout import Layout
from optimizers.milp import Floats
from optimizers.solution import Ints


class Scratch(NamedTuple):
    """Arrays named after what `item_program` and `dispatch` keep in them; sizes are maxima over all items."""

    leg: Floats
    stay: Floats
    cost: Floats
    step: Ints
    key: Ints
    line: Ints
    line_money: Floats
    cand: Ints
    lot_base: Floats
    time: Ints
    time_money: Floats
    value: Floats
    other: Floats
    queue: Ints
    choice: npt.NDArray[np.int32]
    stage: Ints


def scratch_for(lay: Layout) -> Scratch:
    """Allocate for the largest item of `lay`."""
    lines = _most(lay.line_start)
    cands = _most(lay.cand_start)
    lots = _most(lay.lot_start)
    keys = 3 * (int(lay.line_key.max()) + 1 if len(lay.line_key) else 0) + 3
    periods, places = lay.periods, lay.warehouses
    states = int(_states(lay))
    stages = lines + cands + 3 * periods + 2

    def ints(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return Scratch(
        leg=np.zeros((len(lay.lane_origin), periods)), stay=np.zeros((places, periods)),
        cost=np.zeros((keys, places, periods)), step=ints(keys, places, periods), key=ints(5, keys), line=ints(5, lines),
        line_money=np.zeros((5, lines)), cand=ints(2, cands), lot_base=np.zeros(lots), time=ints(3, periods),
        time_money=np.zeros((2, periods + 1)), value=np.zeros(states), other=np.zeros(states), queue=ints(states),
        choice=np.zeros((stages, states), dtype=np.int32), stage=ints(3, stages),
    )  # fmt: skip


def _most(start: Ints) -> int:
    return max(int(np.diff(start).max(initial=0)), 1)


def _states(lay: Layout) -> int:
    """Stock levels of the largest item: late-able pieces below zero, all demand above, and room for one order."""
    items = len(lay.hub)
    owner = np.repeat(np.arange(items), np.diff(lay.line_start))
    demand = np.bincount(owner, lay.line_pieces, items)
    late = np.bincount(owner, lay.line_pieces * (lay.line_last > lay.line_due), items)
    buyer = np.repeat(np.arange(items), np.diff(lay.cand_start))
    pad = np.zeros(items)
    np.maximum.at(pad, buyer, (lay.cand_low + lay.cand_step).astype(float))
    return int((demand + late + pad).max(initial=0)) + 4
