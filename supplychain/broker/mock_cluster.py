"""A Kafka cluster in memory: librdkafka's mock, reached through ctypes.

The confluent-kafka wheel carries librdkafka as a shared library that exports the mock cluster it is tested with, but the
Python module exposes it only as a client setting, without exact partition counts and without faults. A dozen functions
called directly give both. The mock speaks the real wire protocol on a free loopback port; it keeps about 5 MiB per
partition, drops the oldest batch silently beyond that, and forgets everything when it ends.
"""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from supplychain.domain.errors import UnavailableError

RETAINED_BYTES_PER_PARTITION: Final = 5 * 1024 * 1024
"""What the mock keeps of a partition, in bytes as sent (compressed); older batches are dropped without a word."""

REQUESTS: Final[Mapping[str, int]] = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "OffsetCommit": 8,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "ApiVersions": 18,
    "InitProducerId": 22,
}
"""Kafka protocol keys of the requests that tests make fail."""

_BROKER_ID: Final = 1
_PRODUCER: Final = 0
_SIGNATURES: Final[Mapping[str, tuple[object, tuple[object, ...]]]] = {
    "rd_kafka_conf_new": (ctypes.c_void_p, ()),
    "rd_kafka_conf_set": (
        ctypes.c_int,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
    ),
    "rd_kafka_new": (ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)),
    "rd_kafka_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_err2name": (ctypes.c_char_p, (ctypes.c_int,)),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "rd_kafka_mock_cluster_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "rd_kafka_mock_topic_create": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_broker_set_down": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_broker_set_up": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        (ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)),
    ),
    "rd_kafka_mock_clear_request_errors": (None, (ctypes.c_void_p, ctypes.c_int16)),
    "rd_kafka_mock_partition_delete_records": (
        ctypes.c_int,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64),
    ),
}


class MockClusterError(UnavailableError):
    """The mock cluster could not be made or refused a call."""

    code = "embedded-broker"


def _library_path() -> Path:
    """Find the librdkafka that the installed wheel brought along."""
    import confluent_kafka

    package = Path(confluent_kafka.__file__).parent
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        for found in sorted(folder.glob("librdkafka*")):
            return found
    raise MockClusterError("the installed confluent-kafka carries no librdkafka of its own; use a wheel from PyPI")


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_library_path()))
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise MockClusterError(f"this librdkafka does not export {name}") from None
        function.restype = result
        function.argtypes = arguments
    return library


class MockCluster:
    """One broker in memory with the topics it was told, and no way to lose it but `close` or the end of the process.

    Parameters
    ----------
    topics
        Partition count of each topic.
    rebalance_delay_ms
        How long a new consumer group waits for further members; Kafka's own default is 3,000.

    Raises
    ------
    MockClusterError
        If the library lacks the mock, or a topic was refused.
    """

    def __init__(self, topics: Mapping[str, int], *, rebalance_delay_ms: int = 100) -> None:
        self._library = _load()
        reason = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        # The client that carries the cluster talks to nobody and would complain about that.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"3", reason, len(reason))
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, reason, len(reason))
        if not self._client:
            raise MockClusterError(f"librdkafka gave no handle: {reason.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise MockClusterError("librdkafka gave no mock cluster")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)
        for topic, partitions in topics.items():
            self.create(topic, partitions)

    @property
    def bootstrap(self) -> str:
        """Address of the broker as host:port."""
        return str(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode())

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic with exactly so many partitions.

        Raises
        ------
        MockClusterError
            If the topic exists or the count is not positive.
        """
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1), topic)

    def down(self) -> None:
        """Cut all connections and refuse new ones; data stays."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, _BROKER_ID), "down")

    def up(self) -> None:
        """Accept connections again."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, _BROKER_ID), "up")

    def delay(self, milliseconds: int) -> None:
        """Answer every request so many milliseconds late; 0 ends it."""
        self._check(self._library.rd_kafka_mock_broker_set_rtt(self._cluster, _BROKER_ID, milliseconds), "delay")

    def fail_next(self, request: str, codes: Sequence[int]) -> None:
        """Answer the next requests of one kind with these error codes, one each.

        Parameters
        ----------
        request
            A name of `REQUESTS`.
        codes
            Kafka error codes, such as 6 (not leader), 7 (timed out), 15 (no coordinator), 27 (rebalance in progress).

        Raises
        ------
        KeyError
            If the request has another name.
        """
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, REQUESTS[request], len(codes), array)

    def heal(self, request: str) -> None:
        """Forget the errors that `fail_next` has not used up."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, REQUESTS[request])

    def forget(self, topic: str, partition: int, before: int) -> None:
        """Drop the records below an offset, as retention does."""
        dropped = self._library.rd_kafka_mock_partition_delete_records(self._cluster, topic.encode(), partition, before)
        self._check(dropped, topic)

    def close(self) -> None:
        """End the cluster; everything it holds is gone. A second call does nothing."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, code: int, what: str) -> None:
        if code:
            raise MockClusterError(f"{what}: {self._library.rd_kafka_err2name(code).decode()}")
