"""A chunk: what one fetch brought from one partition, cut to a bounded size."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any, Self

from streams.chunks.ledger import Entries, Entry

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring records of one partition in their order; all sequences have the same length.

    Offsets rise but may have gaps (compaction, transaction markers, retention). Timestamps are UTC milliseconds, given by
    the producer or the broker as the topic is configured. Values and keys are bytes as they were sent.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    timestamps: Sequence[int]
    headers: Sequence[Headers]
    entry: Entry | Entries = field(compare=False)

    @classmethod
    def of(cls, topic: str, partition: int, records: Sequence[Any]) -> Self:
        """Build a chunk from fetched records (aiokafka's, wrapped or not); there must be at least one."""
        first, last = records[0].offset, records[-1].offset
        dense = last - first + 1 == len(records)
        return cls(
            topic,
            partition,
            range(first, last + 1) if dense else [record.offset for record in records],
            [record.value for record in records],
            [record.key for record in records],
            [record.timestamp for record in records],
            [record.headers for record in records],
            Entry(last),
        )

    def part(self, start: int, stop: int) -> Self:
        """Return the records at positions start to stop as a chunk with an entry of its own."""
        offsets = self.offsets[start:stop]
        return type(self)(
            self.topic,
            self.partition,
            offsets,
            self.values[start:stop],
            self.keys[start:stop],
            self.timestamps[start:stop],
            self.headers[start:stop],
            Entry(offsets[-1]),
        )

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.offsets[0]

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self.offsets[-1]

    def __len__(self) -> int:
        return len(self.values)

    def done(self) -> None:
        """Say that the effect of every record is durable. Call it after the effect, never before; from any thread."""
        self.entry.done()

    def since(self, offset: int) -> Self | None:
        """Return the records from an offset on: this chunk itself, a shorter one, or None when nothing is left.

        The shorter chunk has the same entry: done said on it is said for the whole, since the records below the offset
        have been dealt with before.
        """
        if offset <= self.first:
            return self
        if offset > self.last:
            return None
        return self._part(slice(bisect_left(self.offsets, offset), None))

    def before(self, offset: int) -> Self | None:
        """Return the records below an offset with the same entry: this chunk itself, a shorter one, or None."""
        if offset > self.last:
            return self
        if offset <= self.first:
            return None
        return self._part(slice(bisect_left(self.offsets, offset)))

    def _part(self, chosen: slice) -> Self:
        return type(self)(
            self.topic,
            self.partition,
            self.offsets[chosen],
            self.values[chosen],
            self.keys[chosen],
            self.timestamps[chosen],
            self.headers[chosen],
            self.entry,
        )


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Return neighbouring chunks of one partition as one; done on it is done on each.

    Parameters
    ----------
    chunks
        At least one, in the order of delivery.
    """
    head = chunks[0]
    if len(chunks) == 1:
        return head
    dense = all(isinstance(chunk.offsets, range) for chunk in chunks) and all(
        before.last + 1 == after.first for before, after in pairwise(chunks)
    )
    return Chunk(
        head.topic,
        head.partition,
        range(head.first, chunks[-1].last + 1)
        if dense
        else list(chain.from_iterable(chunk.offsets for chunk in chunks)),
        list(chain.from_iterable(chunk.values for chunk in chunks)),
        list(chain.from_iterable(chunk.keys for chunk in chunks)),
        list(chain.from_iterable(chunk.timestamps for chunk in chunks)),
        list(chain.from_iterable(chunk.headers for chunk in chunks)),
        Entries(chunk.entry for chunk in chunks),
    )


def cut(topic: str, partition: int, records: Sequence[Any], most_records: int, most_bytes: int) -> Iterator[Chunk]:
    """Cut fetched records into chunks of bounded size; a single record larger than the limit is a chunk of its own.

    Parameters
    ----------
    records
        At least one record, in offset order.
    most_records, most_bytes
        Limits of one chunk; bytes are those of keys and values.

    Yields
    ------
    Chunk
        In order; together they hold every record once.
    """
    whole = Chunk.of(topic, partition, records)
    sizes = [len(value or b"") for value in whole.values]
    weight = sum(sizes) + sum(len(key) for key in whole.keys if key)
    if len(whole) <= most_records and weight <= most_bytes:
        yield whole
        return
    ends = list(accumulate(size + len(key or b"") for size, key in zip(sizes, whole.keys, strict=True)))
    start = 0
    while start < len(whole):
        stop = min(start + most_records, len(whole))
        before = ends[start - 1] if start else 0
        while stop - start > 1 and ends[stop - 1] - before > most_bytes:
            stop = start + (stop - start) // 2
        yield whole.part(start, stop)
        start = stop
