"""Mixed-integer programs as arrays, solved by OR-Tools.

The expression APIs of OR-Tools cost seconds per hundred thousand terms, so a model is collected as numpy columns, rows
and entries and handed over as one protocol buffer. HiGHS inside OR-Tools does the work: a second HiGHS must not be
loaded beside it, and the `threads` parameter is refused by it, so it is never set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizers.solution import Ints

Floats = npt.NDArray[np.float64]
UNLIMITED = np.inf


@dataclass(slots=True)
class Model:
    """Columns, rows and entries of a minimisation, appended in blocks."""

    columns: int = 0
    rows: int = 0
    offset: float = 0.0
    _columns: list[tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]] = field(default_factory=list)
    _rows: list[tuple[Floats, Floats]] = field(default_factory=list)
    _entries: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)

    def add_columns(
        self, count: int, *, upper: Any = UNLIMITED, cost: Any = 0.0, integer: bool = False, lower: Any = 0.0
    ) -> Ints:
        """Append `count` columns; scalars are repeated. Returns their numbers."""
        block = [np.broadcast_to(np.asarray(each, dtype=float), (count,)) for each in (lower, upper, cost)]
        self._columns.append((block[0], block[1], block[2], np.full(count, integer)))
        self.columns += count
        return np.arange(self.columns - count, self.columns, dtype=np.int64)

    def add_rows(self, count: int, *, lower: Any = -UNLIMITED, upper: Any = UNLIMITED) -> Ints:
        """Append `count` rows without entries; scalars are repeated. Returns their numbers."""
        low, high = (np.broadcast_to(np.asarray(each, dtype=float), (count,)) for each in (lower, upper))
        self._rows.append((low, high))
        self.rows += count
        return np.arange(self.rows - count, self.rows, dtype=np.int64)

    def add(self, rows: Any, columns: Any, values: Any) -> None:
        """Append entries; the three arguments are broadcast against each other. Repeated entries add up."""
        r, c, v = np.broadcast_arrays(np.asarray(rows), np.asarray(columns), np.asarray(values, dtype=float))
        self._entries.append((r.ravel().astype(np.int64), c.ravel().astype(np.int64), v.ravel()))

    def arrays(self) -> Arrays:
        """Everything appended so far, entries summed and sorted by row and column."""
        lower, upper, cost = (np.concatenate([block[k] for block in self._columns]) for k in range(3))
        integer = np.concatenate([block[3] for block in self._columns])
        low, high = (np.concatenate([np.zeros(0), *(block[k] for block in self._rows)]) for k in range(2))
        r = np.concatenate([np.zeros(0, np.int64), *(block[0] for block in self._entries)])
        c = np.concatenate([np.zeros(0, np.int64), *(block[1] for block in self._entries)])
        v = np.concatenate([np.zeros(0), *(block[2] for block in self._entries)])
        keys, place = np.unique(r * max(self.columns, 1) + c, return_inverse=True)
        summed = np.bincount(place, v, len(keys)).astype(float)
        width = max(self.columns, 1)
        return Arrays(lower, upper, cost, integer, low, high, keys // width, keys % width, summed, self.offset)


@dataclass(frozen=True, slots=True)
class Arrays:
    """A finished program: columns (lower, upper, cost, integer), rows (low, high), entries (row, column, value)."""

    lower: Floats
    upper: Floats
    cost: Floats
    integer: npt.NDArray[np.bool_]
    low: Floats
    high: Floats
    row: Ints
    column: Ints
    value: Floats
    offset: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the solver found: values are None when it found no feasible point within its limits.

    seconds : wall time of the solver alone, without handing the model over.
    """

    values: Floats | None
    objective: float
    bound: float
    proven: bool
    nodes: int
    row_prices: Floats | None
    seconds: float = 0.0


