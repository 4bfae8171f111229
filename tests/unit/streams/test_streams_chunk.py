"""Chunks hold every record once, in bounded pieces, and can be shortened from the front."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.chunks.chunk import Chunk, cut


@dataclass(frozen=True)
class Record:
    """What the fetcher gives, as far as a chunk looks at it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 1_700_000_000_000
    headers: tuple[tuple[str, bytes], ...] = ()


def _records(sizes: list[int], gaps: list[int] | None = None) -> list[Record]:
    offset = 0
    records = []
    for index, size in enumerate(sizes):
        offset += 1 + (gaps[index] if gaps else 0)
        records.append(Record(offset, b"x" * size, timestamp=1_000 + index))
    return records


def test_chunk_keeps_what_was_sent() -> None:
    records = [Record(7, b"a", b"k", 5, (("h", b"1"),)), Record(8, None, None, 6)]
    chunk = Chunk.of("t", 3, records)
    assert (chunk.topic, chunk.partition, chunk.first, chunk.last, len(chunk)) == ("t", 3, 7, 8, 2)
    assert list(chunk.offsets) == [7, 8]
    assert chunk.values == [b"a", None]
    assert chunk.keys == [b"k", None]
    assert chunk.timestamps == [5, 6]
    assert chunk.headers == [(("h", b"1"),), ()]


def test_gaps_in_offsets_are_kept() -> None:
    chunk = Chunk.of("t", 0, [Record(1, b""), Record(5, b""), Record(6, b"")])
    assert list(chunk.offsets) == [1, 5, 6]
    rest = chunk.since(3)
    assert rest is not None
    assert list(rest.offsets) == [5, 6]


def test_since_shortens_and_shares_the_entry() -> None:
    chunk = Chunk.of("t", 0, _records([1] * 10))
    assert chunk.since(0) is chunk
    assert chunk.since(11) is None
    rest = chunk.since(4)
    assert rest is not None
    assert (rest.first, rest.last, len(rest), rest.timestamps[0]) == (4, 10, 7, 1_003)
    rest.done()
    assert chunk.entry.is_done


@pytest.mark.parametrize(
    ("sizes", "most_records", "most_bytes", "lengths"),
    [
        ([1] * 10, 4, 1_000, [4, 4, 2]),
        ([10] * 4, 100, 20, [2, 2]),
        ([500, 1, 1], 100, 20, [1, 2]),
        ([1, 1, 500], 100, 20, [1, 1, 1]),
    ],
)
def test_cut_keeps_limits(sizes: list[int], most_records: int, most_bytes: int, lengths: list[int]) -> None:
    assert [len(chunk) for chunk in cut("t", 0, _records(sizes), most_records, most_bytes)] == lengths


@settings(deadline=None)
@given(
    shape=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3)), min_size=1, max_size=60),
    most_records=st.integers(1, 20),
    most_bytes=st.integers(1, 600),
)
def test_cut_loses_nothing_and_stays_in_bounds(
    shape: list[tuple[int, int]], most_records: int, most_bytes: int
) -> None:
    records = _records([size for size, _ in shape], [gap for _, gap in shape])
    chunks = list(cut("t", 0, records, most_records, most_bytes))
    assert [offset for chunk in chunks for offset in chunk.offsets] == [record.offset for record in records]
    assert [value for chunk in chunks for value in chunk.values] == [record.value for record in records]
    for chunk in chunks:
        assert len(chunk) <= most_records
        assert len(chunk) == 1 or sum(len(value or b"") for value in chunk.values) <= most_bytes
