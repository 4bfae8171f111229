"""The time axis of a plan, and when something that leaves now arrives: hours of today and tomorrow, then days.

Working hours, cut-offs and the business zone live here and nowhere else; the optimizer sees arrival tables.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from supplychain.domain.network import Lane, WorkingHours
from supplychain.domain.units import HOUR, MINUTE, SECOND, floor_to, millis

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Axis:
    """T+1 boundaries in UTC milliseconds, and the business day (0 is the day of the cut) of each of the T periods."""

    boundaries: tuple[int, ...]
    day: tuple[int, ...]

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.day)

    @property
    def start(self) -> int:
        """The cut: the start of the first period."""
        return self.boundaries[0]

    @property
    def end(self) -> int:
        """The end of the horizon."""
        return self.boundaries[-1]

    def period(self, at: int) -> int:
        """Return the period of a moment: 0 for what is overdue, T for what lies beyond the horizon."""
        return max(0, min(bisect_right(self.boundaries, at) - 1, self.periods))


def _next_midnight(at: int, zone: ZoneInfo, days: int = 1) -> int:
    local = datetime.fromtimestamp(at / SECOND, zone) + timedelta(days=days)
    return millis(local.replace(hour=0, minute=0, second=0, microsecond=0))


def business_day(at: int, zone_name: str) -> int:
    """Return the day of a moment in a zone, counted from 1970-01-01.

    >>> business_day(0, "Asia/Shanghai"), business_day(16 * HOUR, "Asia/Shanghai")
    (0, 1)
    """
    return datetime.fromtimestamp(at / SECOND, ZoneInfo(zone_name)).date().toordinal() - _EPOCH


def axis(cut: int, zone_name: str, *, hourly_days: int, horizon_days: int) -> Axis:
    """Return hours through the end of the `hourly_days`-th business day, then days, `horizon_days` in all.

    The first period runs from the cut to the next full hour.
    """
    zone = ZoneInfo(zone_name)
    boundaries = [cut]
    hourly_until = _next_midnight(cut, zone, hourly_days)
    hour = floor_to(cut, HOUR) + HOUR
    while hour <= hourly_until:
        boundaries.append(hour)
        hour += HOUR
    if boundaries[-1] < hourly_until:  # a zone whose midnight is no full hour of UTC
        boundaries.append(hourly_until)
    boundaries.extend(_next_midnight(cut, zone, day) for day in range(hourly_days + 1, horizon_days + 1))
    midnights = [_next_midnight(cut, zone, day) for day in range(1, horizon_days + 1)]
    days = tuple(bisect_right(midnights, start) for start in boundaries[:-1])
    return Axis(tuple(boundaries), days)


def opening(at: int, hours: WorkingHours) -> int:
    """Return the first moment from `at` on at which a partner works."""
    if hours.opens == 0 and hours.closes >= 24 * 60 and len(hours.weekdays) == 7:
        return at
    zone = ZoneInfo(hours.zone)
    local = datetime.fromtimestamp(at / SECOND, zone)
    for ahead in range(9):
        day = local + timedelta(days=ahead)
        if day.weekday() not in hours.weekdays:
            continue
        midnight = millis(day.replace(hour=0, minute=0, second=0, microsecond=0))
        opens, closes = midnight + hours.opens * MINUTE, midnight + hours.closes * MINUTE
        if at < closes:
            return max(at, opens)
    return at


def departure(at: int, lane: Lane) -> int:
    """Return when something ready at `at` leaves on a lane: after the cut-off it waits for the next local midnight."""
    if lane.cut_off is None:
        return at
    zone = ZoneInfo(lane.zone)
    local = datetime.fromtimestamp(at / SECOND, zone)
    if local.hour * 60 + local.minute < lane.cut_off:
        return at
    return _next_midnight(at, zone)


def lane_arrivals(grid: Axis, lane: Lane) -> list[int]:
    """Return the moment of arrival for a release at the start of each period."""
    return [departure(start, lane) + lane.minutes * MINUTE for start in grid.boundaries[:-1]]


def supply_arrivals(grid: Axis, hours: WorkingHours, lead_minutes: int, lane: Lane) -> list[int]:
    """Return when an order released at the start of each period is in the warehouse: opening, lead time, supply lane."""
    return [
        departure(opening(start, hours) + lead_minutes * MINUTE, lane) + lane.minutes * MINUTE
        for start in grid.boundaries[:-1]
    ]


def periods_of(grid: Axis, arrivals: Sequence[int]) -> list[int]:
    """Return the period of each arrival, T beyond the horizon."""
    return [grid.period(at) for at in arrivals]
