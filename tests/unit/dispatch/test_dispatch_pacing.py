"""Pauses double, differ between messages, repeat between runs; a circuit opens, probes and closes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.dispatch.pacing import LONGEST_PAUSE_MS, Breakers, pause_ms


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(1, 500), st.integers(1, 3_600_000))
def test_a_pause_lies_between_half_and_the_whole_of_its_step(message: str, attempt: int, first: int) -> None:
    whole = min(LONGEST_PAUSE_MS, first * 2 ** (attempt - 1))
    pause = pause_ms(message, attempt, first)
    assert max(1, whole // 2) <= pause <= whole
    assert pause == pause_ms(message, attempt, first)


def test_messages_that_fail_together_do_not_return_together() -> None:
    assert len({pause_ms(f"M{n}", 3, 1_000) for n in range(50)}) > 45


def test_a_circuit_opens_after_failures_in_a_row_only() -> None:
    breakers = Breakers(threshold=3, first_ms=1_000)
    assert breakers.failed("supplier", "S1", 0) == 0
    assert not breakers.healthy("supplier", "S1")
    breakers.succeeded("supplier", "S1")
    assert breakers.healthy("supplier", "S1")
    assert [breakers.failed("supplier", "S1", 10) for _ in range(3)] == [0, 0, 1_010]


def test_an_open_circuit_lets_a_probe_through_and_opens_longer_when_it_fails() -> None:
    breakers = Breakers(threshold=1, first_ms=1_000, longest_ms=3_000)
    assert breakers.failed("supplier", "S1", 0) == 1_000
    assert breakers.blocked_until("supplier", "S1", 999) == 1_000
    assert breakers.open_lanes(999) == [("supplier", "S1")]
    assert breakers.blocked_until("supplier", "S1", 1_000) is None
    assert breakers.failed("supplier", "S1", 1_000) == 3_000
    assert breakers.failed("supplier", "S1", 3_000) == 6_000
    breakers.succeeded("supplier", "S1")
    assert breakers.open_lanes(3_001) == []


@pytest.mark.parametrize(("channel", "lane"), [("supplier", "S2"), ("allocations", "S1")])
def test_another_receiver_is_not_touched(channel: str, lane: str) -> None:
    breakers = Breakers(threshold=1)
    breakers.failed("supplier", "S1", 0)
    assert breakers.blocked_until(channel, lane, 1) is None
    assert breakers.healthy(channel, lane)
