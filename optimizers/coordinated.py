"""Price coordination as an engine: run it, read its book, hand over plan, bound and shadow prices.

Apart from `engine` so that numba is imported only when a problem is large enough to need it.
"""

from __future__ import annotations

import numpy as np

from optimizers.booking import read_book
from optimizers.budget import Budget
from optimizers.params import Params
from optimizers.prices import coordinate, run
from optimizers.problem import Problem
from optimizers.sequence import Found
from optimizers.solution import Prices


def solve_by_prices(problem: Problem, params: Params, budget: Budget) -> Found:
    """Plan all items under prices until the gap, the work or the time is reached."""
    state = coordinate(problem, params, budget)
    stop = run(state)
    size, rates = problem.sizes, state.best_rates
    prices = Prices(rates.group.reshape(size["G"], size["B"]), rates.lane, rates.storage)
    return Found(read_book(state), state.bound, False, state.sweeps, 0, stop, prices)


def warm() -> None:
    """Compile every kernel (or load it from the cache), so that the first large plan does not wait for the compiler."""
    import time

    from optimizers.beside import Beside
    from optimizers.restrict import Taken
    from optimizers.samples import small_problem

    budget = Budget(time.monotonic, time.monotonic(), None, lambda: False)
    run(coordinate(small_problem(1, items=3), Params(sweeps=3), budget, lists=2))
    one = small_problem(1, items=1)
    size = one.sizes
    free = Prices(*(np.zeros((size[rows], size[columns])) for rows, columns in ("GB", "LB", "WT")))
    Beside(one, Taken.nothing(one), free).plan()
