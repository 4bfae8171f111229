"""Lines: read one, its history, and override its quantity without losing anybody's edit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from supplychain.web import auth
from supplychain.web.api.access import Anybody, Editor, Reader, TheFront, etag
from supplychain.web.api.problems import PreconditionError, PreconditionMissingError
from supplychain.web.api.schemas import Edit, Line, Rows

router = APIRouter(tags=["lines"])
_PARTNERS_SEE = frozenset(
    {
        "line", "plan", "kind", "sku", "destination", "origin", "release_at", "arrive_at", "quantity", "supplier", "offer",
        "mode", "state", "confirmed", "shipped", "received", "version", "zone",
    }
)  # fmt: skip


@router.get("/lines/{line}", response_model=Line, operation_id="get_line")
def get_line(line: str, front: TheFront, actor: Anybody, response: Response) -> dict[str, Any]:
    """Read one line. Partners see their own released lines, without costs and reasons."""
    row = front.desk.line(line)
    auth.demand_line(actor, row)
    response.headers["ETag"] = etag(row["version"])
    if actor.may(*auth.READ):
        return row
    return {name: value for name, value in row.items() if name in _PARTNERS_SEE}


@router.get("/lines/{line}/history", response_model=Rows, operation_id="get_line_history")
def get_history(line: str, front: TheFront, actor: Reader) -> dict[str, Any]:
    """Read who changed a line, when and why; oldest first."""
    return {"items": front.desk.revisions(line)}


@router.patch("/lines/{line}", response_model=Line, operation_id="edit_line")
def edit_line(
    line: str,
    body: Edit,
    front: TheFront,
    actor: Editor,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match", description="the ETag of the line as read")] = None,
) -> dict[str, Any]:
    """Override the quantity of a line. The next plan keeps it."""
    if if_match is None:
        detail = "an edit needs the header If-Match, so that it cannot overwrite somebody else's"
        raise PreconditionMissingError(detail, way_out="read the line and send its ETag")
    current = front.desk.line(line)
    if if_match != etag(current["version"]):
        detail = f"line {line} has changed since you read it"
        raise PreconditionError(
            detail, way_out="read it again, look at its history, decide anew", etag=etag(current["version"])
        )
    row = front.desk.edit(line, body.quantity, int(current["version"]), actor, body.reason)
    response.headers["ETag"] = etag(row["version"])
    return row
