"""Whatever past sessions look like, lessons are finite, come back from their record, and forecasts from them are sane."""

from __future__ import annotations

import numpy as np
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import DAY, MINUTE
from supplychain.forecasting.audience import audience_until
from supplychain.forecasting.exposure import SpikeLift
from supplychain.forecasting.lesson_learning import learn_lessons
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.session_lessons import lessons_from_json
from supplychain.forecasting.session_model import SessionModel

T0 = 1_790_000_000_000
WEIGHTS = st.sampled_from([0.0, 1.0, 1e6])
counts = st.sampled_from([0, 0, 1, 2, 7, 400, 1_000_000])
minutes = st.lists(st.tuples(st.integers(-30, 4_000), counts, counts, counts, counts, counts), max_size=6)
viewers = st.lists(st.tuples(st.integers(-5, 70), st.sampled_from([0.0, 1.0, 500.0, 1e9])), max_size=8)
slots = st.lists(
    st.tuples(
        st.sampled_from(list(SlotKind)),
        st.integers(-10, 70),
        st.integers(0, 40),
        st.sampled_from([0.0, 0.01, 1.0, 5.0, 1e4]),
        st.sampled_from([None, 0, 1, 900, 10_000]),
    ),
    max_size=4,
)
shows = st.tuples(slots, st.sampled_from([0.0, 0.5, 200.0, 1e7]), st.sampled_from([0, 1, 5_000]), st.integers(1, 90))


def session(number: int, show: tuple[list[tuple[SlotKind, int, int, float, int | None]], float, int, int]) -> Session:
    planned, expected, audience, length = show
    start = T0 - number * DAY
    run = tuple(
        ShowSlot(kind, "A", start + at * MINUTE, start + (at + long) * MINUTE, strength, price)
        for kind, at, long, strength, price in planned
    )
    items = (SessionItem("A", expected, 1.3, 1_000), SessionItem("Z", 3.0))
    return Session(f"s{number}", "room", "host", "p", "shop", start, start + length * MINUTE, audience, items, run)


def catalogue(sessions: list[Session], weight: float) -> Catalogue:
    regions = {"R1": Region("R1", "one", weight), "R2": Region("R2", "two", 0.0)}
    skus = {"A": Sku("A", "a", "cream", 1_000, 300)}
    return Catalogue(skus, {}, {}, {}, {}, regions, {one.session: one for one in sessions})


@given(st.lists(st.tuples(shows, minutes, viewers), max_size=2), WEIGHTS, counts, st.integers(0, 100), viewers)
@example([], 0.0, 0, 0, [])
@example([(([], 0.0, 0, 1), [], [])], 0.0, 0, 0, [])
@settings(deadline=None, max_examples=5, phases=(Phase.explicit, Phase.generate))
def test_lessons_of_any_past_give_sane_forecasts(
    world: list[tuple[object, list[tuple[int, ...]], list[tuple[int, float]]]],
    weight: float,
    sold: int,
    now: int,
    heard: list[tuple[int, float]],
) -> None:
    past = []
    for number, (show, rows, seen) in enumerate(world, 1):
        held = session(number, show)  # type: ignore[arg-type]  # drawn in that form
        told = tuple(SoldMinute("A", held.starts_at + at * MINUTE, *numbers) for at, *numbers in rows)
        audience = tuple((held.starts_at + at * MINUTE, count) for at, count in seen)
        past.append(PastSession(held, told, audience, {"A": frozenset({held.starts_at})}, T0))
    coming = session(0, ([(SlotKind.PITCH, 5, 10, 4.0, None)], 100.0, 1_000, 60))
    world_now = catalogue([coming, *(one.session for one in past)], weight)
    lessons = learn_lessons(past, world_now, Forecast())
    assert lessons_from_json(lessons.to_json()) == lessons
    model = SessionModel(world_now, Forecast(), lessons.session)
    at = coming.starts_at + now * MINUTE
    known = audience_until(coming, lessons.session.audience, [(T0 + m * MINUTE, v) for m, v in heard], at)
    lifts = (SpikeLift(3.0, coming.starts_at + 5 * MINUTE),)
    left = model.forecast("s0", "A", at, {"R1": sold}, {"R1": 2 * sold}, ((at - 3 * MINUTE, at),), known, lifts)
    assert left is not None
    parts = left.regions()
    assert np.isclose(sum(part.mean for part in parts.values()), left.units.mean)
    for part in parts.values():
        grid = quantiles(part.mean, part.variance, [0.1, 0.5, 0.9])
        assert np.all(np.isfinite(grid))
        assert grid[0] >= 0.0
        assert np.all(np.diff(grid) >= 0.0)
    if now >= 60:
        assert left.units.mean == 0.0
    for cell in ((), ("cream", "x3", "host")):
        kept = lessons.losses.ships(cell), lessons.losses.keeps(cell)
        assert 0.0 <= kept[1] <= kept[0] <= 1.0
