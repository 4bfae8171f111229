"""Other solvers on the whole model, each in a process of its own that is ended when its limit is over by a margin.

Solvers look at the clock between steps, and on models of this size one step may take minutes; CBC even counts the seconds of its
processor. What a solver had found when it was ended is read from its log.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from dataclasses import asdict, dataclass
from math import inf, isfinite
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from optimizers import Problem
from optimizers.cbc import solve_with_cbc
from optimizers.formulation import formulate
from optimizers.markets import market
from optimizers.milp import Arrays, Outcome, solve_integer
from optimizers.monolith import read_plan
from optimizers.verify import audit

PEERS: Final = ("highs", "cp-sat", "cbc")
"""Other solvers on the whole model, beside the price engine on the same problem."""
GAP: Final = 0.0005
MARGIN, LEAST_MARGIN = 0.25, 10.0
"""Share of its limit, and seconds, by which a solver may overrun it at least before it is ended."""
SETTING_UP: Final = 600.0
"""Seconds in which the model must be written."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A market of the generator."""

    skus: int
    seed: int
    tightness: float
    features: str

    def problem(self) -> Problem:
        """Generate it."""
        return market(self.skus, self.seed, tightness=self.tightness, features=self.features)


def ask(peer: str, case: Case, seconds: float) -> Row:
    """Solve `case` with `peer` within `seconds` of the wall; a row of what it found.

    objective : of its plan, judged by the independent check. stop : ``proven`` (within 0.05 %), ``limit``, ``ended`` when its
    process had to be, ``failed`` when that broke down: objective and bound are then what its log said last, and there is no
    plan to be checked.
    """
    told = {"engine": f"{peer}-monolith", **asdict(case)}
    spawn = get_context("spawn")
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        here, there = spawn.Pipe(duplex=False)
        child = spawn.Process(target=_solve, args=(peer, case, seconds, there, log), daemon=True)
        child.start()
        there.close()
        try:
            row = _heard(here, SETTING_UP) or {"skipped": "the model could not be written"}
            if "skipped" not in row:
                started, most = time.perf_counter(), max(seconds * (1 + MARGIN), seconds + LEAST_MARGIN)
                found = _heard(here, most)
                stop = "ended" if child.is_alive() else "failed"
                row |= found or _last_words(log, time.perf_counter() - started, stop)
        finally:
            child.kill()
            child.join()
    return told | row


def _heard(here: Connection, seconds: float) -> Row | None:
    """The next row that comes within `seconds`; None when none does or the process is gone."""
    try:
        return dict(here.recv()) if here.poll(seconds) else None
    except EOFError:
        return None


def _solve(peer: str, case: Case, seconds: float, there: Connection, log: Path) -> None:
    """In the process of the solver: say how large the model is, then what was found."""
    _log_to(log)
    problem = case.problem()
    form = formulate(problem)
    program = form.model.arrays()
    if peer == "cp-sat" and not program.integer.all():
        there.send({"skipped": "the model has continuous columns"})
        return
    there.send({"columns": len(program.cost), "rows": len(program.low)})
    started = time.perf_counter()
    outcome = _found(peer, program, seconds)
    row = {"seconds": round(time.perf_counter() - started, 3), "stop": "proven" if outcome.proven else "limit"}
    row |= _figures(None, outcome.bound)
    if outcome.values is not None:
        judged = audit(problem, read_plan(form, outcome.values))
        row |= _figures(judged.costs.total, outcome.bound) | {"faults": len(judged.faults)}
    there.send(row)


def _found(peer: str, program: Arrays, seconds: float) -> Outcome:
    if peer == "cbc":
        return solve_with_cbc(program, gap=GAP, seconds=seconds, aloud=True)
    return solve_integer(program, node_limit=None, gap=GAP, seed=0, seconds=seconds, solver=peer, aloud=True)


def _figures(objective: float | None, bound: float | None) -> Row:
    known = bound if bound is not None and isfinite(bound) else None
    gap = None if objective is None or known is None else (objective - known) / max(abs(objective), 1.0)
    return {"objective": objective, "bound": known, "gap": gap}


def _log_to(log: Path) -> None:
    """Everything written to standard output goes to `log`, line by line, so that nothing is lost with the process."""
    sys.stdout.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(handle, 1)
    library = ctypes.CDLL(None)
    library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, 1, 0)


_NUMBER: Final = r"([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|inf))"
_HIGHS: Final = re.compile(rf"^ *[A-Za-z]? +\d+ +\d+ +\d+ +[\d.]+% +{_NUMBER} +{_NUMBER} ")
_CBC_BOUND: Final = re.compile(rf"(?:best possible|Continuous objective value is) {_NUMBER}")
_CBC_PLAN: Final = re.compile(rf"(?:Integer solution of {_NUMBER} found|, {_NUMBER} best solution)")


def _last_words(log: Path, seconds: float, stop: str) -> Row:
    """What the log of a solver tells that brought no result."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return _figures(*read_log(text)) | {"seconds": round(seconds, 3), "stop": stop, "faults": None}


def read_log(text: str) -> tuple[float | None, float | None]:
    """Objective and bound last told in a log of HiGHS or CBC, None where none was."""
    objective, bound = inf, -inf
    for line in text.splitlines():
        if table := _HIGHS.match(line):
            bound, objective = max(bound, float(table[1])), min(objective, float(table[2]))
            continue
        if told := _CBC_BOUND.search(line):
            bound = max(bound, float(told[1]))
        if told := _CBC_PLAN.search(line):
            objective = min(objective, float(told[1] or told[2]))
    return (objective if objective < 1e49 else None), (bound if bound > -1e49 else None)
