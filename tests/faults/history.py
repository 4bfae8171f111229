"""What is published on a stage: a part of a simulated evening with everything that senders get wrong, placed in partitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from supplychain.domain.network import Catalogue
from supplychain.domain.units import MINUTE, SECOND, floor_to
from supplychain.messages.codec import encode
from supplychain.messages.topics import ENGAGEMENT, SALES, STOCK, TICKED, Topic
from supplychain.messages.v1 import Tick
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.evening import Evening

_STEP_MS = 5 * SECOND


@dataclass(frozen=True, slots=True)
class Written:
    """A record and its place; equal histories are equal record by record."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes


def placed(topic: Topic, key: str, payload: Any) -> Written:
    """Return a record in the partition of its key."""
    value = payload if isinstance(payload, bytes) else encode(payload)
    return Written(topic.name, sum(key.encode()) % topic.partitions, key.encode(), value)


def ticks(at: int) -> Iterator[Written]:
    """Yield a tick for every partition of every ticked topic."""
    for topic in TICKED:
        for partition in range(topic.partitions):
            yield Written(topic.name, partition, None, encode(Tick(at)))


def evening(catalogue: Catalogue, minutes: int, *, scale: float = 1.0, seed: int = 11) -> list[Written]:
    """Return the first minutes of an evening whose senders make many faults: late, twice, broken, impossible, unknown."""
    faulty = Behaviour(
        duplicates=0.02, late_inside=0.02, late_beyond=0.01, malformed=0.004, impossible=0.004, unknown=0.01
    )
    played = Evening(catalogue, seed, scale=scale, behaviour=faulty)
    found = list(ticks(played.starts_at))
    for step in played.steps(_STEP_MS):
        if step.end > played.starts_at + minutes * MINUTE:
            break
        found += [placed(SALES, key, sale) for key, sale in step.sales]
        found += [placed(SALES, key, raw) for key, raw in step.raw]
        found += [placed(ENGAGEMENT, key, signal) for key, signal in step.engagement]
        found += [placed(STOCK, key, report) for key, report in step.stock]
        found += ticks(floor_to(step.end, _STEP_MS))
    return found


def sales_in(history: list[Written]) -> int:
    """Return how many records the sales topic gets."""
    return sum(record.topic == SALES.name for record in history)
