"""Topic administration against the embedded broker: counts, watermarks, commits, lag."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from supplychain.broker.admin import BrokerUnreachableError, TopicMismatchError, Topics, Watermarks
from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"sales.v1": 4, "stock.v1": 1}) as running:
        yield running


def _commit(broker: EmbeddedBroker, group: str, partition: int, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition("sales.v1", partition, offset)], asynchronous=False)
    consumer.close()


def test_existing_topics_pass_and_are_not_created_again(broker: EmbeddedBroker) -> None:
    topics = Topics(broker.bootstrap)
    assert topics.ensure({"sales.v1": 4, "stock.v1": 1}) == ()
    assert topics.partitions() == {"sales.v1": 4, "stock.v1": 1}
    assert topics.cluster_id()


def test_another_partition_count_is_refused(broker: EmbeddedBroker) -> None:
    with pytest.raises(TopicMismatchError, match=r"sales\.v1 has 4 partitions, wanted 6") as raised:
        Topics(broker.bootstrap).ensure({"sales.v1": 6, "stock.v1": 1, "new.v1": 1})
    assert raised.value.found == {"sales.v1": 4}


def test_missing_topic_fails_the_check(broker: EmbeddedBroker) -> None:
    with pytest.raises(TopicMismatchError, match=r"absent\.v1 has 0 partitions"):
        Topics(broker.bootstrap).check({"absent.v1": 2})
    assert "absent.v1" not in Topics(broker.bootstrap).partitions()


def test_lag_counts_what_is_retained_and_not_committed(broker: EmbeddedBroker) -> None:
    topics = Topics(broker.bootstrap)
    with Publisher(broker.bootstrap) as publisher:
        for _ in range(100):
            publisher.send("sales.v1", None, b"x", partition=1)
    _commit(broker, "watch", 1, 60)
    assert topics.watermarks(["sales.v1"])["sales.v1", 1] == Watermarks(0, 100)
    assert topics.committed("watch", ["sales.v1"]) == {("sales.v1", 1): 60}
    assert topics.lag("watch", ["sales.v1"]) == {
        ("sales.v1", 0): 0,
        ("sales.v1", 1): 40,
        ("sales.v1", 2): 0,
        ("sales.v1", 3): 0,
    }
    assert topics.lag("stranger", ["sales.v1"])["sales.v1", 1] == 100
    assert topics.backlog_share({("sales.v1", 1): 60}, ["sales.v1"]) == pytest.approx(40 / 10_000)


def test_backlog_share_grows_above_one_when_records_were_dropped_unread(broker: EmbeddedBroker) -> None:
    with Publisher(broker.bootstrap, linger_ms=0) as publisher:
        for _ in range(100):
            publisher.send_and_wait("sales.v1", None, b"x", partition=0)
    broker.forget("sales.v1", 0, 80)
    _commit(broker, "watch", 0, 60)
    topics = Topics(broker.bootstrap)
    assert topics.watermarks(["sales.v1"])["sales.v1", 0] == Watermarks(80, 100)
    assert topics.backlog_share({("sales.v1", 0): 60}, ["sales.v1"]) == pytest.approx(40 / 20)
    assert topics.lag("watch", ["sales.v1"])["sales.v1", 0] == 20


def test_silent_broker_is_unreachable() -> None:
    with pytest.raises(BrokerUnreachableError):
        Topics("127.0.0.1:1", timeout=0.2, options={"log_level": 0}).partitions()


def test_unknown_topics_have_no_watermarks(broker: EmbeddedBroker) -> None:
    assert Topics(broker.bootstrap).watermarks(["absent.v1"]) == {}
    assert Topics(broker.bootstrap).committed("watch", ["absent.v1"]) == {}
