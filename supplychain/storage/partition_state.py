"""State and offset of a stream partition in one transaction, fenced by an epoch that the database issues.

A crash anywhere changes nothing: windows, spikes, forecasts, remembered ids, dead letters, counts and the next offset of a
chunk are written together or not at all. The stored offset is the truth; what Kafka has committed is a hint. A worker that
was paused through a rebalance finds another epoch and can write nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from supplychain.domain.errors import FencedError
from supplychain.domain.ids import derive
from supplychain.storage.engine import Database
from supplychain.storage.tables import counts, dead_letters, findings, incidents, partitions, seen_blocks
from supplychain.storage.upserts import add_up, insert_new, put

_KEPT_BYTES = 65_536
_ADVANCE = (
    update(partitions)
    .where(
        partitions.c.topic == bindparam("its_topic"),
        partitions.c.partition == bindparam("its_partition"),
        partitions.c.epoch == bindparam("its_epoch"),
        partitions.c.cluster == bindparam("its_cluster"),
        partitions.c.next_offset == bindparam("loaded"),
    )
    .values({name: bindparam(name) for name in ("next_offset", "watermark", "snapshot", "committed_wall")})
)
_FORGET = delete(seen_blocks).where(
    seen_blocks.c.topic == bindparam("its_topic"),
    seen_blocks.c.partition == bindparam("its_partition"),
    seen_blocks.c.hour < bindparam("its_expired"),
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a partition: the epoch issued on assignment and the broker's cluster it was issued for."""

    topic: str
    partition: int
    cluster: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a new owner starts with."""

    owner: Owner
    next_offset: int
    watermark: int
    snapshot: bytes | None
    seen: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be used, as it is kept for inspection and another try."""

    offset: int
    reason: str
    detail: str
    payload: bytes


