"""Running the workers of the stream benchmark: a topic, an empty database and a process for each."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supplychain.bootstrap import Broker, Services, build, scratch, wall_now, write_run
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.domain.errors import UnavailableError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning, parse
from supplychain.messages.topics import SALES
from supplychain.settings import BrokerSettings, DatabaseSettings, Settings

PARTITIONS = SALES.partitions
PATIENCE = 900.0
"""Seconds until a worker that has not finished is given up."""
TEN_SECONDS = parse({"detector": {"bin_seconds": 10}, "planning": {"cut_seconds": 10}})


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    events: int
    plain_events: int
    few_keys: int
    many_keys: int
    state_keys: int
    ids: int
    seconds: int
    runs: int


@dataclass
class Lab:
    """Broker and database of one run of the benchmark.

    Attributes
    ----------
    bootstrap
        Broker addresses.
    embedded
        The embedded broker, None on Kafka.
    database
        URL of a PostgreSQL server; empty: SQLite.
    """

    folder: Path
    bootstrap: str
    embedded: EmbeddedBroker | None
    database: str
    names: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def end_workers(self) -> None:
        """Kill the workers that still run."""
        for process in self.processes:
            process.kill()
            process.wait()

    def name(self, kind: str) -> str:
        """Return a new name for a topic, group or schema."""
        return f"bench_{kind}_{time.time_ns() // 1_000_000}_{next(self.names)}"

    def topic(self, config: dict[str, str] | None = None, name: str = "") -> str:
        """Create a topic."""
        from supplychain.broker.admin import Topics

        topic = name or self.name("sales")
        if self.embedded is not None:
            self.embedded.create(topic, PARTITIONS)
        else:
            Topics(self.bootstrap).ensure({topic: PARTITIONS}, config=config)
        return topic

    @contextmanager
    def service(self, kind: str, catalogue: Catalogue | None, tuning: Tuning = TEN_SECONDS) -> Iterator[Services]:
        """Yield the services of an empty deployment with a catalogue and a tuning; gone afterwards."""
        name = self.name(kind)
        with scratch(self.database, name, self.folder) as url:
            settings = Settings(
                data_dir=self.folder / name,
                broker=BrokerSettings(url="" if self.embedded else self.bootstrap, member=name),  # as `serve` does
                database=DatabaseSettings(url=url),
            )
            services = build(settings)
            try:
                if self.embedded is not None:
                    write_run(settings, Broker(self.bootstrap, self.embedded.cluster_id), 0)
                with services.store.write() as tx:
                    if catalogue is not None:
                        tx.versions.activate("network", tx.versions.put_network(catalogue, "bench", wall_now()))
                    tx.versions.activate("tuning", tx.versions.put_tuning(tuning, "bench", "bench", wall_now()))
                yield services
            finally:
                services.close()


@dataclass
class Worker:
    """A process of one job; the result is what it wrote at its end."""

    folder: Path
    process: subprocess.Popen[bytes]

    def result(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for the end and return what was measured.

        Raises
        ------
        UnavailableError
            If it fails or takes too long; the end of its log is in the message.
        """
        path = self.folder / "result.json"
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        if not path.exists():
            log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-800:]
            raise UnavailableError(f"a worker of the benchmark ended without a result: {log}")
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return result

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()


def start(lab: Lab, kind: str, topic: str, events: int, services: Services | None = None, group: str = "") -> Worker:
    """Start a worker of one kind over a topic; it ends after `events`, or never when that is 0."""
    group = group or lab.name(kind)
    folder = lab.folder / f"{group}_{next(lab.names)}"
    folder.mkdir()
    job = {
        "kind": kind,
        "topic": topic,
        "events": events,
        "group": group,
        "folder": str(folder),
        "bootstrap": lab.bootstrap,
        "partitions": PARTITIONS,
        "settings": services.settings.model_dump(mode="json") if services else {},
    }
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "streams.bench", str(path)], stdout=log, stderr=log)  # noqa: S603 - our own module
    lab.processes.append(process)
    return Worker(folder, process)


def publish(lab: Lab, topic: str, sales: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Write sales into a topic."""
    from supplychain.broker.publisher import Publisher

    with Publisher(lab.bootstrap) as publisher:
        for partition, key, value in sales:
            publisher.send(topic, key, value, partition=partition)


def committed(services: Services, topic: str) -> int:
    """Return how many records of a topic are durable, over all partitions."""
    return sum(services.partitions.next_offsets(topic).values())


def await_committed(services: Services, topic: str, events: int, patience: float = 600.0) -> None:
    """Wait until so many records are durable.

    Raises
    ------
    UnavailableError
        If they are not in time.
    """
    deadline = time.monotonic() + patience
    while committed(services, topic) < events:
        if time.monotonic() > deadline:
            raise UnavailableError(f"only {committed(services, topic)} of {events} events were committed in time")
        time.sleep(0.02)
