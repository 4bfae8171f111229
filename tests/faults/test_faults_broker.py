"""Rows 6, 7, 8 and 19: the broker is away, slow, answers with errors, loses its log, or brings records in any codec."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.messages.topics import SALES, partition_counts
from tests.faults.conftest import MakeStage
from tests.faults.history import Written, sales_in
from tests.faults.stage import Stage, rows, until
from tests.faults.verifier import verify

pytestmark = pytest.mark.deep
NOT_LEADER, TIMED_OUT, NO_COORDINATOR, NOT_COORDINATOR, REBALANCING = 6, 7, 15, 16, 27


def halves(history: list[Written]) -> tuple[list[Written], list[Written]]:
    """Cut a history in two."""
    return history[: len(history) // 2], history[len(history) // 2 :]


def test_worker_survives_a_broker_that_is_away_and_goes_on(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    first, second = halves(history)
    stage.publish(first)
    with stage.role() as worker:
        stage.until_applied(sales_in(first) // 2, worker)
        stage.broker.down()
        with pytest.raises(AssertionError, match="waited"):
            until(lambda: not worker.runs, "the worker to die", seconds=8)  # longer than its session lasts
        stage.broker.up()
        stage.publish(second)
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def test_error_codes_and_slow_answers_are_tried_again(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    broker = stage.broker
    assert isinstance(broker, EmbeddedBroker)
    first, second = halves(history)
    stage.publish(first)
    with stage.role() as worker:
        stage.until_applied(sales_in(first) // 2, worker)
        broker.fail_next("Fetch", [NOT_LEADER, TIMED_OUT])
        broker.fail_next("OffsetCommit", [REBALANCING, NOT_COORDINATOR, TIMED_OUT])
        broker.fail_next("Heartbeat", [REBALANCING])
        broker.fail_next("FindCoordinator", [NO_COORDINATOR])
        broker.fail_next("Produce", [NOT_LEADER, TIMED_OUT])
        stage.publish(second[: len(second) // 2])
        broker.delay(2_000)
        with pytest.raises(AssertionError, match="waited"):
            until(lambda: not worker.runs, "the worker to die", seconds=5)
        broker.delay(0)
        stage.publish(second[len(second) // 2 :])
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def test_lost_broker_is_an_incident_and_everything_sent_again_is_known(stage: Stage, history: list[Written]) -> None:
    """A new broker begins at offset 0: platforms send again, ids are remembered, what is new is counted."""
    first, second = halves(history)
    stage.publish(first)
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    before = _books(stage)
    assert isinstance(stage.broker, EmbeddedBroker)
    stage.broker.kill()
    with EmbeddedBroker(partition_counts()) as another:
        stage.take_broker(another)
        stage.publish(first)
        with stage.role() as worker:
            stage.until_all_read(worker)
            again = _books(stage)
            assert again["counted"] == before["counted"], "nothing is counted twice"
            assert again["received"] == 2 * before["received"]
            stage.publish(second)
            stage.until_all_read(worker)
            worker.end(signal.SIGTERM)
        kinds = rows(stage.services, "SELECT kind, COUNT(*) AS n FROM incidents GROUP BY kind")
        assert {row.kind: row.n for row in kinds} == {"broker-changed": 10}


def _books(stage: Stage) -> dict[str, int]:
    found = rows(stage.services, "SELECT bucket, SUM(events) AS n FROM counts WHERE topic = 'sales.v1' GROUP BY bucket")
    return {row.bucket: int(row.n) for row in found}


def test_records_dropped_unread_under_a_running_worker_are_an_incident(stage: Stage, history: list[Written]) -> None:
    """Retention passes a stopped worker; it goes on, finds a hole, ends, and its successor says what is gone."""
    broker = stage.broker
    assert isinstance(broker, EmbeddedBroker)
    first, second = halves(history)
    stage.publish(first)
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.send(signal.SIGSTOP)
        stage.publish(second)
        gone = {}
        for (topic, partition), mark in stage.watermarks().items():
            if topic == SALES.name:
                wanted = stage.stored()[topic, partition]
                gone[partition] = (mark.high - wanted) // 2
                broker.forget(topic, partition, wanted + gone[partition])
        worker.send(signal.SIGCONT)
        assert worker.ended() != 0, "a hole is no reason to go on as if nothing had been"
    with stage.role() as heir:
        stage.until_all_read(heir)
        heir.end(signal.SIGTERM)
    told = rows(stage.services, "SELECT subject, detail FROM incidents WHERE kind = 'records-unreadable'")
    assert {row.subject for row in told} == {f"sales.v1[{partition}]" for partition, lost in gone.items() if lost}
    assert all(f"{gone[int(row.subject[-2])]} records" in row.detail for row in told)


CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("broker", ["embedded", "kafka"])
def test_every_codec_is_read_with_poison_in_the_batch(
    make_stage: MakeStage, history: list[Written], assert_undisturbed: Callable[[Stage], None], broker: str
) -> None:
    stage = make_stage(broker)
    size = len(history) // len(CODECS) + 1
    with stage.role() as worker:
        for number, codec in enumerate(CODECS):
            stage.publish(history[number * size : (number + 1) * size], codec=codec)
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)
