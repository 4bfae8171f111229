"""How fast the optimizer plans, how good it proves the plan to be, and what OR-Tools alone does on the same data.

Times are also given in units of U: the time OR-Tools' PDLP takes in the same run for the linear relaxation (relative 1e-4) of
the `base` market with 1,000 SKUs, because seconds wander with the machine. Processor seconds, of all threads and set-up
included, stand beside them: they hardly depend on who else is running. Memory is the process's peak so far.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from optimizers import Engine, Params, Problem, solve
from optimizers.booking import read_book
from optimizers.budget import Budget
from optimizers.coordinated import warm
from optimizers.formulation import formulate
from optimizers.markets import market
from optimizers.milp import solve_linear
from optimizers.prices import Coordination, coordinate
from optimizers.prices import run as run_prices
from optimizers.replan import replan
from optimizers.solution import Solution
from optimizers.standing import Standing
from optimizers.verify import audit
from supplychain.cli.bench.peers import GAP, PEERS, Case, ask
from supplychain.domain.errors import UnavailableError

GAPS = {"units_to_1pct": 0.01, "units_to_05pct": 0.005, "units_to_03pct": 0.003, "units_to_01pct": 0.001}
UNIT_SKUS = 1_000
Row = dict[str, Any]


def run_bench(
    skus: Sequence[int] = (1_000,),
    seeds: int = 1,
    tightness: Sequence[float] = (1.25,),
    features: Sequence[str] = ("base", "all"),
    *,
    sweeps: int = 40,
    peer_skus: int = 100,
    peer_seconds: float = 20.0,
    peers: Sequence[str] = tuple(PEERS),
    unit_skus: int = UNIT_SKUS,
    threads: int = 2,
    second_core: bool = False,
) -> Iterator[Row]:
    """Yield one row per measurement, as soon as it is done.

    Parameters
    ----------
    skus : problem sizes. seeds : number of seeds, 0 upwards. tightness : capacity over demand. features : ``base``, ``all``.
    sweeps : work limit of the price engine. peer_skus, peer_seconds : size and time of the side by side runs, 0 SKUs = none;
        peers : which of `PEERS`.
    unit_skus : size of the relaxation that defines U. second_core : each size on one thread as well.
    """
    warm()
    # In a process of its own: the relaxation takes more memory than all plans, and would hide what they take.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        unit, spent = apart.submit(unit_seconds, unit_skus, threads).result()
    yield {
        "engine": "pdlp", "skus": unit_skus, "features": "base", "measures": "U", "seconds": round(unit, 3),
        "cpu_seconds": round(spent, 3),
    }  # fmt: skip
    for kind in features:
        for tight in tightness:
            for seed in range(seeds):
                for count in skus:
                    yield _engine_row(count, seed, tight, kind, sweeps, threads, unit)
                    if second_core:
                        yield _engine_row(count, seed, tight, kind, sweeps, 1, unit)
                if peer_skus:
                    yield from _side_by_side(Case(peer_skus, seed, tight, kind), peer_seconds, sweeps, peers)


def unit_seconds(skus: int = UNIT_SKUS, threads: int = 2) -> tuple[float, float]:
    """U: seconds of PDLP for the linear relaxation of the base market, model build not counted; and processor seconds.

    Raises
    ------
    UnavailableError
        When PDLP gives up.
    """
    program = formulate(market(skus, 0)).model.arrays()
    spent = time.process_time()
    found = solve_linear(program, "pdlp", tolerance=1e-4, threads=threads)
    if not found.proven:
        raise UnavailableError("PDLP did not solve the relaxation that is the unit of the other figures")
    return found.seconds, time.process_time() - spent


def _engine_row(skus: int, seed: int, tight: float, features: str, sweeps: int, threads: int, unit: float) -> Row:
    problem = market(skus, seed, tightness=tight, features=features)
    started, spent = time.perf_counter(), time.process_time()
    params = Params(sweeps=sweeps, gap=0.001, threads=threads, engine=Engine.PRICES)
    state = coordinate(problem, params, Budget(time.perf_counter, started, None, lambda: False))
    stop = run_prices(state)
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    state.trace.append((seconds, state.cost, state.bound))
    trace = [(at, (cost - bound) / max(abs(cost), 1.0)) for at, cost, bound in state.trace if np.isfinite(cost)]
    row: Row = {
        "engine": "prices", "skus": skus, "features": features, "seed": seed, "tightness": tight,
        "first_feasible_units": _units(trace[0][0] if trace else None, unit),
        **{name: _units(next((at for at, gap in trace if gap <= wanted), None), unit) for name, wanted in GAPS.items()},
        "gap": state.gap, "objective": state.cost, "bound": state.bound, "seconds": round(seconds, 3), "cpu_seconds": round(spent, 3), "stop": str(stop),
        "sweeps": state.sweeps, "threads": threads, "peak_mb": peak_mb(),
    }  # fmt: skip
    row.update(_verified(problem, state))
    return row


def _verified(problem: Problem, state: Coordination) -> Row:
    found = audit(problem, read_book(state))
    return {"faults": len(found.faults), "audit_objective": found.costs.total}


def _units(seconds: float | None, unit: float) -> float | None:
    return None if seconds is None else round(seconds / unit, 4)


def peak_mb() -> float:
    """Peak resident memory of this process in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1)


