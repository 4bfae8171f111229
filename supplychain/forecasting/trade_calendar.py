"""Days on which trade is not ordinary: public holidays with make-up workdays, and sales campaigns.

Holidays come from the `holidays` library. China announces the shifted workdays of a year only in the November before, so for a
later year the library knows computed holidays and no shift: such years are reported as provisional and never fail. No library
knows the campaigns (618, 11-11, 12-12, 年货节): they are data, given by the operator.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from supplychain.forecasting.frames import Flags, Floats, Ints

EPOCH = datetime.date(1970, 1, 1)
SPRING_FESTIVAL = "spring-festival"
_SPRING = "春节"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A sales campaign that returns every year, or once.

    Parameters
    ----------
    name
        Such as "618".
    start, end
        First and last day: "MM-DD" every year, "YYYY-MM-DD" once; with an anchor, days relative to it such as "-28".
    anchor
        "" or "spring-festival", whose date moves with the moon.
    peak
        Optional day of its own effect inside the campaign, in the same notation.

    Raises
    ------
    ValueError
        When a day cannot be read or the end is before the start.
    """

    name: str
    start: str
    end: str
    anchor: str = ""
    peak: str = ""

    def __post_init__(self) -> None:
        if self.anchor not in {"", SPRING_FESTIVAL}:
            raise ValueError(f"campaign {self.name}: unknown anchor {self.anchor!r}")
        for year in (2024, 2025):
            span = self.span(year)
            if span is not None and span[1] < span[0]:
                raise ValueError(f"campaign {self.name} ends before it starts")

    def span(self, year: int) -> tuple[int, int] | None:
        """First and last day of the campaign that starts in `year`, counted from 1970-01-01; None when there is none."""
        start, end = self._day(self.start, year), self._day(self.end, year)
        if start is None or end is None:
            return None
        yearly = not self.anchor and len(self.start) == len(self.end) == 5
        if yearly and end < start:  # from December into January
            end = self._day(self.end, year + 1)
        return None if end is None else (start, end)

    def peak_day(self, year: int) -> int | None:
        """Day of the peak of the campaign of `year`."""
        return self._day(self.peak, year) if self.peak else None

    def _day(self, text: str, year: int) -> int | None:
        if self.anchor == SPRING_FESTIVAL:
            festival = spring_festival(year)
            return None if festival is None else festival + int(text)
        if len(text) == 5:
            month, day = (int(part) for part in text.split("-"))
            last = 28 if (month, day) == (2, 29) else day
            return day_number(datetime.date(year, month, last))
        date = datetime.date.fromisoformat(text)
        return day_number(date) if date.year == year else None


