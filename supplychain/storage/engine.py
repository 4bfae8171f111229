"""Connections: SQLite in WAL mode with BEGIN IMMEDIATE for writers, or PostgreSQL.

The SQLite driver's own transactions lose concurrent updates without an error (277 of 320 in a measured race), and a
deferred BEGIN fails on the lock upgrade whatever the timeout. So write transactions begin IMMEDIATE, reads begin deferred,
and each process has one writing connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from supplychain.domain.errors import SettingsError, UnavailableError


class Database:
    """One database as seen by one process: a pool of readers and a writer.

    Parameters
    ----------
    url
        SQLAlchemy URL of SQLite or PostgreSQL.
    pool_size
        Reading connections (and writing ones on PostgreSQL) kept open.
    busy_seconds
        How long a writer waits for another process's write transaction.
    """

    def __init__(self, url: str, *, pool_size: int = 4, busy_seconds: float = 10.0) -> None:
        self.url = url
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        self._lock = RLock()
        if self.sqlite:
            path = make_url(url).database
            if not path or path == ":memory:":
                raise SettingsError(
                    "SQLite needs a file: several processes share it", way_out="sqlite:///path/to/file.db"
                )
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = _sqlite(url, busy_seconds, "BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite(url, busy_seconds, "BEGIN", pool_size=pool_size)
        else:
            self._writer = create_engine(url, pool_size=pool_size, max_overflow=4, pool_pre_ping=True)
            self._reader = self._writer

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a write transaction that commits at the end of the block or changes nothing.

        Raises
        ------
        UnavailableError
            If the database cannot be reached or stays locked.
        """
        if self.sqlite:
            with self._lock, _reachable(), self._writer.begin() as connection:
                yield connection
        else:
            with _reachable(), self._writer.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one consistent state.

        Raises
        ------
        UnavailableError
            If the database cannot be reached.
        """
        reader = self._reader if self.sqlite else self._reader.execution_options(isolation_level="REPEATABLE READ")
        with _reachable(), reader.connect() as connection, connection.begin():
            yield connection

    def exclusive(self, connection: Connection, name: int) -> None:
        """Make this write transaction the only one of its name (SQLite writers are alone anyway)."""
        if not self.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": name})

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except OperationalError as fault:
        detail = f"the database does not answer: {str(fault.orig).splitlines()[0] if fault.orig else fault}"
        raise UnavailableError(detail, way_out="retry; see whether it runs, has space and is not locked") from fault
    except DBAPIError as fault:
        if fault.connection_invalidated:
            raise UnavailableError("the database connection was lost", way_out="retry") from fault
        raise


def _sqlite(url: str, busy_seconds: float, begin: str, *, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0 if pool_size == 1 else 16,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
