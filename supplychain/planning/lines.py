"""The one way in which a line changes: next version, revision with actor and reason, in the caller's transaction."""

from __future__ import annotations

from dataclasses import replace

from supplychain.domain.plan import PlanLine, step
from supplychain.planning.ports import Actor, Revision, Tx


def change(
    tx: Tx, before: PlanLine, after: PlanLine, *, actor: Actor, action: str, reason: str, at: int, wall: int
) -> PlanLine:
    """Store `after` as the next version of `before`.

    Raises
    ------
    ConflictError
        If the life of a line does not allow the new state, or somebody changed the line since `before` was read.
    """
    if after.state is not before.state:
        step(before.state, after.state)
    stored = replace(after, version=before.version + 1, changed_at=at)
    revision = Revision(
        line=before.line,
        version=stored.version,
        actor=actor.name,
        action=action,
        reason=reason,
        at=at,
        state_before=before.state.value,
        state_after=stored.state.value,
        quantity_before=before.quantity,
        quantity_after=stored.quantity,
    )
    tx.plans.save(stored, revision, wall)
    return stored
