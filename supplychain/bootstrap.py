"""The composition root: settings in, services out. The only place that knows which adapter stands behind which port."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from supplychain.broker.admin import Topics
from supplychain.broker.backpressure import Backpressure
from supplychain.broker.publisher import Publisher
from supplychain.broker.subscriber import Subscriber
from supplychain.compute import InlineCompute, PoolCompute
from supplychain.domain.errors import UnavailableError
from supplychain.messages.topics import TICKED, partition_counts
from supplychain.planning.ports import Compute, Store, WallClock
from supplychain.settings import Settings
from supplychain.storage.engine import Database
from supplychain.storage.idempotency_store import SqlIdempotency
from supplychain.storage.jobs_store import SqlJobs
from supplychain.storage.migrate import upgrade
from supplychain.storage.partition_state import Assigned, DeadLetter, Owner, SqlPartitions
from supplychain.storage.queries import Board
from supplychain.storage.scratch import remember_ids, scratch
from supplychain.storage.store import SqlStore
from supplychain.storage.tallies import Tallies
from supplychain.storage.work import Progress, StreamWork

__all__ = [
    "Assigned",
    "Broker",
    "DeadLetter",
    "Owner",
    "Progress",
    "Services",
    "Tallies",
    "build",
    "crash_point",
    "read_run",
    "remember_ids",
    "scratch",
    "wall_now",
    "write_run",
]


_QUIET: Final = {"log_level": 2}
"""What fails is raised by our own classes; the client's lines about connections would only repeat it."""


def wall_now() -> int:
    """Return wall time in UTC milliseconds."""
    return time.time_ns() // 1_000_000


_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """End this process as kill -9 would, when the environment variable CRASH_AT names this point (tests).

    `CRASH_AT=chunk-judged:3` ends it when the point is reached the third time; `PAUSE_AT` stops it there, until somebody
    continues it.
    """
    for variable in ("CRASH_AT", "PAUSE_AT"):
        wanted, _, nth = os.environ.get(variable, "").partition(":")
        if wanted != name:
            continue
        _passed[name] += 1
        if variable == "CRASH_AT" and _passed[name] >= int(nth or 1):
            os._exit(137)
        if variable == "PAUSE_AT" and _passed[name] == int(nth or 1):
            os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is: its addresses and the id of its cluster; a new embedded broker is a new cluster."""

    bootstrap: str
    cluster: str


def run_file(settings: Settings) -> Path:
    """Return where the parent process writes the addresses of what it runs."""
    return settings.data_dir / "run.json"


def write_run(settings: Settings, broker: Broker, pid: int) -> None:
    """Tell other commands where the embedded broker is."""
    path = run_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    document = {"bootstrap": broker.bootstrap, "cluster": broker.cluster, "pid": pid, "web": settings.web_url}
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.replace(path)


def read_run(settings: Settings) -> Broker:
    """Return the broker of a running service, or the Kafka that the settings name.

    Raises
    ------
    UnavailableError
        If no service runs on this data directory, or Kafka does not answer.
    """
    if settings.broker.url:
        return Broker(settings.broker.url, Topics(settings.broker.url).cluster_id())
    try:
        run = json.loads(run_file(settings).read_text(encoding="utf-8"))
        return Broker(run["bootstrap"], run["cluster"])
    except (OSError, ValueError, KeyError):
        detail = f"no service runs on the data directory {settings.data_dir}"
        raise UnavailableError(detail, way_out="start `supplychain serve`, or set broker.url") from None


@dataclass(frozen=True)
class Services:
    """Everything a role needs, wired."""

    settings: Settings
    database: Database
    wall: WallClock = wall_now

    @cached_property
    def store(self) -> Store:
        """The store of planning."""
        return SqlStore(self.database)

    @cached_property
    def partitions(self) -> SqlPartitions:
        """Ownership and progress of stream partitions."""
        return SqlPartitions(self.database)

    @cached_property
    def work(self) -> StreamWork:
        """Chunk transactions of the stream agents."""
        return StreamWork(self.database, crash_point)

    @cached_property
    def board(self) -> Board:
        """Read models of console and API."""
        return Board(self.database)

    @cached_property
    def jobs(self) -> SqlJobs:
        """Slots and leases of scheduled jobs."""
        return SqlJobs(self.database)

    @cached_property
    def idempotency(self) -> SqlIdempotency:
        """Idempotency keys of the HTTP API."""
        return SqlIdempotency(self.database)

    @cached_property
    def broker(self) -> Broker:
        """The broker of this deployment."""
        return read_run(self.settings)

    def publisher(self, *, patience: float | None = None) -> Publisher:
        """Return a new producer of records.

        Parameters
        ----------
        patience
            Seconds to wait for readers that are behind on the embedded broker, which drops what it cannot hold; None
            never waits, for what is small and must not be late.
        """
        gate = None
        if patience is not None and not self.settings.broker.url:
            gate = Backpressure(self._backlog(), patience=patience)
        return Publisher(self.broker.bootstrap, gate=gate, options=_QUIET)

    def _backlog(self) -> Callable[[], float]:
        """Return the measure of the backlog: what the broker holds against what the database says is read."""
        topics, names, cluster = self.topics(), [topic.name for topic in TICKED], self.broker.cluster

        def share() -> float:
            read = {
                (name, partition): offset
                for name in names
                for partition, offset in self.partitions.next_offsets(name, cluster).items()
            }
            return topics.backlog_share(read, names)

        return share

    def subscriber(self, group: str, topics: list[str]) -> Subscriber:
        """Return a new plain consumer, outside the stream workers."""
        return Subscriber(self.broker.bootstrap, group, topics)

    def topics(self) -> Topics:
        """Return topic administration."""
        return Topics(self.broker.bootstrap, options=_QUIET)

    def ensure_topics(self) -> None:
        """Create what is missing on a real broker; the embedded one was started with its topics."""
        if self.settings.broker.url:
            self.topics().ensure(partition_counts(), replication=self.settings.broker.replication)

    def pool(self) -> Compute:
        """Return a new solver pool."""
        from supplychain.planning.warm import warm_up  # the optimizer: half a second that other roles do without

        return PoolCompute(self.settings.plan.workers, warm_up=warm_up, start_seconds=600.0)

    def inline(self) -> Compute:
        """Return a compute that runs in the caller, for commands."""
        return InlineCompute()

    def close(self) -> None:
        """Close every connection."""
        self.database.close()


def build(settings: Settings) -> Services:
    """Open the database, bring it to the newest schema, and wire the services.

    Raises
    ------
    UnavailableError
        If the database does not answer.
    """
    database = Database(
        settings.database_url, pool_size=settings.database.pool_size, busy_seconds=settings.database.busy_seconds
    )
    upgrade(database)
    return Services(settings, database)
