"""An item that was sold out for an hour and came back lost that hour's censoring with its restock: its rate fell by a third.

The minutes before a restock stay out of the exposure for the rest of the session, in the running forecast and in the lessons.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from supplychain.domain.network import Session, SessionItem
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import HOUR, MINUTE
from supplychain.forecasting.audience import UNSEEN, Audience
from supplychain.forecasting.empty_stretches import empty_stretches
from supplychain.forecasting.session_model import SessionModel
from tests.unit.planning.small_trade import CATALOGUE, T0

SESSION = Session("L1", "room", "host", "p", "s", T0, T0 + 4 * HOUR, items=(SessionItem("A", 240.0),))
MODEL = SessionModel(replace(CATALOGUE, sessions={"L1": SESSION}), Forecast(prior_shape=0.01, tempering=1.0))
EMPTY = ((T0 + HOUR, T0 + 2 * HOUR),)


def _rest(at: int, orders: int, *, empty: tuple[tuple[int, int], ...], audience: Audience = UNSEEN) -> float:
    found = MODEL.forecast("L1", "A", at, {"CN-ZJ": orders}, empty=empty, audience=audience)
    assert found is not None
    return found.orders.mean


def test_minutes_before_a_restock_are_no_exposure_after_it() -> None:
    # 60 in the first hour, nothing could be bought in the second, 60 in the third: one an hour is left at 60 an hour
    assert _rest(T0 + 3 * HOUR, 120, empty=EMPTY) == pytest.approx(60.0, rel=0.01)
    assert _rest(T0 + 3 * HOUR, 120, empty=()) == pytest.approx(40.0, rel=0.01)


def test_several_stretches_and_overlaps_count_once_and_the_audience_keeps_its_minutes() -> None:
    twice = (*EMPTY, (T0 + 90 * MINUTE, T0 + 2 * HOUR), (T0 + 150 * MINUTE, T0 + 3 * HOUR))
    assert _rest(T0 + 3 * HOUR, 90, empty=twice) == pytest.approx(60.0, rel=0.01)
    heard = Audience(minutes=tuple((T0 + place * MINUTE, 1.0) for place in range(170)))
    alike = [_rest(T0 + 3 * HOUR, 90, empty=twice, audience=one) for one in (UNSEEN, heard)]
    assert alike[0] == pytest.approx(alike[1])


def test_only_what_was_sold_out_and_stopped_is_empty() -> None:
    sold = [(T0, 30), (T0 + 10 * MINUTE, 10), (T0 + HOUR, 20)]
    came, later = T0 + 40 * MINUTE, T0 + 2 * HOUR
    assert empty_stretches(40, [(came, 20), (later, 5)], sold) == (
        (T0 + 11 * MINUTE, came),
        (T0 + 61 * MINUTE, later),
    )
    assert empty_stretches(41, [(came, 20)], sold) == (), "a piece was left"
    assert empty_stretches(40, [(T0 + 11 * MINUTE, 20)], sold) == (), "it came at once"
    assert empty_stretches(0, [(came, 20)], []) == (), "nothing was sold yet"
