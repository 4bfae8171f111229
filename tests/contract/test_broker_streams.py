"""A worker process that reads in chunks: commits advance with the wheel as installed, signals, kills and outages lose nothing.

Everything runs on the embedded broker and on Apache Kafka.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from streams.chunks.watchdog import STUCK_EXIT
from supplychain.broker.admin import Topics
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.kafka_node import KafkaNode, missing_for_kafka
from supplychain.broker.publisher import Publisher

Broker = EmbeddedBroker | KafkaNode

BROKERS = ["embedded", pytest.param("kafka", marks=[pytest.mark.deep, pytest.mark.xdist_group("kafka")])]
SCRIPT = Path(__file__).with_name("chunk_worker.py")
PARTITIONS = 4


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Worker:
    """A worker process; killed with the block when a test has not ended it."""

    def __init__(self, broker: Broker, out: Path, *options: str) -> None:
        self._log = out.with_suffix(f".{time.monotonic_ns()}.log").open("w", encoding="utf-8")
        command = [sys.executable, str(SCRIPT), "--bootstrap", broker.bootstrap, "--out", str(out), *options]
        self.process = subprocess.Popen(command, stderr=self._log)

    @property
    def said(self) -> str:
        return Path(self._log.name).read_text(encoding="utf-8")

    def end(self, number: signal.Signals) -> float:
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()


@dataclass(frozen=True)
class Stream:
    """A topic of four partitions on a broker, and the group that reads it."""

    broker: Broker
    topic: str

    @property
    def group(self) -> str:
        return f"readers-of-{self.topic}"

    def worker(self, out: Path, *options: str) -> Worker:
        return Worker(self.broker, out, "--topic", self.topic, "--group", self.group, *options)

    def produce(self, count: int, *, codec: str = "zstd") -> None:
        with Publisher(self.broker.bootstrap, options={"compression.type": codec}) as publisher:
            for number in range(count):
                publisher.send(self.topic, None, str(number).encode(), partition=number % PARTITIONS)

    def committed(self) -> dict[int, int]:
        topics = Topics(self.broker.bootstrap)
        return {partition: offset for (_, partition), offset in topics.committed(self.group, [self.topic]).items()}

    def until_committed(self, count: int, seconds: float = 60.0) -> None:
        topics = Topics(self.broker.bootstrap)
        _until(lambda: sum(topics.committed(self.group, [self.topic]).values()) == count, seconds)


_numbers = itertools.count()


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if request.param == "kafka" and (missing := missing_for_kafka()):
        pytest.skip(missing)
    starting = EmbeddedBroker({}) if request.param == "embedded" else KafkaNode(tmp_path_factory.mktemp("kafka"))
    with starting as running:
        yield running


@pytest.fixture
def stream(broker: Broker) -> Stream:
    topic = f"sales-{next(_numbers)}"
    broker.create(topic, PARTITIONS)
    return Stream(broker, topic)


def _effects(out: Path) -> Counter[tuple[int, int]]:
    """Count how often each record had its effect; a killed worker may leave half a last line, which counts as none."""
    seen: Counter[tuple[int, int]] = Counter()
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else []:
        try:
            partition, offset, _ = json.loads(line)
        except ValueError:
            continue
        seen[partition, offset] += 1
    return seen


def _until_effects(out: Path, count: int) -> None:
    _until(lambda: len(_effects(out)) >= count)


def _all(count: int) -> set[tuple[int, int]]:
    return {(partition, offset) for partition in range(PARTITIONS) for offset in range(count // PARTITIONS)}


def test_commits_advance_and_sigterm_leaves_nothing_undone_or_doubled(stream: Stream, tmp_path: Path) -> None:
    stream.produce(20_000)
    out, report = tmp_path / "out", tmp_path / "report"
    with stream.worker(out, "--detect", str(report)) as worker:
        stream.until_committed(20_000)
        assert worker.end(signal.SIGTERM) < 20
        assert worker.process.returncode == 0
    assert _effects(out) == Counter(_all(20_000))
    counts = json.loads(report.read_text(encoding="utf-8"))
    assert counts["commits"] > 0
    assert counts["unsafe"] == 0


def test_reading_starts_at_stored_offsets_not_at_committed_ones(stream: Stream, tmp_path: Path) -> None:
    stream.produce(8_000)
    with stream.worker(tmp_path / "first") as worker:
        stream.until_committed(8_000)
        worker.end(signal.SIGTERM)
    stored = {0: 1_500, 1: 0, 2: 1_999, 3: 2_000}
    wanted = {(partition, offset) for partition, start in stored.items() for offset in range(start, 2_000)}
    out = tmp_path / "second"
    with stream.worker(out, "--start", json.dumps(stored)) as worker:
        _until(lambda: len(_effects(out)) >= len(wanted))
        worker.end(signal.SIGTERM)
    assert _effects(out) == Counter(wanted)


def test_out_of_order_work_never_commits_past_open_chunks(stream: Stream, tmp_path: Path) -> None:
    stream.produce(12_000)
    out, report = tmp_path / "out", tmp_path / "report"
    options = ("--concurrency", "8", "--pause", "0.05", "--records", "100", "--detect", str(report))
    with stream.worker(out, *options) as worker:
        stream.until_committed(12_000)
        worker.end(signal.SIGTERM)
    counts = json.loads(report.read_text(encoding="utf-8"))
    assert counts["commits"] >= 5
    assert counts["unsafe"] == 0
    assert set(_effects(out)) == _all(12_000)


def test_every_codec_is_read(stream: Stream, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stream.worker(out) as worker:
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            stream.produce(400, codec=codec)
        stream.until_committed(2_000)
        worker.end(signal.SIGTERM)
    assert _effects(out) == Counter(_all(2_000))


def test_failing_agent_ends_the_worker_and_commits_nothing_of_its_chunk(stream: Stream, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stream.produce(8_000)
    with stream.worker(out, "--fail-at", "4001", "--records", "100") as worker:
        assert worker.process.wait(60) not in (0, None)
    assert stream.committed().get(1, 0) <= 1_000
    _assert_commits_are_backed(stream, out)
    with stream.worker(out) as worker:
        stream.until_committed(8_000)
        worker.end(signal.SIGTERM)
    assert set(_effects(out)) == _all(8_000)


def test_offset_beyond_the_log_ends_the_worker_instead_of_jumping(stream: Stream, tmp_path: Path) -> None:
    stream.produce(400)
    out = tmp_path / "out"
    with stream.worker(out, "--start", json.dumps({0: 101})) as worker:
        assert worker.process.wait(60) not in (0, None)
    assert not _effects(out)
    assert not any(stream.committed().values())


@pytest.mark.parametrize("broker", BROKERS[1:], indirect=True)
def test_named_worker_that_was_killed_goes_on_before_its_session_is_over(stream: Stream, tmp_path: Path) -> None:
    """Without a name the group would wait two minutes for the dead one, longer than this test does."""
    options = ("--instance", "worker-1", "--session", "120", "--pause", "0.01", "--records", "250")
    out = tmp_path / "out"
    stream.produce(16_000)
    for _ in range(2):
        before = len(_effects(out))
        with stream.worker(out, *options) as worker:
            _until_effects(out, before + 2_000)
            worker.end(signal.SIGKILL)
    with stream.worker(out, *options) as worker:
        stream.until_committed(16_000)
        worker.end(signal.SIGTERM)
    assert set(_effects(out)) == _all(16_000)
    _assert_commits_are_backed(stream, out)


@pytest.mark.parametrize("broker", BROKERS[1:], indirect=True)
def test_group_that_came_together_before_its_topic_was_seen_reads_it_soon_after(broker: Broker, tmp_path: Path) -> None:
    """A broker just started answers before it has its topics; a leader who asks then deals out nothing."""
    stream = Stream(broker, f"sales-{next(_numbers)}")
    with stream.worker(tmp_path / "out") as worker:
        _until(lambda: "Ignoring missing topic" in worker.said)
        broker.create(stream.topic, PARTITIONS)
        stream.produce(400)
        stream.until_committed(400)
        worker.end(signal.SIGTERM)
    assert _effects(tmp_path / "out") == Counter(_all(400))


@pytest.mark.parametrize("hang", ["loop", "task"])
def test_stuck_worker_is_ended_by_its_watchdog(stream: Stream, tmp_path: Path, hang: str) -> None:
    stream.produce(100)
    with stream.worker(tmp_path / "out", "--hang", hang, "--patience", "3") as worker:
        assert worker.process.wait(60) == STUCK_EXIT
    assert not any(stream.committed().values())


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("work", [("--concurrency", "1"), ("--concurrency", "8"), ("--gather",)], ids=" ".join)
def test_loop_of_ends_loses_nothing(
    stream: Stream, tmp_path: Path, number: signal.Signals, work: tuple[str, ...]
) -> None:
    chance = random.Random(f"{number} {work}")
    out = tmp_path / "out"
    options = (*work, "--pause", "0.02", "--records", "250")
    total = 0
    for _ in range(3):
        stream.produce(16_000)
        total += 16_000 // PARTITIONS
        before = len(_effects(out))
        enough = before + chance.randrange(2_000, 12_000)
        with stream.worker(out, *options) as worker:
            _until_effects(out, enough)
            worker.end(number)
        _assert_commits_are_backed(stream, out)
    with stream.worker(out, *options) as worker:
        stream.until_committed(total * PARTITIONS)
        worker.end(signal.SIGTERM)
    effects = _effects(out)
    assert set(effects) == _all(total * PARTITIONS)
    if number == signal.SIGTERM and work[-1] != "8":
        assert max(effects.values()) == 1


def _assert_commits_are_backed(stream: Stream, out: Path) -> None:
    done = set(_effects(out))
    for partition, offset in stream.committed().items():
        missing = [number for number in range(offset) if (partition, number) not in done]
        assert not missing, f"partition {partition} committed {offset}, but {missing[:5]} had no effect"


@pytest.mark.deep
def test_second_worker_joins_and_leaves_under_load(stream: Stream, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--pause", "0.01", "--records", "250")
    stream.produce(60_000)
    with stream.worker(out, *options) as first:
        _until(lambda: len(_effects(out)) >= 4_000)
        for number in (signal.SIGKILL, signal.SIGTERM):
            with stream.worker(out, *options) as second:
                before = len(_effects(out))
                _until_effects(out, before + 10_000)
                second.end(number)
        stream.until_committed(60_000, 90)
        first.end(signal.SIGTERM)
    assert set(_effects(out)) == _all(60_000)
    _assert_commits_are_backed(stream, out)


@pytest.mark.deep
def test_broker_away_for_a_while_costs_nothing(stream: Stream, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stream.produce(20_000)
    with stream.worker(out, "--pause", "0.02", "--records", "250") as worker:
        _until(lambda: len(_effects(out)) >= 4_000)
        stream.broker.down()
        time.sleep(8)  # longer than the session lasts
        stream.broker.up()
        stream.until_committed(20_000)
        assert worker.process.poll() is None
        worker.end(signal.SIGTERM)
    assert set(_effects(out)) == _all(20_000)


@pytest.mark.deep
def test_stopped_and_continued_worker_loses_nothing(stream: Stream, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stream.produce(20_000)
    options = ("--pause", "0.02", "--records", "250")
    with stream.worker(out, *options) as zombie:
        _until(lambda: len(_effects(out)) >= 4_000)
        os.kill(zombie.process.pid, signal.SIGSTOP)
        with stream.worker(out, *options) as heir:
            before = len(_effects(out))
            _until(lambda: len(_effects(out)) >= before + 4_000)
            os.kill(zombie.process.pid, signal.SIGCONT)
            stream.until_committed(20_000)
            heir.end(signal.SIGTERM)
        zombie.end(signal.SIGTERM)
    assert set(_effects(out)) == _all(20_000)
