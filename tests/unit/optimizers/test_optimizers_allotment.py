"""Pieces dealt out all at once: as cheap as the linear program of the same transport, and worth what one more piece saves."""

from __future__ import annotations

import time

import numpy as np
import pytest

from optimizers import positions as at
from optimizers.allotment import allot
from optimizers.budget import Budget
from optimizers.coordination import Coordination, coordinate
from optimizers.milp import Floats, Model, solve_linear
from optimizers.params import Params
from optimizers.routes import INFINITE
from optimizers.samples import small_problem
from optimizers.solution import Ints

ROWS = 5


@pytest.fixture(scope="module")
def state() -> Coordination:
    """An item whose costs the tests replace by drawn ones."""
    return coordinate(small_problem(3, items=1), Params(), Budget(time.monotonic, 0.0, None, lambda: False))


def _dealt(state: Coordination, cost: Floats, value: Floats, pieces: Ints, asked: Ints, taken: Ints) -> float:
    """Cost of dealing `pieces` (rows,) out to lines that ask for `asked` (lines,) and lose `value` for each missing one."""
    work, rows = state.scratch[0], state.rows[0]
    lines = len(asked)
    work.allot.cost[:lines, :ROWS] = cost
    work.allot.leave[:] = 0.0
    work.line_money[at.W_LINE_VALUE, :lines] = value
    work.line[at.W_RANK, :lines] = np.arange(lines)
    work.line[at.W_TAKE, :lines] = taken
    rows.number[0] = ROWS
    rows.row[at.R_PIECES, :ROWS] = pieces
    rows.row[at.R_HUB, :ROWS] = np.arange(ROWS) < 2
    rows.open[:lines] = asked
    return float(allot(state.tables, 0, work, rows))


def _least(cost: Floats, value: Floats, pieces: Ints, asked: Ints) -> float:
    model = Model()
    possible = cost < INFINITE
    send = model.add_columns(
        cost.size, cost=np.where(possible, cost, 0.0).ravel(), upper=np.where(possible.ravel(), 99, 0)
    )
    short = model.add_columns(len(asked), cost=value)
    lines = model.add_rows(len(asked), lower=asked, upper=asked)
    model.add(lines, short, 1.0)
    model.add(lines[:, None], send.reshape(cost.shape), 1.0)
    model.add(model.add_rows(len(pieces), upper=pieces), send.reshape(cost.shape), 1.0)
    return solve_linear(model.arrays(), "glop").objective


@pytest.mark.parametrize("seed", range(40))
def test_pieces_are_dealt_out_at_least_cost(state: Coordination, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = int(state.lay.line_start[1])
    cost = np.where(rng.random((lines, ROWS)) < 0.2, INFINITE, rng.uniform(-5.0, 20.0, (lines, ROWS)))
    value, asked = rng.uniform(-2.0, 25.0, lines), rng.integers(0, 6, lines)
    pieces, taken = rng.integers(0, 2 * lines // ROWS + 4, ROWS), rng.integers(0, 4, lines)
    found = _dealt(state, cost, value, pieces, asked, taken)
    flow, worth = state.scratch[0].allot.flow[: ROWS + 1, :lines].copy(), state.scratch[0].allot.worth[:ROWS].copy()
    assert (flow >= 0).all()
    assert (flow.sum(axis=0) == asked).all()
    assert (flow[:ROWS].sum(axis=1) <= pieces).all()
    assert found == pytest.approx(_least(cost, value, pieces, asked), abs=0.01)
    for row in range(ROWS):
        more = pieces + (np.arange(ROWS) == row)
        assert found - _least(cost, value, more, asked) == pytest.approx(worth[row], abs=0.01)
