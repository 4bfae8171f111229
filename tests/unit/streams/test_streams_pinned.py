"""Faust's and aiokafka's sources that the chunk transport overrides or relies on are the ones it was written for.

A failure here is no fault: it says that an upgrade changed a method. Read the change, compare with
`streams/chunks/transport.py`, run the kill tests (`make test-deep`), then write the new digest down.
"""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from faust.app.base import App
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as Driver
from mode.utils.queues import FlowControlQueue

PINNED: dict[Callable[..., Any], str] = {
    Consumer._drain_messages: "44a2500309e83c63",
    Consumer._new_offset: "1d2c7ea89a7ad4f1",
    Consumer._add_gap: "4df2573ded7c1c2c",
    Consumer.on_partitions_revoked: "d04b7ae72c6fc206",
    Consumer.on_partitions_assigned: "29ce96596f05a18c",
    Consumer.perform_seek: "0e8c130ff4b0afd8",
    Consumer.seek: "b86a9fe05f956b30",
    Consumer.getmany: "4b168d84882a70d6",
    Consumer._wait_next_records: "6218e1969a636b3f",
    Consumer.on_buffer_drop: "4b57e8a418d5ad9c",
    Consumer.on_buffer_full: "c8961679e0bcdce5",
    App.FlowControlQueue: "9451c49351ae3667",
    FlowControlQueue.put_nowait_enhanced: "f1839f43dda3d2cf",
    Fetcher._create_fetch_waiter: "61d840568746477e",
    Fetcher._notify: "d3a30d94f34fd3a0",
    Consumer.wait_empty: "e4662fe24f094819",
    Consumer.on_stop: "45b1d2210ce2b526",
    Consumer._filter_tps_with_pending_acks: "f6f9239774234e7e",
    Consumer._filter_committable_offsets: "dc5e9baf5d994485",
    Consumer._should_commit: "5ce941793947ad42",
    Consumer._commit_offsets: "1a69799041188441",
    ThreadDelegateConsumer.seek_to_committed: "f1d483b861b0328b",
    Driver._to_message: "7c24f6511b2fcef7",
    AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1455a",
    AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f6cad",
    Consumer._clean_unacked_messages: "11be2587e71c9162",
    AIOKafkaConsumerThread.seek: "1498560d05f02582",
    AIOKafkaConsumerThread._commit: "932852ce7a23f658",
    App._on_partitions_revoked: "d5c895bbe57dc73a",
    App._on_partitions_assigned: "de932b7927db85b3",
    App._stop_consumer: "55854a5de12c3f52",
    Recovery._resume_streams: "d986a6710c1aca98",
    AIOKafkaConsumer.seek_to_committed: "f6cd85c8b70a4ccf",
    Fetcher.fetched_records: "be4348896b9b66af",
    Fetcher.seek_to: "f0ba6aba6c22ef83",
    FetchResult.getall: "3e717e30de5068d5",
    Fetcher._proc_fetch_request: "59bf948fff47eed5",
    PartitionRecords._unpack_records: "b803e6d46480732c",
    PartitionRecords._consumer_record: "e668541600b047ab",
    Fetcher.__init__: "bf21ecb7e0f210b7",
}

COMPILED = {
    "_cython/streams.pyx": "0041622f4a251188",
    "transport/_cython/conductor.pyx": "dde1f974267881cf",
}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("method", PINNED, ids=lambda method: method.__qualname__)
def test_method_is_the_one_the_transport_was_written_for(method: Callable[..., Any]) -> None:
    assert _digest(inspect.getsource(method)) == PINNED[method]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_twin_is_the_one_the_transport_was_written_for(name: str) -> None:
    source = Path(faust.__file__).parent / name
    assert _digest(source.read_text(encoding="utf-8")) == COMPILED[name]
    assert list(source.parent.glob(f"{source.stem}.*.so")), (
        "the wheel without compiled streams acknowledges another way"
    )
