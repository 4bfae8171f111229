"""What rooms and hosts are expected to sell reaches the rate of announced sessions, for stream and planner alike."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from supplychain.compute import InlineCompute
from supplychain.domain.past import PastSession, RoomDay, SoldMinute
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import DAY, MINUTE
from supplychain.forecasting.lesson_learning import learn_lessons
from supplychain.forecasting.prior import fit_prior
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.rooms import RoomHistory
from supplychain.forecasting.session_lessons import Lessons, lessons_from_json
from supplychain.forecasting.session_model import SessionModel
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of
from supplychain.planning.calendar import business_day
from supplychain.planning.evenings import known_rooms, with_evenings
from supplychain.planning.learned import ModelBody, encode_model
from supplychain.planning.slot_outlook import slot_rows
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import CATALOGUE, SESSION, T0, open_trade, wall

PLAIN = TradeCalendar("")
TODAY = business_day(SESSION.starts_at, CATALOGUE.zone)


def busy(day: int) -> bool:
    return (day - TODAY) % 7 == 0


@pytest.fixture(scope="module")
def past() -> list[PastSession]:
    """A session on each of the last sixty days; on the announced session's weekday it sold thrice its plan."""
    rng = np.random.default_rng(5)
    held = []
    for back in range(60, 0, -1):
        starts, ends = SESSION.starts_at - back * DAY, SESSION.ends_at - back * DAY
        session = replace(SESSION, session=f"P{back}", starts_at=starts, ends_at=ends)
        appeal = float(rng.gamma(25.0, 1 / 25.0)) * (3.0 if busy(TODAY - back) else 1.0)
        orders = rng.poisson(appeal * 0.6, 180)
        minutes = [
            SoldMinute("A", session.starts_at + minute * MINUTE, int(count), int(count))
            for minute, count in enumerate(orders)
            if count
        ]
        held.append(PastSession(session, tuple(minutes), seen_until=session.ends_at + DAY))
    return held


def rows_of(past: list[PastSession]) -> list[RoomDay]:
    return [
        RoomDay(
            date_of(business_day(one.session.starts_at, CATALOGUE.zone)).isoformat(),
            "room",
            "host",
            sum(minute.pieces for minute in one.minutes),
            180,
            0,
        )
        for one in past
    ]


def rooms_of(past: list[PastSession]) -> tuple[RoomHistory, dict[str, FittedPrior]]:
    history = RoomHistory.of(rows_of(past))
    return history, {series.key: fit_prior(series) for series in history.aggregates(PLAIN)}


def taught(past: list[PastSession], rooms: tuple[RoomHistory, dict[str, FittedPrior]]) -> Lessons:
    lessons = learn_lessons(past, CATALOGUE, Forecast())
    return with_evenings(lessons, InlineCompute(), rooms, past, CATALOGUE, PLAIN, Forecast(), T0, 60.0)


def test_the_weekday_of_a_room_moves_its_announced_session_for_every_reader(past: list[PastSession]) -> None:
    lessons = taught(past, rooms_of(past))
    factor = lessons.session.evenings["L1"]
    assert 0.4 < lessons.session.evening_power <= 1.0
    assert 1.3 < factor < 3.0
    assert lessons_from_json(lessons.to_json()) == lessons
    usual = replace(lessons.session, evenings={})
    moved, plain = (SessionModel(CATALOGUE, Forecast(), one) for one in (lessons.session, usual))
    ahead, before = (model.forecast("L1", "A", SESSION.starts_at) for model in (moved, plain))
    assert ahead is not None
    assert before is not None
    assert ahead.units.mean == pytest.approx(factor * before.units.mean)
    running = moved.plan("L1", "A"), plain.plan("L1", "A")
    assert running[0] is not None
    assert running[1] is not None
    assert running[0][0].rate == pytest.approx(factor * running[1][0].rate)
    rows = slot_rows(CATALOGUE, Forecast(), lessons.session, (), "A", "CN-ZJ", T0)
    assert {row["evening"] for row in rows} == {factor}


def test_without_priors_of_rooms_or_with_few_evenings_the_lessons_stay_as_they_were(past: list[PastSession]) -> None:
    lessons = learn_lessons(past[-10:], CATALOGUE, Forecast())
    assert taught(past[-10:], (RoomHistory.of([]), {})) == lessons
    assert taught(past[-10:], rooms_of(past[-20:])) == lessons


def test_the_priors_of_rooms_are_those_of_the_active_model(store: SqlStore, past: list[PastSession]) -> None:
    open_trade(store)
    with store.read() as tx:
        assert known_rooms(tx)[1] == {}
    _, priors = rooms_of(past)
    shelf = fit_prior(RoomHistory.of(rows_of(past)).aggregates(PLAIN)[0])
    stored = {**priors, "tea": replace(shelf, key="tea")}
    body = ModelBody("2026-01-01", False, aggregates={key: json.loads(one.to_json()) for key, one in stored.items()})
    with store.write() as tx:
        tx.learning.put_rooms(rows_of(past))
        number = tx.versions.put_prior(encode_model(body), degraded=False, fitted_through=T0, wall=wall())
        tx.versions.activate("prior", number)
    with store.read() as tx:
        history, known = known_rooms(tx)
    assert set(known) == set(priors) == {"room:room", "host:host"}
    assert history.pieces["host:host"].sum() == sum(row.pieces for row in rows_of(past))
