"""Ticks of business time by the wall clock: every second into every partition, so that quiet partitions pass too."""

from __future__ import annotations

import threading
from collections.abc import Callable

from supplychain.broker.publisher import Publisher, PublishError
from supplychain.domain.units import SECOND, floor_to
from supplychain.messages.codec import encode
from supplychain.messages.topics import TICKED
from supplychain.messages.v1 import Tick
from supplychain.planning.ports import WallClock
from supplychain.telemetry import log

_log = log(__name__)
_DELAY = 500
"""Ticks stay so many milliseconds behind the wall: events on their way are stamped before them."""


def send_tick(publisher: Publisher, at: int) -> None:
    """Write one tick into every partition of every ticked topic."""
    payload = encode(Tick(at))
    for topic in TICKED:
        for partition in range(topic.partitions):
            publisher.send(topic.name, None, payload, partition=partition, timestamp_ms=at)


class Ticker:
    """Writes ticks until told to stop; a broker that is away only delays them."""

    def __init__(self, publisher: Callable[[], Publisher], wall: WallClock) -> None:
        self._publisher = publisher
        self._wall = wall

    def run(self, stop: threading.Event) -> None:
        """Tick once a second."""
        publisher = self._publisher()
        last = 0
        while not stop.wait(0.1):
            at = floor_to(self._wall() - _DELAY, SECOND)
            if at <= last:
                continue
            last = at
            try:
                send_tick(publisher, at)
                publisher.flush(5.0)
            except PublishError as away:
                _log.warning("ticks not written", detail=str(away))
