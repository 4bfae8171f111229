"""Cells of network files: from text to a value of the trade, or a sentence that says why not.

A reader takes the text of one cell and the business zone and raises `ValueError` with a message for the person who wrote
the file. Bounds are those of the stored types and of common sense, so that a slipped digit is found at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo

from supplychain.domain.units import EARLIEST, LATEST, parse_iso

Reader = Callable[[str, ZoneInfo], Any]

PIECES: Final = 1_000_000_000
MINOR: Final = 1_000_000_000_000
MINUTES: Final = 366 * 24 * 60
MILLILITRES: Final = 1_000_000_000_000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a file: where, in which field, with which value; `line` counts from 1, 0 is the whole file."""

    file: str
    line: int
    field: str
    value: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        name = f" {self.field}" if self.field else ""
        given = f" = {self.value!r}" if self.value else ""
        return f"{place}:{name}{given}: {self.message}"


def identity(text: str, _zone: ZoneInfo) -> str:
    """Read an id: one to 64 characters without blanks."""
    if not _ID.fullmatch(text):
        raise ValueError("an id has 1 to 64 characters and no blanks")
    return text


def words(text: str, _zone: ZoneInfo) -> str:
    """Read a name or note: printable, up to 200 characters."""
    if len(text) > 200 or not text.isprintable():
        raise ValueError("give printable text of at most 200 characters")
    return text


def whole(low: int, high: int) -> Reader:
    """Return a reader of whole numbers in [low, high]."""

    def read(text: str, _zone: ZoneInfo) -> int:
        if not _WHOLE.fullmatch(text):
            raise ValueError("give a whole number, without blanks, commas or decimals")
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"stay between {low} and {high}")
        return value

    return read


def real(low: float, high: float) -> Reader:
    """Return a reader of finite decimal numbers in [low, high]."""

    def read(text: str, _zone: ZoneInfo) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("give a number with a decimal point") from None
        if "_" in text or not isfinite(value):
            raise ValueError("give a finite number with a decimal point")
        if not low <= value <= high:
            raise ValueError(f"stay between {low:g} and {high:g}")
        return value

    return read


def flag(text: str, _zone: ZoneInfo) -> bool:
    """Read true or false."""
    known = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
    if text.lower() not in known:
        raise ValueError("give true or false")
    return known[text.lower()]


def moment(text: str, zone: ZoneInfo) -> int:
    """Read an ISO 8601 time as UTC milliseconds; without an offset it is local in the business zone."""
    if "T" not in text.upper() and " " not in text:
        raise ValueError("give date and time, such as 2026-11-11T19:00")
    try:
        at = parse_iso(text, zone)
    except (ValueError, OverflowError):
        raise ValueError("give an ISO 8601 time, such as 2026-11-11T19:00 or 2026-11-11T11:00:00Z") from None
    if not EARLIEST <= at < LATEST:
        raise ValueError("give a time between the years 2000 and 2099")
    return at


def clock(text: str, _zone: ZoneInfo) -> int:
    """Read a local time of day, 00:00 to 24:00, as minutes of the day."""
    match = _CLOCK.fullmatch(text)
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise ValueError("give a time of day from 00:00 to 24:00")
    return int(match[1]) * 60 + int(match[2])


def weekdays(text: str, _zone: ZoneInfo) -> tuple[int, ...]:
    """Read weekdays written as `mon tue wed thu fri sat sun`, one or several."""
    names = text.lower().split()
    if any(name not in WEEKDAYS for name in names):
        raise ValueError(f"name weekdays out of: {' '.join(WEEKDAYS)}")
    if len(set(names)) != len(names):
        raise ValueError("a weekday is named twice")
    return tuple(sorted(WEEKDAYS.index(name) for name in names))


def zone_name(text: str, _zone: ZoneInfo) -> str:
    """Read the name of a time zone of the IANA database."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("no such time zone, such as Asia/Shanghai") from None
    return text


def currency(text: str, _zone: ZoneInfo) -> str:
    """Read a currency code of ISO 4217."""
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("give three capital letters, such as CNY")
    return text


def choice(kind: type[StrEnum]) -> Reader:
    """Return a reader of one of the values of an enumeration."""

    def read(text: str, _zone: ZoneInfo) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"choose one of {', '.join(kind)}") from None

    return read


def gtin(text: str, _zone: ZoneInfo) -> str:
    """Read a GTIN of 8, 12, 13 or 14 digits whose check digit is right.

    Source: GS1 General Specifications, section 7.9 (weights 3 and 1 from the right, modulo 10).
    """
    if not text.isascii() or not text.isdigit() or len(text) not in {8, 12, 13, 14}:
        raise ValueError("a GTIN has 8, 12, 13 or 14 digits")
    expected = check_digit(text[:-1])
    if int(text[-1]) != expected:
        raise ValueError(f"wrong check digit, expected {expected}")
    return text


def check_digit(body: str) -> int:
    """Return the GS1 check digit of the digits before it.

    >>> check_digit("690123456789")
    2
    """
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return -weighted % 10
