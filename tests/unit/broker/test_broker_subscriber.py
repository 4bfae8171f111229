"""A subscriber sees every record of every partition once per start, and waits for topics that come later."""

from collections.abc import Iterator

import pytest

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher
from supplychain.broker.subscriber import Record, Subscriber


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"many": 3}) as running:
        yield running


def all_of(reader: Subscriber, count: int) -> list[Record]:
    found: list[Record] = []
    while len(found) < count:
        batch = reader.poll(10)
        assert batch, f"only {len(found)} of {count} arrived"
        found += batch
    return found


def test_every_record_of_every_partition_is_read_at_each_start(broker: EmbeddedBroker) -> None:
    with Publisher(broker.bootstrap) as publisher:
        for number in range(1_500):
            publisher.send("many", f"key-{number % 9}".encode(), str(number).encode(), timestamp_ms=1_700_000_000_000)
    for _ in range(2):
        with Subscriber(broker.bootstrap, "reader", ["many"]) as reader:
            records = all_of(reader, 1_500)
            assert reader.poll(0.05) == []
        assert sorted(int(record.value or b"") for record in records) == list(range(1_500))
        assert {record.partition for record in records} == {0, 1, 2}
        assert {record.timestamp for record in records} == {1_700_000_000_000}
        for partition in range(3):
            offsets = [record.offset for record in records if record.partition == partition]
            assert offsets == list(range(len(offsets)))


def test_a_topic_that_comes_later_is_found(broker: EmbeddedBroker) -> None:
    with Subscriber(broker.bootstrap, "reader", ["later"]) as reader, Publisher(broker.bootstrap) as publisher:
        assert reader.poll(0.1) == []
        broker.create("later", 1)
        publisher.send_and_wait("later", b"k", b"v")
        assert [record.value for record in all_of(reader, 1)] == [b"v"]


def test_closing_twice_does_no_harm(broker: EmbeddedBroker) -> None:
    reader = Subscriber(broker.bootstrap, "reader", ["many"], from_beginning=False)
    assert reader.poll(0.1) == []
    reader.close()
    reader.close()
