"""The exact model solved in one piece: the oracle of the tests and the engine of small plans.

HiGHS serves about one item with its components to proven optimality; beyond a handful of items its bound closes too
slowly, which is what the price engine is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizers.formulation import Formulation, formulate
from optimizers.milp import Arrays, Floats, solve_integer
from optimizers.problem import Problem
from optimizers.restrict import Taken
from optimizers.solution import Deliveries, Ints, Moves, Orders, Plan, Scrap
from optimizers.terms import deal_out


@dataclass(frozen=True, slots=True)
class Exact:
    """Result of the exact model; plan is None when the limits ended it before any plan was found."""

    plan: Plan | None
    objective: float
    bound: float
    proven: bool
    nodes: int


def solve_exactly(
    problem: Problem,
    taken: Taken | None = None,
    *,
    held: tuple[Ints, npt.NDArray[np.bool_]] | None = None,
    node_limit: int | None = None,
    gap: float = 0.0,
    seed: int = 0,
    seconds: float | None = None,
) -> Exact:
    """Solve the whole problem as one mixed-integer program, against what other items have `taken`.

    Parameters
    ----------
    node_limit, seconds : limits of the branch and bound; None = none. With a node limit alone the result repeats.
    gap : relative gap at which to stop.
    held : (M, T) pieces and where they must be ordered exactly so; unlike pins they have to keep every rule.
    """
    form = formulate(problem, taken)
    program = form.model.arrays()
    if held is not None:
        _hold(form, program, *held)
    outcome = solve_integer(program, node_limit=node_limit, gap=gap, seed=seed, seconds=seconds)
    plan = None if outcome.values is None else read_plan(form, outcome.values)
    return Exact(plan, outcome.objective, outcome.bound, outcome.proven, outcome.nodes)


def _hold(form: Formulation, program: Arrays, pieces: Ints, where: npt.NDArray[np.bool_]) -> None:
    here = np.flatnonzero(where[form.order_mode, form.order_period])
    mode, period = form.order_mode[here], form.order_period[here]
    batches = pieces[mode, period] / form.problem.modes.multiple[mode]
    program.lower[form.batches[here]] = batches
    program.upper[form.batches[here]] = batches
    program.lower[form.placed[here]] = batches > 0
    program.upper[form.placed[here]] = batches > 0


def read_plan(form: Formulation, values: Floats) -> Plan:
    """Turn column values into decisions: integers are rounded, zeros dropped, lines sorted."""
    pieces = np.rint(values).astype(np.int64)
    moves, deliveries, scrap = [], [], []
    for item, own in enumerate(form.items):
        arcs = own.moves
        moves.append(
            np.stack([arcs.lane, np.full(len(arcs.lane), item), arcs.period, pieces[own.move], arcs.arrival, arcs.pool])
        )
        way = own.served
        flows = (way.out_door, way.out_term, way.out_time, pieces[way.sent])
        deliveries.append(deal_out(way.terms, way.arcs, pieces[way.release], *flows, pieces[way.line]))
        k, w, t = np.nonzero(own.scrap >= 0)
        pool = np.asarray(own.pools)[k]
        scrap.append(np.stack([np.full(len(k), item), w, t, pieces[own.scrap[k, w, t]] if len(k) else k, pool]))
    return Plan(
        _orders(form, pieces),
        Moves(*_sorted(np.concatenate(moves, axis=1), pieces=3, by=(1, 0, 2))),
        Deliveries(*_sorted(np.concatenate(deliveries, axis=1), pieces=3, by=(0, 1, 2))),
        Scrap(*_sorted(np.concatenate(scrap, axis=1), pieces=3, by=(1, 0, 2))),
    )


def _orders(form: Formulation, pieces: Ints) -> Orders:
    modes = form.problem.modes
    given_mode, given_period = np.nonzero(form.given.pieces)
    mode = np.concatenate([form.order_mode, given_mode])
    period = np.concatenate([form.order_period, given_period])
    placed = pieces[form.batches] * modes.multiple[form.order_mode]
    quantity = np.concatenate([placed, form.given.pieces[given_mode, given_period]])
    return Orders(*_sorted(np.stack([mode, period, quantity, modes.arrival[mode, period]]), pieces=2, by=(0, 1)))


def _sorted(table: Ints, *, pieces: int, by: tuple[int, ...]) -> Ints:
    kept = table[:, table[pieces] > 0].astype(np.int64)
    return kept[:, np.lexsort([kept[k] for k in by])]
