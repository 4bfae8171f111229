"""The crowd is a second witness of a burst: it shortens the delay and is never enough by itself."""

from __future__ import annotations

import random
from dataclasses import replace

from supplychain.domain.network import Sku
from supplychain.domain.tuning import Detector, Planning, Tuning
from supplychain.messages.v1 import Audience, Sale, Tick
from supplychain.watching import ChunkDelta, PartitionWatch
from tests.unit.watching.watching_rig import CATALOGUE, SECOND, T0, records, sale, steady, watch

QUIET = dict.fromkeys(range(0, 2_000, 5), 1)
BURST = QUIET | dict.fromkeys(range(600, 720, 5), 3)


def sample(second: int, clicks: int, viewers: int = 1_000, **changes: object) -> Audience:
    values: dict[str, object] = {
        "room_id": "room",
        "at": T0 + second * SECOND,
        "viewers": viewers,
        "clicks": clicks,
        "item_clicks": {"A": clicks},
    }
    return Audience(**{**values, **changes})  # type: ignore[arg-type]  # a test's free hand with fields


def crowd(clicks: dict[int, int], noise: int = 3, viewers: dict[int, int] | None = None) -> list[Audience]:
    """Samples every five seconds: twelve clicks a bin on item A, or as many as given."""
    chance = random.Random(4)
    return [
        sample(
            second + 5,
            max(clicks.get(second, 12) + chance.randint(-noise, noise), 0),
            (viewers or {}).get(second, 1_000),
        )
        for second in range(0, 1_000, 5)
    ]


def show(events: list[Sale | Tick], samples: list[Audience], *, restart_at: int | None = None) -> list[ChunkDelta]:
    """Apply five seconds at a time, the samples of each before its sales."""
    one, deltas = watch(), []
    blocks: list[tuple[int, bytes]] = []
    for start in range(0, 1_000, 5):
        if start == restart_at:
            one = PartitionWatch(CATALOGUE, Tuning(), partition=0, snapshot=one.snapshot(), seen_blocks=blocks)
        one.engage(each for each in samples if T0 + start * SECOND < each.at <= T0 + (start + 5) * SECOND)
        part = [event for event in events if T0 + start * SECOND <= moment(event) < T0 + (start + 5) * SECOND]
        deltas.append(one.apply(records(part)))
        blocks.extend(deltas[-1].seen_blocks)
    return deltas


def moment(event: Sale | Tick) -> int:
    return event.at if isinstance(event, Tick) else event.occurred_at


