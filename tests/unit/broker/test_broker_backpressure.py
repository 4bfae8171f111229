"""A producer waits for readers that move, and gives up on readers that do not."""

import os
from collections.abc import Iterator

import pytest

from supplychain.broker.admin import Topics
from supplychain.broker.backpressure import BacklogError, Backpressure
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher


class Readers:
    """Readers whose backlog follows a script, with a clock that moves when the producer sleeps."""

    def __init__(self, shares: list[float]) -> None:
        self._shares: Iterator[float] = iter(shares)
        self._last = 0.0
        self.looks = 0
        self.now = 0.0

    def share(self) -> float:
        self.looks += 1
        self._last = next(self._shares, self._last)
        return self._last

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def gate(self, patience: float = 10.0) -> Backpressure:
        return Backpressure(self.share, every=100, patience=patience, clock=lambda: self.now, sleep=self.sleep)


def send(gate: Backpressure, records: int = 1) -> None:
    if gate.due(records):
        gate.wait()


def test_small_backlog_holds_nobody() -> None:
    readers = Readers([0.5])
    gate = readers.gate()
    for _ in range(250):
        send(gate)
    assert readers.looks == 2
    assert gate.waited == 0


def test_producer_waits_until_readers_have_caught_up() -> None:
    readers = Readers([0.9, 0.8, 0.7, 0.4])
    gate = readers.gate()
    send(gate, 100)
    assert gate.waited == pytest.approx(0.15)


def test_readers_that_stand_still_are_given_up() -> None:
    with pytest.raises(BacklogError, match="90%"):
        send(Readers([0.9]).gate(), 100)


def test_slow_readers_are_waited_for_as_long_as_they_move() -> None:
    slowly = [1.0 - step / 2_000 for step in range(1_001)]
    readers = Readers(slowly)
    gate = readers.gate(patience=1.0)
    send(gate, 100)
    assert gate.waited == pytest.approx(50.0, abs=0.1)


def test_full_embedded_broker_is_seen_before_it_drops_anything() -> None:
    with EmbeddedBroker({"sales.v1": 1}) as broker:
        topics = Topics(broker.bootstrap)
        gate = Backpressure(lambda: topics.backlog_share({}, ["sales.v1"]), every=1_000, patience=0)
        with Publisher(broker.bootstrap, gate=gate) as publisher:

            def flood() -> None:
                for _ in range(50_000):
                    publisher.send("sales.v1", None, os.urandom(150).hex().encode(), partition=0)

            with pytest.raises(BacklogError):
                flood()
        kept = topics.watermarks(["sales.v1"])["sales.v1", 0]
        assert kept.low == 0
        assert kept.high >= 1_000
