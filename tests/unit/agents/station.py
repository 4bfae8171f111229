"""One stream worker in this process, on a real database: an agent, its partition, and what it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.agents.versions import Current
from streams.agents.watch import WatchAgent
from streams.chunks import Chunk, Retained
from supplychain.bootstrap import Broker, Services, write_run
from supplychain.domain.units import HOUR, SECOND
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind
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
        self.starts_at = self.start()

    def start(self) -> int:
        """Let reading start, and return where."""
        return asyncio.run(self.agent.desk.start_offsets({PLACE: Retained(0, 1_000_000, None)}))[PLACE]

    @staticmethod
    def chunk(first: int, values: Sequence[bytes | None]) -> Chunk:
        rows = [
            SimpleNamespace(offset=first + n, value=value, key=b"room", timestamp=ON_AIR, headers=())
            for n, value in enumerate(values)
        ]
        return Chunk.of(*PLACE, rows)

    def take(self, first: int, values: Sequence[bytes | None]) -> Chunk:
        chunk = self.chunk(first, values)
        asyncio.run(self.agent.take(chunk))
        return chunk


def open_services(database: Database, folder: Path) -> Services:
    settings = Settings(data_dir=folder)
    write_run(settings, Broker("127.0.0.1:1", "cluster-1"), 1)
    open_trade(SqlStore(database))
    return Services(settings, database, wall=lambda: WALL)


def sale(number: int, seconds: float, **changes: Any) -> bytes:
    values: dict[str, Any] = {"event_id": f"e{number}", "platform": "p", "shop_id": "shop", "order_id": f"o{number}"}
    values |= {"line_id": "1", "kind": SaleKind.PAID, "sku": "A", "qty": 2, "region": "CN-ZJ", "room_id": "room"}
    values |= {"occurred_at": ON_AIR + int(seconds * SECOND), "unit_price_minor": 2_000}
    return encode(Sale(**{**values, **changes}))


def all_rows(services: Services) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the agent writes, in a fixed order; the epoch counts owners, not events."""
    with services.database.read() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")), key=repr)  # noqa: S608
            for name in TABLES
        }
        query = "SELECT topic, partition, cluster, next_offset, watermark, snapshot FROM partitions"
        found["partitions"] = [tuple(row) for row in connection.exec_driver_sql(query)]
    return found


def counted(services: Services) -> dict[str, int]:
    with services.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT bucket, SUM(events) AS n FROM counts GROUP BY bucket").all()
    return {row.bucket: int(row.n) for row in rows}