def solve_integer(
    program: Arrays,
    *,
    node_limit: int | None,
    gap: float,
    seed: int,
    seconds: float | None,
    hint: Floats | None = None,
    solver: str = "highs",
    aloud: bool = False,
) -> Outcome:
    """Solve with HiGHS in OR-Tools under a node limit and, when given, a time limit.

    solver : "highs", or "cp-sat" for comparisons on programs whose columns are all integer. aloud : print its log.

    Returns
    -------
    Outcome
        `proven` only when the solver reports an optimum within `gap`; any other status is believed only as far as the
        primal point and the bound it carries.
    """
    from ortools.math_opt.python import mathopt

    model = mathopt.Model.from_model_proto(_proto(program))
    parameters = mathopt.SolveParameters(
        node_limit=node_limit,
        relative_gap_tolerance=gap,
        absolute_gap_tolerance=0.0 if gap == 0 else None,
        random_seed=seed,
        time_limit=None if seconds is None else timedelta(seconds=max(seconds, 0.01)),
        enable_output=aloud,
    )
    hints = mathopt.ModelSolveParameters()
    if hint is not None:
        start = mathopt.SolutionHint(variable_values=dict(zip(model.variables(), hint.tolist(), strict=True)))
        hints.solution_hints.append(start)
    kind = {"highs": mathopt.SolverType.HIGHS, "cp-sat": mathopt.SolverType.CP_SAT}[solver]
    result = mathopt.solve(model, kind, params=parameters, model_params=hints)
    return _outcome(result, mathopt, model)


