"""Units of the house: UTC milliseconds, integer pieces, integer minor units of currency.

Floats are for forecasts and solvers only; whatever is stored or sent is an integer of one of these units.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

EARLIEST: Final = 946_684_800_000
"""2000-01-01 UTC in milliseconds; an earlier stamp is a fault of its sender."""
LATEST: Final = 4_070_908_800_000
"""2099-01-01 UTC in milliseconds; a later stamp is a fault of its sender."""


def floor_to(at: int, step: int) -> int:
    """Return the last multiple of `step` milliseconds at or before `at`.

    >>> floor_to(12_345, 5_000)
    10000
    """
    return at - at % step


def ceil_to(at: int, step: int) -> int:
    """Return the first multiple of `step` milliseconds at or after `at`.

    >>> ceil_to(12_345, 5_000)
    15000
    """
    return at + -at % step


def iso(at: int) -> str:
    """Write UTC milliseconds as ISO 8601 with a Z.

    >>> iso(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    seconds, millis = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def millis(moment: datetime) -> int:
    """Return UTC milliseconds of an aware `moment`.

    Raises
    ------
    ValueError
        If `moment` carries no time zone: a naive time has no place on the axis.
    """
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} carries no time zone"
        raise ValueError(message)
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds // 1_000


def parse_iso(text: str, zone: tzinfo = UTC) -> int:
    """Read ISO 8601 text as UTC milliseconds; text without an offset is taken to be in `zone`."""
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return millis(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def local_midnight(at: int, zone: tzinfo) -> int:
    """Return the UTC milliseconds of the last midnight in `zone` at or before `at`."""
    local = datetime.fromtimestamp(at / SECOND, zone)
    return millis(local.replace(hour=0, minute=0, second=0, microsecond=0))
