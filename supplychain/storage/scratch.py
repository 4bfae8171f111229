"""A database that a benchmark may fill: a schema of its own beside what a PostgreSQL server holds, dropped afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from supplychain.domain.units import HOUR
from supplychain.storage.engine import Database
from supplychain.storage.tables import seen_blocks
from supplychain.storage.upserts import insert_new

_BLOCK = 10_000
_ENTRY = 20
"""Bytes of a remembered id: sixteen of the id, four that tell its content."""


@contextmanager
def scratch(url: str, name: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database: a SQLite file in `folder` when `url` is empty, else a schema of that server.

    Parameters
    ----------
    url
        SQLAlchemy URL of PostgreSQL, or nothing.
    name
        Name of file or schema; a schema of this name is dropped first.
    """
    if not url:
        yield f"sqlite:///{folder / name}.db"
        return
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
            connection.execute(text(f'CREATE SCHEMA "{name}"'))
        own = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
        with server.connect() as connection:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
    finally:
        server.dispose()


def remember_ids(database: Database, topic: str, cluster: str, partitions: int, ids: int, newest: int) -> None:
    """Store as many random ids as a worker would have seen during the day before `newest` (UTC ms), evenly."""
    chance = np.random.default_rng(1)
    share = ids // partitions
    for partition in range(partitions):
        rows = []
        for number, start in enumerate(range(0, share, _BLOCK)):
            hour = (newest - 20 * HOUR * (share - start) // share) // HOUR * HOUR
            block = chance.bytes(_ENTRY * min(_BLOCK, share - start))
            place = {
                "topic": topic,
                "cluster": cluster,
                "partition": partition,
                "hour": hour,
                "first_offset": -1 - number,
            }
            rows.append(place | {"block": block})
        with database.write() as connection:
            insert_new(connection, seen_blocks, rows)
