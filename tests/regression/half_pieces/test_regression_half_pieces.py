"""The exact model gave two lines half a piece each, since that is the fairest; rounded, one of them got its piece too soon."""

from __future__ import annotations

import pytest

from optimizers import Engine, Params, solve
from optimizers.samples import small_problem
from optimizers.verify import audit


@pytest.mark.parametrize("gap", [0.0, 0.001])
def test_lines_get_whole_pieces(gap: float) -> None:
    problem = small_problem(11972, items=3)
    found = solve(problem, Params(engine=Engine.EXACT, gap=gap))
    assert audit(problem, found.plan).faults == ()
    assert found.objective == 1021
