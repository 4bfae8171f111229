"""One Apache Kafka node of our own in the background, for benchmarks and tests against the real thing.

The work is done by `deploy/kafka/run.sh` of the source tree, which fetches Kafka with Maven and starts it with Java. The node
keeps its data in a folder it is given and has the same handles as the embedded broker.
"""

import os
import random
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from supplychain.broker.admin import Topics
from supplychain.domain.errors import UnavailableError

SCRIPT: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "run.sh"

_START_SECONDS: Final = 240.0


class KafkaNodeError(UnavailableError):
    """The node did not start or stop."""

    code = "kafka-node"


def missing_for_kafka() -> str:
    """Return what this machine lacks to run a node, or nothing."""
    if not SCRIPT.exists():
        return "deploy/kafka is not part of this installation"
    if shutil.which("java") is None:
        return "Java is not installed"
    if shutil.which("mvn") is None and not (SCRIPT.parent / "libs" / ".complete").exists():
        return "Maven is not installed and the Kafka jars are not there"
    return ""


class KafkaNode:
    """A node that runs as long as the block; killed and started again, it keeps what it confirmed.

    Parameters
    ----------
    data
        Folder for its log; the caller removes it.
    port
        Where it listens, the controller one above; a free pair when None.

    Raises
    ------
    KafkaNodeError
        If it does not start.
    """

    def __init__(self, data: Path, port: int | None = None) -> None:
        chosen = _free_pair() if port is None else port
        self.bootstrap = f"127.0.0.1:{chosen}"
        self._environment = {**os.environ, "KAFKA_PORT": str(chosen), "KAFKA_DATA": str(data)}
        self._do("start")

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        Topics(self.bootstrap).ensure({topic: partitions})

    def down(self) -> None:
        """Kill it as a crash would; its data stays."""
        self._do("kill")

    def up(self) -> None:
        """Start it again at the same address."""
        self._do("start")

    def close(self) -> None:
        """Stop it and wait."""
        self._do("stop")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, verb: str) -> None:
        try:
            subprocess.run(  # noqa: S603  # our own script
                [str(SCRIPT), verb],
                env=self._environment,
                check=True,
                timeout=_START_SECONDS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as failed:
            said = getattr(failed, "stderr", "") or str(failed)
            raise KafkaNodeError(f"could not {verb} the node: {said}".strip()) from failed


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
