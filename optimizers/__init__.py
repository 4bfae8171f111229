"""Plans small-batch replenishment and regional allocation, with a proof of how good the plan is.

A library over integer arrays: `Problem` in, `Solution` out. It knows nobody of the service, does no input or output and
takes its clock as an argument. Solvers are imported on the first solve, so that importing this package is cheap.
"""

from __future__ import annotations

from optimizers.engine import solve
from optimizers.params import Engine, Params
from optimizers.problem import Problem, ProblemError
from optimizers.solution import Solution, Status, StopReason

__all__ = ["Engine", "Params", "Problem", "ProblemError", "Solution", "Status", "StopReason", "solve"]
