"""The board: one object with everything that screens show, as plain dicts and lists."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from supplychain.storage.engine import Database
from supplychain.storage.queries import figures, health, rooms
from supplychain.storage.repositories.versions import SqlVersions


class Board:
    """Read models over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> int:
        """Return business time in UTC milliseconds: the furthest watermark, or the wall before any."""
        with self._database.read() as connection:
            return rooms.business_now(connection) or time.time_ns() // 1_000_000

    def summary(self) -> dict[str, Any]:
        """Return the figures of the whole loop; the keys of the demonstration's summary."""
        with self._database.read() as connection:
            return figures.summary(connection)

    def summary_allocations(self) -> int:
        """Return how many allocation events were handed to the broker."""
        with self._database.read() as connection:
            return figures.allocations(connection)["allocations_received"]

    def rooms(self) -> list[dict[str, Any]]:
        """Return every session with what it sold, those on air first."""
        with self._database.read() as connection:
            _, catalogue = SqlVersions(connection).network()
            return rooms.sessions(connection, catalogue)

    def room(self, session: str) -> dict[str, Any]:
        """Return one session with its items: sales, rate, forecast, sellable minutes."""
        with self._database.read() as connection:
            _, catalogue = SqlVersions(connection).network()
            return rooms.session(connection, catalogue, session)

    def rates(self, session: str, sku: str | None = None, minutes: int = 60) -> list[dict[str, Any]]:
        """Return orders, pieces and viewers of a session by half minute, oldest first."""
        with self._database.read() as connection:
            _, catalogue = SqlVersions(connection).network()
            return rooms.rates(connection, catalogue, session, sku, minutes)

    def spikes(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return spikes, newest first, with what the room did at that moment."""
        with self._database.read() as connection:
            return rooms.spikes_with_cause(connection, limit)

    def forecast(self, session: str, sku: str) -> list[dict[str, Any]]:
        """Return the forecasts of a session and SKU, oldest first."""
        with self._database.read() as connection:
            return rooms.forecasts_of(connection, session, sku)

    def positions(self, skus: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the stock position of SKUs, term by term."""
        with self._database.read() as connection:
            return figures.positions(connection, skus)

    def deliveries(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return outgoing messages, newest first."""
        with self._database.read() as connection:
            return health.deliveries(connection, limit)

    def dead_letters(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return records that could not be used, newest first."""
        with self._database.read() as connection:
            return health.dead_letters(connection, limit)

    def dead_letter(self, letter: str) -> dict[str, Any]:
        """Return one dead letter with the bytes that were kept; a unique beginning of the id is enough."""
        with self._database.read() as connection:
            return health.dead_letter(connection, letter)

    def mark_redriven(self, letter: str, wall: int) -> None:
        """Remember that a dead letter was sent again."""
        with self._database.write() as connection:
            health.mark_redriven(connection, letter, wall)

    def findings(self) -> list[dict[str, Any]]:
        """Return faults in master data, most frequent first."""
        with self._database.read() as connection:
            return health.findings(connection)

    def incidents(self) -> list[dict[str, Any]]:
        """Return incidents, newest first."""
        with self._database.read() as connection:
            return health.incidents(connection)

    def jobs(self) -> list[dict[str, Any]]:
        """Return job runs, newest first."""
        with self._database.read() as connection:
            return health.jobs(connection)

    def health(self) -> dict[str, Any]:
        """Return watermarks, lag, stock age, the oldest waiting message and what is degraded."""
        with self._database.read() as connection:
            return health.health(connection)
