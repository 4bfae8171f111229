"""Read models over HTTP: what was seen, what sells, what was sent."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from supplychain.web import auth
from supplychain.web.api.access import Anybody, Reader, TheFront
from supplychain.web.api.schemas import Rows

router = APIRouter(tags=["board"])
_PARTNER_DEPTH: Final = 1_000
"""So many of the latest messages are searched for a partner's own."""
Limit = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/summary", operation_id="get_summary")
def get_summary(front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read the counts of the whole loop; they add up."""
    return front.board.summary()


@router.get("/rooms", response_model=Rows, operation_id="list_rooms")
def list_rooms(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List sessions of live rooms."""
    return {"items": front.board.rooms()}


@router.get("/rooms/{session}", operation_id="get_room")
def get_room(session: str, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read one session: its items with rate, forecast and sellable minutes."""
    return front.board.room(session)


@router.get("/rooms/{session}/rates", response_model=Rows, operation_id="get_rates")
def get_rates(
    session: str,
    front: TheFront,
    actor: Reader,
    sku: Annotated[str | None, Query(max_length=200)] = None,
    minutes: Annotated[int, Query(ge=1, le=1_440)] = 60,
) -> dict[str, Any]:
    """Read orders, pieces and viewers over time."""
    return {"items": front.board.rates(session, sku, minutes)}


@router.get("/rooms/{session}/slots/{sku}", response_model=Rows, operation_id="get_slots")
def get_slots(session: str, sku: str, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read what each remaining slot of one session will sell of one item, with quantiles, regions added up."""
    return {"items": front.desk.slots(session, sku)}


@router.get("/rooms/{session}/forecasts/{sku}", response_model=Rows, operation_id="get_forecast")
def get_forecast(session: str, sku: str, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read the forecasts of one item in one session, oldest first."""
    return {"items": front.board.forecast(session, sku)}


@router.get("/forecasts/models", response_model=Rows, operation_id="list_models")
def list_models(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List what the nightly refits of the shelf learned, newest first, and which of them is active or degraded."""
    return {"items": front.desk.models()}


@router.get("/forecasts/accuracy", response_model=Rows, operation_id="list_accuracy")
def list_accuracy(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List how true the forecasts of the shelf came per segment in four weeks: coverage of the 80 % interval, bias, error."""
    return {"items": front.desk.accuracy()}


@router.get("/forecasts/shelf/{sku}", operation_id="get_shelf_forecast")
def get_shelf_forecast(sku: str, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read the forecast of the shelf of one SKU, by region and day; `degraded` says when something simpler stands in."""
    return front.desk.shelf(sku)


@router.get("/spikes", response_model=Rows, operation_id="list_spikes")
def list_spikes(front: TheFront, actor: Reader, limit: Limit = 100) -> dict[str, Any]:
    """List spikes with their reasons, newest first."""
    return {"items": front.board.spikes(limit)}


@router.get("/positions", response_model=Rows, operation_id="list_positions")
def list_positions(
    front: TheFront, actor: Reader, sku: Annotated[list[str] | None, Query(max_length=500)] = None
) -> dict[str, Any]:
    """List stock positions, by the one formula."""
    return {"items": front.board.positions(sku)}


@router.get("/deliveries", response_model=Rows, operation_id="list_deliveries")
def list_deliveries(front: TheFront, actor: Anybody, limit: Limit = 100) -> dict[str, Any]:
    """List messages to suppliers and warehouses, newest first; partners see their own."""
    if actor.may(*auth.READ):
        return {"items": front.board.deliveries(limit)}
    mine = {("supplier", lane) for lane in auth.scopes(actor, "supplier")}
    mine |= {("allocations", lane) for lane in auth.scopes(actor, "warehouse")}
    if not mine:
        auth.demand(actor, *auth.READ)
    rows = [row for row in front.board.deliveries(_PARTNER_DEPTH) if (row["channel"], row["lane"]) in mine]
    return {"items": rows[:limit]}


@router.get("/dead-letters", response_model=Rows, operation_id="list_dead_letters")
def list_dead_letters(front: TheFront, actor: Reader, limit: Limit = 100) -> dict[str, Any]:
    """List records that could not be read or cannot be."""
    return {"items": front.board.dead_letters(limit)}


@router.get("/findings", response_model=Rows, operation_id="list_findings")
def list_findings(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List data-quality findings."""
    return {"items": front.board.findings()}


@router.get("/incidents", response_model=Rows, operation_id="list_incidents")
def list_incidents(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List what went wrong and was handled."""
    return {"items": front.board.incidents()}


@router.get("/jobs", response_model=Rows, operation_id="list_jobs")
def list_jobs(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List runs of scheduled jobs."""
    return {"items": front.board.jobs()}


@router.get("/health", operation_id="get_health")
def get_health(front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read watermarks, lag, age of stock, oldest message."""
    return front.board.health()
