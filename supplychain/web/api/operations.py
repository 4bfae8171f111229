"""For those who run it: alive, ready, metrics. Outside /api/v1, so that probes need no version and no key."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from supplychain import telemetry
from supplychain.domain.errors import SupplyChainError
from supplychain.web.api import problems
from supplychain.web.ports import Front

router = APIRouter(include_in_schema=False)
PATHS: Final = ("/healthz", "/readyz", "/metrics")


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that the process answers; touches nothing else."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(request: Request) -> Any:
    """Say whether the database answers; names degraded parts without failing on them."""
    front: Front = request.app.state.front
    try:
        health = front.board.health()
    except SupplyChainError as error:
        detail, headers = f"not ready: {error.detail}", {"Retry-After": "1"}
        fields = problems.traced(request)
        return problems.problem(503, "not-ready", detail, way_out=error.way_out, headers=headers, **fields)
    return {"status": "ready", "degraded": health["degraded"]}


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return metrics in Prometheus' text format."""
    front: Front = request.app.state.front
    return Response(telemetry.render(_stored(front)), media_type="text/plain; version=0.0.4; charset=utf-8")


def _stored(front: Front) -> telemetry.StoredFigures:
    summary, health = front.board.summary(), front.board.health()
    return telemetry.StoredFigures(
        spike_to_plan_seconds=front.desk.latencies(),
        plan_lines=summary.get("lines_by_state", {}),
        outbox_pending=health["outbox_waiting"],
        outbox_parked=health["outbox_parked"],
        outbox_oldest_seconds=health["outbox_oldest_seconds"] or 0.0,
        dead_letters=summary["dead_letters"],
        incidents=Counter(str(row["kind"]) for row in front.board.incidents()),
    )
