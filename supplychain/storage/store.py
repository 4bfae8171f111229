"""One transaction over all rooms of the store: what planning knows as its `Store` port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Connection

from supplychain.storage.engine import Database
from supplychain.storage.repositories.audit import SqlAudit
from supplychain.storage.repositories.bridge import SqlBridge
from supplychain.storage.repositories.learning import SqlLearning
from supplychain.storage.repositories.plans import SqlPlans
from supplychain.storage.repositories.signals import SqlSignals
from supplychain.storage.repositories.versions import SqlVersions
from supplychain.storage.repositories.world import SqlWorld

_AUDIT_LOCK = 7_302
_CUT_LOCK = 7_303


class SqlTx:
    """One transaction: rooms are opened when they are asked for."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self.connection = connection

    @cached_property
    def versions(self) -> SqlVersions:
        """Network, tuning, prior."""
        return SqlVersions(self.connection)

    @cached_property
    def signals(self) -> SqlSignals:
        """Signals, requests, cuts."""
        return SqlSignals(self.connection, lambda: self._database.exclusive(self.connection, _CUT_LOCK))

    @cached_property
    def world(self) -> SqlWorld:
        """What was known at a cut."""
        return SqlWorld(self.connection)

    @cached_property
    def learning(self) -> SqlLearning:
        """Learned models, shelf forecasts, finished days."""
        return SqlLearning(self.connection)

    @cached_property
    def plans(self) -> SqlPlans:
        """Plans and lines."""
        return SqlPlans(self.connection)

    @cached_property
    def bridge(self) -> SqlBridge:
        """Outbox and inbox."""
        return SqlBridge(self.connection)

    @cached_property
    def audit(self) -> SqlAudit:
        """The audit trail."""
        return SqlAudit(self.connection, lambda: self._database.exclusive(self.connection, _AUDIT_LOCK))


class SqlStore:
    """The store on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def write(self) -> Iterator[SqlTx]:
        """Open one serialised transaction that commits at the end of the block or changes nothing."""
        with self.database.write() as connection:
            yield SqlTx(self.database, connection)

    @contextmanager
    def read(self) -> Iterator[SqlTx]:
        """Open one consistent view."""
        with self.database.read() as connection:
            yield SqlTx(self.database, connection)
