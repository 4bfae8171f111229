"""Send a message again, with the same id, so that a receiver that has it drops it."""

from __future__ import annotations

from fastapi import APIRouter

from supplychain.web.api.access import Operator, TheFront
from supplychain.web.api.idempotent import OptionallyIdempotentRoute
from supplychain.web.api.schemas import Because

router = APIRouter(tags=["deliveries"], route_class=OptionallyIdempotentRoute)


@router.post("/deliveries/{message}/redeliver", status_code=202, operation_id="redeliver")
def redeliver(message: str, body: Because, front: TheFront, actor: Operator) -> dict[str, str]:
    """Put a delivered or parked message back into its lane."""
    front.desk.redeliver(message, actor, body.reason)
    return {"message": message, "state": "pending"}
