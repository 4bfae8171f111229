"""What the rest of the house expects from a broker, asked of the embedded one and of Apache Kafka alike."""

import itertools
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from supplychain.broker.admin import TopicMismatchError, Topics, Watermarks
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.kafka_node import KafkaNode, missing_for_kafka
from supplychain.broker.publisher import Delivered, Publisher, PublishError

_numbers = itertools.count()


Broker = EmbeddedBroker | KafkaNode

BROKERS = ["embedded", pytest.param("kafka", marks=[pytest.mark.deep, pytest.mark.xdist_group("kafka")])]


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if request.param == "kafka" and (missing := missing_for_kafka()):
        pytest.skip(missing)
    starting = EmbeddedBroker({}) if request.param == "embedded" else KafkaNode(tmp_path_factory.mktemp("kafka"))
    with starting as running:
        yield running


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"contract-{next(_numbers)}"
    broker.create(name, 3)
    return name


def _read(broker: Broker, topic: str, count: int) -> list[Message]:
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    reader.assign([TopicPartition(topic, number, 0) for number in range(3)])
    messages: list[Message] = []
    while len(messages) < count:
        batch = reader.consume(count - len(messages), timeout=15)
        assert batch, f"only {len(messages)} of {count} arrived"
        messages += batch
    reader.close()
    return messages


def test_topics_have_exact_partition_counts_and_are_not_made_by_accident(broker: Broker, topic: str) -> None:
    topics = Topics(broker.bootstrap)
    assert topics.partitions()[topic] == 3
    assert topics.ensure({topic: 3}) == ()
    with pytest.raises(TopicMismatchError):
        topics.ensure({topic: 4})
    assert topics.watermarks(["never-made"]) == {}
    assert "never-made" not in topics.partitions()


def test_records_of_a_key_stay_in_order_in_one_partition(broker: Broker, topic: str) -> None:
    with Publisher(broker.bootstrap) as publisher:
        for number in range(3_000):
            publisher.send(topic, f"room-{number % 17}".encode(), str(number).encode(), timestamp_ms=1_700_000_000_000)
    messages = _read(broker, topic, 3_000)
    by_key: dict[bytes, list[tuple[int, int]]] = {}
    for message in messages:
        by_key.setdefault(message.key(), []).append((message.partition(), int(message.value())))
        assert message.timestamp()[1] == 1_700_000_000_000
    assert len(by_key) == 17
    for arrived in by_key.values():
        assert len({partition for partition, _ in arrived}) == 1
        assert [number for _, number in arrived] == sorted(number for _, number in arrived)


def test_waiting_send_returns_the_place(broker: Broker, topic: str) -> None:
    publisher = Publisher(broker.bootstrap)
    places = [publisher.send_and_wait(topic, b"k", b"v", partition=2, headers={"trace": b"t"}) for _ in range(3)]
    publisher.close()
    assert places == [Delivered(topic, 2, offset) for offset in range(3)]
    assert Topics(broker.bootstrap).watermarks([topic])[topic, 2] == Watermarks(0, 3)
    assert all(message.headers() == [("trace", b"t")] for message in _read(broker, topic, 3))


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_arrives(broker: Broker, topic: str, codec: str) -> None:
    with Publisher(broker.bootstrap, options={"compression.type": codec}) as publisher:
        for number in range(200):
            publisher.send(topic, None, b"x" * number, partition=0)
    assert [len(message.value()) for message in _read(broker, topic, 200)] == list(range(200))


def test_oversized_record_is_refused_and_its_neighbours_arrive(broker: Broker, topic: str) -> None:
    with Publisher(broker.bootstrap) as publisher:
        publisher.send(topic, None, b"before", partition=0)
        with pytest.raises(PublishError):
            publisher.send(topic, None, b"x" * 3_000_000, partition=0)
        publisher.send(topic, None, b"after", partition=0)
    assert [message.value() for message in _read(broker, topic, 2)] == [b"before", b"after"]


def test_lag_is_what_a_group_has_not_committed(broker: Broker, topic: str) -> None:
    with Publisher(broker.bootstrap) as publisher:
        for _ in range(50):
            publisher.send(topic, None, b"x", partition=1)
    group = f"group-of-{topic}"
    topics = Topics(broker.bootstrap)
    assert topics.committed(group, [topic]) == {}
    assert topics.lag(group, [topic]) == {(topic, 0): 0, (topic, 1): 50, (topic, 2): 0}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 1, 20)], asynchronous=False)
    consumer.close()
    assert topics.committed(group, [topic]) == {(topic, 1): 20}
    assert topics.lag(group, [topic])[topic, 1] == 30


def test_cluster_has_an_id(broker: Broker) -> None:
    assert Topics(broker.bootstrap).cluster_id() == Topics(broker.bootstrap).cluster_id()


def test_outage_loses_nothing_that_was_confirmed(broker: Broker, topic: str) -> None:
    publisher = Publisher(broker.bootstrap, options={"log_level": 0})
    for number in range(500):
        publisher.send(topic, b"k", str(number).encode(), partition=0)
    publisher.flush(15)
    broker.down()
    for number in range(500, 1_000):
        publisher.send(topic, b"k", str(number).encode(), partition=0)
    with pytest.raises(PublishError):
        publisher.flush(0.5)
    broker.up()
    publisher.flush(60)
    assert [int(message.value()) for message in _read(broker, topic, 1_000)] == list(range(1_000))
