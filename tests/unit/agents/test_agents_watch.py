"""The agent of sales on a real database: state and offset together, nothing twice, nothing by who is no longer the owner."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents.versions import Current
from streams.agents.watch import WatchAgent
from streams.chunks import Chunk, Retained
from supplychain.bootstrap import Broker, Services, write_run
from supplychain.domain.errors import FencedError
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind, Tick
from supplychain.settings import Settings
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import T0, WALL, open_trade

PLACE = ("sales.v1", 0)
ON_AIR = T0 + 2 * HOUR
EXECUTOR = ThreadPoolExecutor(1)
TABLES = (
    "windows",
    "spikes",
    "signals",
    "forecasts",
    "counts",
    "corrections",
    "dead_letters",
    "findings",
    "seen_blocks",
)


class Station:
    """One worker on one database."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.agent = WatchAgent(services, Current(services), EXECUTOR)
        self.starts_at = asyncio.run(self.agent.desk.start_offsets({PLACE: Retained(0, 1_000_000, None)}))[PLACE]

    def take(self, first: int, values: Sequence[bytes | None]) -> Chunk:
        rows = [
            SimpleNamespace(offset=first + n, value=value, key=b"room", timestamp=ON_AIR, headers=())
            for n, value in enumerate(values)
        ]
        chunk = Chunk.of(*PLACE, rows)
        asyncio.run(self.agent.take(chunk))
        return chunk


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Services:
    return _services(database, tmp_path)


def _services(database: Database, folder: Path) -> Services:
    settings = Settings(data_dir=folder)
    write_run(settings, Broker("127.0.0.1:1", "cluster-1"), 1)
    open_trade(SqlStore(database))
    return Services(settings, database, wall=lambda: WALL)


@pytest.fixture
def another(migrated_file: Path, tmp_path: Path) -> Iterator[Services]:
    """A second world, to compare with."""
    (tmp_path / "two").mkdir()
    shutil.copyfile(migrated_file, tmp_path / "two" / "test.db")
    database = Database(f"sqlite:///{tmp_path}/two/test.db")
    yield _services(database, tmp_path / "two")
    database.close()


def _sale(number: int, seconds: float, **changes: Any) -> bytes:
    values: dict[str, Any] = {"event_id": f"e{number}", "platform": "p", "shop_id": "shop", "order_id": f"o{number}"}
    values |= {"line_id": "1", "kind": SaleKind.PAID, "sku": "A", "qty": 2, "region": "CN-ZJ", "room_id": "room"}
    values |= {"occurred_at": ON_AIR + int(seconds * SECOND), "unit_price_minor": 2_000}
    return encode(Sale(**{**values, **changes}))


def _evening() -> list[bytes | None]:
    """Four quiet minutes, one in which A sells thirty times as fast, two quiet ones; all kinds of things between."""
    values: list[bytes | None] = []
    for second in range(0, 7 * 60, 5):
        values.append(encode(Tick(ON_AIR + second * SECOND)))
        orders = 10 if 240 <= second < 300 else (second % 30 == 0)
        values.extend(_sale(1_000 * second + n, second + n / 10) for n in range(orders))
        if second % 60 == 0:
            values.append(_sale(1_000 * second + 900, second, sku="C", qty=1, region="CN-GD"))
            values.append(_sale(1_000 * second + 901, second, sku="SET", kind=SaleKind.CANCELLED, qty=1))
    values += [_sale(0, 0), b"{broken", None, _sale(7_000_001, 30, sku="UNKNOWN"), _sale(7_000_002, 30, region="XX-1")]
    values.append(encode(Tick(ON_AIR + 8 * MINUTE)))
    return values


