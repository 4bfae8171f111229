"""How fast the stream engine is, how late its verdicts, how long it is away after a crash, how much memory it takes.

Every rate is told as a ratio to a bare client with a dictionary that reads the same topic in the same run, because absolute
figures wander with the machine. A worker's clock runs from its first chunk in hand to its last durable effect.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.cli.bench import stream_faults, stream_latency
from supplychain.cli.bench.stream_jobs import Lab, Sizes, committed, publish, start
from supplychain.cli.bench.stream_world import World
from supplychain.domain.errors import InvalidInputError

Row = dict[str, Any]
PARTS = ("throughput", "latency", "recovery", "memory")


def run(broker: str, database: str, sizes: Sizes, parts: Sequence[str] = PARTS) -> Row:
    """Run the parts of the benchmark and return one row.

    Parameters
    ----------
    broker
        Kafka addresses; empty: an embedded broker.
    database
        URL of a PostgreSQL server; empty: SQLite. Everything happens in schemas of its own, which are dropped.

    Raises
    ------
    InvalidInputError
        If the embedded broker cannot hold the events.
    """
    row: Row = {
        "broker": "kafka" if broker else "embedded",
        "database": "postgresql" if database else "sqlite",
        "events": sizes.events,
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    measured: dict[str, Callable[[Lab, Sizes], Row]] = {
        "throughput": throughput,
        "latency": stream_latency.measure,
        "recovery": stream_faults.recovery,
        "memory": stream_faults.memory,
    }
    for part in parts:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="supplychain-bench-")))
            embedded = None if broker else stack.enter_context(EmbeddedBroker({"unused": 1}))
            lab = Lab(folder, embedded.bootstrap if embedded else broker, embedded, database)
            stack.callback(lab.end_workers)
            row |= measured[part](lab, sizes)
    return row


def throughput(lab: Lab, sizes: Sizes) -> Row:
    """Measure rates at few and many keys; the median of each over the runs."""
    few, many = World.of(sizes.few_keys), World.of(sizes.many_keys)
    topic = filled(lab, few, sizes.events)
    wide = filled(lab, many, sizes.events)
    short = filled(lab, few, sizes.plain_events)
    rates: dict[str, list[float]] = {}
    details: Row = {}

    def note(name: str, result: Row) -> None:
        rates.setdefault(name, []).append(result["events"] / result["seconds"])
        details[f"{name}_cpu_us"] = round(1e6 * result["cpu_seconds"] / result["events"], 2)
        for key in ("chunk_ms_p50", "chunk_ms_p99"):
            if key in result and name != "plain":
                details[f"{name}_{key}"] = round(result[key], 1)

    for _ in range(sizes.runs):
        note("raw", start(lab, "bare", topic, sizes.events).result())
        note("counts", _engine(lab, "counts", few, topic, sizes.events))
        note("watch", _engine(lab, "watch", few, topic, sizes.events))
        note("counts_many", _engine(lab, "counts", many, wide, sizes.events))
        note("watch_many", _engine(lab, "watch", many, wide, sizes.events))
        note("raw_many", start(lab, "bare", wide, sizes.events).result())
    note("plain", plain(lab, short, sizes.plain_events))
    rate = {name: median(found) for name, found in rates.items()}
    ratios = {
        "ratio_to_raw": rate["counts"] / rate["raw"],
        "ratio_to_raw_full": rate["watch"] / rate["raw"],
        "ratio_to_faust": rate["watch"] / rate["plain"],
        "ratio_many_keys": rate["counts_many"] / rate["counts"],
        "ratio_many_keys_full": rate["watch_many"] / rate["watch"],
    }
    return (
        {name: round(value, 3) for name, value in ratios.items()}
        | {f"{name}_events_per_second": round(value) for name, value in rate.items()}
        | {"few_keys": few.keys, "many_keys": many.keys}
        | details
    )


def filled(lab: Lab, world: World, events: int) -> str:
    """Return a topic with so many sales.

    Raises
    ------
    InvalidInputError
        If the broker has dropped records already.
    """
    from supplychain.broker.admin import Topics

    topic = lab.topic()
    publish(lab, topic, world.sales(events, seed=7))
    low = max(mark.low for mark in Topics(lab.bootstrap).watermarks([topic]).values())
    if low:
        raise InvalidInputError(
            f"the embedded broker holds 5 MiB a partition and has dropped records of {events} events already",
            way_out="take fewer --events, or a Kafka with --broker",
        )
    return topic


def _engine(lab: Lab, kind: str, world: World, topic: str, events: int) -> Row:
    """Run the engine over a topic in an empty database and check that nothing is missing."""
    with lab.service(kind, world.catalogue() if kind == "watch" else None) as services:
        result = start(lab, kind, topic, events, services).result()
        stored = committed(services, topic)
    if stored != events or result["pieces"] not in (None, events):
        raise InvalidInputError(f"{kind} committed {stored} and counted {result['pieces']} of {events} events")
    return result


def plain(lab: Lab, topic: str, events: int) -> Row:
    """Run plain Faust's windowed table over a topic."""
    group = lab.name("plain")
    lab.topic({"cleanup.policy": "compact"}, f"{group}-tally-changelog")
    return start(lab, "plain", topic, events, group=group).result()
