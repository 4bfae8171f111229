"""Ids of whatever can be derived again: the same thing gets the same id on every run and every machine."""

from __future__ import annotations

from hashlib import blake2b, sha256
from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("6f0f5d52-5d0e-5c53-9d0d-3d5a4b1f7a11")


def derive(kind: str, *parts: object) -> str:
    """Return the uuid5 of a `kind` of thing and what it is about.

    >>> derive("plan", "group", 5) == derive("plan", "group", 5)
    True
    >>> derive("plan", "a", "b") == derive("plan", "a:b")
    False
    """
    return str(uuid5(NAMESPACE, _joined(kind, *(str(part) for part in parts))))


def event_id(platform: str, shop: str, order: str, line: str, kind: str, source_seq: str) -> str:
    """Return the 32 hex digits that identify one event of one order line.

    An order has many lines and a line many events (paid, partly cancelled, returned twice), so the order number alone
    identifies nothing; `source_seq` is the platform's own sequence or after-sale id.
    """
    text = _joined(platform, shop, order, line, kind, source_seq)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def event_key(identity: str) -> bytes:
    """Return the 16 bytes under which an event id is remembered; a foreign id is hashed into the same space."""
    if len(identity) == 32:
        try:
            return bytes.fromhex(identity)
        except ValueError:
            pass
    return blake2b(identity.encode(), digest_size=16).digest()


def content_hash(payload: bytes) -> str:
    """Return the hash that binds an approval to what was approved."""
    return sha256(payload).hexdigest()


def _joined(*parts: str) -> str:
    """Join parts so that no two lists give the same text: a separator inside a part is escaped."""
    return "\x1f".join(part.replace("\x1e", "\x1e0").replace("\x1f", "\x1e1") for part in parts)