def _rows(services: Services) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the agent writes, in a fixed order; the epoch counts owners, not events."""
    with services.database.read() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")), key=repr)  # noqa: S608
            for name in TABLES
        }
        query = "SELECT topic, partition, cluster, next_offset, watermark, snapshot FROM partitions"
        found["partitions"] = [tuple(row) for row in connection.exec_driver_sql(query)]
    return found


def _without(rows: dict[str, list[tuple[Any, ...]]], *names: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: table for name, table in rows.items() if name not in names}


def _counted(services: Services) -> dict[str, int]:
    with services.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT bucket, SUM(events) AS n FROM counts GROUP BY bucket").all()
    return {row.bucket: int(row.n) for row in rows}


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


def test_counts_add_up_and_unknown_goods_are_findings(services: Services) -> None:
    values = _evening()
    Station(services).take(0, values)
    counted = _counted(services)
    ticks = sum(b'"tick"' in (value or b"") for value in values)
    received = counted.pop("received")
    assert received == len(values) - ticks
    assert received == sum(number for bucket, number in counted.items() if bucket != "ticks")
    assert counted["duplicates"] == 1
    assert counted["dead_letters"] == 2
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
    before = _rows(services)
    assert station.take(80, values[80:]).entry.is_done
    assert station.take(40, values[40:]).entry.is_done
    assert _rows(services) == before
    again = Station(services)
    assert again.starts_at == len(values)
    again.take(0, values)
    assert _rows(services) == before


def test_where_chunks_are_cut_changes_nothing(services: Services, another: Services) -> None:
    values = _evening()
    Station(services).take(0, values)
    in_parts = Station(another)
    for first in range(0, len(values), 17):
        in_parts.take(first, values[first : first + 17])
    # ids are kept in a block per chunk and hour
    assert _without(_rows(services), "seen_blocks") == _without(_rows(another), "seen_blocks")


def test_owner_that_was_replaced_raises_and_writes_nothing(services: Services) -> None:
    values = _evening()
    zombie = Station(services)
    zombie.take(0, values[:50])
    heir = Station(services)
    before = _rows(services)
    with pytest.raises(FencedError):
        zombie.take(50, values[50:])
    assert _rows(services) == before
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

    before = _rows(services)
    with monkeypatch.context() as patch:
        patch.setattr(services.work, "watch", gone)
        with pytest.raises(OSError, match="power"):
            crashing.take(at, values[at:])
    assert _rows(services) == before
    resumed = Station(services)
    assert resumed.starts_at == at
    resumed.take(at, values[at:])
    assert _rows(services) == _rows(another)


def test_bad_neighbours_cost_nobody_their_count(services: Services) -> None:
    bad: list[bytes | None] = [
        b"",
        b"\xff\xfe",
        b"[" * 2_000,
        b'{"type":"sale"}',
        _sale(1, 0, qty=-3),
        _sale(2, 0, qty=0),
        _sale(3, 0, occurred_at=4_102_444_800_000),
        _sale(4, 0, occurred_at=-5),
        _sale(5, 0).replace(b'"qty":2', b'"qty":NaN'),
        _sale(6, 0).replace(b'"qty":2', b'"qty":2.5'),
        None,
    ]
    values: list[bytes | None] = [encode(Tick(ON_AIR))]
    for number, value in enumerate(bad):
        values += [value, _sale(100 + number, 1)]
    values.append(encode(Tick(ON_AIR + MINUTE)))
    Station(services).take(0, values)
    counted = _counted(services)
    assert counted["counted"] == len(bad)
    assert counted["dead_letters"] == len(bad)
    with services.database.read() as connection:
        letters = connection.exec_driver_sql('SELECT "offset", reason, detail, size FROM dead_letters').all()
    assert sorted(row.offset for row in letters) == [1 + 2 * n for n in range(len(bad))]
    assert all(row.reason and row.detail for row in letters)


def test_partition_that_is_not_ours_is_left_alone(services: Services) -> None:
    station = Station(services)
    asyncio.run(station.agent.desk.revoked(frozenset({PLACE})))
    before = _rows(services)
    chunk = station.take(0, _evening())
    assert not chunk.entry.is_done
    assert _rows(services) == before
