"""The embedded broker is a Kafka to its clients, gives exact partition counts, and fails on demand."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from supplychain.broker.embedded import EmbeddedBroker, serve
from supplychain.broker.mock_cluster import MockClusterError


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"sales.v1": 4, "stock.v1": 1}) as running:
        yield running


def test_topics_have_exactly_the_partitions_they_were_given(broker: EmbeddedBroker) -> None:
    topics = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"sales.v1": 4, "stock.v1": 1}


def test_what_is_produced_is_consumed(broker: EmbeddedBroker) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "compression.type": "zstd"})
    for number in range(500):
        producer.produce("stock.v1", value=str(number).encode(), partition=0)
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
    consumer.assign([TopicPartition("stock.v1", 0, 0)])
    values = [int(message.value()) for message in consumer.consume(500, timeout=10)]
    consumer.close()
    assert values == list(range(500))


def test_errors_are_injected_into_the_next_requests(broker: EmbeddedBroker) -> None:
    broker.fail_next("Produce", [7])  # the request timed out: the client retries and the message arrives once
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "retry.backoff.ms": 10})
    arrived: list[int] = []
    producer.produce(
        "sales.v1", value=b"x", partition=3, on_delivery=lambda error, message: arrived.append(message.offset())
    )
    assert producer.flush(10) == 0
    assert arrived == [0]
    broker.heal("Produce")


def test_broker_down_is_not_reachable_and_comes_back_with_its_data() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce("a", value=b"kept", partition=0)
        assert producer.flush(10) == 0
        broker.down()
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0}).list_topics(timeout=0.3)
        broker.up()
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
        assert consumer.get_watermark_offsets(TopicPartition("a", 0), timeout=10) == (0, 1)
        consumer.close()


def test_unknown_orders_are_refused_and_the_broker_stays(broker: EmbeddedBroker) -> None:
    with pytest.raises(MockClusterError, match="Nonsense"):
        broker.fail_next("Nonsense", [7])
    with pytest.raises(MockClusterError):
        broker.create("sales.v1", 4)
    broker.delay(0)


def test_each_start_is_another_cluster() -> None:
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        serve({"a": 1}, lambda bootstrap, cluster: seen.append((bootstrap, cluster)), lambda: None)
    (first, first_id), (second, second_id) = seen
    assert first.startswith("127.0.0.1:")
    assert second.startswith("127.0.0.1:")
    assert first_id != second_id


def test_child_ends_with_its_parent_and_with_the_block() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        pid = broker.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_ends_cleanly_at_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "supplychain.broker.embedded", "--topics", "a=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "bootstrap" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == 0


def test_input_end_ends_a_controlled_broker() -> None:
    command = [sys.executable, "-m", "supplychain.broker.embedded", "--control", "--topics", "a=2"]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=10, check=False
    )
    assert ended.returncode == 0
    assert "cluster_id" in ended.stdout
