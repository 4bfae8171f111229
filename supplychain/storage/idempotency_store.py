"""Answers to idempotency keys: who comes first runs, who comes again gets the same answer.

The row is claimed in a transaction of its own before the work, since the work commits its own effects. A claim whose
process died lapses, and the request may be tried again: the use cases behind it are safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select, update

from supplychain.domain.errors import ConflictError, InvalidInputError
from supplychain.domain.units import DAY, MINUTE
from supplychain.storage.engine import Database
from supplychain.storage.tables import idempotency
from supplychain.storage.upserts import insert_new

LEASE_MS: Final = 2 * MINUTE
"""After so long a request that gave no answer counts as dead."""
KEPT_MS: Final = 7 * DAY
"""So long an answer is remembered."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to a key before."""

    status: int
    body: bytes


class SqlIdempotency:
    """The table `idempotency`; times are wall time in UTC milliseconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key: str, fingerprint: str, wall: int) -> KeptAnswer | None:
        """Claim a key, or return what was answered to it.

        Raises
        ------
        ConflictError
            While the first request with this key is running.
        InvalidInputError
            If the key was used for another request.
        """
        values = {"key": key, "fingerprint": fingerprint, "created_wall": wall}
        unanswered = idempotency.c.status.is_(None) & (idempotency.c.created_wall <= wall - LEASE_MS)
        forgotten = idempotency.c.created_wall <= wall - KEPT_MS
        with self._database.write() as connection:
            connection.execute(delete(idempotency).where(idempotency.c.key == key, unanswered | forgotten))
            if insert_new(connection, idempotency, [values]):
                return None
            row = connection.execute(select(idempotency).where(idempotency.c.key == key)).one()
        if row.fingerprint != fingerprint:
            raise InvalidInputError(
                "this idempotency key was used for another request", way_out="use a fresh key", field="Idempotency-Key"
            )
        if row.status is None:
            raise ConflictError("the first request with this idempotency key is running", way_out="retry in a moment")
        return KeptAnswer(row.status, bytes(row.response or b""))

    def finish(self, key: str, status: int, body: bytes) -> None:
        """Keep the answer."""
        with self._database.write() as connection:
            connection.execute(update(idempotency).where(idempotency.c.key == key).values(status=status, response=body))

    def release(self, key: str) -> None:
        """Forget a claim whose request changed nothing; an answer that is kept stays."""
        with self._database.write() as connection:
            connection.execute(delete(idempotency).where(idempotency.c.key == key, idempotency.c.status.is_(None)))

    def prune(self, wall: int) -> int:
        """Forget answers past their time; returns how many."""
        with self._database.write() as connection:
            return connection.execute(delete(idempotency).where(idempotency.c.created_wall <= wall - KEPT_MS)).rowcount
