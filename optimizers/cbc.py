"""A program solved by CBC inside OR-Tools, by the older interface that every introduction shows: the peer a user would try first.

Nothing of the engine uses it; benchmarks do. Its time limit counts seconds of its processor and is looked at between steps
that may take long, so who needs an end at a certain moment runs it in a process that can be ended.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from optimizers.milp import Arrays, Outcome

_KNOWN = 1e49
"""CBC writes 1e50 for a bound it does not have."""


def solve_with_cbc(program: Arrays, *, gap: float, seconds: float, aloud: bool = False) -> Outcome:
    """Solve with CBC's own defaults.

    gap : relative gap at which to stop. aloud : print CBC's log.

    Returns
    -------
    Outcome
        `proven` only when CBC reports an optimum within `gap`; values only when it reports a feasible point. An infeasible
        program has an endless bound.
    """
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("CBC")
    solver.LoadModelFromProto(_message(program))
    solver.set_time_limit(max(int(seconds * 1000), 1))
    if aloud:
        solver.EnableOutput()
    wanted = pywraplp.MPSolverParameters()
    wanted.SetDoubleParam(wanted.RELATIVE_MIP_GAP, gap)
    started = time.perf_counter()
    status = solver.Solve(wanted)
    spent = time.perf_counter() - started
    if status == pywraplp.Solver.INFEASIBLE:
        return Outcome(None, np.inf, np.inf, False, 0, None, spent)
    bound = float(solver.Objective().BestBound())
    bound = bound if abs(bound) < _KNOWN else -np.inf
    nodes = int(solver.nodes())
    if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return Outcome(None, np.inf, bound, False, nodes, None, spent)
    values = np.array([each.solution_value() for each in solver.variables()], dtype=float)
    proven = status == pywraplp.Solver.OPTIMAL
    return Outcome(values, float(solver.Objective().Value()), bound, proven, nodes, None, spent)


def _message(program: Arrays) -> Any:
    from ortools.linear_solver import linear_solver_pb2

    message = linear_solver_pb2.MPModelProto(objective_offset=program.offset)
    columns = (program.lower, program.upper, program.cost, program.integer)
    for lower, upper, cost, integer in zip(*(each.tolist() for each in columns), strict=True):
        message.variable.add(lower_bound=lower, upper_bound=upper, objective_coefficient=cost, is_integer=integer)
    ends = np.searchsorted(program.row, np.arange(len(program.low) + 1)).tolist()
    column, value = program.column.tolist(), program.value.tolist()
    for row, (low, high) in enumerate(zip(program.low.tolist(), program.high.tolist(), strict=True)):
        own = slice(ends[row], ends[row + 1])
        message.constraint.add(lower_bound=low, upper_bound=high, var_index=column[own], coefficient=value[own])
    return message
