"""What a planner does with a plan: look at it, approve, reject, edit. An approval binds to what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError
from supplychain.domain.plan import LineState, PlanLine
from supplychain.domain.tuning import Tuning
from supplychain.planning.approvals import approve_lines
from supplychain.planning.lines import change
from supplychain.planning.ports import Actor, PlanFilter, Store, StoredPlan, Tx, WallClock
from supplychain.planning.present import line_document, plan_document

_MOST_PIECES = 1_000_000_000


def listing(store: Store, wanted: PlanFilter) -> list[dict[str, Any]]:
    """Return plans without their lines' details, newest first."""
    with store.read() as tx:
        return [plan_document(stored, lines=False) for stored in tx.plans.find(wanted)]


def show(store: Store, plan: str) -> dict[str, Any]:
    """Return one plan with every line, its explanation and what it is worth.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    """
    with store.read() as tx:
        return plan_document(tx.plans.get(plan), lines=True)


def history(store: Store, line: str) -> dict[str, Any]:
    """Return a line with all its revisions."""
    with store.read() as tx:
        found = tx.plans.line(line)
        return {**line_document(found), "revisions": [vars_of(revision) for revision in tx.plans.revisions(line)]}


def vars_of(record: Any) -> dict[str, Any]:
    """Return the fields of a slotted record."""
    return {name: getattr(record, name) for name in record.__slots__}


def approve(
    store: Store,
    plan: str,
    lines: Sequence[str] | None,
    *,
    actor: Actor,
    reason: str,
    wall: WallClock,
    digest: str | None = None,
    version: int | None = None,
) -> list[PlanLine]:
    """Approve the proposed lines named (all of them when none is), and release those that no fence holds.

    Raises
    ------
    ForbiddenError
        If the actor may not approve, or not lines of that value.
    ConflictError
        If the plan is not what the actor has seen, or nothing named is open any more.
    """
    if not actor.may("planner", "approver"):
        raise ForbiddenError(f"{actor.name} may not approve", way_out="ask a planner or approver")
    with store.write() as tx:
        stored = tx.plans.get(plan)
        _same(stored, digest, version)
        chosen = _chosen(stored, lines)
        _, tuning = tx.versions.tuning()
        _limits(chosen, actor, tuning)
        at = _now(tx, stored)
        held, released = approve_lines(tx, chosen, actor=actor, reason=reason, at=at, wall=wall())
        _note(tx, stored, "plan.approve", actor, reason, [*held, *released], at, wall())
        return [*held, *released]


def reject(
    store: Store, plan: str, lines: Sequence[str] | None, *, actor: Actor, reason: str, wall: WallClock
) -> list[PlanLine]:
    """Reject the proposed lines named (all of them when none is); a reason is wanted.

    Raises
    ------
    InvalidInputError
        If no reason is given.
    """
    if not actor.may("planner", "approver"):
        raise ForbiddenError(f"{actor.name} may not reject", way_out="ask a planner or approver")
    if not reason.strip():
        raise InvalidInputError(
            "a rejection needs a reason", way_out="say why: the next plan's reader will ask", field="reason"
        )
    with store.write() as tx:
        stored = tx.plans.get(plan)
        at = _now(tx, stored)
        rejected = [
            change(
                tx,
                line,
                replace(line, state=LineState.REJECTED),
                actor=actor,
                action="reject",
                reason=reason,
                at=at,
                wall=wall(),
            )
            for line in _chosen(stored, lines)
        ]
        _note(tx, stored, "plan.reject", actor, reason, rejected, at, wall())
        return rejected


def edit(
    store: Store, line: str, *, quantity: int | None, version: int, actor: Actor, reason: str, wall: WallClock
) -> PlanLine:
    """Set a planner's quantity on a proposed line; None lifts the edit.

    Raises
    ------
    ConflictError
        If the line was changed since `version`, or is no longer proposed.
    InvalidInputError
        If the quantity is impossible or no reason is given.
    """
    if not actor.may("planner"):
        raise ForbiddenError(f"{actor.name} may not edit", way_out="ask a planner")
    if quantity is not None and not 0 <= quantity <= _MOST_PIECES:
        raise InvalidInputError(
            f"{quantity} is no possible quantity", way_out="give whole pieces, zero or more", field="quantity"
        )
    if not reason.strip():
        raise InvalidInputError(
            "an edit needs a reason", way_out="say what you know that the plan does not", field="reason"
        )
    with store.write() as tx:
        before = tx.plans.line(line)
        if before.version != version:
            raise ConflictError(
                f"line {line} is at version {before.version}, not {version}",
                way_out="read it again and decide anew",
                line=line,
                version=before.version,
            )
        if before.state is not LineState.PROPOSED:
            raise ConflictError(f"line {line} is {before.state}: only a proposed line is edited", line=line)
        stored = tx.plans.get(before.plan)
        at = _now(tx, stored)
        basis = before.plan if quantity is not None else None
        after = replace(
            before,
            override=quantity,
            override_reason=reason if quantity is not None else "",
            override_basis=basis,
            stale=False,
        )
        saved = change(tx, before, after, actor=actor, action="edit", reason=reason, at=at, wall=wall())
        _note(tx, stored, "line.edit", actor, reason, [saved], at, wall())
        return saved


def _same(stored: StoredPlan, digest: str | None, version: int | None) -> None:
    """An approval binds to what was seen: an edit after it voids it."""
    current = plan_document(stored, lines=False)
    if (digest is not None and digest != current["digest"]) or (version is not None and version != current["version"]):
        raise ConflictError(
            f"plan {stored.plan.plan} is not the one you have seen",
            way_out="read it again and decide anew",
            digest=current["digest"],
            version=current["version"],
        )


def _chosen(stored: StoredPlan, lines: Sequence[str] | None) -> list[PlanLine]:
    by_id = {line.line: line for line in stored.plan.lines}
    if lines is None:
        chosen = [line for line in stored.plan.lines if line.state is LineState.PROPOSED]
    else:
        unknown = sorted(set(lines) - set(by_id))
        if unknown:
            raise ConflictError(
                f"plan {stored.plan.plan} has no line {unknown[0]}",
                way_out="`supplychain plan show` lists them",
                line=unknown[0],
            )
        chosen = [by_id[name] for name in lines]
    if not chosen:
        raise ConflictError(
            f"plan {stored.plan.plan} has no open line",
            way_out="a newer plan may have replaced it",
            plan=stored.plan.plan,
        )
    return chosen


def _limits(lines: Sequence[PlanLine], actor: Actor, tuning: Tuning) -> None:
    limit = tuning.approval.person_line_minor
    for line in lines:
        if line.value_minor > limit and not actor.may("approver"):
            raise ForbiddenError(
                f"line {line.line} is worth {line.value_minor}, above the limit of {limit}",
                way_out="ask an approver",
                line=line.line,
                limit=limit,
            )


def _now(tx: Tx, stored: StoredPlan) -> int:
    return max(stored.plan.cut, tx.signals.planned_through() or 0)


def _note(
    tx: Tx, stored: StoredPlan, action: str, actor: Actor, reason: str, lines: Sequence[PlanLine], at: int, wall: int
) -> None:
    detail = {
        "lines": [line.line for line in lines],
        "quantities": [line.quantity for line in lines],
        "digest": stored.plan.digest,
    }
    tx.audit.append(
        actor=actor.name, action=action, subject=stored.plan.plan, at=at, wall=wall, reason=reason, detail=detail
    )
