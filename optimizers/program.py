"""A program under construction: what its writers share, the numbers of columns and rows by their meaning."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizers.arcs import MoveArcs
from optimizers.given import Decided
from optimizers.milp import Model
from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.terms import DoorArcs, Terms


@dataclass(slots=True)
class Served:
    """Columns of one item's deliveries: releases to doors, flows from doors to terms, pieces per line of `terms`."""

    terms: Terms
    arcs: DoorArcs
    release: Ints
    out_door: Ints
    out_term: Ints
    out_time: Ints
    sent: Ints
    line: Ints


@dataclass(slots=True)
class ItemColumns:
    """Columns of one item's flows: arcs with their column numbers; scrap as (pool, W, T) columns, -1 where none."""

    moves: MoveArcs
    move: Ints
    served: Served
    pools: tuple[int, ...]
    scrap: Ints


@dataclass(slots=True)
class Formulation:
    """A model under construction with the numbers of its shared rows and columns.

    order_mode, order_period : open orders. batches, placed : their columns (multiples ordered, order placed or not).
    group_rows (G, B), lane_rows (L, B), storage_rows (W, T), cap_rows (C,) : row numbers, -1 where unlimited.
    opened : (W,) column that says a warehouse is used, -1 where that is free.
    """

    problem: Problem
    given: Decided
    model: Model
    order_mode: Ints
    order_period: Ints
    batches: Ints
    placed: Ints
    group_rows: Ints
    lane_rows: Ints
    storage_rows: Ints
    cap_rows: Ints
    opened: Ints
    items: list[ItemColumns] = field(default_factory=list)
