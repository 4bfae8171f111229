"""Topics, watermarks and lag: what a broker holds and how far a group has read it.

Topics are declared from one table in code. A topic that exists with another number of partitions is an error that a
person has to solve: keys would move between partitions, and state is kept by partition.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from supplychain.domain.errors import SettingsError, UnavailableError

_PAUSE_SECONDS: Final = 0.05
_NO_GROUP: Final = "administration"
_NOT_YET: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
_SURE_CAPACITY: Final = 10_000
"""Records of a partition that the embedded broker holds for certain (5 MiB of up to 500 bytes), before it has dropped any."""


class BrokerUnreachableError(UnavailableError):
    """The broker gave no answer in time, or refused the request."""

    code = "broker-unreachable"


class TopicMismatchError(SettingsError):
    """Topics exist with other partition counts than wanted, or are missing.

    Attributes
    ----------
    found
        Partitions found for each topic concerned, 0 when it is missing.
    """

    code = "topic-mismatch"

    def __init__(self, wanted: Mapping[str, int], found: Mapping[str, int]) -> None:
        listed = ", ".join(f"{topic} has {found[topic]} partitions, wanted {wanted[topic]}" for topic in sorted(found))
        super().__init__(listed, way_out="partition counts are never changed: keys and state live by partition")
        self.found = dict(found)


@dataclass(frozen=True)
class Watermarks:
    """What a partition holds: offsets low <= offset < high."""

    low: int
    high: int


class Topics:
    """Administration of one broker.

    Parameters
    ----------
    bootstrap
        Broker addresses, host:port, separated by commas.
    timeout
        Seconds until an unanswered request counts as unreachable.
    options
        Further librdkafka settings, such as security.
    """

    def __init__(self, bootstrap: str, *, timeout: float = 10.0, options: Mapping[str, Any] | None = None) -> None:
        self._options = {"bootstrap.servers": bootstrap, **(options or {})}
        self._admin = AdminClient(self._options)
        self._timeout = timeout
        self._readers: dict[str, Consumer] = {}

    def cluster_id(self) -> str:
        """Return the id the broker gives itself; on the embedded broker take the one of its start instead.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        return str(self._ask(lambda: self._admin.list_topics(timeout=self._timeout)).cluster_id)

    def partitions(self) -> dict[str, int]:
        """Return the partition count of every topic.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        found = self._ask(lambda: self._admin.list_topics(timeout=self._timeout)).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def check(self, wanted: Mapping[str, int]) -> None:
        """Make sure that topics exist with these partition counts.

        Raises
        ------
        TopicMismatchError
            If one is missing or has another count.
        BrokerUnreachableError
            If there is no answer in time.
        """
        present = self.partitions()
        wrong = {topic: present.get(topic, 0) for topic, count in wanted.items() if present.get(topic, 0) != count}
        if wrong:
            raise TopicMismatchError(wanted, wrong)

    def ensure(
        self, wanted: Mapping[str, int], *, replication: int = 1, config: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Create the topics that are missing and check all of them; existing ones are never changed.

        Parameters
        ----------
        replication
            Copies of each partition.
        config
            Topic settings, such as retention.ms.

        Returns
        -------
        tuple of str
            The topics created now.

        Raises
        ------
        TopicMismatchError
            If a topic exists with another count; nothing is created then.
        BrokerUnreachableError
            If there is no answer in time or a creation is refused.
        """
        present = self.partitions()
        wrong = {topic: present[topic] for topic, count in wanted.items() if present.get(topic, count) != count}
        if wrong:
            raise TopicMismatchError(wanted, wrong)
        missing = tuple(topic for topic in wanted if topic not in present)
        if missing:
            new = [NewTopic(topic, wanted[topic], replication, config=dict(config or {})) for topic in missing]
            for answer in self._admin.create_topics(new, operation_timeout=self._timeout).values():
                self._ask(partial(answer.result, self._timeout), again=False)
            self._wait_for(missing)
            self.check(wanted)
        return missing

    def watermarks(self, topics: Iterable[str]) -> dict[tuple[str, int], Watermarks]:
        """Return what each partition of the topics holds.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        present = self.partitions()
        places = [TopicPartition(topic, number) for topic in topics for number in range(present.get(topic, 0))]
        if not places:
            return {}
        reader = self._reader(_NO_GROUP)
        marks: dict[tuple[str, int], Watermarks] = {}
        for place in places:
            low, high = self._ask(partial(reader.get_watermark_offsets, place, timeout=self._timeout, cached=False))
            marks[place.topic, place.partition] = Watermarks(low, high)
        return marks

    def committed(self, group: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Return the next offset a consumer group has committed, for the partitions where it has.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        present = self.partitions()
        places = [TopicPartition(topic, number) for topic in topics for number in range(present.get(topic, 0))]
        if not places:
            return {}
        answer = self._ask(partial(self._reader(group).committed, places, timeout=self._timeout))
        return {(one.topic, one.partition): one.offset for one in answer if one.offset >= 0}

    def lag(self, group: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Return how many retained records of each partition a group has not committed yet.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        names = tuple(topics)
        done = self.committed(group, names)
        return {
            place: max(0, mark.high - max(done.get(place, mark.low), mark.low))
            for place, mark in self.watermarks(names).items()
        }

    def backlog_share(self, done: Mapping[tuple[str, int], int], topics: Iterable[str]) -> float:
        """Return the fullest partition's backlog as a share of what a broker with small retention can hold.

        The embedded broker drops its oldest records without a word, so producers that can wait should do so above one
        half. Before it has dropped any, what it has kept so far, and at least 10,000 records, is its known capacity.

        Parameters
        ----------
        done
            Next offset to be read by partition; nothing was read where it is missing.

        Raises
        ------
        BrokerUnreachableError
            If there is no answer in time.
        """
        share = 0.0
        for place, mark in self.watermarks(topics).items():
            kept = mark.high - mark.low
            capacity = max(kept, _SURE_CAPACITY) if mark.low == 0 else max(kept, 1)
            share = max(share, (mark.high - done.get(place, 0)) / capacity)
        return share

    def _wait_for(self, topics: Iterable[str]) -> None:
        """Wait until new topics are in the metadata; a creation is answered before that."""
        deadline = time.monotonic() + self._timeout
        while set(topics) - self.partitions().keys() and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)

    def _reader(self, group: str) -> Consumer:
        """Return a handle that asks for a group without joining it.

        The administration client has newer calls for offsets; under load they crashed librdkafka 2.16 in its own thread
        when the answer was an error.
        """
        if group not in self._readers:
            self._readers[group] = Consumer({**self._options, "group.id": group, "enable.auto.commit": False})
        return self._readers[group]

    def _ask(self, call: Callable[[], Any], *, again: bool = True) -> Any:
        """Ask, and ask again while the answer is "not yet": a new topic has no leader for a moment."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return call()
            except KafkaException as failed:
                if not (again and failed.args[0].code() in _NOT_YET and time.monotonic() < deadline):
                    raise BrokerUnreachableError(str(failed)) from failed
            except TimeoutError as late:
                raise BrokerUnreachableError(f"no answer in {self._timeout} s") from late
            time.sleep(_PAUSE_SECONDS)
