"""From the end of a bin to the stored spike, at a steady rate: how late a verdict is.

The clock starts when the first record is sent that shows a partition that the bin and its grace are over, and ends when the
transaction that stores the spike has committed.
"""

from __future__ import annotations

import json
import random
import time
from itertools import count
from typing import Any

from supplychain.bootstrap import wall_now
from supplychain.cli.bench.stream_jobs import PARTITIONS, Lab, Sizes, await_committed, publish, start
from supplychain.cli.bench.stream_world import RATE, REGIONS, World
from supplychain.domain.errors import UnavailableError
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import SECOND

BURST = 12
"""How many times as fast a bursting item sells."""
STEP = 0.02
"""Seconds between two batches of the producer."""


def measure(lab: Lab, sizes: Sizes) -> dict[str, Any]:
    """Sell at `RATE` events a second for a while, every few seconds a burst in every room; return the delays.

    Raises
    ------
    UnavailableError
        If no spike was seen.
    """
    world = World.of(sizes.few_keys)
    topic = lab.topic()
    with lab.service("latency", world.catalogue(wall_now() - SECOND, 1), Tuning()) as services:
        worker = start(lab, "watch", topic, 0, services)
        try:
            first = [
                world.sale(room * world.skus * REGIONS, room, wall_now(), random.Random(room)) for room in range(4)
            ]
            publish(lab, topic, first)
            await_committed(services, topic, len(first))
            shown = _sell(lab, world, topic, sizes.seconds)
            await_committed(services, topic, len(first) + sum(shown["sent"].values()))
        finally:
            worker.kill()
    path = worker.folder / "spikes.jsonl"
    if not path.exists():
        raise UnavailableError("no spike was seen", way_out="take more --seconds")
    delays = []
    for line in path.read_text(encoding="utf-8").splitlines():
        spike = json.loads(line)
        seen_over = shown["first"].get((spike["partition"], spike["judged_at"] // SECOND))
        if seen_over is not None:
            delays.append(max(0.0, (spike["seen"] - seen_over) / SECOND))
    delays.sort()
    return {
        "bin_to_spike_seconds": round(delays[int((len(delays) - 1) * 0.99)], 3),
        "bin_to_spike_seconds_p50": round(delays[len(delays) // 2], 3),
        "spikes_timed": len(delays),
        "latency_events_per_second": round(shown["rate"]),
    }


def _sell(lab: Lab, world: World, topic: str, seconds: int) -> dict[str, Any]:
    """Produce in small batches on the wall clock; tells when the first record of each second went to each partition."""
    from supplychain.broker.publisher import Publisher

    chance = random.Random(11)
    first: dict[tuple[int, int], int] = {}
    sent = dict.fromkeys(range(PARTITIONS), 0)
    began, numbers = time.monotonic(), count()
    hot: list[int] = []
    with Publisher(lab.bootstrap, linger_ms=50) as publisher:
        for batch in count():
            due = began + batch * STEP
            if due > began + seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            now = wall_now()
            if batch % round(5 / STEP) == 0:
                hot = [room * world.skus + chance.randrange(world.skus) for room in range(world.rooms)]
            for _ in range(round(RATE * STEP)):
                key = _key(world, hot, chance)
                partition, name, value = world.sale(key, next(numbers), now, chance)
                first.setdefault((partition, now // SECOND), now)
                publisher.send(topic, name, value, partition=partition)
                sent[partition] += 1
        elapsed = time.monotonic() - began
    return {"first": first, "sent": sent, "rate": sum(sent.values()) / elapsed}


def _key(world: World, hot: list[int], chance: random.Random) -> int:
    """Return a random key; the hot item of a room sells `BURST` times as often as the others."""
    places = world.rooms * world.skus
    extra = (BURST - 1) * len(hot)
    place = chance.randrange(places + extra)
    if place >= places:
        place = hot[(place - places) % len(hot)]
    return place * REGIONS + chance.randrange(REGIONS)
