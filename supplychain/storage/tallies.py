"""Durable counts over very many keys: what one chunk adds is one packed block, written with the next offset.

A row per key costs the database as much as the rest of a worker together when nearly every event of a chunk has a key of its
own. So keys are named once, in blocks that are only ever added; after that a key is a number, and what a chunk adds to its
windows is a block of integers. The counts themselves are in the worker's memory. When a window is over, its blocks are replaced
by one with its final counts. A restart reads the blocks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, delete, func, select

from supplychain.storage.columns import label
from supplychain.storage.engine import Database
from supplychain.storage.partition_state import Owner, advance
from supplychain.storage.upserts import insert_new

Ints = npt.NDArray[np.int64]
Keys = Sequence[Sequence[str]]

_KEYS: Final = -1
"""The window under which blocks of key names are kept."""
_PAIR: Final = np.dtype([("key", "<u4"), ("count", "<i8")])
_NAMES: Final = msgspec.msgpack.Encoder()
_READ_NAMES: Final = msgspec.msgpack.Decoder(list[tuple[str, str, str]])

metadata = MetaData()
blocks = Table(
    "tally_blocks",
    metadata,
    label("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("window", BigInteger, primary_key=True),
    Column("first_offset", BigInteger, primary_key=True),
    Column("block", LargeBinary, nullable=False),
)


class Tallies:
    """Blocks of counts in SQL; the tables are made on first use and belong to benchmarks, not to the service's schema."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.write() as connection:
            metadata.create_all(connection)

    def load(self, topic: str, partition: int) -> tuple[list[tuple[str, str, str]], dict[int, tuple[Ints, Ints]]]:
        """Return the names of a partition's keys in the order of their numbers, and (keys, counts) of each window."""
        mine = (blocks.c.topic == topic, blocks.c.partition == partition)
        with self._database.read() as connection:
            rows = connection.execute(
                select(blocks.c.window, blocks.c.block).where(*mine).order_by(blocks.c.window, blocks.c.first_offset)
            ).all()
        names: list[tuple[str, str, str]] = []
        parts: dict[int, list[npt.NDArray[np.void]]] = {}
        for window, block in rows:
            if window == _KEYS:
                names.extend(_READ_NAMES.decode(block))
            else:
                parts.setdefault(window, []).append(np.frombuffer(block, dtype=_PAIR))
        joined = {window: np.concatenate(found) for window, found in parts.items()}
        return names, {
            window: (pairs["key"].astype(np.int64), pairs["count"].astype(np.int64)) for window, pairs in joined.items()
        }

    def write(
        self,
        owner: Owner,
        first: int,
        next_offset: int,
        watermark: int,
        wall: int,
        *,
        new_keys: Keys,
        added: Sequence[tuple[int, Ints, Ints]],
        closed: Sequence[tuple[int, Ints, Ints]],
    ) -> None:
        """Commit what a chunk adds, and the final counts of windows that are over, with the next offset.

        Raises
        ------
        FencedError
            If the partition has another owner by now; nothing is written then.
        """
        with self._database.write() as connection:
            advance(connection, owner, loaded=first, next_offset=next_offset, watermark=watermark, wall=wall)
            for window, _, _ in closed:
                _forget(connection, owner, window)
            packed = [(window, _pairs(keys, counts)) for window, keys, counts in (*added, *closed)]
            if new_keys:
                packed.append((_KEYS, _NAMES.encode(new_keys)))
            place = {"topic": owner.topic, "partition": owner.partition, "first_offset": first}
            insert_new(connection, blocks, [place | {"window": window, "block": block} for window, block in packed])

    def total(self, topic: str) -> int:
        """Return the sum of all counts of a topic."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(blocks.c.block).where(blocks.c.topic == topic, blocks.c.window != _KEYS)
            ).scalars()
            return sum(int(np.frombuffer(block, dtype=_PAIR)["count"].sum()) for block in rows)

    def size(self, topic: str) -> int:
        """Return the bytes of all blocks of a topic."""
        with self._database.read() as connection:
            found = connection.execute(select(func.sum(func.length(blocks.c.block))).where(blocks.c.topic == topic))
            return int(found.scalar() or 0)


def _pairs(keys: Ints, counts: Ints) -> bytes:
    pairs = np.empty(keys.size, dtype=_PAIR)
    pairs["key"], pairs["count"] = keys, counts
    return pairs.tobytes()


def _forget(connection: Connection, owner: Owner, window: int) -> None:
    connection.execute(
        delete(blocks).where(
            blocks.c.topic == owner.topic, blocks.c.partition == owner.partition, blocks.c.window == window
        )
    )
