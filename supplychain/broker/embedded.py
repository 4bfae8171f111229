"""The broker that comes along: one process that holds the mock cluster, for one machine without Kafka.

It runs in a process of its own, so that a crash of another role does not take the messages with it, and so that a fault
in experimental native code ends only the broker. Nothing is durable: a new start is a new cluster with a new id, and who
keeps offsets compares the id before trusting them.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from types import FrameType, TracebackType
from typing import IO, NoReturn, Self

from supplychain.broker.mock_cluster import MockCluster, MockClusterError

_STOP_SECONDS = 5.0


def serve(
    topics: Mapping[str, int],
    ready: Callable[[str, str], None],
    stop: Callable[[], object],
    *,
    rebalance_delay_ms: int = 100,
) -> None:
    """Hold a cluster in this process until told to stop.

    Parameters
    ----------
    topics
        Partition count of each topic.
    ready
        Called once with the bootstrap address (host:port) and the cluster id, as soon as clients may connect.
    stop
        Called after `ready`; the cluster lives until it returns or raises.
    rebalance_delay_ms
        How long a new consumer group waits for further members.

    Raises
    ------
    MockClusterError
        If the installed librdkafka has no mock cluster, or refused a topic.
    """
    with MockCluster(topics, rebalance_delay_ms=rebalance_delay_ms) as cluster:
        ready(cluster.bootstrap, new_cluster_id())
        stop()


def new_cluster_id() -> str:
    """Return an id no other start has; the mock's own is a memory address and may come twice."""
    return f"embedded-{uuid.uuid4().hex}"


class EmbeddedBroker:
    """An embedded broker in a child process, with its faults at hand; the child ends with the block or the parent.

    Attributes
    ----------
    bootstrap, cluster_id
        Where it listens and which start it is.
    process
        The child, for signals (stop, continue, kill).
    """

    def __init__(self, topics: Mapping[str, int], *, rebalance_delay_ms: int = 100) -> None:
        listed = ",".join(f"{topic}={partitions}" for topic, partitions in topics.items())
        command = [sys.executable, "-m", __spec__.name, "--control", "--topics", listed]
        command += ["--rebalance-delay-ms", str(rebalance_delay_ms)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module
        started = self._answer()
        self.bootstrap = str(started["bootstrap"])
        self.cluster_id = str(started["cluster_id"])

    def create(self, topic: str, partitions: int) -> None:
        """Create a further topic."""
        self._do("create", topic=topic, partitions=partitions)

    def down(self) -> None:
        """Cut all connections and refuse new ones; data stays."""
        self._do("down")

    def up(self) -> None:
        """Accept connections again."""
        self._do("up")

    def delay(self, milliseconds: int) -> None:
        """Answer every request late; 0 ends it."""
        self._do("delay", milliseconds=milliseconds)

    def fail_next(self, request: str, codes: Iterable[int]) -> None:
        """Answer the next requests of one kind with these Kafka error codes, one each."""
        self._do("fail_next", request=request, codes=list(codes))

    def heal(self, request: str) -> None:
        """Forget errors not used up yet."""
        self._do("heal", request=request)

    def forget(self, topic: str, partition: int, before: int) -> None:
        """Drop the records below an offset, as retention does."""
        self._do("forget", topic=topic, partition=partition, before=before)

    def kill(self) -> None:
        """End the child at once, as a crash would; everything it held is lost."""
        self.process.kill()
        self._reap()

    def close(self) -> None:
        """End the child and wait for it. A second call does nothing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self._reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reap(self) -> None:
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self.process.stdin is None or self.process.stdout is None:
            raise MockClusterError("the child was started without pipes")
        return self.process.stdin, self.process.stdout

    def _do(self, verb: str, **arguments: object) -> None:
        words, _ = self._pipes()
        words.write(json.dumps({"do": verb, **arguments}) + "\n")
        words.flush()
        answer = self._answer()
        if "error" in answer:
            raise MockClusterError(str(answer["error"]))

    def _answer(self) -> dict[str, object]:
        line = self._pipes()[1].readline()
        if not line:
            self._reap()
            raise MockClusterError(f"the embedded broker ended with {self.process.returncode}")
        answer: dict[str, object] = json.loads(line)
        return answer


def _say(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _obey(cluster: MockCluster, order: Mapping[str, object]) -> None:
    verbs: dict[str, Callable[..., None]] = {
        "create": cluster.create,
        "down": cluster.down,
        "up": cluster.up,
        "delay": cluster.delay,
        "fail_next": cluster.fail_next,
        "heal": cluster.heal,
        "forget": cluster.forget,
    }
    arguments = dict(order)
    try:
        verbs[str(arguments.pop("do"))](**arguments)
    except (MockClusterError, KeyError, TypeError) as refused:
        _say({"error": repr(refused)})
    else:
        _say({"done": order["do"]})


def _parse_topics(listed: str) -> dict[str, int]:
    pairs = (part.split("=", 1) for part in listed.split(",") if part)
    return {topic: int(partitions) for topic, partitions in pairs}


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> None:
    """Run the broker as a program: prints one JSON line with its address, ends at SIGTERM or SIGINT.

    With ``--control`` it takes orders (JSON lines) from standard input, answers each, and ends when the input ends, so
    that it never outlives the program that started it.
    """
    parser = argparse.ArgumentParser(prog="python -m supplychain.broker.embedded", description=main.__doc__)
    parser.add_argument("--topics", type=_parse_topics, required=True, metavar="NAME=PARTITIONS,...")
    parser.add_argument("--rebalance-delay-ms", type=int, default=100)
    parser.add_argument("--control", action="store_true", help="take orders from standard input")
    wanted = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with MockCluster(wanted.topics, rebalance_delay_ms=wanted.rebalance_delay_ms) as cluster:
        _say({"bootstrap": cluster.bootstrap, "cluster_id": new_cluster_id(), "pid": os.getpid()})
        if not wanted.control:
            signal.pause()
        for line in sys.stdin:
            _obey(cluster, json.loads(line))


if __name__ == "__main__":
    main()
