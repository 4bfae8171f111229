"""A publisher confirms what arrived and never keeps quiet about what did not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from supplychain.broker.admin import Topics, Watermarks
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Delivered, Publisher, PublishError


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"many": 2, "single": 1, "limits": 1}) as running:
        yield running


def test_flush_confirms_all_and_keys_keep_their_partition(broker: EmbeddedBroker) -> None:
    with Publisher(broker.bootstrap) as publisher:
        for number in range(2_000):
            publisher.send("many", f"room-{number % 7}".encode(), str(number).encode())
        publisher.flush(10)
        assert publisher.unconfirmed == 0
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
    reader.assign([TopicPartition("many", number, 0) for number in range(2)])
    got = [(message.key(), message.partition(), int(message.value())) for message in _all(reader, 2_000)]
    reader.close()
    assert sorted(number for _, _, number in got) == list(range(2_000))
    assert len({(key, partition) for key, partition, _ in got}) == 7
    room = [number for key, _, number in got if key == b"room-3"]
    assert room == sorted(room)


def _all(reader: Consumer, count: int) -> Iterator[Message]:
    seen = 0
    while seen < count:
        batch = reader.consume(count - seen, timeout=10)
        assert batch, f"only {seen} of {count} arrived"
        seen += len(batch)
        yield from batch


def test_waiting_send_says_where_the_record_is(broker: EmbeddedBroker) -> None:
    publisher = Publisher(broker.bootstrap, linger_ms=0)
    first = publisher.send_and_wait("single", b"k", b"a", headers={"trace": b"1"}, timestamp_ms=1_700_000_000_000)
    second = publisher.send_and_wait("single", b"k", b"b", partition=0)
    assert (first, second) == (Delivered("single", 0, 0), Delivered("single", 0, 1))
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
    reader.assign([TopicPartition("single", 0, 0)])
    message = reader.poll(10)
    assert message.headers() == [("trace", b"1")]
    assert message.timestamp()[1] == 1_700_000_000_000
    reader.close()
    publisher.close()


def test_too_large_record_is_refused_at_once(broker: EmbeddedBroker) -> None:
    publisher = Publisher(broker.bootstrap)
    with pytest.raises(PublishError, match="limits"):
        publisher.send("limits", b"k", b"x" * 2_000_000)
    publisher.close()


def test_failures_are_raised_once_by_flush() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        publisher = Publisher(broker.bootstrap, linger_ms=0, delivery_timeout_ms=2_000, options={"log_level": 0})
        publisher.send_and_wait("a", None, b"connected")
        broker.down()
        publisher.send("a", b"lost", b"x")
        with pytest.raises(PublishError) as raised:
            publisher.flush(10)
        assert raised.value.count == 1
        assert raised.value.failed[0].key == b"lost"
        publisher.flush(1)


def test_unconfirmed_records_count_as_failed_when_time_is_up() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        publisher = Publisher(broker.bootstrap, linger_ms=0, options={"log_level": 0})
        publisher.send_and_wait("a", None, b"connected")
        broker.down()
        publisher.send("a", b"k", b"x")
        with pytest.raises(PublishError, match="1 records"):
            publisher.flush(0.2)
        with pytest.raises(PublishError, match="not confirmed in time"):
            publisher.send_and_wait("a", b"k", b"y", timeout=0.2)
        broker.up()
        publisher.flush(10)
        assert Topics(broker.bootstrap).watermarks(["a"]) == {("a", 0): Watermarks(0, 3)}


def test_retried_sends_arrive_once(broker: EmbeddedBroker) -> None:
    before = Topics(broker.bootstrap).watermarks(["limits"])["limits", 0].high
    broker.fail_next("Produce", [7, 6, 7])
    with Publisher(broker.bootstrap, linger_ms=0, options={"retry.backoff.ms": 5, "log_level": 0}) as publisher:
        for number in range(50):
            publisher.send("limits", b"k", str(number).encode())
    assert Topics(broker.bootstrap).watermarks(["limits"])["limits", 0].high == before + 50


def test_delivery_tells_of_the_callers_own_records_only(broker: EmbeddedBroker) -> None:
    with Publisher(broker.bootstrap) as publisher, ThreadPoolExecutor(4) as threads:

        def deliver(number: int) -> str:
            size = 3_000_000 if number % 4 == 0 else 10
            try:
                publisher.deliver("limits", [(b"k", b"x" * 10), (b"k", b"x" * size)], timeout=30)
            except PublishError as failed:
                return f"{failed.count} failed"
            return "arrived"

        answers = list(threads.map(deliver, range(12)))
    assert answers == ["1 failed", "arrived", "arrived", "arrived"] * 3


def test_delivery_without_an_answer_in_time_is_an_error(broker: EmbeddedBroker) -> None:
    publisher = Publisher(broker.bootstrap, options={"log_level": 0})
    publisher.deliver("limits", [(None, b"x")])
    broker.down()
    try:
        with pytest.raises(PublishError, match="not confirmed in time"):
            publisher.deliver("limits", [(None, b"x")], timeout=0.2)
    finally:
        broker.up()
    publisher.close()
