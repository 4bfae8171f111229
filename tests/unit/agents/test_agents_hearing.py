"""The watcher hears of the crowd what all of its partitions have, and waits for it within reason."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from streams.agents import hearing
from streams.agents.hearing import Hearing, last_tick
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind, Tick

T0 = 1_700_006_400_000
EXECUTOR = ThreadPoolExecutor(1)


def sale(sku: str) -> bytes:
    return encode(Sale("e", "p", "s", "o", "1", SaleKind.PAID, sku, 1, T0, "CN-ZJ", 990))


def test_the_last_possible_tick_counts() -> None:
    assert last_tick([]) == last_tick([None, b"tick", sale("tick"), b'{"type":"tick","at":"soon"}']) == -1
    assert last_tick([encode(Tick(T0)), sale("A"), encode(Tick(T0 + 5)), sale("tick"), encode(Tick(-7))]) == T0 + 5


def listener(marks: list[list[int]], clock: str = "ticks") -> tuple[Hearing, list[int]]:
    """A hearing whose database answers one list of watermarks after another, the last one for ever."""
    asked: list[int] = []

    def watermarks(topic: str) -> list[int]:
        assert topic == "engagement.v1"
        asked.append(1)
        return marks[min(len(asked), len(marks)) - 1]

    services: Any = SimpleNamespace(
        settings=SimpleNamespace(clock=clock), partitions=SimpleNamespace(watermarks=watermarks)
    )
    return Hearing(services, EXECUTOR), asked


def test_waits_until_every_partition_has_passed_and_then_asks_no_more() -> None:
    late = [T0 + 9, T0 + 9, T0 + 9]
    one, asked = listener([[], late, [T0, *late], [T0 + 5, *late], [T0 + 7, *late]])
    asyncio.run(one.wait(T0 + 7))
    assert len(asked) == 5, "a replay waits for partitions that nobody has read yet, too"
    asyncio.run(one.wait(T0 + 7))
    assert len(asked) == 5


def test_who_is_halted_waits_no_longer() -> None:
    one, asked = listener([[T0] * 4])
    assert not asyncio.run(one.wait(T0 + 7, lambda: len(asked) == 3))
    assert len(asked) == 3
    assert asyncio.run(one.wait(T0, lambda: True)), "what has come needs no waiting"


def test_nobody_waits_for_engagement_that_is_not_in_use() -> None:
    one, asked = listener([[]], clock="wall")
    asyncio.run(one.wait(T0))
    assert len(asked) == 1


def test_live_sales_do_not_wait_long_and_not_twice_for_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr(hearing, "_LIVE_SECONDS", 0.02)
    one, asked = listener([[T0]], clock="wall")
    began = time.monotonic()
    asyncio.run(one.wait(T0 + 7))
    assert time.monotonic() - began >= 0.02
    before = len(asked)
    asyncio.run(one.wait(T0 + 8))
    assert len(asked) == before + 1
