"""The stand-in over HTTP: orders in, faults on demand, the ledger out, and business time where no wall clock drives it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from supplychain.domain.errors import InvalidInputError, SupplyChainError, UnauthorizedError, UnavailableError
from supplychain.domain.units import EARLIEST, LATEST
from supplychain.messages.codec import decode_json
from supplychain.messages.v1 import SupplierOrder
from supplychain.partner.desk import Desk
from supplychain.partner.faults import Fault, Faults

BODY_LIMIT: Final = 1_000_000
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_GARBAGE: Final = b"\x00\xff<html>OK? {]"


class Advance(BaseModel):
    """Move business time to `to` (UTC milliseconds).

    With `allocations`, the stand-in first waits up to `seconds` until it has read so many allocation events, and with
    `ticked` until it has read the sales up to that time, so that what it does never depends on how fast the broker was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: int = Field(ge=EARLIEST, lt=LATEST)
    allocations: int = Field(default=0, ge=0)
    ticked: int | None = Field(default=None, ge=EARLIEST, lt=LATEST)
    seconds: float = Field(default=10.0, ge=0, le=60)


def create_app(desk: Desk, secrets: Mapping[str, str], faults: Faults | None = None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    secrets
        Signing secret by supplier; several of one supplier are separated by blanks, and any of them verifies.
    """
    app = FastAPI(title="Stand-in supplier and warehouse system", docs_url=None, redoc_url=None)
    active = faults or Faults()

    @app.exception_handler(SupplyChainError)
    async def refuse(_request: Request, refused: SupplyChainError) -> JSONResponse:
        body = {"title": refused.code, "status": refused.status, "detail": refused.detail}
        return JSONResponse(body, refused.status, media_type="application/problem+json")

    @app.post("/orders")
    async def orders(request: Request) -> Response:
        return await _take_order(await _body(request), request.headers, desk, secrets, active)

    @app.get("/ledger")
    def ledger() -> dict[str, Any]:
        return desk.ledger()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/faults")
    def listed() -> list[Fault]:
        return active.listed()

    @app.put("/faults")
    def put(given: Annotated[list[Fault], Body(max_length=100)]) -> list[Fault]:
        active.put(given)
        return active.listed()

    @app.post("/advance")
    def advance(given: Advance) -> dict[str, int]:
        if not desk.wait_for(given.allocations, given.ticked, given.seconds):
            detail = f"{given.allocations} allocation events and the sales did not come in within {given.seconds:g} s"
            raise UnavailableError(detail, way_out="try again")
        return desk.advance(given.to).document()

    return app


async def _take_order(
    body: bytes, headers: Mapping[str, str], desk: Desk, secrets: Mapping[str, str], faults: Faults
) -> Response:
    """Take one order: faults first, then the signature over the raw bytes, then the content, once."""
    order, refused = _read(body)
    fault = faults.take(order.supplier if order else "")
    if fault is not None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind in _ANSWERS:
            status, detail = _ANSWERS[fault.kind]
            extra = {"retry-after": str(int(fault.seconds))} if fault.kind == "busy" else None
            return JSONResponse({"status": status, "detail": detail}, status, headers=extra)
    webhook = _verify(body, headers, secrets, order.supplier if order else _claimed_supplier(body), desk)
    if order is None:
        raise InvalidInputError(refused)
    noisy = fault is not None and fault.kind == "garbage"
    new = desk.take_order(order, webhook, body, noisy=noisy)
    if fault is not None and fault.kind == "late":
        await asyncio.sleep(fault.seconds)
    if noisy:
        return Response(_GARBAGE, media_type="text/html")
    return JSONResponse({"order_id": order.order_id, "status": "accepted" if new else "duplicate"}, 202 if new else 200)


_ANSWERS: Final = {
    "down": (503, "closed for the night"),
    "gone": (410, "this endpoint is no more"),
    "busy": (429, "too many orders at once"),
}


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise InvalidInputError(f"an order has at most {BODY_LIMIT} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _read(body: bytes) -> tuple[SupplierOrder | None, str]:
    """Return the order in a structured CloudEvent, or bare; or why it is none."""
    try:
        document = decode_json(body)
        if isinstance(document, dict) and "specversion" in document:
            document = document.get("data")
        order = msgspec.convert(document, SupplierOrder)
    except (msgspec.DecodeError, UnicodeDecodeError) as refused:
        return None, f"no readable order: {refused}"
    if not order.lines or any(line.pieces <= 0 for line in order.lines):
        return None, "an order has lines, and every line at least one piece"
    return order, ""


def _claimed_supplier(body: bytes) -> str:
    """Return the supplier that an unreadable order names, so that its signature can still be checked."""
    try:
        document = decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    data = document.get("data", document) if isinstance(document, dict) else None
    return str(data.get("supplier", "")) if isinstance(data, dict) else ""


def _verify(body: bytes, headers: Mapping[str, str], secrets: Mapping[str, str], supplier: str, desk: Desk) -> str:
    given = {name: headers.get(name, "") for name in _HEADERS}
    for secret in secrets.get(supplier, "").split():
        try:
            Webhook(secret).verify(body, dict(given), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            continue
        return given["webhook-id"]
    desk.count("orders_unauthorized")
    raise UnauthorizedError("no signature fits these bytes", way_out="sign the raw body with the supplier's secret")
