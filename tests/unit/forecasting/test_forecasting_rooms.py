"""Rooms and hosts: who sells twice as much pulls twice, a day on the air is forecast by its hours, thin ones have no prior."""

from __future__ import annotations

import numpy as np
import pytest

from supplychain.domain.past import RoomDay
from supplychain.forecasting.ahead import SESSION_HOURS
from supplychain.forecasting.prior import fit_prior
from supplychain.forecasting.rooms import MOST, RoomHistory, host_key, room_key
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of

FIRST = 20_000
NO_HOLIDAYS = TradeCalendar("")


def evenings(days: int = 150) -> list[RoomDay]:
    """Two hosts in one room on Mondays to Fridays, three hours and on every fourth day six; one sells twice what the other does."""
    rng = np.random.default_rng(4)
    rows = []
    for day in range(FIRST, FIRST + days):
        hours = 6 if day % 4 == 0 else 3
        if (day + 3) % 7 < 5:
            rows += [
                RoomDay(
                    date_of(day).isoformat(),
                    "studio",
                    host,
                    int(rng.poisson(pace * 100 * hours)),
                    hours * 60,
                    30,
                )
                for host, pace in (("ana", 2), ("bo", 1))
            ]
    return rows


def test_rooms_and_hosts_are_sums_over_their_evenings() -> None:
    rows = evenings(30)
    book = RoomHistory.of(rows)
    assert set(book.hours) == {"room:studio", "host:ana", "host:bo"}
    assert book.pieces["room:studio"] == pytest.approx(book.pieces["host:ana"] + book.pieces["host:bo"])
    assert book.hours["host:ana"].sum() == sum(row.minutes for row in rows if row.host == "ana") / 60
    assert RoomHistory.of([]).aggregates(NO_HOLIDAYS) == []
    assert RoomHistory.of(rows, longest=7).pieces["host:bo"].shape == (7,)


def test_hours_on_the_air_move_the_forecast_of_an_evening_and_a_host_pulls_what_it_sells() -> None:
    book = RoomHistory.of(evenings())
    priors = {series.key: fit_prior(series) for series in book.aggregates(NO_HOLIDAYS)}
    assert set(priors) == {"room:studio", "host:ana", "host:bo"}
    ana = priors[host_key("ana")]
    assert ana.method == "prophet"
    assert SESSION_HOURS in ana.effects
    sunday = FIRST + 150 + (6 - (FIRST + 150 + 3) % 7)
    days = np.array([FIRST + 151, FIRST + 151, sunday])
    told = book.predict(ana, NO_HOLIDAYS, days, np.array([3.0, 6.0, 3.0]), np.full(3, 0.5)).mean
    assert told[1] == pytest.approx(1_200, rel=0.1)
    assert told[0] == pytest.approx(600, rel=0.2)
    assert told[2] > 0.0, "an evening on a day that was always off is an evening"
    beyond = book.predict(ana, NO_HOLIDAYS, days[:1], np.array([24.0]), np.zeros(1)).mean
    assert beyond[0] == pytest.approx(told[1], rel=0.05), "no evening was longer than six hours"
    pulls = {host: book.pull(priors, NO_HOLIDAYS, [host_key(host)], days[:1])[0] for host in ("ana", "bo", "new")}
    assert pulls["ana"] == pytest.approx(2.0 * pulls["bo"], rel=0.1)
    assert pulls["new"] == 1.0


def test_thin_ones_have_no_prior_and_only_the_largest_of_many_do() -> None:
    few = RoomHistory.of([row for row in evenings(25) if row.host == "ana"][:13])
    assert few.aggregates(NO_HOLIDAYS) == []
    rows = [
        RoomDay(date_of(FIRST + day).isoformat(), f"r{room:03d}", "h", room + 1, 60, 0)
        for room in range(MOST + 5)
        for day in range(14)
    ]
    kept = [series.key for series in RoomHistory.of(rows).aggregates(NO_HOLIDAYS)]
    assert len(kept) == MOST + 1
    assert room_key("r004") not in kept
    assert room_key("r005") in kept
