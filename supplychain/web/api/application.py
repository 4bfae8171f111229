"""Puts the API together: routers, errors, limits, and the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from supplychain.messages.v1 import Sale, SupplierAnswer, SupplierOrder
from supplychain.web.api import answers, boards, deliveries, events, lines, operations, plans, problems, tuning
from supplychain.web.api.guards import LimitBody, SameOrigin, TraceRequests
from supplychain.web.auth import Gate
from supplychain.web.ports import Front

PREFIX: Final = "/api/v1"
BODY_LIMIT: Final = 4 * 1024 * 1024
_ROUTERS: Final = (
    plans.reading,
    plans.deciding,
    lines.router,
    boards.router,
    deliveries.router,
    tuning.router,
    events.router,
    answers.router,
)
_ABOUT: Final = """Supply chains for live-stream commerce: spikes, session forecasts, plans and their release.

Times are UTC milliseconds, money is integer minor units, quantities are integer pieces. Every error is
`application/problem+json` (RFC 9457) with a stable `code` and a `way_out`.
"""


def create(front: Front, gate: Gate, *, version: str) -> FastAPI:
    """Return the application with the API below /api/v1 and the probes beside it.

    Whatever else is mounted on it later (the console) does not change how these answer.
    """
    outer = FastAPI(title="livestream-supplychain", openapi_url=None, docs_url=None, redoc_url=None)
    outer.add_middleware(LimitBody, limit=BODY_LIMIT, prefix="/api/")
    outer.add_middleware(SameOrigin, loopback_only=gate.is_open)
    outer.add_middleware(TraceRequests)
    outer.state.front = front
    outer.state.gate = gate
    problems.install(outer)
    outer.mount(PREFIX, versioned(front, gate, version=version))
    outer.include_router(operations.router)
    outer.include_router(_dead_ends())
    return outer


def versioned(front: Front, gate: Gate, *, version: str) -> FastAPI:
    """Return the application of version 1; paths are relative to its prefix."""
    api = FastAPI(
        title="livestream-supplychain",
        summary="Spike detection, session forecasts and small-batch replenishment for live commerce",
        description=_ABOUT,
        version=version,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        responses=problems.RESPONSES,
        redirect_slashes=False,
    )
    api.state.front = front
    api.state.gate = gate
    problems.install(api)
    for router in _ROUTERS:
        api.include_router(router)
    made = api.openapi

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _completed(made(), open_mode=gate.is_open)
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]  # the way FastAPI's manual extends the document
    return api


def _completed(document: dict[str, Any], *, open_mode: bool) -> dict[str, Any]:
    kinds = (Sale, SupplierAnswer, SupplierOrder)
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update({**schemas, "Problem": problems.PROBLEM_SCHEMA})
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "lsc_<id>_<secret>"}
    }
    document["security"] = [{}] if open_mode else [{"apiKey": []}]
    for operations_ in document["paths"].values():
        for operation in operations_.values():
            operation["responses"].pop("422", None)  # FastAPI's own shape; ours is in `default`
    document["webhooks"] = {
        "supplier-order": {
            "post": {
                "operationId": "receive_order",
                "summary": "A firm order, sent to the supplier's endpoint, signed by Standard Webhooks",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SupplierOrder"}}},
                },
                "responses": {"2XX": {"description": "taken; answer line by line at /supplier-answers"}},
            }
        }
    }
    return document


def _dead_ends() -> APIRouter:
    """Answer for paths of machines that lead nowhere; the console behind would answer with a page."""
    router = APIRouter(include_in_schema=False)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    async def nothing_here(request: Request) -> Response:
        if request.url.path in operations.PATHS:
            raise HTTPException(405, "Method Not Allowed", {"Allow": "GET"})
        raise HTTPException(404, "Not Found")

    for path in ("/api", "/api/{rest:path}", *operations.PATHS):
        router.add_api_route(path, nothing_here, methods=methods)
    return router
