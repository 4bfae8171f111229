"""The audit trail in SQL: append-only, each entry carries the hash of the one before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from supplychain.storage.tables import audit

_GENESIS = "0" * 64


class SqlAudit:
    """The audit trail in SQL.

    `alone` makes this transaction the only one that appends: two entries never follow the same one.
    """

    def __init__(self, connection: Connection, alone: Callable[[], None]) -> None:
        self._connection = connection
        self._alone = alone

    def append(
        self, *, actor: str, action: str, subject: str, at: int, wall: int, reason: str, detail: Mapping[str, Any]
    ) -> None:
        """Append an entry in this transaction."""
        self._alone()
        last = self._connection.execute(select(audit.c.hash).order_by(audit.c.entry.desc()).limit(1)).scalar()
        row = {
            "created_wall": wall,
            "at": at,
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": dict(detail),
            "reason": reason,
            "previous_hash": last or _GENESIS,
        }
        self._connection.execute(insert(audit).values(**row, hash=_hash(row)))

    def entries(self, *, subject: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
        """Return entries, newest first."""
        query = select(audit).order_by(audit.c.entry.desc()).limit(limit)
        query = query.where(audit.c.subject == subject) if subject else query
        return [dict(row._mapping) for row in self._connection.execute(query)]  # noqa: SLF001 - documented mapping

    def verify(self) -> int:
        """Recompute the chain and return how many entries hold; it stops at the first that does not."""
        previous, sound = _GENESIS, 0
        for row in self._connection.execute(select(audit).order_by(audit.c.entry)):
            stored = dict(row._mapping)  # noqa: SLF001 - documented mapping
            own = {name: value for name, value in stored.items() if name not in {"entry", "hash"}}
            if stored["previous_hash"] != previous or _hash(own) != stored["hash"]:
                break
            previous, sound = stored["hash"], sound + 1
        return sound


def _hash(row: Mapping[str, Any]) -> str:
    return sha256(json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
