"""The axis of a plan, and when something that leaves now arrives."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supplychain.domain.network import Lane, LaneKind, WorkingHours
from supplychain.domain.units import DAY, HOUR, MINUTE, local_midnight, millis
from supplychain.planning.calendar import axis, departure, lane_arrivals, opening, periods_of, supply_arrivals

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


def _utc(*parts: int) -> int:
    year, month, day, *clock = parts
    return millis(datetime(year, month, day, *clock, tzinfo=UTC))  # type: ignore[misc, arg-type]  # hour and minute


@given(st.integers(1_700_000_000, 1_860_000_000), st.sampled_from(ZONES), st.integers(1, 3), st.integers(3, 14))
def test_axis_grows_strictly_and_covers_the_horizon(second: int, zone: str, hourly: int, days: int) -> None:
    cut = second * 1_000
    grid = axis(cut, zone, hourly_days=hourly, horizon_days=days)
    assert (grid.start, grid.periods) == (cut, len(grid.boundaries) - 1)
    lengths = [later - sooner for sooner, later in pairwise(grid.boundaries)]
    assert min(lengths) > 0
    assert max(lengths) <= 25 * HOUR
    home = ZoneInfo(zone)
    assert local_midnight(grid.end, home) == grid.end, "it ends at a midnight of the business"
    assert (days - 1) * DAY - 2 * HOUR < grid.end - cut <= days * DAY + 2 * HOUR
    assert grid.day[0] == 0
    assert sorted(set(grid.day)) == list(range(days))
    assert list(grid.day) == sorted(grid.day)
    hours = [length for length, day in zip(lengths, grid.day, strict=True) if day < hourly]
    assert max(hours) <= HOUR
    for period, (start, end) in enumerate(pairwise(grid.boundaries)):
        assert grid.period(start) == grid.period(end - 1) == period
    assert grid.period(cut - 1) == 0
    assert grid.period(grid.end) == grid.period(grid.end + DAY) == grid.periods


def test_axis_of_shanghai_is_hours_of_today_and_tomorrow_then_days() -> None:
    grid = axis(_utc(2026, 11, 11, 12, 20), "Asia/Shanghai", hourly_days=2, horizon_days=14)  # 20:20 local
    assert grid.boundaries[1] - grid.boundaries[0] == 40 * MINUTE
    assert grid.day.count(0) == 4
    assert grid.day.count(1) == 24
    assert grid.periods == 4 + 24 + 12
    assert grid.end == _utc(2026, 11, 24, 16)


def test_days_of_summer_time_are_as_long_as_they_are() -> None:
    grid = axis(_utc(2026, 3, 27, 12), "Europe/Berlin", hourly_days=1, horizon_days=4)
    assert [(b - a) // HOUR for a, b in pairwise(grid.boundaries)][-3:] == [24, 23, 24]
    grid = axis(_utc(2026, 10, 24, 12), "Europe/Berlin", hourly_days=2, horizon_days=3)
    assert grid.day.count(1) == 25


def test_partner_works_in_its_hours_on_its_weekdays() -> None:
    hours = WorkingHours(opens=9 * 60, closes=18 * 60, weekdays=(0, 1, 2, 3, 4), zone="Asia/Shanghai")
    friday = _utc(2026, 11, 13, 1)  # nine in the morning
    assert opening(friday - HOUR, hours) == friday
    assert opening(friday + HOUR, hours) == friday + HOUR
    assert opening(friday + 9 * HOUR - 1, hours) == friday + 9 * HOUR - 1
    assert opening(friday + 9 * HOUR, hours) == friday + 3 * DAY, "closed: Monday"
    assert opening(friday + DAY, WorkingHours()) == friday + DAY


@pytest.mark.parametrize(("clock", "waits"), [((9, 59), False), ((10, 0), True), ((15, 59), True), ((16, 0), False)])
def test_after_the_cut_off_a_shipment_leaves_at_the_next_local_midnight(clock: tuple[int, int], waits: bool) -> None:
    lane = Lane("l", LaneKind.TRANSFER, "a", "b", 90, cut_off=18 * 60)  # 18:00 in Shanghai is 10:00 UTC
    at = _utc(2026, 11, 11, *clock)
    assert departure(at, lane) == (_utc(2026, 11, 11, 16) if waits else at)


def test_arrivals_add_opening_lead_time_and_lane() -> None:
    grid = axis(_utc(2026, 11, 11, 12, 20), "Asia/Shanghai", hourly_days=1, horizon_days=3)
    lane = Lane("l", LaneKind.SUPPLY, "s", "w", 90, cut_off=18 * 60)
    assert lane_arrivals(grid, lane)[0] == _utc(2026, 11, 11, 16) + 90 * MINUTE
    hours = WorkingHours(opens=8 * 60, closes=20 * 60)
    arrivals = supply_arrivals(grid, hours, 120, lane)
    assert arrivals[0] == _utc(2026, 11, 12, 0) + 2 * HOUR + 90 * MINUTE, "20:20: opens at eight, two hours, lane"
    assert all(later >= sooner for sooner, later in pairwise(arrivals))
    periods = periods_of(grid, arrivals)
    assert all(grid.boundaries[p] <= at for p, at in zip(periods, arrivals, strict=True))
    assert periods_of(grid, [grid.end + 1, grid.start - 1]) == [grid.periods, 0]
