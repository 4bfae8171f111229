"""State and offset of a stream partition in one transaction, fenced by an epoch that the database issues.

A crash anywhere changes nothing: windows, spikes, forecasts, remembered ids, dead letters, counts and the next offset of a
chunk are written together or not at all. The stored offset is the truth; what Kafka has committed is a hint. A worker that
was paused through a rebalance finds another epoch and can write nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, bindparam, delete, select, update

from supplychain.domain.errors import FencedError, InvalidInputError
from supplychain.domain.ids import derive
from supplychain.storage.engine import Database
from supplychain.storage.tables import counts, dead_letters, findings, incidents, partitions, seen_blocks
from supplychain.storage.upserts import add_up, insert_new, put
from supplychain.watching import snapshot as watching

_KEPT_BYTES = 65_536
_SEAL_BYTES = 4
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
    """What a new owner starts with.

    `next_offset` is the first record that is not applied yet. Reading begins at `reads_from`, below it when the snapshot
    was lost and has to be made again from records that are applied already.
    """

    owner: Owner
    next_offset: int
    watermark: int
    snapshot: bytes | None
    seen: tuple[tuple[int, bytes], ...]
    reads_from: int


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
                return Assigned(Owner(topic, partition, cluster, 1), low, -1, None, (), low)
            start = _start(connection, row, cluster, low, high, wall)
            values = {"epoch": row.epoch + 1, "cluster": cluster, "next_offset": start}
            connection.execute(update(partitions).where(*where).values(**values))
            owner = Owner(topic, partition, cluster, row.epoch + 1)
            snapshot, fault = _unsealed(row.snapshot)
            reads_from = start if not fault or row.cluster != cluster else min(low, start)
            if fault:
                detail = f"{fault}; records {reads_from} to {start} are read again to make another"
                add_incident(connection, owner, "snapshot-unreadable", detail, wall)
            seen = _seen(connection, topic, partition)
            return Assigned(owner, start, row.watermark, snapshot, seen, reads_from)

    def state(self, topic: str, partition: int) -> tuple[bytes | None, tuple[tuple[int, bytes], ...]]:
        """Return the stored snapshot, None when there is none that can be read, and the blocks of remembered ids."""
        with self._database.read() as connection:
            where = (partitions.c.topic == topic, partitions.c.partition == partition)
            snapshot = connection.execute(select(partitions.c.snapshot).where(*where)).scalar()
            return _unsealed(snapshot)[0], _seen(connection, topic, partition)

    def watermarks(self, topic: str) -> list[int]:
        """Return the watermarks of the partitions of a topic that have one."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(partitions.c.watermark).where(partitions.c.topic == topic, partitions.c.watermark >= 0)
            )
            return [row.watermark for row in rows]

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
        "snapshot": _sealed(snapshot),
        "committed_wall": wall,
    }
    moved = connection.execute(_ADVANCE, values)
    if moved.rowcount != 1:
        detail = f"{owner.topic}[{owner.partition}] is no longer owned with epoch {owner.epoch} at offset {loaded}"
        raise FencedError(
            detail, way_out="this worker stops; the owner goes on", topic=owner.topic, partition=owner.partition
        )


def _sealed(snapshot: bytes | None) -> bytes | None:
    """Put a check sum before a snapshot: a torn page of the database must not become a wrong forecast."""
    return None if snapshot is None else crc32(snapshot).to_bytes(_SEAL_BYTES, "big") + snapshot


def _unsealed(stored: bytes | None) -> tuple[bytes | None, str]:
    """Return a snapshot that can be read, or None and what is wrong with it."""
    if stored is None:
        return None, ""
    seal, snapshot = stored[:_SEAL_BYTES], stored[_SEAL_BYTES:]
    if crc32(snapshot).to_bytes(_SEAL_BYTES, "big") != seal:
        return None, "the check sum of the snapshot is wrong"
    try:
        watching.read(snapshot)
    except InvalidInputError as fault:
        return None, fault.detail
    return snapshot, ""


def add_incident(connection: Connection, owner: Owner, kind: str, detail: str, wall: int) -> None:
    """Keep something that a person should know about a partition, once per owner."""
    subject = f"{owner.topic}[{owner.partition}]"
    incident = derive("incident", kind, subject, owner.cluster, owner.epoch)
    row = {"incident": incident, "kind": kind, "subject": subject, "detail": detail, "created_wall": wall}
    insert_new(connection, incidents, [row])


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
            "detail": _storable(letter.detail)[:2_000],
            "payload": letter.payload[:_KEPT_BYTES],
            "size": len(letter.payload),
            "created_wall": wall,
        }
        for letter in letters
    ]
    insert_new(connection, dead_letters, rows)


def _storable(text: str) -> str:
    """Write out what PostgreSQL cannot keep in a text."""
    return text.replace("\0", "\\x00")


def add_findings(connection: Connection, found: Iterable[tuple[str, str, int]], wall: int) -> None:
    """Count faults in master data."""
    for kind, subject, events in found:
        name = _storable(subject)[:255]
        row = {"kind": kind, "subject": name, "events": events, "first_wall": wall, "last_wall": wall}
        add_up(connection, findings, [row], ["events"])
        mine = (findings.c.kind == kind, findings.c.subject == name)
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
        ) + (", what was below is gone unread" if low else "")
    elif row.next_offset > high:
        kind, start = "broker-lost-records", high
        detail = f"{row.next_offset} was stored, the broker holds records up to {high} only"
    elif row.next_offset < low:
        kind, start = "records-unreadable", low
        detail = f"{low - row.next_offset} records between {row.next_offset} and {low} are gone unread"
    if kind:
        add_incident(connection, Owner(row.topic, row.partition, cluster, row.epoch), kind, detail, wall)
    return start
