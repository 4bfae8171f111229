"""Half pieces to two lines of one sale cap were as good as a whole one: rounded, they went to a line before its window."""

from __future__ import annotations

import pytest

from optimizers import Engine, Params, solve
from optimizers.samples import small_problem


@pytest.mark.parametrize("engine", [Engine.EXACT, Engine.AUTO])
def test_lines_get_whole_pieces_within_their_windows(engine: Engine) -> None:
    found = solve(small_problem(11972, items=3), Params(engine=engine))
    assert found.bound <= found.objective
