"""However a history is cut into chunks, and wherever the watcher is restarted, the crowd tells it the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.tuning import Tuning
from supplychain.messages.v1 import Audience, Sale, Tick
from supplychain.watching import PartitionWatch, Spike
from tests.unit.watching.watching_rig import CATALOGUE, SECOND, T0, records, steady, watch

SECONDS = 500
ORDERS = dict.fromkeys(range(0, SECONDS, 5), 1) | dict.fromkeys(range(300, 400, 5), 4)
EVENTS: list[Sale | Tick] = steady(SECONDS, ORDERS)
SAMPLES = [
    Audience(
        "room",
        T0 + second * SECOND,
        1_000,
        comments=second // 5 % 4,
        item_clicks={"A": 10 + second // 5 % 5 + (25 if 300 < second <= 400 else 0)},
    )
    for second in range(5, SECONDS, 5)
    if second % 65
]


def play(cuts: list[int], restarts: set[int]) -> tuple[list[Spike], bytes]:
    """Take the chunks between the cuts, each after what it listens for."""
    one = watch()
    spikes: list[Spike] = []
    blocks: list[tuple[int, bytes]] = []
    edges = [0, *cuts, len(EVENTS)]
    for number, (start, end) in enumerate(pairwise(edges)):
        if number in restarts:
            one = PartitionWatch(CATALOGUE, Tuning(), partition=0, snapshot=one.snapshot(), seen_blocks=blocks)
        ticks = [event.at for event in EVENTS[start:end] if isinstance(event, Tick)]
        since, until = one.listens(max(ticks, default=-1))
        one.engage(sample for sample in SAMPLES if since <= sample.at <= until)
        delta = one.apply(records(EVENTS[start:end], first=start))
        spikes.extend(delta.spikes)
        blocks.extend(delta.seen_blocks)
    return spikes, one.snapshot()


WHOLE = play([], set())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, len(EVENTS) - 1), unique=True, max_size=30).map(sorted),
    st.sets(st.integers(1, 30), max_size=3),
)
def test_cuts_and_restarts_change_no_spike(cuts: list[int], restarts: set[int]) -> None:
    assert play(cuts, restarts) == WHOLE


def test_there_is_a_spike_to_be_told_of() -> None:
    assert [spike.sku for spike in WHOLE[0]] == ["A"]
