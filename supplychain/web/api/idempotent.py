"""Idempotency-Key: a retry gets the first answer, and nothing happens twice.

The key belongs to its caller. While the first request runs, a second gets 409; with another payload it gets 422. Only a
success is remembered: a request that was refused changed nothing, so its key stays free.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.ids import content_hash, derive
from supplychain.web.api.problems import MissingKeyError
from supplychain.web.ports import Front

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_WELL_FORMED: Final = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?')

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route whose requests must carry an Idempotency-Key."""

    required = True

    def get_route_handler(self) -> Handler:
        """Wrap the handler so that a known key is answered from memory."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            given = request.headers.get(HEADER)
            if given is None:
                if self.required:
                    detail = f"{request.method} {request.url.path} needs the header {HEADER}"
                    raise MissingKeyError(detail, way_out="send a fresh UUID, and the same one when you retry")
                return await inner(request)
            return await _once(request, given, inner)

        return handler


class OptionallyIdempotentRoute(IdempotentRoute):
    """A route whose elements carry stable ids themselves, so that the key is welcome and not needed."""

    required = False


async def _once(request: Request, given: str, inner: Handler) -> Response:
    front: Front = request.app.state.front
    caller = request.app.state.gate.actor(request.headers).name
    claim = Claim(front, caller, given, fingerprint(request, await request.body()))
    known = await run_in_threadpool(claim.begin)
    if known is not None:
        return known
    try:
        response = await inner(request)
    except Exception:
        # Not on cancellation: the work may have been done, so the claim stays until it lapses.
        await run_in_threadpool(claim.release)
        raise
    await run_in_threadpool(claim.finish, response)
    return response


def fingerprint(request: Request, payload: bytes) -> str:
    """Return the hash of everything that makes a request this request."""
    words = (request.method, request.url.path, request.url.query, request.headers.get("if-match", ""))
    return content_hash("\n".join(words).encode() + b"\n" + payload)


class Claim:
    """One caller's use of one key.

    Raises
    ------
    InvalidInputError
        If the key is malformed.
    """

    def __init__(self, front: Front, caller: str, given: str, print_: str) -> None:
        match = _WELL_FORMED.fullmatch(given)
        if match is None:
            raise InvalidInputError(
                f"{HEADER} is malformed", way_out="send up to 200 printable characters", field=HEADER
            )
        self._front = front
        self._key = derive("idempotency", caller, match[1])
        self._fingerprint = print_

    def begin(self) -> Response | None:
        """Claim the key, or return the answer given before."""
        known = self._front.idempotency.begin(self._key, self._fingerprint, self._front.wall())
        if known is None:
            return None
        return Response(known.body, known.status, {REPLAYED: "true"}, media_type="application/json")

    def finish(self, response: Response) -> None:
        """Remember the answer."""
        self._front.idempotency.finish(self._key, response.status_code, bytes(response.body))

    def release(self) -> None:
        """Free the key again."""
        self._front.idempotency.release(self._key)
