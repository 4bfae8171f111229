"""Every error as problem details, in one place.

Source: RFC 9457. `code` is ours and stable; `way_out` says what to do; further members are the error's own fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from supplychain.domain.errors import SupplyChainError

MEDIA_TYPE: Final = "application/problem+json"
_RESERVED: Final = frozenset({"type", "title", "status", "detail", "instance", "code", "way_out"})
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad-request", "mend the request"),
    404: ("not-found", "see /api/v1/openapi.json for what there is"),
    405: ("method-not-allowed", "see the header Allow"),
    413: ("too-large", "send less at once"),
    415: ("unsupported-media-type", "see /api/v1/openapi.json for the media types"),
}


class PreconditionError(SupplyChainError):
    """The thing changed since the caller read it: If-Match does not match."""

    code = "precondition-failed"
    status = 412
    exit_code = 5


class PreconditionMissingError(SupplyChainError):
    """An edit without If-Match could overwrite somebody else's."""

    code = "precondition-required"
    status = 428
    exit_code = 2


class MissingKeyError(SupplyChainError):
    """A request with effects came without an Idempotency-Key."""

    code = "idempotency-key-missing"
    status = 400
    exit_code = 2


class TooLargeError(SupplyChainError):
    """More elements or bytes than one request may carry."""

    code = "too-large"
    status = 413
    exit_code = 2


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    way_out: str = "",
    headers: Mapping[str, str] | None = None,
    **fields: object,
) -> Response:
    """Return a problem response; `fields` become members of the document."""
    own = {name: value for name, value in fields.items() if name not in _RESERVED}
    document = {
        "type": f"urn:supplychain:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "way_out": way_out,
        **own,
    }
    body = msgspec.json.encode(document, enc_hook=str)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def of(error: SupplyChainError, **fields: object) -> Response:
    """Return the problem response of one of the house's errors."""
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return problem(
        error.status, error.code, error.detail, way_out=error.way_out, headers=headers, **{**error.fields, **fields}
    )


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document: ours, validation, 404, 405 and the unforeseen."""
    app.add_exception_handler(SupplyChainError, _own)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, SupplyChainError)  # noqa: S101  (Starlette hands over what was registered)
    return of(error, **traced(request))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = [{"pointer": _pointer(fault["loc"]), "detail": str(fault["msg"])} for fault in error.errors()]
    detail = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in faults[:3])
    return problem(
        422, "invalid-input", detail, way_out="mend what the pointers name", errors=faults, **traced(request)
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code, way_out = _CODES.get(error.status_code, ("http-error", ""))
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem(error.status_code, code, detail, way_out=way_out, headers=error.headers, **traced(request))


async def _unforeseen(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, so the server logs it with its trace; the caller learns nothing inner.
    detail = f"{request.method} {request.url.path} failed inside"
    way_out = "retry; if it stays, look for the trace id in the log of the web process"
    return problem(500, "internal-error", detail, way_out=way_out, **traced(request))


def traced(request: Request) -> dict[str, Any]:
    """Return the trace id of a request as a member of a problem."""
    identity = request.scope.get("trace_id")
    return {"trace_id": identity} if identity else {}


def _pointer(location: tuple[Any, ...]) -> str:
    head, *rest = location
    where = "" if head == "body" else f"/{head}"
    return where + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in rest)


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "What went wrong, as problem details (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""The documented answer for every error of every route."""

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "code", "way_out"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong"},
        "code": {"type": "string", "description": "stable name of this kind of error"},
        "way_out": {"type": "string", "description": "what to do about it"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "one element per fault"},
    },
    "additionalProperties": True,
}
"""JSON Schema of a problem document."""
