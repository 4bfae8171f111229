"""Sale events by HTTP: checked one by one, published to the broker, keyed by room or shop.

What is wrong is told by its place in the batch; what is right goes on. Each event carries its own id, so that a retry of
the whole batch counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Request, Response

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import EARLIEST, LATEST, iso
from supplychain.messages import codec, topics
from supplychain.messages.v1 import Sale
from supplychain.web.api import problems
from supplychain.web.api.access import Operator, RawBody, TheFront
from supplychain.web.api.batches import CLOUD_EVENT, CLOUD_EVENTS, elements
from supplychain.web.api.idempotent import OptionallyIdempotentRoute
from supplychain.web.api.schemas import EventsTaken
from supplychain.web.ports import Front

router = APIRouter(tags=["events"], route_class=OptionallyIdempotentRoute)
BATCH_LIMIT: Final = 5_000
_QTY_LIMIT: Final = 1_000_000
_CONFIRM_SECONDS: Final = 4.0
_SCHEMA: Final = {
    "requestBody": {
        "required": True,
        "content": {
            media: {"schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}}
            for media in ("application/json", CLOUD_EVENT, CLOUD_EVENTS)
        },
    }
}


@router.post(
    "/events", status_code=202, response_model=EventsTaken, operation_id="ingest_events", openapi_extra=_SCHEMA
)
def ingest(
    request: Request,
    body: RawBody,
    front: TheFront,
    actor: Operator,
    content_type: Annotated[str, Header(include_in_schema=False)] = "application/json",
) -> Any:
    """Take canonical sale events: one, a list, or CloudEvents."""
    sales: list[Sale] = []
    faults: list[dict[str, Any]] = []
    for index, envelope, data in elements(body, content_type, limit=BATCH_LIMIT):
        try:
            sales.append(checked(envelope, data))
        except InvalidInputError as fault:
            faults.append({"index": index, "code": fault.code, "detail": fault.detail})
    if not sales:
        return _refused(request, faults)
    _publish(front, sales)
    return {"accepted": len(sales), "rejected": faults}


def checked(envelope: Mapping[str, Any] | None, data: object) -> Sale:
    """Return a sale event that can be.

    Raises
    ------
    InvalidInputError
        If a field is missing, of the wrong type, or cannot be; it names the field.
    """
    if envelope is not None and isinstance(data, dict) and "event_id" not in data and envelope.get("id"):
        data = {**data, "event_id": envelope["id"]}
    try:
        sale = msgspec.convert(data, Sale)
    except msgspec.ValidationError as fault:
        raise InvalidInputError(str(fault)) from None
    for name in ("event_id", "platform", "shop_id", "order_id", "line_id", "sku", "region"):
        if not getattr(sale, name).strip():
            raise InvalidInputError(f"{name} is empty", field=name)
    if not 1 <= sale.qty <= _QTY_LIMIT:
        raise InvalidInputError(f"qty is {sale.qty}, outside 1 to {_QTY_LIMIT}", field="qty")
    if sale.unit_price_minor < 0:
        raise InvalidInputError(f"unit_price_minor is {sale.unit_price_minor}, below 0", field="unit_price_minor")
    for name in ("occurred_at", "promised_ship_by", "received_at"):
        at = getattr(sale, name)
        if at is not None and not EARLIEST <= at < LATEST:
            span = f"{iso(EARLIEST)} to {iso(LATEST)}"
            raise InvalidInputError(f"{name} is {at}, outside {span} in UTC milliseconds", field=name)
    return sale


def _publish(front: Front, sales: list[Sale]) -> None:
    """Answer only when the broker has confirmed every event of this batch; a shutdown waits five seconds for that."""
    records = [((sale.room_id or sale.shop_id).encode(), codec.encode(sale)) for sale in sales]
    front.publisher().deliver(topics.SALES.name, records, timeout=_CONFIRM_SECONDS)


def _refused(request: Request, faults: list[dict[str, Any]]) -> Response:
    detail = f"none of {len(faults)} events could be taken; the first: {faults[0]['detail']}"
    fields = problems.traced(request)
    return problems.problem(422, "invalid-input", detail, way_out="mend what the errors name", errors=faults, **fields)
