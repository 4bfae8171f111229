"""Lift the fence of approved lines: a person says that they go out now."""

from __future__ import annotations

from collections.abc import Sequence

from supplychain.domain.errors import ConflictError, ForbiddenError
from supplychain.domain.plan import LineState, PlanLine
from supplychain.planning.approvals import release_lines
from supplychain.planning.ports import Actor, Store, WallClock


def release(
    store: Store, plan: str, lines: Sequence[str] | None, *, actor: Actor, reason: str, wall: WallClock
) -> list[PlanLine]:
    """Release approved lines of a plan that a fence holds (all of them when none is named).

    Raises
    ------
    ForbiddenError
        If the actor may not release.
    ConflictError
        If releases are switched off, or no named line is approved and waiting.
    """
    if not actor.may("approver"):
        raise ForbiddenError(f"{actor.name} may not release", way_out="ask an approver")
    with store.write() as tx:
        _, tuning = tx.versions.tuning()
        if not tuning.approval.release_enabled:
            raise ConflictError(
                "releases are switched off", way_out="activate a tuning with approval.release_enabled = true"
            )
        stored = tx.plans.get(plan)
        wanted = set(lines) if lines is not None else {line.line for line in stored.plan.lines}
        held = [
            line
            for line in stored.plan.lines
            if line.line in wanted and line.state is LineState.APPROVED and line.quantity > 0
        ]
        if not held or (lines is not None and len(held) < len(wanted)):
            raise ConflictError(
                "no approved line waits for a release here",
                way_out="approve first; `supplychain plan show` tells states",
                plan=plan,
            )
        at = max(stored.plan.cut, tx.signals.planned_through() or 0)
        released = release_lines(tx, held, actor=actor, reason=reason, at=at, wall=wall())
        tx.audit.append(
            actor=actor.name,
            action="plan.release",
            subject=stored.plan.plan,
            at=at,
            wall=wall(),
            reason=reason,
            detail={"lines": [line.line for line in released]},
        )
        return released
