"""The agent of sales on a real database: state and offset together, nothing twice, nothing by who is no longer the owner."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supplychain.bootstrap import Services
from supplychain.domain.errors import FencedError, UnavailableError
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.messages.codec import encode
from supplychain.messages.v1 import SaleKind, Tick
from supplychain.storage.engine import Database
from tests.unit.agents.station import ON_AIR, PLACE, Station, all_rows, counted, open_services, sale
from tests.unit.planning.small_trade import WALL


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Services:
    return open_services(database, tmp_path)


@pytest.fixture
def another(migrated_file: Path, tmp_path: Path) -> Iterator[Services]:
    """A second world, to compare with."""
    (tmp_path / "two").mkdir()
    shutil.copyfile(migrated_file, tmp_path / "two" / "test.db")
    database = Database(f"sqlite:///{tmp_path}/two/test.db")
    yield open_services(database, tmp_path / "two")
    database.close()


def _evening() -> list[bytes | None]:
    """Four quiet minutes, one in which A sells thirty times as fast, two quiet ones; all kinds of things between."""
    values: list[bytes | None] = []
    for second in range(0, 7 * 60, 5):
        values.append(encode(Tick(ON_AIR + second * SECOND)))
        orders = 10 if 240 <= second < 300 else (second % 30 == 0)
        values.extend(sale(1_000 * second + n, second + n / 10) for n in range(orders))
        if second % 60 == 0:
            values.append(sale(1_000 * second + 900, second, sku="C", qty=1, region="CN-GD"))
            values.append(sale(1_000 * second + 901, second, sku="SET", kind=SaleKind.CANCELLED, qty=1))
    values += [sale(0, 0), b"{broken", None, sale(7_000_001, 30, sku="UNKNOWN"), sale(7_000_002, 30, region="XX-1")]
    values.append(encode(Tick(ON_AIR + 8 * MINUTE)))
    return values


def _without(rows: dict[str, list[tuple[Any, ...]]], *names: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: table for name, table in rows.items() if name not in names}


def test_commit_moves_the_offset_with_all_that_the_chunk_changed(services: Services) -> None:
    values = _evening()
    station = Station(services)
    assert station.starts_at == 0
    chunk = station.take(0, values)
    assert chunk.entry.is_done
    assert services.partitions.next_offsets("sales.v1") == {0: len(values)}
    with services.store.read() as tx:
        assert tx.signals.watermarks()[PLACE] == ON_AIR + 8 * MINUTE
        (spike, *_) = tx.world.spikes(["A"], 0, ON_AIR + HOUR)
        asked = tx.signals.open(ON_AIR + HOUR)
        (forecast,) = [row for row in tx.world.forecasts(["A"], ON_AIR + HOUR) if row.sku == "A"]
    assert spike["tuning_version"] == 0
    assert {signal.group for signal in asked} >= {"A"}
    assert all(signal.committed_wall == WALL for signal in asked)
    assert sum(forecast.so_far.values()) > 240, "the burst is known"


def test_database_that_goes_away_after_a_chunk_was_judged_makes_no_duplicates(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk was judged a second time, by a watcher that knew each of its ids already."""
    station = Station(services)
    asked: list[int] = []
    stored = station.agent._stored_spikes

    def away_at_first(*about: Any) -> list[dict[str, Any]]:
        asked.append(1)
        if len(asked) == 1:
            raise UnavailableError("the database does not answer")
        return stored(*about)

    monkeypatch.setattr(station.agent, "_stored_spikes", away_at_first)
    station.take(0, [sale(number, number) for number in range(5)])
    assert len(asked) == 2
    assert counted(services).get("duplicates", 0) == 0


