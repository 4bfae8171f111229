"""Make a plan: read the world at the cut, solve outside every transaction, store what comes out, once.

The same input gives the same plan: its id is derived from everything it was made from. A plan that exists already is found
and not made again, so running the planner twice proposes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from optimizers import Engine, Params, Problem, Solution, solve
from optimizers.explain import LineReason, explain_item
from supplychain.domain.events import PlanRequest
from supplychain.domain.plan import LineState, Plan, PlanLine
from supplychain.domain.tuning import Tuning
from supplychain.planning.approvals import auto_approve
from supplychain.planning.baseline import Baseline, shelf_baseline
from supplychain.planning.compose import compose, input_digest, soon
from supplychain.planning.lines import change
from supplychain.planning.ports import SYSTEM, Compute, Store, StoredPlan, Tx, WallClock
from supplychain.planning.translate import translate
from supplychain.planning.view import View, load

_GAP = 0.02
"""Closer than this the forecast is wrong by more than the plan."""

_THREADS = 2
"""Threads of one solve; a plan does not depend on it."""

Crash = Callable[[str], None]
"""Called at named points, so that tests can end the process there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request led to: a plan (new or found), or the reason why none was needed."""

    plan: str | None
    new: bool
    note: str = ""


def _no_crash(point: str) -> None:
    """Do nothing: outside tests no point ends the process."""


def params(tuning: Tuning, groups: int) -> Params:
    """Return work limits for a solve: limits of work, not of seconds, make a plan repeatable."""
    planning = tuning.planning
    return Params(
        sweeps=planning.sweep_limit,
        node_limit=planning.node_limit,
        gap=_GAP,
        threads=_THREADS,
        engine=Engine.EXACT if groups <= planning.exact_groups else Engine.CLOSE,
    )


def run_solver(problem: Problem, limits: Params, until: int) -> tuple[Solution, tuple[LineReason, ...]]:
    """Solve in the process that was asked to, and explain the orders up to period `until`; top level for a pool."""
    solution = solve(problem, limits)
    items = np.unique(problem.mode_item[solution.orders.mode]).tolist()
    return solution, tuple(line for item in items for line in explain_item(problem, solution, item, until))


def propose(store: Store, compute: Compute, request: PlanRequest, wall: WallClock, crash: Crash = _no_crash) -> Outcome:
    """Answer a plan request.

    Raises
    ------
    UnavailableError
        If the solver misses its deadline or its process dies; the request stays and is tried again.
    """
    with store.read() as tx:
        view = load(tx, request.groups, request.cut)
    baseline = shelf_baseline(view)
    draft = translate(view, baseline)
    if draft is None:
        note = "the groups hold nothing that is stocked"
        with store.write() as tx:
            tx.signals.finish_request(request.request, None, wall())
        return Outcome(None, new=False, note=note)
    digest = input_digest(draft)
    known = _made_before(store, view, digest, baseline)
    if known is not None:
        with store.write() as tx:
            tx.signals.finish_request(request.request, known.plan.plan, wall())
        return Outcome(known.plan.plan, new=False, note="unchanged input: the plan was there already")
    limits = params(view.tuning, len(view.groups))
    deadline = view.tuning.planning.solve_seconds
    solution, explained = compute.run(run_solver, draft.problem, limits, soon(draft), deadline_seconds=deadline)
    crash("plan-solved")
    plan = compose(draft, solution, request.reasons, explained)
    return _store(store, view, plan, digest, request, wall)


def _made_before(store: Store, view: View, digest: str, baseline: Baseline) -> StoredPlan | None:
    """Return the plan that was made from this input and still stands.

    What a plan itself has sent out is its outcome and no new input: as long as nobody has answered, shipped or edited a line
    of it, the world is looked at as it was before.
    """
    with store.read() as tx:
        known = tx.plans.by_input(digest)
        sent = [tx.plans.get(name) for name in sorted({line.plan for line in view.supply})] if known is None else []
    if known is not None:
        return known if all(line.state is not LineState.SUPERSEDED for line in known.plan.lines) else None
    for stored in sorted(sent, key=lambda stored: -stored.serial):
        plan = stored.plan
        if (plan.cut, plan.groups) != (view.cut, view.groups) or not all(map(_untouched, plan.lines)):
            continue
        before = replace(view, supply=tuple(line for line in view.supply if line.plan != plan.plan))
        draft = translate(before, baseline)
        if draft is not None and input_digest(draft) == stored.input_digest:
            return stored
    return None


def _untouched(line: PlanLine) -> bool:
    """Tell whether nobody outside has changed a line since its plan was made; approval and release are the plan's own way."""
    as_made = line.confirmed is None and not line.shipped and not line.received and line.override is None
    return as_made and line.state in {LineState.PROPOSED, LineState.APPROVED, LineState.RELEASED, LineState.REJECTED}


def _store(store: Store, view: View, plan: Plan, digest: str, request: PlanRequest, wall: WallClock) -> Outcome:
    """Replace the open proposals of the groups, store the plan, approve what the limits allow, finish the request."""
    wanted = bool(plan.lines or plan.shortages or view.open_own or "manual" in " ".join(plan.reasons))
    with store.write() as tx:
        _supersede(tx, view.groups, plan.plan, view.cut, wall())
        if not wanted:
            tx.signals.finish_request(request.request, None, wall())
            return Outcome(None, new=False, note="stock and supply cover the demand: no plan needed")
        tx.plans.add(plan, digest, wall())
        tx.audit.append(
            actor=SYSTEM.name,
            action="plan.propose",
            subject=plan.plan,
            at=plan.cut,
            wall=wall(),
            reason="; ".join(plan.reasons),
            detail={"digest": plan.digest, "lines": len(plan.lines), "gap": plan.gap, "tuning": plan.tuning_version},
        )
        auto_approve(tx, view.tuning, plan, wall())
        tx.signals.finish_request(request.request, plan.plan, wall())
    return Outcome(plan.plan, new=True)


def _supersede(tx: Tx, groups: Iterable[str], plan: str, at: int, wall: int) -> None:
    for line in tx.plans.lines(states={LineState.PROPOSED}, groups=groups):
        changed = replace(line, state=LineState.SUPERSEDED)
        change(tx, line, changed, actor=SYSTEM, action="supersede", reason=f"replaced by plan {plan}", at=at, wall=wall)
