"""The ledger commits the longest done prefix of what was delivered, whatever the order of the work."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.chunks.ledger import Entry, Ledger

PLACE = ("sales.v1", 0)


def _delivered(*lasts: int, start: int | None = None) -> tuple[Ledger, list[Entry]]:
    ledger = Ledger()
    ledger.restart(PLACE, start)
    entries = [Entry(last) for last in lasts]
    for entry in entries:
        ledger.enter(PLACE, entry)
    return ledger, entries


def test_nothing_is_committed_before_anything_is_known() -> None:
    ledger, _ = _delivered(99)
    assert ledger.position(PLACE) is None


def test_position_follows_done_in_order() -> None:
    ledger, (first, second, _) = _delivered(1099, 1199, 1299, start=1000)
    assert ledger.position(PLACE) == 1000
    first.done()
    assert ledger.position(PLACE) == 1100
    second.done()
    assert ledger.position(PLACE) == 1200
    assert ledger.open_chunks(PLACE) == 1


def test_early_finisher_waits_for_its_elders() -> None:
    ledger, (first, second, third) = _delivered(1099, 1199, 1299, start=1000)
    third.done()
    second.done()
    assert ledger.position(PLACE) == 1000
    first.done()
    assert ledger.position(PLACE) == 1300


def test_done_is_idempotent() -> None:
    ledger, (first, _) = _delivered(9, 19, start=0)
    first.done()
    first.done()
    assert ledger.position(PLACE) == 10
    first.done()
    assert ledger.position(PLACE) == 10


def test_restart_orphans_what_was_delivered() -> None:
    ledger, (first, second) = _delivered(9, 19, start=0)
    second.done()
    ledger.restart(PLACE, 5)
    first.done()
    assert ledger.position(PLACE) == 5
    assert ledger.expected(PLACE) == 5


def test_forgotten_partition_has_no_position() -> None:
    ledger, (first,) = _delivered(9, start=0)
    ledger.forget([PLACE, ("other", 3)])
    first.done()
    assert ledger.position(PLACE) is None
    assert ledger.places() == ()


def test_repetition_is_refused() -> None:
    ledger, _ = _delivered(9, start=0)
    with pytest.raises(ValueError, match="delivered before"):
        ledger.enter(PLACE, Entry(9))


def test_view_for_other_threads_does_not_move_positions() -> None:
    ledger, (first,) = _delivered(9, start=0)
    first.done()
    assert ledger.committable() == {PLACE: 0}
    assert ledger.position(PLACE) == 10
    assert ledger.committable() == {PLACE: 10}


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    looks=st.integers(0, 3),
)
def test_position_never_passes_open_work_and_never_falls(sizes: list[int], order: object, looks: int) -> None:
    lasts = [sum(sizes[: index + 1]) - 1 for index in range(len(sizes))]
    ledger, entries = _delivered(*lasts, start=0)
    todo = list(entries)
    order.shuffle(todo)  # type: ignore[attr-defined]  # hypothesis hands over a random.Random
    seen = [0]
    for entry in todo:
        entry.done()
        if looks and len(seen) % looks == 0:
            continue
        position = ledger.position(PLACE)
        open_firsts = [0, *(last + 1 for last in lasts)]
        lowest_open = min(
            (first for first, work in zip(open_firsts, entries, strict=False) if not work.is_done), default=sum(sizes)
        )
        assert position == lowest_open
        seen.append(lowest_open)
    assert all(before <= after for before, after in pairwise(seen))
    assert ledger.position(PLACE) == sum(sizes)
