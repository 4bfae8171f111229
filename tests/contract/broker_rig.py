"""The brokers that the contract runs against: the embedded one, and Apache Kafka where Java and Maven are installed."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from supplychain.broker.admin import Topics
from supplychain.broker.embedded import EmbeddedBroker

RUN_KAFKA = Path(__file__).parents[2] / "deploy" / "kafka" / "run.sh"

BROKERS = [
    pytest.param("embedded", id="embedded"),
    pytest.param("kafka", id="kafka", marks=[pytest.mark.deep, pytest.mark.xdist_group("kafka")]),
]


class Broker(Protocol):
    """What the contract needs of a broker beside its protocol."""

    durable: bool
    bootstrap: str

    def create(self, topics: Mapping[str, int]) -> None:
        """Create topics."""
        ...

    def down(self) -> None:
        """Make it unreachable; a durable broker is killed for it."""
        ...

    def up(self) -> None:
        """Make it reachable again, at the same address."""
        ...


class Embedded:
    """The embedded broker; cutting it off keeps its memory."""

    durable = False

    def __init__(self, process: EmbeddedBroker) -> None:
        self.bootstrap = process.bootstrap
        self._process = process

    def create(self, topics: Mapping[str, int]) -> None:
        for topic, partitions in topics.items():
            self._process.create(topic, partitions)

    def down(self) -> None:
        self._process.down()

    def up(self) -> None:
        self._process.up()


class Kafka:
    """One Apache Kafka node of our own, started and stopped by the script in deploy."""

    durable = True

    def __init__(self, data: Path, port: int) -> None:
        self.bootstrap = f"127.0.0.1:{port}"
        self._environment = {**os.environ, "KAFKA_PORT": str(port), "KAFKA_DATA": str(data)}

    def do(self, verb: str) -> None:
        subprocess.run(
            [str(RUN_KAFKA), verb], env=self._environment, check=True, timeout=240, stdout=subprocess.DEVNULL
        )

    def create(self, topics: Mapping[str, int]) -> None:
        Topics(self.bootstrap).ensure(topics)

    def down(self) -> None:
        self.do("kill")

    def up(self) -> None:
        self.do("start")


def _free_pair() -> int:
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@contextmanager
def started(kind: str) -> Iterator[Broker]:
    """Run a broker of one kind; skips the test where it cannot run."""
    if kind == "embedded":
        with EmbeddedBroker({"first": 1}) as process:
            yield Embedded(process)
        return
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    if shutil.which("mvn") is None and not (RUN_KAFKA.parent / "libs" / ".complete").exists():
        pytest.skip("Maven is not installed and the Kafka jars are not there")
    with tempfile.TemporaryDirectory(prefix="kafka-") as data:
        kafka = Kafka(Path(data), _free_pair())
        kafka.do("start")
        try:
            yield kafka
        finally:
            kafka.do("stop")
