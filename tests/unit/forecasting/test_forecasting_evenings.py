"""Evenings: priors of room and host move announced sessions as far as they would have foretold past ones, and not at all without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from supplychain.domain.past import RoomDay
from supplychain.forecasting.evenings import Evening, evening_outlook
from supplychain.forecasting.prior import fit_prior
from supplychain.forecasting.rooms import RoomHistory
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of

FIRST, DAYS = 20_000, 120
PLAIN = TradeCalendar("")


def weekend(day: int) -> bool:
    return (day + 3) % 7 >= 5


def past(strength: float, *, planned: bool = False, seed: int = 3, days: int = DAYS) -> list[Evening]:
    """A session a day that was planned at 300 orders and sold `strength` times as many on weekends; `planned`: the plan knew."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(FIRST, FIRST + days):
        mean = 300.0 * (strength if weekend(day) else 1.0) * float(rng.gamma(25.0, 1 / 25.0))
        expected = 300.0 * (strength if planned and weekend(day) else 1.0)
        found.append(Evening(f"s{day}", "studio", "ana", day, float(rng.poisson(mean)), expected))
    return found


def rooms_of(evenings: list[Evening]) -> RoomHistory:
    return RoomHistory.of(
        [RoomDay(date_of(one.day).isoformat(), one.room, one.host, round(one.orders), 180, 30) for one in evenings]
    )


def outlook(held: list[Evening], ahead: list[Evening]) -> tuple[float, dict[str, float]]:
    rooms = rooms_of(held)
    priors = {series.key: fit_prior(series) for series in rooms.aggregates(PLAIN)}
    found = evening_outlook(rooms, priors, held[-60:], ahead, PLAIN)
    return found.power, dict(found.factors)


AHEAD = [Evening(f"a{day}", "studio", "ana", day) for day in range(FIRST + DAYS, FIRST + DAYS + 7)]


def test_a_room_that_sells_twice_on_weekends_moves_the_sessions_that_are_announced() -> None:
    power, factors = outlook(past(2.0), AHEAD)
    assert power > 0.7
    busy = [factors[one.session] for one in AHEAD if weekend(one.day)]
    quiet = [factors[one.session] for one in AHEAD if not weekend(one.day)]
    assert np.mean(busy) / np.mean(quiet) == pytest.approx(2.0, rel=0.25)
    assert np.mean([*busy, *quiet]) == pytest.approx(1.0, abs=0.2)


def test_what_the_plan_knew_already_is_not_counted_twice() -> None:
    power, factors = outlook(past(2.0, planned=True), AHEAD)
    assert power < 0.1
    assert all(factor == pytest.approx(1.0, abs=0.08) for factor in factors.values())


def test_noise_moves_nothing() -> None:
    moved = [
        max(abs(np.log(factor)) for factor in outlook(past(1.0, seed=seed), AHEAD)[1].values() or [1.0])
        for seed in range(5)
    ]
    assert max(moved) < 0.1


def test_little_history_moves_nothing() -> None:
    assert outlook(past(2.0, days=12), AHEAD) == (0.0, {})
    assert outlook(past(2.0, days=30), AHEAD) == (0.0, {}), "two days before those that are judged have no prior"
    assert outlook([], AHEAD) == (0.0, {})


def test_who_has_no_prior_is_expected_to_sell_as_usual() -> None:
    held = past(2.0)
    stranger = [replace(one, session=f"b{one.day}", room="new", host="bo") for one in AHEAD]
    _, factors = outlook(held, [*AHEAD, *stranger])
    assert all(factors[one.session] == 1.0 for one in stranger)
