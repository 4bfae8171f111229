"""The price engine on small problems with every feature: its plan keeps every rule and its bound holds.

With two threads items are planned in three lists side by side, as those of large problems are. The kernels run as plain Python in a process of their own, so that the test does not wait for the compiler; the code is the
same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from optimizers import Engine, Params, abreast, solve
from optimizers.samples import small_problem
found, threads = [], int(sys.argv[3])
if threads > 1:
    abreast.MANY, abreast.ABREAST = 2, 3
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    problem = small_problem(seed, items=1 + seed % 4 if threads == 1 else 3 + seed % 4)
    fast = solve(problem, Params(gap=0.0, sweeps=9, engine=Engine.PRICES))
    exact = solve(problem, Params(gap=0.0, engine=Engine.EXACT, node_limit=100_000))
    again = solve(problem, Params(gap=0.0, sweeps=9, engine=Engine.PRICES, threads=threads + 1)) if seed % 10 == 0 else fast
    found.append((seed, fast.objective, fast.bound, exact.objective, exact.bound, fast.digest == again.digest))
print(json.dumps(found))
"""


@pytest.mark.parametrize(("start", "threads"), [(0, 1), (1000, 1), (2000, 2)])
def test_plans_are_possible_and_bounds_hold(start: int, threads: int) -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PROGRAM, str(start), str(start + 25), str(threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    assert len(rows) == 25
    for seed, objective, bound, best, least, same in rows:
        assert objective >= least - 6, f"seed {seed}: cheaper than the exact bound"
        assert bound <= best + 6, f"seed {seed}: the bound is above a plan that exists"
        assert same, f"seed {seed}: threads changed the plan"
