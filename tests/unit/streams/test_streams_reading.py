"""What the consumer thread does with a fetch: records stay unwrapped, and every partition gives its share of a round."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.transport.drivers import aiokafka as driver

from streams.chunks import Chunk, Intake, make_app
from streams.chunks.transport import ChunkConsumerThread
from streams.chunks.unwrapped import Unwrapped


def _fetched(topic: str, wrapped: bool) -> list[Any]:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=100_000,
    )  # fmt: skip
    for number in range(50):
        builder.append(number, 1_000 + number, b"k", str(number).encode(), [("trace", b"t")])
    place = TopicPartition(topic, 0)
    read = PartitionRecords(place, MemoryRecords(bytes(builder.build())), [], 3, None, None, True, 0)
    result = FetchResult.__new__(FetchResult)
    result._partition_records = read
    held: dict[Any, Any] = {} if wrapped else Unwrapped(frozenset({"sales.v1"}))
    held[place] = result
    return list(held[place]._partition_records)


def test_unwrapped_records_make_the_same_chunk() -> None:
    bare, wrapped = _fetched("sales.v1", wrapped=False), _fetched("sales.v1", wrapped=True)
    assert not isinstance(bare[0], ConsumerRecord)
    chunk, same = Chunk.of("sales.v1", 0, bare), Chunk.of("sales.v1", 0, wrapped)
    assert (chunk.first, chunk.last) == (3, 49)  # the fetch began inside the batch
    assert chunk.values == same.values
    assert chunk.keys == same.keys
    assert chunk.timestamps == same.timestamps
    assert [tuple(headers) for headers in chunk.headers] == [tuple(headers) for headers in same.headers]


def test_records_of_other_topics_stay_wrapped() -> None:
    assert all(isinstance(record, ConsumerRecord) for record in _fetched("plain.v1", wrapped=False))


def test_each_partition_gives_its_share_of_a_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust alone would return the first partition only, until that is exhausted."""
    places = [TopicPartition("sales.v1", number) for number in range(3)]
    other = TopicPartition("plain.v1", 0)
    paused = TopicPartition("sales.v1", 7)
    held: dict[Any, Any] = {place: FetchResult.__new__(FetchResult) for place in (*places, other, paused)}
    held[TopicPartition("sales.v1", 8)] = "an error, to be raised in a round of its own"
    asked: list[Any] = []

    async def stock(
        thread: Any, consumer: Any, active: Any, timeout: float = 0, max_records: int = 0
    ) -> dict[Any, Any]:
        asked.append((active, timeout))
        place = next(place for place in held if place in active)
        return {place: [SimpleNamespace(offset=5, value=b"v", key=None, timestamp=1, headers=())]}

    async def scene() -> None:
        thread = make_app("watch", "127.0.0.1:1", Intake(frozenset({"sales.v1"})), data_dir=tmp_path).consumer._thread
        assert isinstance(thread, ChunkConsumerThread)
        thread.thread_loop.close()
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", stock)
        fetcher = SimpleNamespace(_records=held, _subscriptions=SimpleNamespace(reassignment_in_progress=False))
        active = {*places, other, TopicPartition("sales.v1", 8)}
        records = await thread._fetch_records(SimpleNamespace(_fetcher=fetcher), active, timeout=1.0, max_records=10)
        assert set(records) == set(places)
        assert asked == [(active, 1.0), ({places[1]}, 0), ({places[2]}, 0)]
        fetcher._subscriptions.reassignment_in_progress = True
        assert set(await thread._fetch_records(SimpleNamespace(_fetcher=fetcher), active, timeout=1.0)) == {places[0]}

    asyncio.run(scene())
