"""A spike explains what it sold: the rest of the session is forecast without it, and so by whoever takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.agents.lifts import HALF_LIFE, KEPT, Lifts
from streams.agents.predict import PlanAlone, Predictor
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import HOUR, MINUTE
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.watching.delta import ChunkDelta, ForecastCue, Spike, SpikeEnd
from tests.unit.planning.small_trade import CATALOGUE, T0

ON_AIR = T0 + 2 * HOUR
BEGAN = ON_AIR + 30 * MINUTE


def spike(name: str = "s1", at: int = BEGAN) -> Spike:
    return Spike(name, "L1", "room", "A", at, at + MINUTE, 5.0, 20, 4.0, 9.0, 4.0, 1.2, None)


def ended(name: str = "s1", at: int = BEGAN + 10 * MINUTE) -> SpikeEnd:
    return SpikeEnd(name, "L1", "A", at, at + MINUTE, 60, 20.0, 6.0, False)


def taken(*deltas: ChunkDelta) -> Lifts:
    lifts = Lifts()
    for delta in deltas:
        lifts.take(delta)
    return lifts


def test_a_spike_is_known_when_it_was_judged_and_over_when_its_end_was() -> None:
    lifts = taken(ChunkDelta(spikes=[spike()]), ChunkDelta(spike_ends=[ended()]))
    assert lifts.of("L1", "A", BEGAN) == ()
    (running,) = lifts.of("L1", "A", BEGAN + 2 * MINUTE)
    assert (running.ratio, running.started_ms, running.ended_ms, running.half_life_ms) == (5.0, BEGAN, None, HALF_LIFE)
    (over,) = lifts.of("L1", "A", BEGAN + 20 * MINUTE)
    assert (over.ratio, over.ended_ms) == (3.0, BEGAN + 10 * MINUTE)
    assert lifts.of("L1", "B", BEGAN + 20 * MINUTE) == ()


def test_who_takes_over_knows_the_same() -> None:
    row: dict[str, Any] = {"spike": "s1", "session": "L1", "sku": "A", "started_at": BEGAN, "judged_at": BEGAN + MINUTE}
    row |= {"ratio": 5.0, "observed": 60, "expected": 20.0, "ended_at": BEGAN + 10 * MINUTE}
    now = BEGAN + 20 * MINUTE
    followed = taken(ChunkDelta(spikes=[spike()]), ChunkDelta(spike_ends=[ended()])).of("L1", "A", now)
    assert Lifts([row]).of("L1", "A", now) == followed
    assert Lifts([row | {"ended_at": None}]).of("L1", "A", now)[0].ended_ms is None


def test_what_is_long_over_is_forgotten() -> None:
    lifts = taken(ChunkDelta(spikes=[spike()]), ChunkDelta(watermark=BEGAN + KEPT + MINUTE))
    assert lifts.of("L1", "A", BEGAN + KEPT) == ()


def test_a_spike_that_is_over_does_not_raise_the_rest() -> None:
    predictor = Predictor(CATALOGUE, Forecast(), 1)
    at = ON_AIR + HOUR
    cue = ForecastCue("L1", "A", at, {"CN-ZJ": 40 + 14}, {"CN-ZJ": 40 + 14})
    lifts = taken(ChunkDelta(spikes=[spike()]), ChunkDelta(spike_ends=[ended()])).of("L1", "A", at)
    blind, told = predictor.forecast(cue), predictor.forecast(cue, lifts)
    usual = predictor.forecast(ForecastCue("L1", "A", at, {"CN-ZJ": 40}, {"CN-ZJ": 40}))
    assert blind is not None
    assert told is not None
    assert usual is not None
    assert blind.rest_mean > 1.12 * usual.rest_mean
    assert told.rest_mean == pytest.approx(usual.rest_mean, rel=0.05)


def test_a_running_spike_moves_the_next_minutes() -> None:
    predictor = Predictor(CATALOGUE, Forecast(), 1)
    at = BEGAN + 2 * MINUTE
    lifts = taken(ChunkDelta(spikes=[spike()])).of("L1", "A", at)
    cue = ForecastCue("L1", "A", at, {"CN-ZJ": 27}, {"CN-ZJ": 27})
    quiet = predictor.forecast(ForecastCue("L1", "A", at, {"CN-ZJ": 21}, {"CN-ZJ": 21}))
    told = predictor.forecast(cue, lifts)
    assert quiet is not None
    assert told is not None
    assert told.rest_mean > quiet.rest_mean + 5.0


def test_the_audience_so_far_moves_the_rest_and_is_read_once_a_minute() -> None:
    asked: list[tuple[str, int, int]] = []

    class Heard(PlanAlone):
        def viewers(self, room: str, start: int, end: int) -> list[tuple[int, float]]:
            asked.append((room, start, end))
            return [(at, 200.0) for at in range(start, end, MINUTE)]

    planned = replace(CATALOGUE.sessions["L1"], expected_viewers=100)
    catalogue = replace(CATALOGUE, sessions={"L1": planned})
    lessons = SessionLessons(audience=(1.0,), trust=1.0, sessions=5)
    full = Predictor(catalogue, Forecast(), 1, lessons, 2, Heard())
    usual = Predictor(catalogue, Forecast(), 1, lessons, 2)
    at = ON_AIR + HOUR + 5_000
    cue = ForecastCue("L1", "A", at, {"CN-ZJ": 80}, {"CN-ZJ": 80})
    heard, deaf = full.forecast(cue), usual.forecast(cue)
    assert heard is not None
    assert deaf is not None
    assert heard.model_version == "session-2"
    assert heard.rest_mean == pytest.approx(160.0, rel=0.03), "twice the audience, twice the sales, and so it goes on"
    assert deaf.rest_mean < heard.rest_mean
    full.forecast(replace(cue, sku="C", at=at + 30_000))
    full.forecast(replace(cue, at=at + 90_000))
    assert asked == [("room", ON_AIR, ON_AIR + HOUR), ("room", ON_AIR + HOUR, ON_AIR + HOUR + MINUTE)]
