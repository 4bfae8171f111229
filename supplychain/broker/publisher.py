"""Publishing records: batched, compressed, idempotent, and never lost in silence.

librdkafka sends in the background and reports each record later. This wrapper keeps every failed report until somebody
has been told: `flush` and `close` raise when a record did not arrive, whoever sent it. Keys go to partitions by murmur2,
as the Java client and Faust do it, so that a room's events meet in one partition whoever produced them.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaException, Message, Producer

from supplychain.broker.backpressure import Backpressure
from supplychain.domain.errors import UnavailableError

_FAILURES_KEPT: Final = 1_000
_POLL_EVERY: Final = 500
_FULL_QUEUE_POLL_SECONDS: Final = 0.1
_GATE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Delivered:
    """Where a record ended up."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class FailedRecord:
    """A record that the broker has not confirmed and that will not be tried again."""

    topic: str
    partition: int
    key: bytes | None
    reason: str


class PublishError(UnavailableError):
    """Records did not arrive.

    Attributes
    ----------
    failed
        The first thousand of them.
    count
        How many in all, those still waiting for an answer included.
    """

    code = "not-published"

    def __init__(self, failed: Sequence[FailedRecord], count: int) -> None:
        first = f"; the first: {failed[0]}" if failed else ""
        super().__init__(f"{count} records did not arrive{first}")
        self.failed = tuple(failed)
        self.count = count


class Publisher:
    """A producer that may be shared by threads.

    Parameters
    ----------
    bootstrap
        Broker addresses, host:port, separated by commas.
    linger_ms
        How long a record waits for company in its batch. Consumers of the embedded broker get one batch per request, so
        large batches pay twice.
    delivery_timeout_ms
        When a record that cannot be delivered counts as failed.
    gate
        Holds records back while the readers of a small broker are behind; None sends at any speed.
    options
        Further librdkafka settings, such as security.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        linger_ms: int = 20,
        delivery_timeout_ms: int = 120_000,
        gate: Backpressure | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._gate = gate
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": linger_ms,
                "batch.size": 1_000_000,
                "compression.type": "zstd",
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": delivery_timeout_ms,
                "on_delivery": self._reported,
                **(options or {}),
            }
        )
        self._lock = threading.Lock()
        self._failed: deque[FailedRecord] = deque(maxlen=_FAILURES_KEPT)
        self._failed_count = 0
        self._sent = 0

    @property
    def unconfirmed(self) -> int:
        """How many records wait for the broker's answer."""
        return len(self._producer)

    @property
    def failed_count(self) -> int:
        """How many records failed since the last error was raised."""
        return self._failed_count

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Mapping[str, bytes] | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Hand over a record; returns before it is sent, waits only while the local queue is full.

        Parameters
        ----------
        partition
            Where it goes; by the key when None.
        timestamp_ms
            UTC milliseconds; the time of sending when None.

        Raises
        ------
        PublishError
            If librdkafka refuses the record at once, for example because it is too large.
        BacklogError
            If the gate stays shut.
        """
        self._pass_gate(1)
        self._produce(topic, key, value, _options(partition, headers, timestamp_ms))
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self._producer.poll(0)

    def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Mapping[str, bytes] | None = None,
        timestamp_ms: int | None = None,
        timeout: float = 30.0,
    ) -> Delivered:
        """Send one record and wait until the broker has confirmed it.

        Returns
        -------
        Delivered
            Topic, partition and offset.

        Raises
        ------
        PublishError
            If it failed, or is unconfirmed after `timeout` seconds: then it may still arrive, so a second attempt must
            carry the same id.
        """
        reports: list[tuple[Any, Message]] = []
        options = _options(partition, headers, timestamp_ms)
        options["on_delivery"] = lambda error, message: reports.append((error, message))
        self._produce(topic, key, value, options)
        deadline = time.monotonic() + timeout
        while not reports and (left := deadline - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.05))
        if not reports:
            raise PublishError([_failed(topic, partition, key, "not confirmed in time")], 1)
        error, message = reports[0]
        if error is not None:
            raise PublishError([_failed(topic, partition, key, error.str())], 1)
        return Delivered(topic, message.partition(), message.offset())

    def deliver(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], timeout: float = 30.0) -> None:
        """Send the keys and values of one caller and wait until each of them is confirmed.

        Unlike `flush` it tells of the caller's own records only, so that many threads may share the publisher.

        Raises
        ------
        PublishError
            If some failed, or are unconfirmed after `timeout` seconds: those may still arrive.
        BacklogError
            If the gate stays shut; nothing was sent then.
        """
        self._pass_gate(len(records))
        reports: list[Any] = []

        def reported(error: Any, message: Message) -> None:
            reports.append(None if error is None else _failed(topic, message.partition(), message.key(), error.str()))

        for key, value in records:
            self._produce(topic, key, value, {"on_delivery": reported})
        deadline = time.monotonic() + timeout
        while len(reports) < len(records) and (left := deadline - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.05))
        failed = [report for report in reports if report is not None]
        missing = len(records) - len(reports)
        if failed or missing:
            raise PublishError(failed or [_failed(topic, None, None, "not confirmed in time")], len(failed) + missing)

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until every record handed over so far is confirmed.

        Raises
        ------
        PublishError
            If records failed since the last call, or are unconfirmed after `timeout` seconds.
        """
        waiting = self._producer.flush(timeout)
        with self._lock:
            failed, count = list(self._failed), self._failed_count + waiting
            self._failed.clear()
            self._failed_count = 0
        if count:
            raise PublishError(failed, count)

    def close(self, timeout: float = 30.0) -> None:
        """Flush and stop; raises like `flush`."""
        self.flush(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    def _pass_gate(self, records: int) -> None:
        """Wait at the gate, after what was sent before has become visible to it."""
        if self._gate is not None and self._gate.due(records):
            self._producer.flush(_GATE_SECONDS)
            self._gate.wait()

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, options: Mapping[str, Any]) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, **options)
            except BufferError:
                self._producer.poll(_FULL_QUEUE_POLL_SECONDS)
            except KafkaException as refused:
                raise PublishError([_failed(topic, options.get("partition"), key, str(refused))], 1) from refused
            else:
                return

    def _reported(self, error: Any, message: Message) -> None:
        if error is None:
            return
        with self._lock:
            self._failed_count += 1
            self._failed.append(_failed(message.topic(), message.partition(), message.key(), error.str()))


def _options(partition: int | None, headers: Mapping[str, bytes] | None, timestamp_ms: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if partition is not None:
        options["partition"] = partition
    if headers:
        options["headers"] = list(headers.items())
    if timestamp_ms is not None:
        options["timestamp"] = timestamp_ms
    return options


def _failed(topic: str, partition: int | None, key: bytes | None, reason: str) -> FailedRecord:
    return FailedRecord(topic, -1 if partition is None else partition, key, reason)
