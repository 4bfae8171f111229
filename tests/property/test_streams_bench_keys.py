"""Combinations have the numbers that a dictionary would give them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.bench.keys import Keys, Name

names = st.tuples(*(st.sampled_from([f"{part}{number}" for number in range(4)]) for part in "rsg"))


def numbered(keys: Keys, chunk: list[Name]) -> tuple[list[int], list[Name]]:
    columns = zip(keys.parts, zip(*chunk, strict=True), strict=True)
    found, new = keys.number(*(part.of(column, len(chunk)) for part, column in columns))
    return found.tolist(), new


@given(st.lists(st.lists(names, min_size=1, max_size=20), max_size=6), st.integers(0, 5))
def test_every_combination_keeps_the_number_it_got_over_a_restart(chunks: list[list[Name]], restart: int) -> None:
    keys, twin = Keys(), dict[Name, int]()
    for at, chunk in enumerate(chunks):
        if at == restart:
            keys = Keys(list(twin))
        found, new = numbered(keys, chunk)
        assert sorted(new) == sorted(set(chunk) - twin.keys())
        twin |= {name: number for number, name in enumerate(new, start=len(twin))}
        assert found == [twin[name] for name in chunk]
        assert len(keys) == len(twin)
