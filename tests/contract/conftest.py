"""Both databases for every contract of the storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import metadata
from supplychain.storage.tallies import metadata as tallies


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.deep, pytest.mark.xdist_group("pg")])])
def base(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with the newest schema and no rows."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    database = Database(request.getfixturevalue("postgres"), pool_size=10)
    upgrade(database)
    yield database
    with database.write() as connection:
        tallies.drop_all(connection)  # no part of the schema: made by the test that uses them
        connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    database.close()


@pytest.fixture
def kept(base: Database) -> SqlStore:
    return SqlStore(base)
