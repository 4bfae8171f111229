"""What a fresh solver process should have done before its first plan: imports and compiled kernels."""

from __future__ import annotations

import numpy as np

from optimizers import Engine, Params, Problem, solve
from optimizers.tables import Goods, Places, TimeAxis


def warm_up() -> None:
    """Solve a problem of nothing, so that the first real one does not wait for imports."""
    empty = Problem(TimeAxis(np.arange(3) * 86_400_000), Goods(np.array([0])), Places(np.array([-1])), regions=1)
    solve(empty, Params(sweeps=1, engine=Engine.PRICES))
