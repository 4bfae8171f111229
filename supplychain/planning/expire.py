"""Proposals that nobody approved in time end by themselves: an old number is never approved by accident."""

from __future__ import annotations

from dataclasses import replace

from supplychain.domain.plan import LineState
from supplychain.domain.units import HOUR
from supplychain.planning.lines import change
from supplychain.planning.ports import SYSTEM, Store, WallClock


def expire(store: Store, wall: WallClock) -> int:
    """Expire the proposals older than `planning.proposal_hours` of business time; return how many lines."""
    with store.write() as tx:
        now = tx.signals.planned_through()
        if now is None:
            return 0
        _, tuning = tx.versions.tuning()
        before = now - tuning.planning.proposal_hours * HOUR
        old = [line for line in tx.plans.lines(states={LineState.PROPOSED}) if line.changed_at < before]
        for line in old:
            expired = replace(line, state=LineState.EXPIRED)
            change(
                tx,
                line,
                expired,
                actor=SYSTEM,
                action="expire",
                reason="nobody approved it in time",
                at=now,
                wall=wall(),
            )
        return len(old)