def judged(deltas: list[ChunkDelta]) -> list[int]:
    return [(spike.judged_at - T0) // SECOND for delta in deltas for spike in delta.spikes if spike.sku == "A"]


def test_a_crowd_that_clicks_along_shortens_the_delay() -> None:
    alone = judged(show(steady(1_000, BURST), []))
    along = judged(show(steady(1_000, BURST), crowd(dict.fromkeys(range(600, 720, 5), 24))))
    assert len(alone) == len(along) == 1
    assert 600 < along[0] <= alone[0] - 10


def test_a_crowd_without_orders_is_no_burst() -> None:
    assert judged(show(steady(1_000), crowd(dict.fromkeys(range(600, 720, 5), 60)))) == []


def test_a_room_that_fills_is_no_burst() -> None:
    seconds = range(600, 1_000, 5)
    fuller = crowd(dict.fromkeys(seconds, 36), viewers=dict.fromkeys(seconds, 3_000))
    assert judged(show(steady(1_000), fuller)) == []


def test_a_crowd_that_falls_silent_leaves_the_orders_their_say() -> None:
    lost = [one for one in crowd({}) if one.at < T0 + 500 * SECOND]
    assert len(judged(show(steady(1_000, BURST), lost))) == 1


def test_a_restart_in_the_middle_changes_nothing() -> None:
    samples = crowd(dict.fromkeys(range(600, 720, 5), 24))
    whole = show(steady(1_000, BURST), samples)
    for at in (300, 605, 650):
        assert judged(show(steady(1_000, BURST), samples, restart_at=at)) == judged(whole)


def test_clicks_that_only_echo_orders_are_no_news() -> None:
    """A crowd that clicks twelve times on every order, and never else, says what the orders say."""
    chance = random.Random(11)
    quiet = {second: chance.choice((0, 0, 1, 1, 2, 2)) for second in range(0, 6_000, 5)}
    echo = [sample(second + 5, 12 * orders) for second, orders in quiet.items()]
    one = watch()
    for start in range(0, 6_000, 5):
        one.engage(each for each in echo if each.at == T0 + (start + 5) * SECOND)
        one.apply(records(steady(5, quiet, start)))
    clicks = one.spikes.crowd.clicks
    row = clicks.rows["L1", "A"]
    assert clicks.along[row] / clicks.moved[row] > 9.0
    assert abs(clicks.surplus[row]) < 3.0 * clicks.spread[row] ** 0.5


def test_comments_of_a_room_have_less_to_say_than_clicks_on_the_item() -> None:
    talk = [sample(second + 5, 0, comments=12, item_clicks=None) for second in range(0, 600, 5)]
    talk += [sample(second + 5, 0, comments=60, item_clicks=None) for second in range(600, 720, 5)]
    alone = judged(show(steady(1_000, BURST), []))
    clicks = judged(show(steady(1_000, BURST), crowd(dict.fromkeys(range(600, 720, 5), 60))))
    assert clicks[0] <= judged(show(steady(1_000, BURST), talk))[0] <= alone[0]


def test_samples_of_judged_bins_are_not_held() -> None:
    one = watch()
    one.apply(records(steady(60)))
    one.engage([sample(5, 1), Audience("room", at=10**30, viewers=1), sample(70, 10**30)])
    assert list(one.spikes.crowd.pending) == [T0 + 65 * SECOND]
    one.snapshot()
    one.apply(records([Tick(at=T0 + 200 * SECOND)]))
    assert one.spikes.crowd.pending == {}


def test_what_is_listened_for_are_the_bins_judged_next() -> None:
    one = watch()
    assert one.listens(-1) == (1, 0)
    one.apply(records(steady(61)))
    assert one.listens(T0 + 76 * SECOND) == (T0 + 60 * SECOND, T0 + 75 * SECOND)
    one.apply(records([Tick(at=T0 + 76 * SECOND)]))
    assert one.listens(T0 + 76 * SECOND)[0] > one.listens(T0 + 76 * SECOND)[1], "all of them are judged"
    other = watch(Tuning(detector=Detector(bin_seconds=3), planning=Planning(cut_seconds=3)))
    assert other.listens(T0 + 76 * SECOND) == (1, 0), "samples are added up in bins of five seconds"


def test_a_restart_with_many_items_gives_the_same_state_to_the_last_bit() -> None:
    """A restart numbers the items of a room anew; what is summed over them must not depend on that."""
    chance = random.Random(5)
    skus = [f"SKU-{number}" for number in range(12)]
    catalogue = replace(CATALOGUE, skus={sku: Sku(sku, sku, "c", 1_000, 500) for sku in skus})
    steps = []
    for start in range(0, 900, 5):
        sold = chance.sample(skus, chance.randint(0, len(skus)))
        events: list[Sale | Tick] = [sale(f"{start}-{sku}", T0 + start * SECOND, sku=sku) for sku in sold]
        clicks = {sku: chance.randint(0, 9) for sku in skus}
        steps.append((sample(start + 5, 99, item_clicks=clicks), [*events, Tick(T0 + (start + 5) * SECOND)]))
    ends = []
    for every in (1_000, 9):
        one = watch(catalogue=catalogue)
        for number, (heard, part) in enumerate(steps, start=1):
            one.engage([heard])
            one.apply(records(part))
            if number % every == 0:
                one = PartitionWatch(catalogue, Tuning(), partition=0, snapshot=one.snapshot())
        ends.append(one.snapshot())
    assert ends[0] == ends[1]
