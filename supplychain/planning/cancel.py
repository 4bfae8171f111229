"""Take back movements that were released and have not left: both warehouses get a cancellation of their leg.

A supplier's order is not taken back here: only the supplier knows what is made already. Their answer, a refusal or fewer
pieces, frees the line, and the next plan covers the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError
from supplychain.domain.plan import LineKind, LineState, PlanLine
from supplychain.planning.lines import change
from supplychain.planning.outgoing import recall
from supplychain.planning.ports import Actor, Store, WallClock


def cancel(
    store: Store, plan: str, lines: Sequence[str] | None, *, actor: Actor, reason: str, wall: WallClock
) -> list[PlanLine]:
    """Cancel released movements of a plan (all that have not left when none is named); all of the named, or none.

    A warehouse that has sent the pieces before it read the cancellation reports so, and stock follows its report.

    Raises
    ------
    ForbiddenError
        If the actor may not release.
    InvalidInputError
        If no reason is given.
    ConflictError
        If a named line is no movement that waits to leave, or there is none.
    """
    if not actor.may("approver"):
        raise ForbiddenError(f"{actor.name} may not cancel", way_out="ask an approver")
    if not reason.strip():
        raise InvalidInputError("a cancellation needs a reason", way_out="say why: two warehouses ask", field="reason")
    with store.write() as tx:
        stored = tx.plans.get(plan)
        named = None if lines is None else set(lines)
        chosen = [line for line in stored.plan.lines if (_waits(line) if named is None else line.line in named)]
        for line in chosen:
            if not _waits(line):
                raise ConflictError(_why_not(line), way_out=_WAY_OUT[line.kind], line=line.line)
        if not chosen or (named is not None and len(chosen) < len(named)):
            raise ConflictError(
                "no movement here waits to leave", way_out="`supplychain plan show` tells states", plan=plan
            )
        at = max(stored.plan.cut, tx.signals.planned_through() or 0)
        cancelled = [
            change(
                tx,
                line,
                replace(line, state=LineState.CANCELLED),
                actor=actor,
                action="cancel",
                reason=reason,
                at=at,
                wall=wall(),
            )
            for line in chosen
        ]
        recall(tx, cancelled, at=at, wall=wall())
        tx.audit.append(
            actor=actor.name,
            action="plan.cancel",
            subject=plan,
            at=at,
            wall=wall(),
            reason=reason,
            detail={"lines": [line.line for line in cancelled]},
        )
        return cancelled


_WAY_OUT = {
    LineKind.MOVE: "only a released movement that has not left is cancelled; reject what is not released",
    LineKind.ORDER: "ask the supplier: their answer, refuse or fewer pieces, frees the line",
}


def _waits(line: PlanLine) -> bool:
    return line.kind is LineKind.MOVE and line.state is LineState.RELEASED and line.shipped == 0


def _why_not(line: PlanLine) -> str:
    if line.kind is LineKind.ORDER:
        return f"line {line.line} is an order of {line.supplier} and not taken back here"
    return f"line {line.line} is {line.state} and cannot be cancelled"