def campaigns_from(rows: Sequence[Mapping[str, str]]) -> tuple[Campaign, ...]:
    """Campaigns from configuration rows with the fields of `Campaign`.

    Raises
    ------
    ValueError
        On an unknown or missing field, named with its row.
    """
    out = []
    for number, row in enumerate(rows, start=1):
        unknown = set(row) - {"name", "start", "end", "anchor", "peak"}
        missing = {"name", "start", "end"} - set(row)
        if unknown or missing:
            raise ValueError(f"campaign row {number}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        out.append(Campaign(**row))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class TradeCalendar:
    """Holidays of one country and the operator's campaigns.

    Parameters
    ----------
    country
        ISO 3166 code, with its part where holidays differ ("GB-ENG"), or "" for no holidays.
    campaigns
        See `Campaign`.

    Raises
    ------
    ValueError
        When no holidays are known of the country or its part.
    """

    country: str = "CN"
    campaigns: tuple[Campaign, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.country not in {"", "CN"}:
            _book(self.country, EPOCH.year)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the effects, in the order of `effects`."""
        fixed = ("holiday", "spring_festival", "makeup_workday", "holiday_eve") if self.country else ()
        campaigns = tuple(f"campaign:{campaign.name}" for campaign in self.campaigns)
        peaks = tuple(f"peak:{campaign.name}" for campaign in self.campaigns if campaign.peak)
        return fixed + campaigns + peaks

    def effects(self, days: Ints) -> dict[str, Floats]:
        """Indicator of each effect on each day.

        Parameters
        ----------
        days
            Days from 1970-01-01, any order.
        """
        wanted = np.asarray(days, dtype=np.int64)
        out = {name: np.zeros(len(wanted)) for name in self.names}
        years = sorted({date_of(int(day)).year for day in wanted})
        for year in years if self.country else ():
            off, makeup, spring = _holidays(self.country, year)
            next_off = _holidays(self.country, year + 1)[0]
            out["holiday"] += np.isin(wanted, list(off - spring))
            out["spring_festival"] += np.isin(wanted, list(spring))
            out["makeup_workday"] += np.isin(wanted, list(makeup))
            eve = {day - 1 for day in off | next_off} - off - next_off
            in_year = np.array([date_of(int(day)).year == year for day in wanted])
            out["holiday_eve"] += np.isin(wanted, list(eve)) & in_year
        for campaign in self.campaigns:
            for year in sorted({y + shift for y in years for shift in (-1, 0, 1)}):
                span = campaign.span(year)
                if span is None:
                    continue
                inside = (wanted >= span[0]) & (wanted <= span[1])
                out[f"campaign:{campaign.name}"][inside] = 1.0
                if campaign.peak:
                    out[f"peak:{campaign.name}"][wanted == campaign.peak_day(year)] = 1.0
        return out

    def holidays(self, days: Ints) -> Flags:
        """Whether each day is a public holiday by name; the weekend beside one is none."""
        wanted = np.asarray(days, dtype=np.int64)
        years = sorted({date_of(int(day)).year for day in wanted}) if self.country else []
        named = [day for year in years for day in _book(self.country, year)[1]]
        return np.asarray(np.isin(wanted, named))

    def provisional_years(self, days: Ints) -> tuple[int, ...]:
        """Years among the days for which China's shifted workdays are not known yet."""
        if self.country != "CN":
            return ()
        years = sorted({date_of(int(day)).year for day in np.asarray(days)})
        return tuple(year for year in years if not _holidays("CN", year)[1])


def day_number(date: datetime.date) -> int:
    """Days from 1970-01-01."""
    return (date - EPOCH).days


def day_of_iso(day: str) -> int:
    """Days from 1970-01-01 of an ISO date."""
    return day_number(datetime.date.fromisoformat(day))


def date_of(day: int) -> datetime.date:
    """Date of a day counted from 1970-01-01."""
    return EPOCH + datetime.timedelta(days=day)


@lru_cache(maxsize=64)
def spring_festival(year: int) -> int | None:
    """First day of the lunar year, or None outside the years the library knows."""
    _, names, _ = _book("CN", year)
    first = [day for day, name in names.items() if name.startswith(_SPRING)]
    return min(first) if first else None


@lru_cache(maxsize=64)
def _book(country: str, year: int) -> tuple[tuple[int, int], dict[int, str], frozenset[int]]:
    """First and last day of a year, its named days off, and its weekend days that are worked."""
    import holidays

    # Chinese names tell the eve from the festival; other countries keep their default language.
    language = "zh_CN" if country == "CN" else None
    state, _, part = country.partition("-")
    try:
        book = holidays.country_holidays(state, subdiv=part or None, years=year, language=language)
    except NotImplementedError:
        raise ValueError(f"no holidays are known of {country!r}") from None
    names = {day_number(date): str(name) for date, name in book.items() if date.year == year}
    first, last = day_number(datetime.date(year, 1, 1)), day_number(datetime.date(year, 12, 31))
    weekend = (day for day in range(first, last + 1) if date_of(day).weekday() >= 5 and day not in names)
    return (first, last), names, frozenset(day for day in weekend if book.is_working_day(date_of(day)))


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Days off in blocks with the weekends they touch, make-up workdays, and the block of Spring Festival."""
    (first, last), names, makeup = _book(country, year)
    off = set(names)
    for _ in range(2):  # Saturday, then Sunday
        touched = {day + step for day in off for step in (-1, 1)}
        off |= {day for day in touched - makeup if first <= day <= last and date_of(day).weekday() >= 5}
    lunar = spring_festival(year) if country == "CN" else None
    around = range(lunar - 4, lunar + 10) if lunar is not None else range(0)
    return frozenset(off), makeup, frozenset(day for day in off if day in around)
