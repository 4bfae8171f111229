"""Judges a plan from the tables alone: every rule and every cost is recomputed, nothing is taken from the engine.

A plan with a fault is never returned by `solve`. Soft limits that a plan exceeds are not faults: they come back as
violations with what the plan pays for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from optimizers.given import Decided, decided
from optimizers.ledger import Ledger, post
from optimizers.money import cost_of
from optimizers.problem import Problem
from optimizers.rules import broken_rules
from optimizers.solution import Costs, Ints, Plan, Violation


class Fault(NamedTuple):
    """A broken rule: its name, and the indices of the first place."""

    rule: str
    where: tuple[int, ...]


class PlanFaultError(AssertionError):
    """An engine produced a plan that breaks a rule: a defect of the engine, never of the input."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.rule} at {fault.where}" for fault in faults[:5]))


@dataclass(frozen=True, slots=True)
class Audit:
    """What a plan does and costs.

    shortage, late : (K,) pieces. opened : (W,) warehouses used that cost something. stock : pieces left at the end of the
    horizon, (N,).
    """

    costs: Costs
    violations: tuple[Violation, ...]
    faults: tuple[Fault, ...]
    shortage: Ints
    late: Ints
    opened: npt.NDArray[np.bool_]


MINIMUM: Final = "minimum order value"


def audit(problem: Problem, plan: Plan, *, part: bool = False) -> Audit:
    """Recompute every constraint and every cost of `plan`.

    part : the problem is a part of a larger one; minimum order values, which items reach together, are judged elsewhere.
    """
    given = decided(problem)
    found = (Fault(*each) for each in broken_rules(problem, plan, given))
    faults = [fault for fault in found if not (part and fault.rule == MINIMUM)]
    if faults:
        return _refused(problem, plan, faults)
    ledger = post(problem, plan)
    faults += [Fault(*each) for each in ledger.faults]
    costs, violations = cost_of(problem, plan, given, ledger)
    served, late = _served(problem, plan)
    return Audit(costs, violations, tuple(faults), problem.demand.pieces - served, late, ledger.opened)


def require(problem: Problem, plan: Plan) -> Audit:
    """Audit and insist on a plan without faults.

    Raises
    ------
    PlanFaultError
        With the broken rules.
    """
    found = audit(problem, plan)
    if found.faults:
        raise PlanFaultError(found.faults)
    return found


def _served(problem: Problem, plan: Plan) -> tuple[Ints, Ints]:
    deliveries, count = plan.deliveries, len(problem.demand.pieces)
    served = np.zeros(count, dtype=np.int64)
    late = np.zeros(count, dtype=np.int64)
    np.add.at(served, deliveries.demand, deliveries.pieces)
    after = deliveries.arrival > problem.demand.due[deliveries.demand]
    np.add.at(late, deliveries.demand[after], deliveries.pieces[after])
    return served, late


def _refused(problem: Problem, plan: Plan, faults: list[Fault]) -> Audit:
    nothing = np.zeros(len(problem.demand.pieces), dtype=np.int64)
    closed = np.zeros(len(problem.places.storage), dtype=bool)
    return Audit(Costs(*[0] * 13), (), tuple(faults), nothing, nothing, closed)


__all__ = ["Audit", "Decided", "Fault", "Ledger", "PlanFaultError", "audit", "require"]
