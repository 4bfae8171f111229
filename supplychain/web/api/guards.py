"""What every request passes first: a trace, and a check that no foreign web page steers the browser of somebody inside.

Open mode knows its people by their machine, so a page from elsewhere must not act through their browser: requests and
web sockets whose Origin is another host are refused, and in open mode so is a Host that is no name of the loopback
address (DNS rebinding).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from supplychain import telemetry
from supplychain.web.api import problems
from supplychain.web.auth import is_loopback

TRACE_HEADER: Final = "x-trace-id"
_POLICY: Final = (
    # The console's framework compiles its templates in the browser, hence unsafe-eval; nothing comes from elsewhere.
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", _POLICY),
)


class TraceRequests:
    """Marks log lines, answers and problem documents of one request with one trace id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application inside a trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (TRACE_HEADER.encode(), identity.encode()),
                    *SECURITY_HEADERS,
                ]
            await send(message)

        with telemetry.trace(Headers(scope=scope).get("traceparent")) as identity:
            scope["trace_id"] = identity
            await self._app(scope, receive, traced)


class SameOrigin:
    """Refuses what a foreign web page sends through a visitor's browser."""

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check Origin and Host, then run the application."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        fault = self._fault(Headers(scope=scope))
        if fault is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": fault})
        else:
            trace = {"trace_id": scope.get("trace_id", "")}
            way_out = "open the console at its own address"
            refusal = problems.problem(403, "foreign-origin", fault, way_out=way_out, **trace)
            await refusal(scope, receive, send)

    def _fault(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if self._loopback_only and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return f"the host {host!r} is no name of this machine"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"the origin {origin!r} is not this host"
        if (
            origin is None
            and headers.get("sec-fetch-site") == "cross-site"
            and headers.get("sec-fetch-mode") != "navigate"
        ):
            return "a page of another site asked for this"
        return None


class LimitBody:
    """Refuses a body of more than `limit` bytes: by its Content-Length, or when so many have come."""

    def __init__(self, app: ASGIApp, *, limit: int, prefix: str) -> None:
        self._app = app
        self._limit = limit
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes of the body on their way in."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        detail = f"the body has more than {self._limit} bytes"
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._limit:
            trace = {"trace_id": scope.get("trace_id", "")}
            refusal = problems.problem(
                413, "too-large", detail, way_out="send less at once", limit=self._limit, **trace
            )
            await refusal(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._limit:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, counted, send)
