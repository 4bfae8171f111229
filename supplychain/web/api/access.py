"""What every route starts from: the front, and an actor with the roles that the route demands."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from supplychain.domain.errors import InvalidInputError
from supplychain.planning.ports import Actor
from supplychain.web import auth
from supplychain.web.ports import Front


async def front(request: Request) -> Front:
    """Return what the API stands on."""
    found: Front = request.app.state.front
    return found


async def raw_body(request: Request) -> bytes:
    """Return the body as it came: signatures cover bytes, not meaning."""
    return await request.body()


def actor(*roles: str) -> Callable[[Request], Actor]:
    """Return a dependency that gives the caller if they have one of the roles; without roles, anybody known.

    It runs in the thread pool, since the key file may be read again.
    """

    def caller(request: Request) -> Actor:
        gate: auth.Gate = request.app.state.gate
        known = gate.actor(request.headers)
        return auth.demand(known, *roles) if roles else known

    return caller


TheFront = Annotated[Front, Depends(front)]
RawBody = Annotated[bytes, Depends(raw_body)]
Anybody = Annotated[Actor, Depends(actor())]
Reader = Annotated[Actor, Depends(actor(*auth.READ))]
Editor = Annotated[Actor, Depends(actor("planner"))]
Planner = Annotated[Actor, Depends(actor("planner", "approver"))]
Approver = Annotated[Actor, Depends(actor("approver"))]
Operator = Annotated[Actor, Depends(actor("operator"))]


def cursor_out(serial: int | None) -> str | None:
    """Write a serial number as an opaque cursor."""
    return None if serial is None else base64.urlsafe_b64encode(f"s{serial}".encode()).decode().rstrip("=")


def cursor_in(cursor: str | None) -> int | None:
    """Read a cursor.

    Raises
    ------
    InvalidInputError
        If it is none of ours.

    >>> cursor_in(cursor_out(41))
    41
    """
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if not text.startswith("s"):
            raise ValueError(text)
        return int(text[1:])
    except (ValueError, binascii.Error):
        raise InvalidInputError(
            "this cursor is none of ours", way_out="take `next` of the page before", field="cursor"
        ) from None


def etag(*parts: Any) -> str:
    """Return a strong entity tag.

    >>> etag(3, "ab")
    '"3-ab"'
    """
    return '"' + "-".join(str(part) for part in parts) + '"'
