"""The whole service under load: its roles are killed, the parent starts them again, and the books add up."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.service import Service
from tests.faults.stage import rows, until

pytestmark = pytest.mark.deep
BATCH = 40
SKUS = ("BEA-SERUM", "BEA-MASK", "BEA-LIP-LIVE")
_COUNTED = "SELECT bucket, SUM(events) AS n FROM counts WHERE topic = 'sales.v1' AND bucket <> 'ticks' GROUP BY bucket"
ROOMS = ("room-lin", "room-wang", "room-zhao", "room-mei")


def batch(number: int) -> list[dict[str, Any]]:
    """Sale events of one moment: mostly new ones, some of the batch before again, one of unknown goods."""
    now = time.time_ns() // 1_000_000
    events = [_event(f"{number}-{n}", now, room=ROOMS[n % 4], sku=SKUS[n % 3], qty=1 + n % 2) for n in range(BATCH)]
    events.append(_event(f"{number}-unknown", now, room=ROOMS[0], sku="NO-SUCH-SKU", qty=1))
    events.append(_event(f"{number}-cancel", now, room=ROOMS[1], sku=SKUS[0], qty=1, kind="cancelled"))
    return events


def _event(identity: str, at: int, *, room: str, sku: str, qty: int, kind: str = "paid") -> dict[str, Any]:
    return {
        "event_id": identity,
        "platform": "douyin",
        "shop_id": "qingyu-flagship",
        "order_id": f"order-{identity}",
        "line_id": "1",
        "kind": kind,
        "sku": sku,
        "qty": qty,
        "occurred_at": at,
        "region": "CN-ZJ",
        "room_id": room,
        "unit_price_minor": 5_000,
    }


def counted(service: Service) -> Counter[str]:
    """The accounting of sales, by bucket."""
    found = rows(service.services, _COUNTED)
    return Counter({row.bucket: int(row.n) for row in found})


def until_more(service: Service) -> None:
    """Wait for progress, so that a kill comes in the middle of work."""
    before = counted(service)["received"]
    until(lambda: counted(service)["received"] > before, "progress")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path) as running:
        running.until_ready()
        yield running


def kill(service: Service, role: str) -> None:
    """Kill a role with -9 and wait for its successor."""
    old = service.pid(role)
    assert old is not None
    os.kill(old, signal.SIGKILL)
    until(lambda: service.alive() and service.pid(role) not in {None, old}, f"{role} to be started again")


def test_killed_streams_come_back_and_lose_and_double_nothing(service: Service) -> None:
    sent = 0
    for number in range(40):
        events = batch(number)
        assert service.post(events)["rejected"] == []
        sent += len(events)
        if number % 10 == 4:
            service.post(events)  # a platform that got no answer sends its batch again
            sent += len(events)
        if number % 10 == 7:
            until_more(service)
            kill(service, "streams")
    until(lambda: service.alive() and counted(service)["received"] >= sent, "all events to be counted")
    books = counted(service)
    received = books.pop("received")
    assert received == sent
    assert received == sum(books.values())
    distinct = 40 * BATCH
    assert books["duplicates"] == 4 * (BATCH + 1)
    assert books["excluded"] == 44
    assert books["counted"] + books["corrections"] + books["cancellations"] == distinct + 40
    windows = rows(service.services, "SELECT SUM(orders) AS orders, SUM(gross) AS gross FROM windows")[0]
    late = rows(
        service.services, "SELECT COUNT(*) AS n, COALESCE(SUM(qty), 0) AS qty FROM corrections WHERE kind = 'paid'"
    )[0]
    assert windows.orders + late.n == distinct
    assert windows.gross + late.qty == sum(1 + n % 2 for n in range(BATCH)) * 40
    assert service.stop() == 0


def test_every_role_that_dies_is_started_again(service: Service) -> None:
    for role in ("plan", "dispatch", "jobs", "web"):
        kill(service, role)
    service.until_ready()
    events = batch(0)
    service.post(events)
    until(lambda: counted(service)["received"] >= len(events), "events to be counted")
    assert service.stop() == 0


def test_killed_embedded_broker_is_another_cluster_and_an_incident(service: Service) -> None:
    first = batch(0)
    service.post(first)
    until(lambda: counted(service)["received"] == len(first), "events to be counted")
    kill(service, "broker")
    second = batch(1)
    service.post(second)
    until(lambda: counted(service)["received"] >= len(first) + len(second), "later events to be counted")
    # the platform sends the first batch again: the new cluster's offsets begin anew, the ids are remembered
    service.post(first)
    until(lambda: counted(service)["received"] >= 2 * len(first) + len(second), "repeated events to be seen")
    assert counted(service)["duplicates"] == len(first) - 1
    incidents = rows(service.services, "SELECT kind, subject FROM incidents")
    assert ("broker-changed", "sales.v1[0]") in {(row.kind, row.subject) for row in incidents}
    assert service.stop() == 0
