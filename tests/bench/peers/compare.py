"""Runs the same count by several stream processors over one Kafka topic and prints a table; started by run.sh.

The job: pieces by room, SKU and region in tumbling windows of ten seconds of event time, from JSON sales. Records carry the key of
the count, so that nobody has to repartition. One process each, one after the other, on one machine. The clock of each runs from
its first record to its last effect (Pathway: from its first batch of results to its last).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from supplychain.broker.kafka_node import KafkaNode, missing_for_kafka
from supplychain.cli.bench.stream_jobs import PARTITIONS, Lab, publish, start
from supplychain.cli.bench.stream_world import World

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PEERS = {
    "faust": ("Faust 0.15.3, windowed table", "at least once; changelog record per event, not awaited; commits can pass work"),
    "quix": ("Quix Streams 3.28.1", "at least once; RocksDB with a changelog per key, flushed at checkpoints"),
    "bytewax": ("Bytewax 0.21.1", "nothing durable as run here; at least once with a recovery store"),
    "pathway": ("Pathway 0.33.0, one thread", "nothing durable as run here; at least once with persistence"),
}
OURS = {
    "bare": ("confluent-kafka + orjson + dict", "nothing durable"),
    "counts": ("this engine, counts only, SQLite", "state and offset in one transaction per chunk, fenced: each event once"),
    "watch": (
        "this engine, whole watch agent, SQLite",
        "the same, and ids of events, windows, spikes and forecasts in that transaction",
    ),
}


def keyed(world: World, events: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield sales with the key of the count as the record's key."""
    for partition, _, value in world.sales(events, seed=7):
        sale = json.loads(value)
        yield partition, f"{sale['room_id']}|{sale['sku']}|{sale['region']}".encode(), value


def run_peer(lab: Lab, name: str, topic: str, events: int) -> dict[str, Any]:
    """Run one peer in its own environment; an error becomes the row's text."""
    result = lab.folder / f"{name}.json"
    python = str(HERE / ".envs" / name / "bin" / "python")
    if name == "faust":
        group = lab.name("plain")
        lab.topic({"cleanup.policy": "compact"}, f"{group}-tally-changelog")
        command = [python, "-m", "streams.bench.plain", lab.bootstrap, topic, group, str(events), str(result)]
    else:
        command = [python, str(HERE / f"{name}_peer.py"), lab.bootstrap, topic, str(events), str(result)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATHWAY_THREADS": "1"}
    try:
        subprocess.run(command, env=environment, cwd=lab.folder, timeout=600, capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return {"error": "not finished after ten minutes"}
    if not result.exists():
        return {"error": "ended without a result"}
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def run(lab: Lab, events: int) -> list[dict[str, Any]]:
    """Run everybody and return rows."""
    world = World.of(3_000)
    topics = {}
    for share in (1, 10):
        topics[share] = lab.topic()
        publish(lab, topics[share], keyed(world, events // share))
    rows = []
    for name, (title, promise) in OURS.items():
        with lab.service(name, world.catalogue()) as services:
            found = start(lab, name, topics[1], events, None if name == "bare" else services).result()
        rows.append({"name": title, "rate": found["events"] / found["seconds"], "promise": promise})
    for name, (title, promise) in PEERS.items():
        share = 10 if name in {"faust", "quix"} else 1
        found = run_peer(lab, name, topics[share], events // share)
        rate = found["events"] / found["seconds"] if "events" in found else None
        rows.append({"name": title, "rate": rate, "promise": found.get("error", promise)})
    return rows


def main() -> None:
    """Print a table, or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000, help="Faust and Quix read a tenth")
    parser.add_argument("--broker", default="", help="Kafka addresses; a node of its own when empty")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="supplychain-peers-")))
        if not wanted.broker and (lacking := missing_for_kafka()):
            raise SystemExit(f"{lacking}: name a Kafka with --broker")
        broker = wanted.broker or stack.enter_context(KafkaNode(folder / "kafka")).bootstrap
        lab = Lab(folder, broker, None, "")
        stack.callback(lab.end_workers)
        rows = run(lab, wanted.events)
    bare = rows[0]["rate"]
    sys.stdout.write(f"{PARTITIONS} partitions, {wanted.events} events, {os.cpu_count()} processors\n\n")
    sys.stdout.write("| system | events/s | of the bare client | guarantee as run |\n|---|---|---|---|\n")
    for row in rows:
        rate = f"{row['rate']:,.0f} | {row['rate'] / bare:.3f}" if row["rate"] else "- | -"
        sys.stdout.write(f"| {row['name']} | {rate} | {row['promise']} |\n")


if __name__ == "__main__":
    main()
