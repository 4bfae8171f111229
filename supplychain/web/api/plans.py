"""Plans: list, read, approve, reject, release, cancel, and ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from supplychain.domain.plan import LineState
from supplychain.planning.ports import PlanFilter
from supplychain.web.api.access import Approver, Planner, Reader, TheFront, cursor_in, cursor_out, etag
from supplychain.web.api.idempotent import IdempotentRoute
from supplychain.web.api.problems import PreconditionError
from supplychain.web.api.schemas import Approval, Decision, LinesChanged, Plan, PlanPage, Rejection, Wanted

reading = APIRouter(tags=["plans"])
deciding = APIRouter(tags=["plans"], route_class=IdempotentRoute)

IfMatch = Annotated[str | None, Header(alias="If-Match", description="the ETag that the plan was read with")]
Key = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=202, description="the same on every retry")
]


@reading.get("/plans", response_model=PlanPage, operation_id="list_plans")
def list_plans(
    front: TheFront,
    actor: Reader,
    state: Annotated[list[LineState] | None, Query(description="plans with a line in one of these states")] = None,
    sku: Annotated[str | None, Query(max_length=200)] = None,
    supplier: Annotated[str | None, Query(max_length=200)] = None,
    open_only: Annotated[bool, Query(description="plans that wait for somebody")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """List plans, newest first."""
    wanted = PlanFilter(tuple(state or ()), sku, supplier, open_only, limit + 1, cursor_in(cursor))
    rows = front.desk.plans(wanted)
    last = rows[limit - 1] if len(rows) > limit else None
    return {"items": rows[:limit], "next": cursor_out(last["serial"] if last else None)}


@reading.get("/plans/{plan}", response_model=Plan, operation_id="get_plan")
def get_plan(plan: str, front: TheFront, actor: Reader, response: Response) -> dict[str, Any]:
    """Read one plan with its lines and their explanations; the ETag binds an approval to what was read."""
    row = front.desk.plan(plan)
    response.headers["ETag"] = plan_etag(row)
    return row


@deciding.post("/plans/{plan}/approve", response_model=LinesChanged, operation_id="approve_plan")
def approve_plan(
    plan: str, body: Approval, front: TheFront, actor: Planner, key: Key, if_match: IfMatch = None
) -> dict[str, Any]:
    """Approve lines; what is inside the firm fence is released in the same transaction."""
    digest, version = body.digest, body.version
    if if_match is not None and if_match != "*":
        row = front.desk.plan(plan)
        if if_match != plan_etag(row):
            raise PreconditionError(
                f"plan {plan} is no longer what you read", way_out="read it again", etag=plan_etag(row)
            )
        digest, version = digest or row["digest"], version or row["version"]
    rows = front.desk.approve(plan, _listed(body.lines), actor, body.reason, digest=digest, version=version)
    return {"lines": rows}


@deciding.post("/plans/{plan}/reject", response_model=LinesChanged, operation_id="reject_plan")
def reject_plan(plan: str, body: Rejection, front: TheFront, actor: Planner, key: Key) -> dict[str, Any]:
    """Reject lines, with a reason."""
    return {"lines": front.desk.reject(plan, _listed(body.lines), actor, body.reason)}


@deciding.post("/plans/{plan}/release", response_model=LinesChanged, operation_id="release_plan")
def release_plan(plan: str, body: Decision, front: TheFront, actor: Approver, key: Key) -> dict[str, Any]:
    """Release approved lines that a fence holds back."""
    return {"lines": front.desk.release(plan, _listed(body.lines), actor, body.reason)}


@deciding.post("/plans/{plan}/cancel", response_model=LinesChanged, operation_id="cancel_plan")
def cancel_plan(plan: str, body: Rejection, front: TheFront, actor: Approver, key: Key) -> dict[str, Any]:
    """Cancel released movements that have not left, with a reason; both warehouses get a cancellation."""
    return {"lines": front.desk.cancel(plan, _listed(body.lines), actor, body.reason)}


@deciding.post("/plan-requests", status_code=202, operation_id="request_plan")
def request_plan(body: Wanted, front: TheFront, actor: Planner, key: Key) -> dict[str, Any]:
    """Ask for a plan; a worker makes it."""
    return front.desk.ask(_listed(body.groups), actor, body.reason)


def plan_etag(row: dict[str, Any]) -> str:
    """Return the entity tag of a plan: its version grows with every change of a line."""
    return etag(row["version"], row["digest"])


def _listed(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else list(given)
