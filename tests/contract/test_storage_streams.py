"""What stream workers write: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from supplychain.domain.errors import FencedError
from supplychain.storage.engine import Database
from supplychain.storage.partition_state import DeadLetter, SqlPartitions, advance
from supplychain.storage.tables import (
    corrections,
    counts,
    dead_letters,
    incidents,
    partitions,
    windows,
)
from supplychain.storage.tallies import Tallies
from supplychain.storage.upserts import add_up_rows
from supplychain.storage.work import Progress, StreamWork
from supplychain.watching.delta import ChunkDelta, Correction, WindowDelta
from supplychain.watching.snapshot import VERSION, CueState, DetectorState, PartitionState, dump
from tests.unit.planning.small_trade import T0, WALL

STATE = dump(PartitionState(VERSION, 0, 5_000, 77, -1, DetectorState([]), CueState()))


def test_another_broker_at_the_same_offsets_takes_no_row_for_known(base: Database) -> None:
    """An embedded broker begins at offset 0 with every start: ids, corrections and dead letters of both are kept."""
    kept = SqlPartitions(base)
    window = WindowDelta("", "A", "CN-ZJ", "live", -1, T0, T0, 1, 2, 0, 0, 0, 4_000)
    for number, cluster in enumerate(("first", "second")):
        owner = kept.assign("sales.v1", 0, cluster=cluster, low=0, high=0, wall=WALL).owner
        delta = ChunkDelta(
            seen_blocks=[(T0, bytes([number]) * 20)],
            corrections=[Correction(5, f"late-{number}", 1_000, window)],
            watermark=T0,
        )
        letters = [DeadLetter(7, "malformed", "no JSON", b"{")]
        progress = Progress(owner, 0, 10, T0)
        StreamWork(base).watch(
            progress, delta, snapshot=b"", predictions=[], letters=letters, group_of={}, tuning_version=0, wall=WALL
        )
    assert sorted(block for _, block in kept.state("sales.v1", 0)[1]) == [b"\0" * 20, b"\1" * 20]
    with base.read() as connection:
        assert len(connection.execute(select(dead_letters)).all()) == 2
        assert len(connection.execute(select(corrections)).all()) == 2


@pytest.mark.parametrize("hurt", [b"\x00" * 60, STATE[:-3], b"", STATE])
def test_torn_snapshot_is_an_incident_and_made_again_from_the_log(base: Database, hurt: bytes) -> None:
    kept = SqlPartitions(base)
    owner = kept.assign("sales.v1", 0, cluster="c", low=0, high=0, wall=WALL).owner
    with base.write() as connection:
        advance(connection, owner, loaded=0, next_offset=90, watermark=T0, wall=WALL, snapshot=STATE)
    assert kept.assign("sales.v1", 0, cluster="c", low=40, high=99, wall=WALL).reads_from == 90
    with base.write() as connection:
        connection.execute(update(partitions).values(snapshot=hurt))
    again = kept.assign("sales.v1", 0, cluster="c", low=40, high=99, wall=WALL)
    assert (again.next_offset, again.reads_from, again.snapshot) == (90, 40, None)
    with base.read() as connection:
        assert connection.execute(select(incidents.c.kind)).scalars().all() == ["snapshot-unreadable"]


def test_owner_that_was_replaced_leaves_an_incident_and_nothing_else(base: Database) -> None:
    kept = SqlPartitions(base)
    zombie = kept.assign("stock.v1", 0, cluster="c", low=0, high=0, wall=WALL).owner
    kept.assign("stock.v1", 0, cluster="c", low=0, high=0, wall=WALL)
    with pytest.raises(FencedError):
        StreamWork(base).stock(Progress(zombie, 0, 3, T0), [], [], {("received", ""): 3}, WALL)
    with base.read() as connection:
        assert connection.execute(select(incidents.c.kind)).scalars().all() == ["worker-fenced"]
        assert connection.execute(select(counts)).all() == []


def _window_row(region: str, orders: int) -> tuple[Any, ...]:
    return ("s", "sku", region, "live", T0, T0, T0, orders, 2 * orders, 0, 0, 0, 100 * orders)


def test_rows_in_bulk_are_added_up_as_single_ones_are(base: Database) -> None:
    sums = ("orders", "gross", "cancelled", "refunded", "returned", "revenue_minor")
    with base.write() as connection:
        add_up_rows(connection, windows, [_window_row('CN "1", {x}', 1), _window_row("CN-\\2", 3)], sums)
        add_up_rows(connection, windows, [], sums)
        add_up_rows(connection, windows, [_window_row("CN-\\2", 2**40)], sums)
    with base.read() as connection:
        found = connection.execute(select(windows.c.region, windows.c.orders, windows.c.gross)).all()
    assert sorted(map(tuple, found)) == [('CN "1", {x}', 1, 2), ("CN-\\2", 2**40 + 3, 2 * (2**40 + 3))]


def test_tallies_come_back_as_they_were_written_and_a_zombie_writes_nothing(base: Database) -> None:
    tallies, places = Tallies(base), SqlPartitions(base)
    owner = places.assign("t", 0, cluster="c", low=0, high=9, wall=WALL).owner
    names = [("room", "A", "CN-1"), ("room", "B", "CN-1")]
    one, two = np.array([0, 1]), np.array([5, 7])
    tallies.write(owner, 0, 3, 1, WALL, new_keys=names, added=[(10, one, two), (11, one[:1], two[:1])], closed=[])
    tallies.write(owner, 3, 6, 2, WALL, new_keys=[], added=[(10, one[1:], two[1:])], closed=[(11, one[:1], two[1:])])
    again = places.assign("t", 0, cluster="c", low=0, high=9, wall=WALL)
    assert again.next_offset == 6
    with pytest.raises(FencedError):
        tallies.write(owner, 6, 9, 3, WALL, new_keys=[], added=[(10, one, two)], closed=[])
    loaded, held = tallies.load("t", 0)
    assert loaded == names
    sums = {window: np.bincount(keys, counted, minlength=2).tolist() for window, (keys, counted) in held.items()}
    assert sums == {10: [5.0, 14.0], 11: [7.0, 0.0]}
    assert tallies.total("t") == 26