def solve_linear(
    program: Arrays, solver: str, *, tolerance: float | None = None, seconds: float | None = None, threads: int = 1
) -> Outcome:
    """Solve the linear relaxation with `glop` (exact vertices and duals) or `pdlp` (first order, to `tolerance`).

    threads : of `pdlp` alone.
    """
    from ortools.math_opt.python import mathopt

    proto = _proto(program)
    proto.variables.integers[:] = [False] * len(program.cost)
    model = mathopt.Model.from_model_proto(proto)
    parameters = mathopt.SolveParameters(time_limit=None if seconds is None else timedelta(seconds=max(seconds, 0.01)))
    if tolerance is not None:
        criteria = parameters.pdlp.termination_criteria.simple_optimality_criteria
        criteria.eps_optimal_relative = tolerance
        criteria.eps_optimal_absolute = tolerance
    parameters.pdlp.num_threads = threads
    kind = {"glop": mathopt.SolverType.GLOP, "pdlp": mathopt.SolverType.PDLP}[solver]
    result = mathopt.solve(model, kind, params=parameters)
    return _outcome(result, mathopt, model)


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A solved relaxation.

    cost : endless when no point keeps the bounds, not a number when the solver gave up, so that nothing is known.
    values : None in both of these cases. basis : where a solve with almost the same bounds starts best; None with values.
    """

    cost: float
    values: Floats | None = None
    basis: Any = None


class LinearProgram:
    """The linear relaxation of a program, kept in GLOP so that a solve with other bounds starts from a basis known before.

    The primal simplex with the plainest choice of the entering column is three times as fast here as the dual one or a
    steepest edge, after a change of bounds too: columns are many, short and cheap to price.

    It speaks to the solver in messages. The Python layer above them turns every dual value and every entry of the basis
    into an object of its own, which took twice the time of the simplex.
    """

    def __init__(self, program: Arrays) -> None:
        from ortools.glop import parameters_pb2 as glop_pb2
        from ortools.math_opt import callback_pb2, model_parameters_pb2, model_update_pb2, parameters_pb2, result_pb2
        from ortools.math_opt.core.python import solver

        proto = _proto(program)
        proto.variables.integers[:] = [False] * len(program.cost)
        self._count = len(program.cost)
        self._lower, self._upper = program.lower.copy(), program.upper.copy()
        self._update, self._result = model_update_pb2, result_pb2
        self._nobody = callback_pb2.CallbackRegistrationProto()
        self._asked = model_parameters_pb2.ModelSolveParametersProto()
        self._asked.variable_values_filter.skip_zero_values = True
        for unwanted in (self._asked.dual_values_filter, self._asked.reduced_costs_filter):
            unwanted.filter_by_ids = True
        start = parameters_pb2.SolverInitializerProto()
        self._solver = solver.new(parameters_pb2.SOLVER_TYPE_GLOP, proto, start)
        rules = glop_pb2.GlopParameters
        self._simplex = parameters_pb2.SolveParametersProto(
            lp_algorithm=parameters_pb2.LP_ALGORITHM_PRIMAL_SIMPLEX,
            presolve=parameters_pb2.EMPHASIS_OFF,
            glop=rules(optimization_rule=rules.DANTZIG, feasibility_rule=rules.DANTZIG),
        )

    def solve(self, lower: Floats, upper: Floats, basis: Any = None) -> Relaxed:
        """Solve under these column bounds, from `basis` or else from where the last solve ended.

        Raises
        ------
        RuntimeError
            If the solver cannot take other bounds: a defect of this class.
        """
        self._move(lower, upper)
        self._asked.ClearField("initial_basis")
        if basis is not None:
            self._asked.initial_basis.CopyFrom(basis)
        result = self._solver.solve(self._simplex, self._asked, None, self._nobody, None, None)
        reason = result.termination.reason
        if reason == self._result.TERMINATION_REASON_OPTIMAL:
            found = result.solutions[0].primal_solution
            values = np.zeros(self._count)
            values[np.array(found.variable_values.ids, dtype=np.int64)] = found.variable_values.values
            return Relaxed(float(found.objective_value), values, result.solutions[0].basis)
        known = reason == self._result.TERMINATION_REASON_INFEASIBLE
        return Relaxed(np.inf if known else np.nan)

    def _move(self, lower: Floats, upper: Floats) -> None:
        """Tell the solver the bounds that differ from the last ones."""
        update = self._update.ModelUpdateProto()
        changes = update.variable_updates
        for now, before, told in (
            (lower, self._lower, changes.lower_bounds),
            (upper, self._upper, changes.upper_bounds),
        ):
            moved = np.flatnonzero(now != before)
            told.ids.extend(moved.tolist())
            told.values.extend(now[moved].tolist())
        self._lower, self._upper = lower.copy(), upper.copy()
        if not self._solver.update(update):
            raise RuntimeError("GLOP refused other bounds")


def _proto(program: Arrays) -> Any:
    from ortools.math_opt import model_pb2

    proto = model_pb2.ModelProto()
    count = len(program.cost)
    proto.variables.ids.extend(range(count))
    proto.variables.lower_bounds.extend(program.lower.tolist())
    proto.variables.upper_bounds.extend(program.upper.tolist())
    proto.variables.integers.extend(program.integer.tolist())
    dear = np.flatnonzero(program.cost)
    proto.objective.linear_coefficients.ids.extend(dear.tolist())
    proto.objective.linear_coefficients.values.extend(program.cost[dear].tolist())
    proto.objective.offset = program.offset
    proto.linear_constraints.ids.extend(range(len(program.low)))
    proto.linear_constraints.lower_bounds.extend(program.low.tolist())
    proto.linear_constraints.upper_bounds.extend(program.high.tolist())
    kept = np.flatnonzero(program.value)
    proto.linear_constraint_matrix.row_ids.extend(program.row[kept].tolist())
    proto.linear_constraint_matrix.column_ids.extend(program.column[kept].tolist())
    proto.linear_constraint_matrix.coefficients.extend(program.value[kept].tolist())
    return proto


def _outcome(result: Any, mathopt: Any, model: Any) -> Outcome:
    proven = result.termination.reason == mathopt.TerminationReason.OPTIMAL
    bound = float(result.termination.objective_bounds.dual_bound)
    nodes, seconds = int(result.solve_stats.node_count), result.solve_stats.solve_time.total_seconds()
    if not result.has_primal_feasible_solution():
        return Outcome(None, np.inf, bound, False, nodes, None, seconds)
    values = np.array(result.variable_values(model.variables()), dtype=float)
    duals = None
    if result.has_dual_feasible_solution():
        duals = np.array(result.dual_values(model.linear_constraints()), dtype=float)
    return Outcome(values, float(result.objective_value()), bound, proven, nodes, duals, seconds)
