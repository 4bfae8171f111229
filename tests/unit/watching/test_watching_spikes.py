"""Bursts are seen, planned ones are not surprising, and faults of the stream are no bursts."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from supplychain.domain.network import SlotKind
from supplychain.domain.tuning import Detector, Tuning, parse
from supplychain.messages.v1 import Sale, Tick
from supplychain.watching import ChunkDelta, PartitionWatch
from supplychain.watching.detector import Constants, Streams
from supplychain.watching.schedule import item_plan, usual_rate
from supplychain.watching.spikes import GAP_BINS
from tests.unit.watching.watching_rig import (
    CATALOGUE,
    FLASH,
    HOUR,
    MINUTE,
    SECOND,
    SESSION,
    T0,
    apply,
    sale,
    steady,
    watch,
)


def burst(start: int, end: int, orders: int) -> dict[int, int]:
    return dict.fromkeys(range(start, end, 5), orders)


def test_a_burst_begins_is_sized_and_ends() -> None:
    delta = apply(watch(), steady(1_500, burst(600, 720, 4)))
    (spike,), (end,) = delta.spikes, delta.spike_ends
    assert spike.sku == "A"
    assert spike.started_at == T0 + 600 * SECOND
    assert T0 + 605 * SECOND < spike.judged_at <= T0 + 640 * SECOND
    assert spike.judged_at % (5 * SECOND) == SECOND, "end of a bin plus the grace"
    assert spike.ratio == pytest.approx(4.0, abs=0.5)
    assert spike.ratio == spike.observed / spike.expected
    assert spike.score > spike.threshold
    assert spike.planned is None
    assert end.spike_id == spike.spike_id
    assert end.ended_at == T0 + 720 * SECOND
    assert end.observed == 24 * 4
    assert end.peak_ratio == pytest.approx(4.0, abs=0.3)
    assert not end.settled


def test_a_spike_asks_for_a_forecast_from_what_was_known_then() -> None:
    delta = apply(watch(), steady(1_500, burst(600, 720, 4)))
    (spike,) = delta.spikes
    (cue,) = [cue for cue in delta.cues if cue.spike_id]
    assert (cue.spike_id, cue.sku) == (spike.spike_id, "A")
    assert cue.at == spike.judged_at - SECOND
    known = [row for row in delta.windows if row.known_bin + 5 * SECOND <= cue.at]
    assert cue.orders_by_region == {"CN-ZJ": sum(row.orders for row in known)}


def test_the_same_burst_has_the_same_id() -> None:
    one = apply(watch(), steady(1_500, burst(600, 720, 4))).spikes
    two = apply(watch(), steady(1_500, burst(600, 720, 5))).spikes
    assert one[0].spike_id == two[0].spike_id


def offer(orders: int) -> ChunkDelta:
    start = (FLASH.starts_at - T0) // SECOND
    return apply(watch(), steady(start + 900, burst(start, start + 300, orders), start=0))


def test_a_planned_offer_at_its_strength_is_no_burst() -> None:
    assert offer(5).spikes == []


def test_a_planned_offer_far_above_its_strength_is_one_and_says_what_was_planned() -> None:
    (spike,) = offer(13).spikes
    assert spike.planned is not None
    assert (spike.planned.kind, spike.planned.strength) == ("flash_offer", 5.0)
    assert FLASH.starts_at <= spike.started_at < FLASH.ends_at


def test_an_offer_that_does_not_happen_is_no_burst_either() -> None:
    assert offer(1).spikes == []


def test_the_first_minutes_do_not_alarm_when_they_are_as_expected() -> None:
    assert apply(watch(), steady(900)).spikes == []


def test_the_first_minutes_alarm_when_they_are_far_above_the_prior() -> None:
    assert apply(watch(), steady(300, 6)).spikes


def test_an_item_without_a_prior_is_watched_before_it_is_judged() -> None:
    calm = apply(watch(), steady(600, 6, sku="C"))
    assert calm.spikes == []
    (spike,) = apply(watch(), steady(900, burst(600, 720, 6), sku="C")).spikes
    assert spike.sku == "C"


def test_a_bin_is_judged_once_and_late_orders_change_no_verdict() -> None:
    one = watch()
    apply(one, steady(700))
    late = [sale(f"late-{at}", T0 + 640 * SECOND + at) for at in range(60)]
    delta = apply(one, [*late, *steady(300, start=700)])
    assert sum(row.orders for row in delta.windows) == 60 + 60
    assert delta.spikes == []


@pytest.mark.parametrize("silence", [5 * GAP_BINS + 10, 1_800])
def test_a_silent_source_is_no_quiet_market(silence: int) -> None:
    one = watch()
    apply(one, steady(900))
    before = one.spikes.observed
    delta = apply(one, steady(900, start=900 + silence))
    assert delta.spikes == []
    assert one.spikes.observed - before < 182, "bins in which nothing was heard are not counted as empty"


def test_a_quiet_market_is_learned_from_ticks() -> None:
    one = watch()
    apply(one, steady(900))
    apply(one, [Tick(at=T0 + second * SECOND) for second in range(900, 2_700)])
    assert apply(one, steady(300, start=2_700)).spikes, "twenty minutes without an order make one order a bin a burst"


def test_a_stalled_source_that_catches_up_is_no_burst() -> None:
    """Orders of three minutes come late, all at once, while ticks went on; then the flow goes on as before."""
    events = steady(1_800)
    stalled = [
        event for event in events if isinstance(event, Sale) and 900 <= (event.occurred_at - T0) // SECOND < 1_000
    ]
    on_time = [event for event in events if event not in stalled]
    resume = next(at for at, event in enumerate(on_time) if isinstance(event, Tick) and event.at == T0 + 1_000 * SECOND)
    delta = apply(watch(), [*on_time[:resume], *stalled, *on_time[resume:]])
    assert sum(row.orders for row in delta.windows) == 360
    assert delta.spikes == []


def test_a_burst_that_stays_becomes_the_rule() -> None:
    tuning = parse({"detector": {"half_life_seconds": 60}})
    delta = apply(watch(tuning), steady(2_000, burst(300, 2_000, 4)))
    assert [end.settled for end in delta.spike_ends] == [True]
    assert len(delta.spikes) == 1


def test_false_alarms_are_shared_by_the_items_of_a_room() -> None:
    alone = apply(watch(), steady(1_500, burst(600, 720, 4))).spikes[0]
    both = [*steady(1_500, burst(600, 720, 4)), *steady(1_500, sku="B")]
    both.sort(key=lambda event: (event.at, 0) if isinstance(event, Tick) else (event.occurred_at, 1))
    together = apply(watch(), both).spikes[0]
    assert together.threshold > alone.threshold


def test_a_burst_over_midnight_belongs_to_the_session_it_began_in() -> None:
    midnight = 16 * HOUR // SECOND
    orders = burst(midnight - 60, midnight + 60, 6)
    delta = apply(watch(), steady(1_200, orders, start=midnight - 600, room_id=None, sku="C"))
    (spike,) = delta.spikes
    assert (spike.session_id, spike.room) == ("shop:shop:2023-11-15", None)
    assert delta.spike_ends[0].session_id == spike.session_id


def test_a_restart_in_a_burst_changes_nothing() -> None:
    events = steady(1_500, burst(600, 720, 4))
    half = next(at for at, event in enumerate(events) if isinstance(event, Tick) and event.at == T0 + 660 * SECOND)
    one = watch()
    first = apply(one, events[:half])
    two = PartitionWatch(CATALOGUE, Tuning(), partition=0, snapshot=one.snapshot(), seen_blocks=first.seen_blocks)
    second = apply(two, events[half:])
    whole = apply(watch(), events)
    assert first.spikes == whole.spikes
    assert second.spike_ends == whole.spike_ends


def test_sleeping_equals_empty_bins() -> None:
    constants = Constants.of(Detector())
    stepped, slept = Streams(constants), Streams(constants)
    rng = random.Random(5)
    rows = np.array([0])
    for streams in (stepped, slept):
        streams.add(0.7)
    counts = [float(rng.randrange(3)) for _ in range(80)] + [0.0] * 60
    for at, count in enumerate(counts):
        for streams in (stepped, slept):
            streams.step(rows, np.array([count]), np.ones(1), at, at)
    for at in range(140, 190):
        stepped.step(rows, np.zeros(1), np.ones(1), at, at)
    slept.wake(np.array([0]), np.array([50]))
    assert slept.background[0] == pytest.approx(stepped.background[0])
    assert slept.weight[0] == pytest.approx(stepped.weight[0])
    assert slept.score[0] == stepped.score[0] == 0.0


@pytest.mark.parametrize("bin_of", [3, 37, 38, 39])
def test_late_orders_are_learned_as_if_they_had_been_on_time(bin_of: int) -> None:
    constants = Constants.of(Detector())
    on_time, late = Streams(constants), Streams(constants)
    rows = np.array([0])
    for streams in (on_time, late):
        streams.add(1.0)
    for at in range(40):
        on_time.step(rows, np.array([6.0 if at == bin_of else 1.0]), np.ones(1), at, at)
        late.step(rows, np.ones(1), np.ones(1), at, at)
    late.add_late(0, 5.0, 39 - bin_of, 40)
    for at in range(40, 60):
        for streams in (on_time, late):
            streams.step(rows, np.ones(1), np.ones(1), at, at)
    assert late.background[0] == pytest.approx(on_time.background[0])


def test_the_prior_is_spread_in_proportion_to_the_run_of_show() -> None:
    plan = item_plan(SESSION.slots, "A")
    item = SESSION.item("A")
    assert item is not None
    assert usual_rate(SESSION, item, plan, 5_000) == pytest.approx(1.0)
    assert plan.mean(FLASH.starts_at - 2_500, FLASH.starts_at + 2_500) == 3.0
    assert [plan.at(at) for at in (FLASH.starts_at - 1, FLASH.starts_at, FLASH.ends_at)] == [1.0, 5.0, 1.0]
    assert plan.running(T0, T0 + MINUTE) is None


def test_a_pitch_and_an_offer_at_once_multiply_and_two_offers_do_not() -> None:
    pitch = replace(FLASH, kind=SlotKind.PITCH, strength=2.0)
    weaker = replace(FLASH, strength=3.0)
    assert item_plan([FLASH, weaker, pitch], "A").at(FLASH.starts_at) == 10.0
