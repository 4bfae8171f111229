"""Taking together what has piled up while the last chunk was worked on.

Each chunk costs one transaction, whatever its size. When sales are slow a chunk should be worked on at once; when the
worker is busy, the chunks that arrive meanwhile are better written together. Gathering does both without a timer: it never
waits for more, it only takes what is already there.
"""

from collections.abc import AsyncIterator
from typing import Any

from streams.chunks.chunk import Chunk, joined


async def gathered(stream: Any, most_records: int = 20_000) -> AsyncIterator[Chunk]:
    """Iterate over an agent's stream of chunks, joining those of a partition that are waiting already.

    Faust waits for the work in hand, when partitions go, by the last chunk it has given out: that one stays open until the
    next round, so joined work is waited for as a whole.

    Parameters
    ----------
    stream
        What Faust hands to an agent on a chunk topic.
    most_records
        A round ends when this many records are in hand; the last chunk may exceed it.

    Yields
    ------
    Chunk
        One per partition and round, in the order in which the partitions came up.
    """
    waiting = stream.channel.queue
    chunks = aiter(stream)
    async for chunk in chunks:
        in_hand = {(chunk.topic, chunk.partition): [chunk]}
        records = len(chunk)
        while records < most_records and not waiting.empty():
            more = await anext(chunks, None)
            if more is None:  # the worker is stopping
                break
            in_hand.setdefault((more.topic, more.partition), []).append(more)
            records += len(more)
        for parts in in_hand.values():
            yield joined(parts)
