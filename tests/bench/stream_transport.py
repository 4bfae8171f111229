"""How fast chunks are delivered: bare client, Faust's own delivery, and the chunk transport, on one machine in one run.

The job is a count of pieces over (room, SKU, region) in 10 s windows of event time, from JSON of about 120 bytes. Each variant
reads the same topic from the beginning in one process; its clock runs from its first record to its last effect. Processor
time per event counts all threads of that process, and says more than the clock when the machine is shared.

    python tests/bench/stream_transport.py --events 600000                        on the embedded broker
    python tests/bench/stream_transport.py --events 600000 --broker 127.0.0.1:9092  on a running Kafka
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import orjson

from streams.chunks import Chunk, Intake, chunk_topic, gathered, make_app, run_worker
from supplychain.broker.admin import Topics
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher

PARTITIONS = 4
WINDOW = 10_000
VARIANTS = ("raw", "faust", "noop", "orjson", "msgspec", "sqlite")

Counts = dict[tuple[str, str, str, int], int]


class Sale(msgspec.Struct):
    """The typed form of an event."""

    id: str
    room: str
    sku: str
    region: str
    at: int
    pieces: int


DECODE = msgspec.json.Decoder(Sale).decode


def event(number: int, keys: int, chance: random.Random) -> bytes:
    """Return one event."""
    key = chance.randrange(keys)
    room, sku, region = f"room-{key % 10}", f"SKU-{key // 10 % 100:04d}", f"CN-{key // 1000:02d}"
    value = {"id": f"{number:012d}", "room": room, "sku": sku, "region": region, "at": number // 5, "pieces": 1}
    return json.dumps(value, separators=(",", ":")).encode()


def fill(bootstrap: str, topic: str, events: int, keys: int) -> float:
    """Produce the events; returns seconds."""
    chance = random.Random(7)
    values = [event(number, keys, chance) for number in range(events)]
    started = time.perf_counter()
    with Publisher(bootstrap) as publisher:
        for number, value in enumerate(values):
            publisher.send(topic, None, value, partition=number % PARTITIONS)
    return time.perf_counter() - started


def count_loose(values: Sequence[bytes | None], counts: Counts) -> None:
    """Count with orjson, which checks nothing."""
    for value in values:
        sale = orjson.loads(value)  # type: ignore[arg-type]  # the bench writes no empty values
        key = (sale["room"], sale["sku"], sale["region"], sale["at"] // WINDOW)
        counts[key] = counts.get(key, 0) + sale["pieces"]


def count_typed(values: Sequence[bytes | None], counts: Counts) -> None:
    """Count with msgspec, which checks types."""
    for value in values:
        sale = DECODE(value)  # type: ignore[arg-type]
        key = (sale.room, sale.sku, sale.region, sale.at // WINDOW)
        counts[key] = counts.get(key, 0) + sale.pieces


def run_raw(bootstrap: str, topic: str, events: int) -> dict[str, Any]:
    """Read with the bare client and a dictionary, nothing durable."""
    from confluent_kafka import Consumer, TopicPartition

    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "raw", "enable.auto.commit": False})
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    counts: Counts = {}
    seen, started, burnt = 0, 0.0, time.process_time()
    while seen < events:
        batch = reader.consume(10_000, timeout=10)
        if not batch:
            break
        started = started or time.perf_counter()
        count_loose([message.value() for message in batch], counts)
        seen += len(batch)
    seconds = time.perf_counter() - started
    reader.close()
    burnt = time.process_time() - burnt
    return {"events": seen, "pieces": sum(counts.values()), "seconds": seconds, "cpu_seconds": burnt}


class Sqlite:
    """Counts and next offsets in one transaction per chunk."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.execute("CREATE TABLE offsets (partition INTEGER PRIMARY KEY, next INTEGER)")
        self._base.execute(
            "CREATE TABLE counts (room, sku, region, slot, pieces, PRIMARY KEY (room, sku, region, slot)) WITHOUT ROWID"
        )

    def take(self, chunk: Chunk) -> None:
        """Add a chunk to the state, durably."""
        counts: Counts = {}
        count_typed(chunk.values, counts)
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany(
            "INSERT INTO counts VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET pieces = pieces + excluded.pieces",
            [(*key, pieces) for key, pieces in counts.items()],
        )
        self._base.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", (chunk.partition, chunk.last + 1))
        self._base.execute("COMMIT")

    def pieces(self) -> int:
        """Return all pieces counted."""
        return int(self._base.execute("SELECT sum(pieces) FROM counts").fetchone()[0])


def work_of(variant: str, folder: Path) -> tuple[Callable[[Chunk], None], Callable[[], int | None]]:
    """Return what a variant does with a chunk, and how it tells its pieces."""
    counts: Counts = {}
    if variant == "sqlite":
        state = Sqlite(folder / "state.db")
        return state.take, state.pieces
    if variant == "noop":
        return lambda chunk: None, lambda: None
    count = count_loose if variant == "orjson" else count_typed
    return lambda chunk: count(chunk.values, counts), lambda: sum(counts.values())


