"""CBC as a second opinion on the exact model: the same optimum as HiGHS, plans that keep every rule, and honest ends."""

from __future__ import annotations

import numpy as np
import pytest

from optimizers.cbc import solve_with_cbc
from optimizers.formulation import formulate
from optimizers.milp import Model, solve_integer
from optimizers.monolith import read_plan
from optimizers.samples import small_problem
from optimizers.verify import audit


@pytest.mark.parametrize("seed", range(6))
def test_cbc_finds_what_highs_finds(seed: int) -> None:
    problem = small_problem(seed, items=2)
    form = formulate(problem)
    program = form.model.arrays()
    found = solve_with_cbc(program, gap=0.0, seconds=60.0)
    other = solve_integer(program, node_limit=None, gap=0.0, seed=0, seconds=60.0)
    assert found.proven
    assert other.proven
    assert found.objective == pytest.approx(other.objective, rel=1e-6)
    assert found.bound <= found.objective + 1e-6 * abs(found.objective)
    assert found.values is not None
    judged = audit(problem, read_plan(form, found.values))
    assert not judged.faults
    assert judged.costs.total == pytest.approx(found.objective, abs=10)


def test_a_program_without_a_point_has_no_plan_and_an_endless_bound() -> None:
    model = Model()
    columns = model.add_columns(1, upper=1, cost=1.0, integer=True)
    model.add(model.add_rows(1, lower=2), columns, 1.0)
    found = solve_with_cbc(model.arrays(), gap=0.0, seconds=10.0)
    assert found.values is None
    assert not found.proven
    assert np.isposinf(found.bound)