def test_chunk_after_chunk_reads_back_nothing_that_was_stored(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every chunk read all remembered ids again, as after the loss of a snapshot."""
    asked: list[tuple[str, int]] = []
    stored = services.partitions.state

    def noted(topic: str, partition: int) -> tuple[bytes | None, tuple[tuple[int, bytes], ...]]:
        asked.append((topic, partition))
        return stored(topic, partition)

    monkeypatch.setattr(services.partitions, "state", noted)
    station = Station(services)
    for start in (0, 5, 10):
        station.take(start, [sale(number, number) for number in range(start, start + 5)])
    assert not asked
    assert counted(services)["counted"] == 15


def test_counts_add_up_and_unknown_goods_are_findings(services: Services) -> None:
    values = _evening()
    Station(services).take(0, values)
    books = counted(services)
    ticks = sum(b'"tick"' in (value or b"") for value in values)
    received = books.pop("received")
    assert received == len(values) - ticks
    assert received == sum(number for bucket, number in books.items() if bucket != "ticks")
    assert books["duplicates"] == 1
    assert books["dead_letters"] == 2
    with services.database.read() as connection:
        found = connection.exec_driver_sql("SELECT kind, subject FROM findings ORDER BY kind").all()
        sold = connection.exec_driver_sql("SELECT SUM(gross) FROM windows WHERE sku = 'A'").scalar_one()
    assert ("unknown-sku", "UNKNOWN") in [tuple(row) for row in found]
    assert ("unknown-region", "XX-1") in [tuple(row) for row in found]
    orders = sum(b'"sku":"A"' in (value or b"") and b"XX-1" not in (value or b"") for value in values) - 1
    assert sold in {2 * orders, 2 * orders + 2}, "each order once; the unknown region may be counted under its own name"


def test_chunk_that_comes_again_changes_nothing(services: Services) -> None:
    values = _evening()
    station = Station(services)
    station.take(0, values[:80])
    station.take(80, values[80:])
    before = all_rows(services)
    assert station.take(80, values[80:]).entry.is_done
    assert station.take(40, values[40:]).entry.is_done
    assert all_rows(services) == before
    again = Station(services)
    assert again.starts_at == len(values)
    again.take(0, values)
    assert all_rows(services) == before


def test_chunk_that_waits_for_the_crowd_is_let_go_when_delivery_is_halted(services: Services) -> None:
    """A rebalance waits for the chunk, and the chunk for engagement that is not read meanwhile."""
    values = _evening()
    replayed = Services(services.settings.model_copy(update={"clock": "ticks"}), services.database, wall=services.wall)
    station = Station(replayed)
    first, second = station.chunk(0, values[:80]), station.chunk(80, values[80:])

    async def scene() -> None:
        waiting = asyncio.create_task(station.agent.take(first))
        await asyncio.sleep(0)
        assert not waiting.done(), "nobody has read engagement"
        await station.agent.desk.halted()
        await asyncio.wait_for(waiting, 30)
        await asyncio.wait_for(station.agent.take(second), 30)

    asyncio.run(scene())
    assert not first.entry.is_done
    assert not second.entry.is_done, "what follows on a gap must not be counted"
    assert services.partitions.next_offsets("sales.v1") == {0: 0}
    for partition in range(4):
        services.partitions.assign("engagement.v1", partition, cluster="cluster-1", low=0, high=0, wall=WALL)
    with services.database.write() as connection:
        passed = "UPDATE partitions SET watermark = ? WHERE topic = 'engagement.v1'"
        connection.exec_driver_sql(passed, (ON_AIR + HOUR,))
    assert station.start() == 0
    assert station.take(0, values).entry.is_done


def test_where_chunks_are_cut_changes_nothing(services: Services, another: Services) -> None:
    values = _evening()
    Station(services).take(0, values)
    in_parts = Station(another)
    for first in range(0, len(values), 17):
        in_parts.take(first, values[first : first + 17])
    # ids are kept in a block per chunk and hour
    assert _without(all_rows(services), "seen_blocks") == _without(all_rows(another), "seen_blocks")


def test_owner_that_was_replaced_raises_and_writes_nothing(services: Services) -> None:
    values = _evening()
    zombie = Station(services)
    zombie.take(0, values[:50])
    heir = Station(services)
    before = all_rows(services)
    with pytest.raises(FencedError):
        zombie.take(50, values[50:])
    assert all_rows(services) == before
    heir.take(50, values[50:])
    assert services.partitions.next_offsets("sales.v1") == {0: len(values)}


@pytest.mark.parametrize("at", [1, 60, 130])
def test_crash_between_judging_and_commit_is_resumed_with_the_same_end(
    services: Services, another: Services, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    values = _evening()
    straight = Station(another)
    for part in (slice(0, at), slice(at, None)):
        straight.take(part.start, values[part])

    crashing = Station(services)
    crashing.take(0, values[:at])

    def gone(*_: object, **__: object) -> None:
        message = "power is gone"
        raise OSError(message)

    before = all_rows(services)
    with monkeypatch.context() as patch:
        patch.setattr(services.work, "watch", gone)
        with pytest.raises(OSError, match="power"):
            crashing.take(at, values[at:])
    assert all_rows(services) == before
    resumed = Station(services)
    assert resumed.starts_at == at
    resumed.take(at, values[at:])
    assert all_rows(services) == all_rows(another)


def test_bad_neighbours_cost_nobody_their_count(services: Services) -> None:
    bad: list[bytes | None] = [
        b"",
        b"\xff\xfe",
        b"[" * 2_000,
        b'{"type":"sale"}',
        sale(1, 0, qty=-3),
        sale(2, 0, qty=0),
        sale(3, 0, occurred_at=4_102_444_800_000),
        sale(4, 0, occurred_at=-5),
        sale(5, 0).replace(b'"qty":2', b'"qty":NaN'),
        sale(6, 0).replace(b'"qty":2', b'"qty":2.5'),
        None,
    ]
    values: list[bytes | None] = [encode(Tick(ON_AIR))]
    for number, value in enumerate(bad):
        values += [value, sale(100 + number, 1)]
    values.append(encode(Tick(ON_AIR + MINUTE)))
    Station(services).take(0, values)
    books = counted(services)
    assert books["counted"] == len(bad)
    assert books["dead_letters"] == len(bad)
    with services.database.read() as connection:
        letters = connection.exec_driver_sql('SELECT "offset", reason, detail, size FROM dead_letters').all()
    assert sorted(row.offset for row in letters) == [1 + 2 * n for n in range(len(bad))]
    assert all(row.reason and row.detail for row in letters)


def test_partition_that_is_not_ours_is_left_alone(services: Services) -> None:
    station = Station(services)
    asyncio.run(station.agent.desk.revoked(frozenset({PLACE})))
    before = all_rows(services)
    chunk = station.take(0, _evening())
    assert not chunk.entry.is_done
    assert all_rows(services) == before
