import datetime

import numpy as np
import pytest

from supplychain.forecasting.trade_calendar import (
    Campaign,
    TradeCalendar,
    campaigns_from,
    date_of,
    day_number,
    spring_festival,
)

DATA = [
    {"name": "618", "start": "05-31", "end": "06-18", "peak": "06-18"},
    {"name": "年货节", "start": "-28", "end": "-8", "anchor": "spring-festival"},
    {"name": "turn", "start": "12-28", "end": "01-03"},
    {"name": "once", "start": "2026-03-08", "end": "2026-03-09"},
]
CALENDAR = TradeCalendar("CN", campaigns_from(DATA))


def on(name: str, date: str) -> float:
    return float(CALENDAR.effects(np.array([day_number(datetime.date.fromisoformat(date))]))[name][0])


@pytest.mark.parametrize(
    ("name", "date", "expected"),
    [
        ("makeup_workday", "2026-02-14", 1.0),
        ("makeup_workday", "2026-02-15", 0.0),
        ("holiday", "2026-10-01", 1.0),
        ("holiday", "2026-10-04", 1.0),
        ("holiday", "2026-10-10", 0.0),
        ("holiday", "2026-02-17", 0.0),
        ("spring_festival", "2026-02-17", 1.0),
        ("spring_festival", "2026-02-21", 1.0),
        ("holiday_eve", "2026-09-30", 1.0),
        ("holiday_eve", "2025-12-31", 1.0),
        ("holiday_eve", "2026-10-02", 0.0),
        ("campaign:618", "2026-06-01", 1.0),
        ("campaign:618", "2026-06-19", 0.0),
        ("peak:618", "2026-06-18", 1.0),
        ("peak:618", "2026-06-17", 0.0),
        ("campaign:年货节", "2026-01-20", 1.0),
        ("campaign:年货节", "2026-02-10", 0.0),
        ("campaign:turn", "2026-01-02", 1.0),
        ("campaign:turn", "2026-12-29", 1.0),
        ("campaign:once", "2026-03-08", 1.0),
        ("campaign:once", "2027-03-08", 0.0),
    ],
)
def test_effects(name: str, date: str, expected: float) -> None:
    assert on(name, date) == expected


def test_a_horizon_into_an_unannounced_year_is_provisional_and_never_fails() -> None:
    days = np.arange(day_number(datetime.date(2026, 12, 1)), day_number(datetime.date(2029, 3, 1)))
    effects = CALENDAR.effects(days)
    assert all(np.all((values == 0.0) | (values == 1.0)) for values in effects.values())
    assert CALENDAR.provisional_years(days) == (2027, 2028, 2029)
    assert effects["spring_festival"].sum() >= 3 * 5


def test_spring_festival_is_the_first_lunar_day() -> None:
    assert date_of(spring_festival(2026) or 0) == datetime.date(2026, 2, 17)


def test_another_country_and_none() -> None:
    christmas = np.array([day_number(datetime.date(2010, 12, 25))])
    assert TradeCalendar("GB").effects(christmas)["holiday"][0] == 1.0
    assert TradeCalendar("").effects(christmas) == {}


@pytest.mark.parametrize(
    "row", [{"name": "x", "start": "06-01"}, {"name": "x", "start": "06-01", "end": "06-02", "colour": "red"}]
)
def test_a_faulty_row_is_named(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="row 1"):
        campaigns_from([row])


def test_impossible_campaigns_are_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        Campaign("x", "-3", "-9", "spring-festival")
    with pytest.raises(ValueError, match="anchor"):
        Campaign("x", "01-01", "01-02", "easter")
