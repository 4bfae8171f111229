"""A stage for faults: a broker, a database, a history on the topics, and roles as real processes that can be hurt."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streams.app import GROUP
from supplychain import bootstrap
from supplychain.bootstrap import Services, build, write_run
from supplychain.broker.admin import Topics, Watermarks
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.kafka_node import KafkaNode
from supplychain.broker.publisher import Publisher
from supplychain.cli.setup import activate_network, activate_tuning
from supplychain.domain.errors import UnavailableError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import parse
from supplychain.messages.topics import ENGAGEMENT, SALES, STOCK
from supplychain.settings import BrokerSettings, DatabaseSettings, Settings
from tests.faults.history import Written

Broker = EmbeddedBroker | KafkaNode
SOURCES = (SALES.name, ENGAGEMENT.name, STOCK.name)
PATIENCE_SECONDS = 120.0
"""Far above what anything takes on a busy machine: a test that waits longer has found something."""

_numbers = itertools.count()


def until(wanted: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


class Role:
    """One role of the service as its own process, as the parent starts it."""

    def __init__(
        self, stage: Stage, name: str, *, crash_at: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "supplychain.processes.roles", name, str(stage.settings_file)]
        own = {key: value for key, value in os.environ.items() if key != "CRASH_AT"}
        own |= {"CRASH_AT": crash_at} if crash_at else {}
        self.log = stage.folder / f"{name}-{next(_numbers)}.log"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(command, stdout=sink, stderr=sink, env={**own, **(environment or {})})

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self, seconds: float = 60.0) -> int:
        """Wait for its end and return the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the role still runs after {seconds:.0f} s:\n{self.tail()}") from None

    def end(self, number: signal.Signals, seconds: float = 30.0) -> float:
        """Send a signal, wait for the end, and return how long it took."""
        began = time.monotonic()
        self.send(number)
        self.ended(seconds)
        return time.monotonic() - began

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    @property
    def is_stopped(self) -> bool:
        """Whether the process has been stopped by a signal and not continued."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3_000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.runs:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Stage:
    """A broker and a database with an active network, on which roles run and a history is published.

    Parameters
    ----------
    broker
        Already running; on Kafka it has to be fresh, since topics have fixed names.
    database_url
        PostgreSQL; SQLite in `folder` when empty.
    """

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        catalogue: Catalogue,
        database_url: str = "",
        *,
        broker_settings: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        **database_settings: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.broker, self.catalogue = folder, broker, catalogue
        chosen = {"chunk_records": 100, "commit_interval_seconds": 0.2, "session_timeout_seconds": 3.0}
        url = "" if isinstance(broker, EmbeddedBroker) else broker.bootstrap
        self.settings = Settings(
            data_dir=folder,
            clock="ticks",
            log_level="warning",
            broker=BrokerSettings(**{**chosen, "url": url, **(broker_settings or {})}),
            database=DatabaseSettings(url=database_url, **database_settings),
            **(settings or {}),
        )
        self.settings_file = folder / "settings.json"
        self.settings_file.write_text(
            json.dumps({"settings": json.loads(self.settings.model_dump_json()), "parent": os.getpid()}),
            encoding="utf-8",
        )
        self.take_broker(broker)
        self.services: Services = build(self.settings)
        activate_network(self.services, catalogue, "test")
        activate_tuning(self.services, parse({}), "test")
        self.services.ensure_topics()

    def take_broker(self, broker: Broker) -> None:
        """Tell the roles where the broker is, as the parent does."""
        self.broker = broker
        if isinstance(broker, EmbeddedBroker):
            write_run(self.settings, bootstrap.Broker(broker.bootstrap, broker.cluster_id), os.getpid())

    @property
    def _cluster(self) -> str | None:
        return self.broker.cluster_id if isinstance(self.broker, EmbeddedBroker) else None

    def role(self, name: str = "streams", *, crash_at: str = "", environment: Mapping[str, str] | None = None) -> Role:
        """Start a role."""
        return Role(self, name, crash_at=crash_at, environment=environment)

    def publish(self, records: Iterable[Written], *, codec: str = "zstd") -> None:
        """Write records to their partitions, in order, and wait until the broker has confirmed them."""
        with Publisher(self.broker.bootstrap, options={"compression.type": codec, "log_level": 2}) as publisher:
            for record in records:
                publisher.send(record.topic, record.key, record.value, partition=record.partition)

    def watermarks(self) -> dict[tuple[str, int], Watermarks]:
        """Return what the broker holds."""
        return Topics(self.broker.bootstrap).watermarks(SOURCES)

    def committed(self) -> dict[tuple[str, int], int]:
        """Return what the group has committed."""
        return Topics(self.broker.bootstrap).committed(GROUP, SOURCES)

    def stored(self) -> dict[tuple[str, int], int]:
        """Return the offsets in the database."""
        return {
            (topic, partition): offset
            for topic in SOURCES
            for partition, offset in self.services.partitions.next_offsets(topic, self._cluster).items()
        }

    def stored_or_none(self) -> dict[tuple[str, int], int] | None:
        """Return the offsets in the database, None while it does not answer."""
        try:
            return self.stored()
        except UnavailableError:
            return None

    def applied(self) -> int:
        """Return how many records of sales are in the database's state."""
        return sum(self.services.partitions.next_offsets(SALES.name, self._cluster).values())

    def until_applied(self, records: int, role: Role | None = None) -> None:
        """Wait until so many records of sales are applied."""
        until(lambda: self.alive(role) and self.applied() >= records, f"{records} applied records")

    def is_read(self) -> bool:
        """Tell whether everything that the broker holds is in the database."""
        return self.stored_or_none() == {place: mark.high for place, mark in self.watermarks().items()}

    def until_all_read(self, *roles: Role) -> None:
        """Wait until everything that the broker holds is in the database."""
        high = {place: mark.high for place, mark in self.watermarks().items()}

        def all_read() -> bool:
            return all(self.alive(role) for role in roles) and self.stored_or_none() == high

        try:
            until(all_read, "all records to be read")
        except AssertionError as late:
            logs = "\n".join(role.tail() for role in roles)
            raise AssertionError(
                f"{late}: the broker holds {high}, stored is {self.stored_or_none()}\n{logs}"
            ) from None

    @staticmethod
    def alive(role: Role | None) -> bool:
        """Tell whether a role runs; fail with its log when it does not."""
        if role is not None and not role.runs:
            raise AssertionError(f"the role ended with {role.process.returncode}:\n{role.tail()}")
        return True

    def beside(self, name: str) -> Stage:
        """Return a stage with an empty SQLite database on the same broker."""
        return Stage(self.folder / name, self.broker, self.catalogue)

    def close(self) -> None:
        """Close the database."""
        self.services.close()


def rows(services: Services, query: str, values: Sequence[Any] = ()) -> list[Any]:
    """Return what a query finds."""
    with services.database.read() as connection:
        return list(connection.exec_driver_sql(query, tuple(values)).all())
