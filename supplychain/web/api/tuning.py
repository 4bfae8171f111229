"""Tuning over HTTP: show, preview, activate, go back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from supplychain.web.api.access import Operator, Reader, TheFront
from supplychain.web.api.idempotent import OptionallyIdempotentRoute
from supplychain.web.api.schemas import Because, Rows, TuningActivation, TuningChanged, TuningDocument

router = APIRouter(tags=["tuning"], route_class=OptionallyIdempotentRoute)


@router.get("/tuning", operation_id="get_tuning")
def get_tuning(front: TheFront, actor: Reader, version: Annotated[int | None, Query(ge=1)] = None) -> dict[str, Any]:
    """Read the active tuning, or one version."""
    return front.desk.tuning(version)


@router.get("/tuning/versions", response_model=Rows, operation_id="list_tuning_versions")
def list_versions(front: TheFront, actor: Reader) -> dict[str, Any]:
    """List versions with author and reason."""
    return {"items": front.desk.tunings()}


@router.post("/tuning/diff", response_model=Rows, operation_id="diff_tuning")
def diff(body: TuningDocument, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Preview what a document would change; changes nothing."""
    return {"items": front.desk.tuning_diff(body.document)}


@router.post("/tuning/activate", response_model=TuningChanged, operation_id="activate_tuning")
def activate(body: TuningActivation, front: TheFront, actor: Operator) -> dict[str, Any]:
    """Store a new version and make it the active one."""
    return {"version": front.desk.activate(body.document, actor, body.reason)}


@router.post("/tuning/versions/{version}/rollback", response_model=TuningChanged, operation_id="roll_back_tuning")
def roll_back(version: int, body: Because, front: TheFront, actor: Operator) -> dict[str, Any]:
    """Make an earlier version the active one again."""
    return {"version": front.desk.rollback(version, actor, body.reason)}
