"""Reading whole topics from their beginning: for partners and tests, who keep no offsets.

All partitions are assigned at once, without a consumer group: nothing is committed, nobody else is waited for. Stream
processing reads with Faust; this is for programs that want every record once per start.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from supplychain.broker.admin import BrokerUnreachableError

_BATCH: Final = 500
_METADATA_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Record:
    """One record as the broker holds it; `timestamp` in UTC milliseconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class Subscriber:
    """A reader of all partitions of some topics; not to be shared by threads.

    Parameters
    ----------
    bootstrap
        Broker addresses, host:port, separated by commas.
    group
        A name for logs and broker statistics; no offsets are kept under it.
    from_beginning
        Whether records written before the first `poll` are read as well.
    options
        Further librdkafka settings, such as security.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Iterable[str],
        from_beginning: bool = True,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._topics = tuple(topics)
        self._start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        self._assigned = False
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "client.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest" if from_beginning else "latest",
                "fetch.wait.max.ms": 50,
                **(options or {}),
            }
        )

    def poll(self, timeout: float = 1.0) -> list[Record]:
        """Return the records that are there, or come within `timeout` seconds; an empty list when none do.

        While a topic does not exist yet it is asked for again; other transient faults are librdkafka's to mend.

        Raises
        ------
        BrokerUnreachableError
            If librdkafka gives up for good.
        """
        deadline = time.monotonic() + timeout
        while not self._assigned and not self._assign():
            if time.monotonic() >= deadline:
                return []
            time.sleep(_RETRY_SECONDS)  # the topic is being created by somebody else
        found: list[Record] = []
        # a batch is waited for in full, so only the first record is waited for, and the rest is what lies there
        first = self._consumer.consume(1, max(0.0, deadline - time.monotonic()))
        for message in [*first, *(self._consumer.consume(_BATCH, 0.0) if first else ())]:
            error = message.error()
            if error is not None:
                if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise BrokerUnreachableError(str(error))
                continue
            found.append(
                Record(
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.key(),
                    message.value(),
                    message.timestamp()[1],
                )
            )
        return found

    def close(self) -> None:
        """Let go of the broker. A second call does nothing."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _assign(self) -> bool:
        try:
            known = self._consumer.list_topics(timeout=_METADATA_SECONDS).topics
        except KafkaException:
            return False
        if any(topic not in known or not known[topic].partitions for topic in self._topics):
            return False
        places = [
            TopicPartition(topic, number, self._start) for topic in self._topics for number in known[topic].partitions
        ]
        self._consumer.assign(places)
        self._assigned = True
        return True