class SqlPartitions:
    """Ownership and progress of partitions in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def assign(self, topic: str, partition: int, *, cluster: str, low: int, high: int, wall: int) -> Assigned:
        """Take a partition over: issue the next epoch and return where to go on.

        A broker that lost its log, or another broker, is noticed: reading starts where there is something to read, and an
        incident says what was skipped.
        """
        with self._database.write() as connection:
            where = (partitions.c.topic == topic, partitions.c.partition == partition)
            row = connection.execute(select(partitions).where(*where).with_for_update()).first()
            if row is None:
                values = {"topic": topic, "partition": partition, "epoch": 1, "cluster": cluster}
                put(connection, partitions, [values | {"next_offset": low, "watermark": -1, "committed_wall": wall}])
                return Assigned(Owner(topic, partition, cluster, 1), low, -1, None, ())
            start = _start(connection, row, cluster, low, high, wall)
            values = {"epoch": row.epoch + 1, "cluster": cluster, "next_offset": start}
            connection.execute(update(partitions).where(*where).values(**values))
            seen = _seen(connection, topic, partition)
            return Assigned(Owner(topic, partition, cluster, row.epoch + 1), start, row.watermark, row.snapshot, seen)

    def seen(self, topic: str, partition: int) -> tuple[tuple[int, bytes], ...]:
        """Return the stored blocks of remembered ids."""
        with self._database.read() as connection:
            return _seen(connection, topic, partition)

    def next_offsets(self, topic: str, cluster: str | None = None) -> dict[int, int]:
        """Return the stored next offset of every partition of a topic; of one cluster only when it is named."""
        query = select(partitions.c.partition, partitions.c.next_offset).where(partitions.c.topic == topic)
        query = query if cluster is None else query.where(partitions.c.cluster == cluster)
        with self._database.read() as connection:
            return {row.partition: row.next_offset for row in connection.execute(query)}


def _seen(connection: Connection, topic: str, partition: int) -> tuple[tuple[int, bytes], ...]:
    blocks = connection.execute(
        select(seen_blocks.c.hour, seen_blocks.c.block)
        .where(seen_blocks.c.topic == topic, seen_blocks.c.partition == partition)
        .order_by(seen_blocks.c.hour, seen_blocks.c.cluster, seen_blocks.c.first_offset)
    )
    return tuple((block.hour, block.block) for block in blocks)


def advance(
    connection: Connection,
    owner: Owner,
    *,
    loaded: int,
    next_offset: int,
    watermark: int,
    wall: int,
    snapshot: bytes | None = None,
) -> None:
    """Move a partition's offset on in this transaction, if the owner is still the owner.

    Raises
    ------
    FencedError
        If another owner was assigned, the broker is another one, or the offset is not the one that was loaded.
    """
    values = {
        "its_topic": owner.topic,
        "its_partition": owner.partition,
        "its_epoch": owner.epoch,
        "its_cluster": owner.cluster,
        "loaded": loaded,
        "next_offset": next_offset,
        "watermark": watermark,
        "snapshot": snapshot,
        "committed_wall": wall,
    }
    moved = connection.execute(_ADVANCE, values)
    if moved.rowcount != 1:
        detail = f"{owner.topic}[{owner.partition}] is no longer owned with epoch {owner.epoch} at offset {loaded}"
        raise FencedError(
            detail, way_out="this worker stops; the owner goes on", topic=owner.topic, partition=owner.partition
        )


def add_counts(connection: Connection, owner: Owner, events: Mapping[tuple[str, str], int]) -> None:
    """Add to the accounting of a partition."""
    rows = [
        {"topic": owner.topic, "partition": owner.partition, "bucket": bucket, "reason": reason, "events": number}
        for (bucket, reason), number in sorted(events.items())
        if number
    ]
    add_up(connection, counts, rows, ["events"])


def add_dead_letters(connection: Connection, owner: Owner, letters: Iterable[DeadLetter], wall: int) -> None:
    """Keep records that could not be used."""
    rows = [
        {
            "dead_letter": derive("dead-letter", owner.cluster, owner.topic, owner.partition, letter.offset),
            "topic": owner.topic,
            "partition": owner.partition,
            "offset": letter.offset,
            "reason": letter.reason,
            "detail": letter.detail[:2_000],
            "payload": letter.payload[:_KEPT_BYTES],
            "size": len(letter.payload),
            "created_wall": wall,
        }
        for letter in letters
    ]
    insert_new(connection, dead_letters, rows)


def add_findings(connection: Connection, found: Iterable[tuple[str, str, int]], wall: int) -> None:
    """Count faults in master data."""
    for kind, subject, events in found:
        row = {"kind": kind, "subject": subject[:255], "events": events, "first_wall": wall, "last_wall": wall}
        add_up(connection, findings, [row], ["events"])
        mine = (findings.c.kind == kind, findings.c.subject == subject[:255])
        connection.execute(update(findings).where(*mine).values(last_wall=wall))


def add_seen(
    connection: Connection, owner: Owner, first_offset: int, blocks: Sequence[tuple[int, bytes]], expired: int
) -> None:
    """Store the ids of a chunk as one packed block per hour, and forget hours beyond the horizon."""
    place = {"cluster": owner.cluster, "topic": owner.topic, "partition": owner.partition}
    rows = [{**place, "hour": hour, "first_offset": first_offset, "block": block} for hour, block in blocks]
    insert_new(connection, seen_blocks, rows)
    connection.execute(_FORGET, {"its_topic": owner.topic, "its_partition": owner.partition, "its_expired": expired})


def _start(connection: Connection, row: Any, cluster: str, low: int, high: int, wall: int) -> int:
    """Where a new owner goes on, and an incident when that is not where the last one stopped."""
    kind, start = "", int(row.next_offset)
    if row.cluster != cluster:
        kind, start = "broker-changed", low
        detail = (
            f"offsets of cluster {row.cluster} up to {row.next_offset} are over; cluster {cluster} is read from {low}"
        )
    elif row.next_offset > high:
        kind, start = "broker-lost-records", high
        detail = f"{row.next_offset} was stored, the broker holds records up to {high} only"
    elif row.next_offset < low:
        kind, start = "records-unreadable", low
        detail = f"{low - row.next_offset} records between {row.next_offset} and {low} are gone unread"
    if kind:
        subject = f"{row.topic}[{row.partition}]"
        incident = derive("incident", kind, subject, cluster, row.epoch)
        values = {"incident": incident, "kind": kind, "subject": subject, "detail": detail, "created_wall": wall}
        insert_new(connection, incidents, [values])
    return start
