"""Calibrated thresholds of the spike detector as versions: what an operator measured for a shape of the tuning."""

from __future__ import annotations

from supplychain.domain.errors import ForbiddenError, InvalidInputError
from supplychain.domain.tuning import Detector
from supplychain.planning.ports import Actor, Store, WallClock
from supplychain.watching.detector import shape_of
from supplychain.watching.thresholds import ThresholdTable


def store_thresholds(
    store: Store, tuning: Detector, table: ThresholdTable, *, actor: Actor, reason: str, wall: WallClock
) -> int:
    """Store thresholds for the shape of a tuning; stream workers take them up within a second. Return their number.

    Raises
    ------
    ForbiddenError
        If the actor is no operator.
    InvalidInputError
        If no reason is given.
    """
    if not actor.may("operator"):
        raise ForbiddenError(f"{actor.name} may not change thresholds", way_out="ask an operator")
    if not reason.strip():
        raise InvalidInputError("thresholds need a reason", way_out="say what they are for", field="reason")
    shape = shape_of(tuning)
    with store.write() as tx:
        number = tx.versions.put_thresholds(shape, table.document(), actor.name, reason, wall())
        tx.audit.append(
            actor=actor.name,
            action="thresholds.store",
            subject=f"thresholds {number}",
            at=tx.signals.planned_through() or wall(),
            wall=wall(),
            reason=reason,
            detail={"shape": shape},
        )
    return number
