"""API keys: a file of hashed keys with roles, and how a new one is made.

A key reads `lsc_<id>_<secret>`; the secret has 256 random bits, so one SHA-256 is enough to keep it. The file holds ids,
hashes, roles and an expiry, never a secret:

    [ops]
    sha256 = "<64 hex digits>"
    actor = "ops@example.com"
    roles = ["operator", "planner"]
    expires = 2027-06-30
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from supplychain.domain.errors import SettingsError, UnauthorizedError
from supplychain.domain.units import millis
from supplychain.planning.ports import Actor

ROLES: Final = ("viewer", "planner", "approver", "operator", "admin")
SCOPED: Final = ("supplier", "warehouse")
_KEY: Final = re.compile(r"lsc_([a-z0-9-]{1,40})_([A-Za-z0-9_-]{20,200})")
_ID: Final = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as kept: its hash, whom it stands for, what they may do, until when (UTC milliseconds)."""

    key: str
    digest: str
    actor: Actor
    expires_at: int | None = None


class Keyring:
    """The known keys, looked up in constant time.

    Parameters
    ----------
    keys
        Keys by id.
    """

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._keys = dict(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def shown(self, presented: str, wall: int) -> ApiKey:
        """Return the key that somebody shows.

        Raises
        ------
        UnauthorizedError
            If the key is malformed, unknown, wrong or expired; it does not say which of the first three.
        """
        match = _KEY.fullmatch(presented)
        record = self._keys.get(match[1]) if match else None
        digest = sha256((match[2] if match else "").encode()).hexdigest()
        known = compare_digest(digest, record.digest if record else "0" * 64)
        if record is None or not known:
            raise UnauthorizedError("this API key is not known", way_out="ask the operator for a key")
        return _alive(record, wall)

    def kept(self, identity: str, digest: str, wall: int) -> ApiKey:
        """Return the key that somebody showed before, if it is still the same.

        Raises
        ------
        UnauthorizedError
            If it was taken away, replaced, or has expired.
        """
        record = self._keys.get(identity)
        if record is None or not compare_digest(digest, record.digest):
            raise UnauthorizedError("this API key is no longer known", way_out="sign in again")
        return _alive(record, wall)


def new_key(identity: str, secret: str) -> tuple[str, str]:
    """Return a key as its owner keeps it, and the hash that the file keeps; `secret` is random text.

    Raises
    ------
    SettingsError
        If the id has other characters than a-z, 0-9 and -.

    >>> new_key("ops", "A" * 43)[0]
    'lsc_ops_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    if not _ID.fullmatch(identity):
        raise SettingsError(f"{identity!r} is no key id", way_out="use up to 40 of a-z, 0-9 and -", field="id")
    return f"lsc_{identity}_{secret}", sha256(secret.encode()).hexdigest()


def read_keys(path: Path) -> Keyring:
    """Read the key file; a missing file means no keys, so nobody may do anything.

    Raises
    ------
    SettingsError
        If the file is no TOML or a key is malformed; it names file and key.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Keyring({})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(f"key file {path} is no TOML: {fault}", way_out="mend the line named") from None
    keys: dict[str, ApiKey] = {}
    for identity, row in given.items():
        try:
            keys[identity] = _parsed(identity, row)
        except (KeyError, TypeError, ValueError) as fault:
            detail = f"key file {path}, key {identity}: {fault}"
            raise SettingsError(detail, way_out="a key has sha256, actor, roles and may have expires") from None
    return Keyring(keys)


def watched(path: Path) -> Callable[[], Keyring]:
    """Return a way to the keys that reads the file again when it changed, so that revoking needs no restart."""
    seen: tuple[float, int] | None = None
    ring = read_keys(path)

    def current() -> Keyring:
        nonlocal seen, ring
        try:
            facts = path.stat()
            stamp: tuple[float, int] | None = (facts.st_mtime, facts.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp != seen:
            ring, seen = read_keys(path), stamp
        return ring

    return current


def _alive(record: ApiKey, wall: int) -> ApiKey:
    if record.expires_at is not None and wall >= record.expires_at:
        raise UnauthorizedError("this API key has expired", way_out="ask the operator for a new one", key=record.key)
    return record


def _parsed(identity: str, row: Mapping[str, Any]) -> ApiKey:
    unknown = set(row) - {"sha256", "actor", "roles", "expires"}
    if unknown:
        message = f"unknown field {sorted(unknown)[0]!r}"
        raise ValueError(message)
    if not _ID.fullmatch(identity):
        message = "the id may have a-z, 0-9 and - only"
        raise ValueError(message)
    digest = str(row["sha256"])
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        message = "sha256 is no 64 hex digits"
        raise ValueError(message)
    roles = frozenset(str(role) for role in row["roles"])
    for role in roles:
        head, _, scope = role.partition(":")
        if role not in ROLES and not (head in SCOPED and scope):
            message = f"unknown role {role!r}"
            raise ValueError(message)
    return ApiKey(identity, digest, Actor(str(row["actor"]), roles), _expiry(row.get("expires")))


def _expiry(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, datetime):
        return millis(given if given.tzinfo else given.replace(tzinfo=UTC))
    if isinstance(given, date):
        return millis(datetime.combine(given, time.min, UTC))
    message = f"expires is {given!r}, no date"
    raise ValueError(message)