def serve_variant(bootstrap: str, topic: str, events: int, variant: str, folder: Path) -> None:
    """Be the worker of one variant; writes result.json and ends itself."""
    sources = frozenset[str]() if variant == "faust" else frozenset({topic})
    intake = Intake(sources, most_records=20_000)
    app = make_app(f"bench-{variant}-{os.getpid()}", bootstrap, intake, data_dir=folder, poll_records=20_000)
    seen, started, burnt = 0, 0.0, 0.0
    pauses: list[float] = []

    def finish(pieces: int | None) -> None:
        seconds = time.perf_counter() - started
        pauses.sort()
        cpu = time.process_time() - burnt
        result = {"events": seen, "pieces": pieces, "seconds": seconds, "cpu_seconds": cpu}
        if pauses:
            result |= {f"chunk_ms_p{q}": 1_000 * pauses[int((len(pauses) - 1) * q / 100)] for q in (50, 99)}
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGTERM)

    async def by_chunk(stream: Any) -> None:
        nonlocal seen, started, burnt
        take, pieces = work_of(variant, folder)
        burnt = time.process_time()
        async for chunk in gathered(stream, 20_000):
            began = time.perf_counter()
            started = started or began
            take(chunk)
            chunk.done()
            pauses.append(time.perf_counter() - began)
            seen += len(chunk)
            if seen == events:
                finish(pieces())

    async def by_message(stream: Any) -> None:
        nonlocal seen, started, burnt
        counts: Counts = {}
        burnt = time.process_time()
        async for value in stream:
            started = started or time.perf_counter()
            count_loose([value], counts)
            seen += 1
            if seen == events:
                finish(sum(counts.values()))

    if variant == "faust":
        app.agent(app.topic(topic, value_serializer="raw", value_type=bytes))(by_message)
    else:
        app.agent(chunk_topic(app, topic))(by_chunk)
    run_worker(app)


def run_variant(bootstrap: str, topic: str, events: int, variant: str) -> dict[str, Any]:
    """Run one variant in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--broker", bootstrap, "--topic", topic, "--events", str(events)]
        subprocess.run([*command, "--serve", variant, "--folder", folder], check=True, timeout=600)
        result: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        return result


def run(bootstrap: str, events: int, keys: int, variants: Sequence[str]) -> dict[str, Any]:
    """Fill a topic and run the variants on it; returns events per second and the ratio to the bare client."""
    topic = f"bench-{time.time_ns()}"
    Topics(bootstrap).ensure({topic: PARTITIONS})
    return _measure(bootstrap, topic, events, keys, variants)


def _measure(bootstrap: str, topic: str, events: int, keys: int, variants: Sequence[str]) -> dict[str, Any]:
    seconds = fill(bootstrap, topic, events, keys)
    report: dict[str, Any] = {"events": events, "keys": keys, "produced_per_second": round(events / seconds)}
    low = min(mark.low for mark in Topics(bootstrap).watermarks([topic]).values())
    if low:
        raise SystemExit(f"the broker has dropped records already (oldest offset {low}): take fewer events")
    for variant in variants:
        few = min(events, 40_000) if variant == "faust" else events
        measured = (
            run_raw(bootstrap, topic, events) if variant == "raw" else run_variant(bootstrap, topic, few, variant)
        )
        if measured["pieces"] not in (None, few):
            raise SystemExit(f"{variant} counted {measured['pieces']} of {few}")
        rate = measured["events"] / measured["seconds"]
        cpu = 1e6 * measured["cpu_seconds"] / measured["events"]
        report[variant] = {"events_per_second": round(rate), "cpu_us_per_event": round(cpu, 2)} | {
            name: round(value, 2) for name, value in measured.items() if name.startswith("chunk_ms")
        }
        if "raw" in report:
            report[variant]["ratio_to_raw"] = round(rate / report["raw"]["events_per_second"], 2)
            report[variant]["cpu_ratio_to_raw"] = round(report["raw"]["cpu_us_per_event"] / cpu, 2)
    return report


def main() -> None:
    """Parse the command line and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="embedded", help="embedded, or host:port")
    parser.add_argument("--events", type=int, default=600_000)
    parser.add_argument("--keys", type=int, default=3_000)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--serve", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--topic", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        serve_variant(wanted.broker, wanted.topic, wanted.events, wanted.serve, wanted.folder)
        return
    variants = wanted.variants.split(",")
    with ExitStack() as stack:
        if wanted.broker != "embedded":
            report = run(wanted.broker, wanted.events, wanted.keys, variants)
        else:
            broker = stack.enter_context(EmbeddedBroker({"bench": PARTITIONS}))
            report = _measure(broker.bootstrap, "bench", wanted.events, wanted.keys, variants)
    sys.stdout.write(json.dumps({"broker": wanted.broker, **report}) + "\n")


if __name__ == "__main__":
    main()
