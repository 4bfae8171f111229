"""Who is asking, and what they may do: deny by default.

In open mode (the loopback address only) every visitor is planner, approver and operator, named by the header `X-Actor`.
Otherwise a caller shows an API key; machines as `Authorization: Bearer`, people once on the sign-in page, which hands
their browser a signed cookie. Each route says which roles it wants; suppliers and warehouses see only what is theirs, and
what is not theirs does not exist for them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote

from supplychain.domain.errors import ForbiddenError, NotFoundError, SettingsError, UnauthorizedError
from supplychain.domain.units import HOUR
from supplychain.planning.ports import Actor, WallClock
from supplychain.settings import Settings
from supplychain.web.keys import Keyring, watched

READ: Final = ("viewer", "planner", "approver", "operator")
"""Roles that see the whole board."""
KEY_FILE: Final = "api_keys.toml"
COOKIE: Final = "supplychain_session"
SESSION_MS: Final = 12 * HOUR
_OPEN_ROLES: Final = frozenset({"planner", "approver", "operator"})
_NAME_LIMIT: Final = 80


def is_loopback(host: str) -> bool:
    """Tell whether a listening address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Gate:
    """Turns headers and cookies into an actor.

    `keys` is None in open mode. `secret` signs the cookies of people; it lives as long as the process, so that a restart
    signs everybody out.
    """

    keys: Callable[[], Keyring] | None
    secret: bytes
    wall: WallClock

    @property
    def is_open(self) -> bool:
        """Tell whether every visitor is let in."""
        return self.keys is None

    def actor(self, headers: Mapping[str, str]) -> Actor:
        """Return the actor of a request to the API.

        Raises
        ------
        UnauthorizedError
            If there is no key, or the key is not good.
        """
        if self.keys is None:
            return Actor(_named(headers.get("x-actor")), _OPEN_ROLES)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            detail = "no API key was shown"
            raise UnauthorizedError(detail, way_out="send the header Authorization: Bearer <key>")
        return self.keys().shown(key.strip(), self.wall()).actor

    def visitor(self, cookies: Mapping[str, str]) -> Actor | None:
        """Return the person of a console page, or None when they have to sign in."""
        if self.keys is None:
            return Actor(_named(None), _OPEN_ROLES)
        token = cookies.get(COOKIE, "")
        try:
            body, sign = token.split(".")
            identity, digest, until = base64.urlsafe_b64decode(body).decode().split(" ")
            good = hmac.compare_digest(sign, self._sign(body)) and self.wall() < int(until)
            return self.keys().kept(identity, digest, self.wall()).actor if good else None
        except (ValueError, binascii.Error, UnauthorizedError):
            return None

    def cookie(self, key: str) -> str:
        """Return the session cookie of somebody who showed `key`; it holds no secret and stops working when the key does.

        Raises
        ------
        UnauthorizedError
            If the key is not good.
        """
        if self.keys is None:
            return ""
        record = self.keys().shown(key, self.wall())
        words = f"{record.key} {record.digest} {self.wall() + SESSION_MS}"
        body = base64.urlsafe_b64encode(words.encode()).decode()
        return f"{body}.{self._sign(body)}"

    def _sign(self, body: str) -> str:
        return hmac.new(self.secret, body.encode(), sha256).hexdigest()


def gate(settings: Settings, wall: WallClock, secret: bytes) -> Gate:
    """Return the gate that the settings ask for.

    Raises
    ------
    SettingsError
        If open mode is asked for on an address that other machines reach.
    """
    if not settings.web.open_to_all:
        return Gate(watched(settings.data_dir / KEY_FILE), secret, wall)
    if not is_loopback(settings.web.host):
        detail = f"web.open_to_all lets everybody approve orders, and {settings.web.host} is not the loopback address"
        way_out = "listen on 127.0.0.1, or set web.open_to_all = false and write API keys"
        raise SettingsError(detail, way_out=way_out, field="web.open_to_all")
    return Gate(None, secret, wall)


def demand(actor: Actor, *roles: str) -> Actor:
    """Return the actor if they have one of the roles.

    Raises
    ------
    ForbiddenError
        If they have none of them.
    """
    if not actor.may(*roles):
        wanted = " or ".join(roles)
        raise ForbiddenError(f"{actor.name} may not do this", way_out=f"it takes the role {wanted}", roles=list(roles))
    return actor


def scopes(actor: Actor, kind: str) -> frozenset[str]:
    """Return the suppliers (or warehouses) whose things the actor may see beside the open board.

    >>> sorted(scopes(Actor("a", frozenset({"supplier:s1", "warehouse:w1"})), "supplier"))
    ['s1']
    """
    head = f"{kind}:"
    return frozenset(role.removeprefix(head) for role in actor.roles if role.startswith(head))


def demand_line(actor: Actor, line: Mapping[str, Any]) -> None:
    """Let those pass who see the board, the line's supplier, and the warehouses it touches.

    Raises
    ------
    NotFoundError
        For everybody else: somebody else's line does not exist for them.
    """
    if actor.may(*READ):
        return
    mine = line.get("kind") == "order" and line.get("supplier") in scopes(actor, "supplier")
    touched = {line.get("origin"), line.get("destination")} & scopes(actor, "warehouse")
    if not (mine or touched) or line.get("state") in {"proposed", "approved", "rejected", "expired", "superseded"}:
        raise NotFoundError(f"unknown line {line.get('line')!r}", line=str(line.get("line")))


def _named(header: str | None) -> str:
    name = "".join(sign for sign in unquote(header or "").strip() if sign.isprintable())[:_NAME_LIMIT]
    return name or "planner@local"