def _side_by_side(case: Case, seconds: float, sweeps: int, peers: Sequence[str]) -> Iterator[Row]:
    """The price engine, and `peers` on the monolith, on the same problem."""
    found = solve(case.problem(), Params(sweeps=6 * sweeps, gap=GAP, time_limit_seconds=seconds, engine=Engine.PRICES))
    yield {
        "engine": "prices", **asdict(case), "objective": found.objective, "bound": found.bound, "gap": found.gap,
        "seconds": round(found.seconds, 3), "stop": str(found.stop), "faults": 0,
    }  # fmt: skip
    for peer in peers:
        yield ask(peer, case, seconds)


def replan_rows(skus: int = 1_000, seed: int = 0, features: str = "all", spikes: int = 100) -> Iterator[Row]:
    """Latency of re-planning one spiking SKU with its explanation, and how much of the rest a re-plan of ten touches."""
    problem = market(skus, seed, features=features)
    before = solve(problem, Params(sweeps=16, engine=Engine.PRICES))
    standing = Standing.of(problem, before)
    rng = np.random.default_rng(seed)
    spent, busy, faults = [], [], 0
    for item in rng.choice(skus, size=min(spikes, skus), replace=False):
        spiked = _spiked(problem, np.array([item]))
        started, worked = time.perf_counter(), time.thread_time()
        faults += len(standing.answer(spiked, int(item)).faults)
        spent.append((time.perf_counter() - started) * 1000.0)
        busy.append((time.thread_time() - worked) * 1000.0)
    ten = np.sort(rng.choice(skus, size=min(10, skus), replace=False))
    spiked = _spiked(problem, ten)
    after = replan(spiked, before.plan, ten, prices=before.prices)
    anew = solve(spiked, Params(sweeps=16, engine=Engine.PRICES))
    yield {
        "engine": "replan", "skus": skus, "features": features, "seed": seed, "spikes": len(spent), "faults": faults,
        "replan_ms": _quantiles(spent), "replan_cpu_ms": _quantiles(busy), "nervousness": _touched(problem, before, after, ten),
        "nervousness_anew": _touched(problem, before, anew, ten), "seconds": round(after.seconds, 3),
        "dearer_than_anew": round(after.objective / anew.objective - 1.0, 5),
    }  # fmt: skip


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 99)}


def _spiked(problem: Problem, items: np.ndarray[Any, np.dtype[np.int64]]) -> Problem:
    pieces = np.where(np.isin(problem.demand.item, items), problem.demand.pieces * 3, problem.demand.pieces)
    return replace(problem, demand=replace(problem.demand, pieces=pieces))


def _touched(problem: Problem, before: Solution, after: Solution, spiked: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    lines = [
        set(zip(plan.orders.mode.tolist(), plan.orders.period.tolist(), plan.orders.pieces.tolist(), strict=True))
        for plan in (before, after)
    ]
    changed = {int(problem.mode_item[mode]) for mode, _, _ in lines[0] ^ lines[1]} - set(spiked.tolist())
    return round(len(changed) / max(problem.sizes["N"] - len(spiked), 1), 5)


def run(
    skus: Sequence[int] = (1_000,),
    seeds: int = 1,
    tightness: Sequence[float] = (1.25,),
    features: Sequence[str] = ("base",),
    *,
    replans: int = 100,
    **options: Any,
) -> Iterator[Row]:
    """`run_bench` and, with `replans` spikes, `replan_rows`."""
    yield from run_bench(skus, seeds, tightness, features, **options)
    if replans:
        for kind in features:
            yield from replan_rows(min([*skus, 1_000]), 0, kind, replans)
