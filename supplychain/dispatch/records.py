"""Messages that go out as Kafka records: allocation events for warehouse systems, activated tunings for the streams.

All records of one process leave through one idempotent producer, so a repeated record never overtakes its successor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from supplychain import telemetry
from supplychain.dispatch.outcome import Outcome
from supplychain.domain.errors import UnavailableError
from supplychain.planning.ports import Message

EVENT_HEADERS: Final = {"content-type": b"application/cloudevents+json; charset=UTF-8"}
"""Kafka binding of CloudEvents: this content type marks the structured mode."""

_CLOSE_SECONDS: Final = 5.0
_LOG: Final = telemetry.log(__name__)


class RecordPublisher(Protocol):
    """What a producer must be able to do; `supplychain.broker.publisher.Publisher` can."""

    def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Mapping[str, bytes] | None = None,
        timeout: float = 30.0,
    ) -> Any:
        """Send one record and return where it went; raises `UnavailableError` when it is unconfirmed."""

    def close(self, timeout: float = 30.0) -> None:
        """Send what waits, and stop."""


class SharedPublisher:
    """One producer for all channels of the process, made when the first record goes out."""

    def __init__(self, factory: Callable[[], RecordPublisher]) -> None:
        self._factory = factory
        self._publisher: RecordPublisher | None = None
        self._lock = threading.Lock()

    def get(self) -> RecordPublisher:
        """Return the producer."""
        with self._lock:
            if self._publisher is None:
                self._publisher = self._factory()
            return self._publisher

    def close(self) -> None:
        """Close the producer, if there is one."""
        with self._lock:
            publisher, self._publisher = self._publisher, None
        if publisher is None:
            return
        try:
            publisher.close(_CLOSE_SECONDS)
        except UnavailableError as unconfirmed:
            _LOG.warning("records were left unconfirmed; the outbox keeps them", fault=str(unconfirmed))


class RecordChannel:
    """A channel whose messages become records of one topic, keyed by their lane.

    Parameters
    ----------
    timeout_seconds
        How long to wait for the broker's confirmation. A later one does no harm: the same record is sent again under
        the same id.
    """

    def __init__(
        self,
        topic: str,
        publisher: SharedPublisher,
        *,
        timeout_seconds: float,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        self._topic = topic
        self._publisher = publisher
        self._timeout = timeout_seconds
        self._headers = headers

    def deliver(self, message: Message) -> Outcome:
        """Publish one record and wait for its confirmation."""
        try:
            placed = self._publisher.get().send_and_wait(
                self._topic,
                message.lane.encode(),
                message.payload,
                headers=self._headers,
                timeout=self._timeout,
            )
        except UnavailableError as fault:
            return Outcome.retry(str(fault))
        return Outcome.delivered(str(placed))

    def close(self) -> None:
        """The shared producer is closed by the dispatcher."""
