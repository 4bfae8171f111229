"""Approve lines inside a transaction, and release what no fence holds; automatic approval inside its limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from supplychain.domain.plan import LineKind, LineState, Plan, PlanLine
from supplychain.domain.tuning import Tuning
from supplychain.planning.fences import fence
from supplychain.planning.lines import change
from supplychain.planning.outgoing import send
from supplychain.planning.ports import Actor, Tx

AUTOMATIC = Actor("auto-approval", frozenset({"system"}))
"""A principal of its own, with limits of its own."""


def approve_lines(
    tx: Tx, lines: Iterable[PlanLine], *, actor: Actor, reason: str, at: int, wall: int
) -> tuple[list[PlanLine], list[PlanLine]]:
    """Approve lines and release those that no fence holds; return approved-and-held, and released."""
    _, tuning = tx.versions.tuning()
    held: list[PlanLine] = []
    released: list[PlanLine] = []
    for line in lines:
        approved = change(
            tx,
            line,
            replace(line, state=LineState.APPROVED, fence=fence(tx, line, tuning, at)),
            actor=actor,
            action="approve",
            reason=reason,
            at=at,
            wall=wall,
        )
        (held if approved.fence or approved.quantity == 0 else released).append(approved)
    return held, release_lines(tx, released, actor=actor, reason=reason, at=at, wall=wall)


def release_lines(
    tx: Tx, lines: Iterable[PlanLine], *, actor: Actor, reason: str, at: int, wall: int
) -> list[PlanLine]:
    """Release approved lines: their orders and movements go into the outbox in this transaction."""
    released = [
        change(
            tx,
            line,
            replace(line, state=LineState.RELEASED, fence=""),
            actor=actor,
            action="release",
            reason=reason,
            at=at,
            wall=wall,
        )
        for line in lines
    ]
    send(tx, released, at=at, wall=wall)
    return released


def auto_approve(tx: Tx, tuning: Tuning, plan: Plan, wall: int) -> list[PlanLine]:
    """Approve the lines inside the limits, smallest value first, until the plan's limit; the rest waits for a person."""
    limits = tuning.approval
    if not limits.auto_approve:
        return []
    chosen: list[PlanLine] = []
    spent = 0
    for line in sorted(plan.lines, key=lambda line: (line.value_minor, line.line)):
        cover = float(line.explanation.facts.get("cover_hours", 0.0))
        outlook = line.kind is LineKind.ORDER and bool(line.fence)
        too_much = line.value_minor > limits.auto_line_minor or spent + line.value_minor > limits.auto_plan_minor
        if outlook or too_much or cover > limits.auto_cover_hours or line.override is not None or line.quantity == 0:
            continue
        spent += line.value_minor
        chosen.append(line)
    if not chosen:
        return []
    held, released = approve_lines(
        tx, chosen, actor=AUTOMATIC, reason="inside the automatic limits", at=plan.cut, wall=wall
    )
    tx.audit.append(
        actor=AUTOMATIC.name,
        action="plan.approve",
        subject=plan.plan,
        at=plan.cut,
        wall=wall,
        reason="inside the automatic limits",
        detail={"lines": [line.line for line in (*held, *released)], "value_minor": spent, "digest": plan.digest},
    )
    return [*held, *released]
