"""The memory of event ids against a plain dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.ids import event_id
from supplychain.watching.dedupe import CONFLICT, ENTRY, FRESH, SAME, SeenIds, keys_of

HOUR = 3_600_000
events = st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(10, 13))
chunks = st.lists(st.lists(events, max_size=30), max_size=8)


def admit(seen: SeenIds, chunk: list[tuple[int, int, int]]) -> tuple[list[int], list[tuple[int, bytes]]]:
    keys = keys_of([event_id("p", "s", str(number), "1", "paid", "") for number, _, _ in chunk])
    prints = np.array([content for _, content, _ in chunk], dtype=np.uint32)
    verdict, blocks = seen.admit(keys, prints, np.array([hour * HOUR + 5 for _, _, hour in chunk], dtype=np.int64))
    return verdict.tolist(), blocks


@settings(deadline=None, max_examples=150)
@given(chunks, st.booleans(), st.integers(10, 13), st.integers(0, 8))
def test_verdicts_equal_those_of_a_dictionary(
    given_chunks: list[list[tuple[int, int, int]]], restart: bool, oldest: int, forget_at: int
) -> None:
    seen, twin, blocks = SeenIds(16), dict[int, tuple[int, int]](), list[tuple[int, bytes]]()
    floor = 0
    for at, chunk in enumerate(given_chunks):
        if at == forget_at:
            floor = oldest
            seen.forget(oldest * HOUR)
        expected = []
        for number, content, hour in chunk:
            known = twin.get(number)
            if known is None or known[1] < floor:
                twin[number] = (content, hour)
                expected.append(FRESH)
            else:
                expected.append(SAME if known[0] == content else CONFLICT)
        # What is older than anything remembered never gets here: the clock refuses it first.
        if any(hour < floor for _, _, hour in chunk):
            return
        verdict, added = admit(seen, chunk)
        assert verdict == expected
        blocks.extend(added)
        if restart:
            seen = SeenIds(16)
            seen.forget(floor * HOUR)
            seen.load(blocks)
    assert len(seen) == sum(hour >= floor for _, hour in twin.values())


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=20, unique=True))
def test_any_text_is_an_id_and_different_ids_have_different_keys(ids: list[str]) -> None:
    keys = keys_of(ids)
    assert keys.shape == (len(ids), 2)
    assert len({tuple(key) for key in keys.tolist()}) == len({one if len(one) != 32 else one.lower() for one in ids})


def test_keys_do_not_depend_on_their_neighbours() -> None:
    regular, blank, short = event_id("p", "s", "o", "l", "paid", ""), " " * 32, "x"
    spaced = "ab " * 10 + "ab"
    together = keys_of([regular, blank, short, spaced])
    alone = [keys_of([one])[0].tolist() for one in (regular, blank, short, spaced)]
    assert together.tolist() == alone


def test_a_large_table_holds_every_id_in_little_memory() -> None:
    seen = SeenIds()
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 2**63, (300_000, 2)).astype(np.uint64)
    prints = np.zeros(30_000, dtype=np.uint32)
    for at in range(0, 300_000, 30_000):
        verdict, blocks = seen.admit(keys[at : at + 30_000], prints, np.full(30_000, 5 * HOUR))
        assert (verdict == FRESH).all()
        assert sum(len(block) for _, block in blocks) == 30_000 * ENTRY.itemsize
    again, _ = seen.admit(keys[:30_000], prints, np.full(30_000, 5 * HOUR))
    assert (again == SAME).all()
    assert seen.nbytes < 300_000 * 100
