"""Gathering joins what waits, never waits itself, and keeps the order of each partition."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

from streams.chunks import Chunk, Entry, gathered, joined


def _chunk(partition: int, first: int, size: int = 10) -> Chunk:
    values = [f"{partition}:{offset}".encode() for offset in range(first, first + size)]
    last = first + size - 1
    return Chunk(
        "t", partition, range(first, last + 1), values, [None] * size, [first] * size, [()] * size, Entry(last)
    )


class Stream:
    """An agent's stream over a queue that a test fills."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self.channel = SimpleNamespace(queue=self.queue)

    def put(self, *chunks: Chunk | None) -> None:
        for chunk in chunks:
            self.queue.put_nowait(chunk)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        while (chunk := await self.queue.get()) is not None:
            yield chunk


def test_waiting_chunks_of_a_partition_become_one() -> None:
    async def scene() -> None:
        stream = Stream()
        parts = [_chunk(0, 0), _chunk(1, 0), _chunk(0, 10), _chunk(0, 20)]
        rounds = gathered(stream)
        stream.put(*parts)
        first, second = await anext(rounds), await anext(rounds)
        assert (first.partition, list(first.offsets), len(first)) == (0, list(range(30)), 30)
        assert (second.partition, len(second)) == (1, 10)
        assert first.values[25] == b"0:25"
        first.done()
        assert [part.entry.is_done for part in parts] == [True, False, True, True]
        assert first.entry.is_done

    asyncio.run(scene())


def test_single_chunk_is_handed_on_at_once() -> None:
    async def scene() -> None:
        stream = Stream()
        rounds = gathered(stream)
        alone = _chunk(0, 0)
        stream.put(alone)
        assert await anext(rounds) is alone

    asyncio.run(scene())


def test_rounds_are_bounded_and_lose_nothing_when_the_stream_ends() -> None:
    async def scene() -> None:
        stream = Stream()
        stream.put(*(_chunk(number % 2, 10 * (number // 2)) for number in range(9)), None)
        chunks = [chunk async for chunk in gathered(stream, 40)]
        assert max(len(chunk) for chunk in chunks) <= 40
        for partition, size in ((0, 50), (1, 40)):
            offsets = [offset for chunk in chunks if chunk.partition == partition for offset in chunk.offsets]
            assert offsets == list(range(size))

    asyncio.run(scene())


def test_gaps_between_joined_chunks_stay_gaps() -> None:
    chunk = joined([_chunk(0, 0, 2), _chunk(0, 5, 2)])
    assert list(chunk.offsets) == [0, 1, 5, 6]
    rest = chunk.since(3)
    assert rest is not None
    assert list(rest.offsets) == [5, 6]
    rest.done()
    assert chunk.entry.is_done
