"""How long a killed worker is away with a large state, and how much memory a worker takes with a day of ids."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

from supplychain.bootstrap import Services, remember_ids
from supplychain.cli.bench.stream_jobs import PARTITIONS, Lab, Sizes, await_committed, publish, start
from supplychain.cli.bench.stream_world import START, World

_SLICE = 100_000
"""The embedded broker holds little: the feeder is never further ahead than two of these."""


def recovery(lab: Lab, sizes: Sizes) -> dict[str, Any]:
    """Kill the worker that holds the state of many keys, start another, and time its first commit."""
    world = World.of(sizes.state_keys)
    found: dict[str, Any] = {"state_keys": world.keys}
    for kind, name in (("watch", "recovery_seconds"), ("counts", "recovery_seconds_counts")):
        with lab.service(f"state_{kind}", world.catalogue() if kind == "watch" else None) as services:
            found[name] = round(_away(lab, world, kind, services), 2)
    return found


def _away(lab: Lab, world: World, kind: str, services: Services) -> float:
    topic, group = lab.topic(), lab.name("group")
    worker = start(lab, kind, topic, 0, services, group)
    try:
        sales, sent = world.each_key(seed=3), 0
        while part := list(islice(sales, _SLICE)):
            publish(lab, topic, part)
            sent += len(part)
            await_committed(services, topic, sent - _SLICE)
        await_committed(services, topic, sent)
        killed = time.monotonic()
        worker.kill()
        # what comes meanwhile is what the next worker commits first
        publish(lab, topic, world.sales(1_000, seed=5, first=sent))
        worker = start(lab, kind, topic, 0, services, group)
        await_committed(services, topic, sent + 1)
        return time.monotonic() - killed
    finally:
        worker.kill()


def memory(lab: Lab, sizes: Sizes) -> dict[str, Any]:
    """Let a worker start with a day of remembered ids and work; its peak memory is reported."""
    world = World.of(sizes.few_keys)
    topic = lab.topic()
    events = min(sizes.events, 2 * _SLICE)
    publish(lab, topic, world.sales(events, seed=9))
    with lab.service("memory", world.catalogue()) as services:
        remember_ids(services.database, topic, services.broker.cluster, PARTITIONS, sizes.ids, START)
        result = start(lab, "watch", topic, events, services).result()
    return {"memory_mb": round(result["peak_mb"]), "remembered_ids": sizes.ids}
