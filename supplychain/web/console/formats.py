"""How figures look: times with their zone, money, ages, and the colour and icon of a state.

Text comes back unescaped; `tables` escapes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from supplychain.domain.units import SECOND

TONES: Final[dict[str, tuple[str, str]]] = {
    "proposed": ("info", "pending_actions"),
    "open": ("info", "pending_actions"),
    "approved": ("good", "check"),
    "released": ("accent", "send"),
    "confirmed": ("good", "check_circle"),
    "short": ("warn", "trending_down"),
    "refused": ("bad", "block"),
    "in_transit": ("accent", "local_shipping"),
    "received": ("good", "inventory_2"),
    "closed": ("quiet", "lock"),
    "done": ("good", "done_all"),
    "rejected": ("quiet", "close"),
    "expired": ("quiet", "schedule"),
    "superseded": ("quiet", "update"),
    "cancelled": ("quiet", "cancel"),
    "empty": ("quiet", "remove"),
    "pending": ("info", "schedule"),
    "claimed": ("accent", "send"),
    "delivered": ("good", "check_circle"),
    "parked": ("bad", "pan_tool"),
    "running": ("accent", "play_arrow"),
    "failed": ("bad", "error"),
    "live": ("accent", "sensors"),
    "ended": ("quiet", "stop"),
    "announced": ("info", "event"),
    "firm": ("accent", "lock"),
    "commit": ("info", "handshake"),
    "forecast": ("quiet", "query_stats"),
    "spike": ("warn", "bolt"),
    "degraded": ("warn", "warning"),
}
"""Tone and icon of each state; the text beside them says the same, so that colour carries nothing alone."""


def tone(state: str) -> tuple[str, str]:
    """Return tone and icon of a state."""
    return TONES.get(state, ("quiet", "circle"))


class Formats:
    """Figures for one visitor: their language, the business zone, the currency."""

    def __init__(self, language: str, zone: str, currency: str = "CNY") -> None:
        self.language = language
        self.zone = ZoneInfo(zone)
        self.zone_name = zone
        self.currency = currency
        self._sign = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£"}.get(currency, f"{currency} ")

    def offset(self, at: int) -> str:
        """Return the zone of a moment.

        >>> Formats("en", "Asia/Shanghai").offset(1_795_435_200_000)
        'UTC+8'
        """
        shift = datetime.fromtimestamp(at / SECOND, self.zone).utcoffset()
        minutes = int(shift.total_seconds()) // 60 if shift else 0
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        return "UTC" if not minutes else f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")

    def clock(self, at: int | None, *, seconds: bool = False) -> str:
        """Return the time of day.

        >>> Formats("en", "Asia/Shanghai").clock(1_795_435_200_000, seconds=True)
        '20:00:00'
        """
        if at is None:
            return "–"
        return f"{datetime.fromtimestamp(at / SECOND, self.zone):{'%H:%M:%S' if seconds else '%H:%M'}}"

    def moment(self, at: int | None) -> str:
        """Return day and time.

        >>> Formats("en", "Asia/Shanghai").moment(1_795_435_200_000)
        '11-23 20:00'
        """
        return "–" if at is None else f"{datetime.fromtimestamp(at / SECOND, self.zone):%m-%d %H:%M}"

    def day_of(self, at: int | None) -> str:
        """Return the business day that a stamp at midnight UTC stands for, which is no moment of any zone.

        >>> Formats("en", "Asia/Shanghai").day_of(1_762_732_800_000)
        '2025-11-10'
        """
        return "–" if at is None else f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%d}"

    def stamp(self, at: int | None) -> str:
        """Return day, time and zone."""
        return "–" if at is None else f"{self.moment(at)} {self.offset(at)}"

    def age(self, seconds: float) -> str:
        """Return a length of time, coarse and short.

        >>> [Formats("en", "UTC").age(s) for s in (0.4, 59, 150, 8_000, 200_000)]
        ['0 s', '59 s', '2 min', '2 h 13 min', '2 d 7 h']
        """
        whole = max(0, int(seconds))
        day, hour, minute, second = ("天", "小时", "分", "秒") if self.language == "zh" else ("d", "h", "min", "s")
        if whole < 60:
            return f"{whole} {second}"
        if whole < 3_600:
            return f"{whole // 60} {minute}"
        if whole < 86_400:
            return f"{whole // 3_600} {hour} {whole % 3_600 // 60} {minute}"
        return f"{whole // 86_400} {day} {whole % 86_400 // 3_600} {hour}"

    def count(self, value: float | None) -> str:
        """Return a number with thousands apart.

        >>> Formats("en", "UTC").count(1234567)
        '1,234,567'
        """
        return "–" if value is None else f"{value:,.0f}"

    def rate(self, value: float | None) -> str:
        """Return a rate with one digit behind the point."""
        return "–" if value is None else f"{value:,.1f}"

    def money(self, minor: int | None) -> str:
        """Return money from minor units.

        >>> Formats("en", "UTC").money(123_456_789), Formats("zh", "UTC").money(123_456_789)
        ('¥1,234,568', '¥123.5万')
        """
        if minor is None:
            return "–"
        major = minor / 100
        if self.language == "zh" and abs(major) >= 100_000:
            return f"{self._sign}{major / 10_000:,.1f}万"
        return f"{self._sign}{major:,.2f}" if abs(major) < 1_000 else f"{self._sign}{major:,.0f}"

    def signed_money(self, minor: int | None) -> str:
        """Return a difference of money, its sign always shown.

        >>> Formats("en", "UTC").signed_money(4_500), Formats("en", "UTC").signed_money(-4_500)
        ('+¥45.00', '−¥45.00')
        """
        return "–" if minor is None else ("−" if minor < 0 else "+") + self.money(abs(minor))

    def share(self, value: float | None) -> str:
        """Return a share in percent."""
        return "–" if value is None else f"{value:.2%}"

    def seconds(self, value: float | None) -> str:
        """Return seconds with two digits."""
        return "–" if value is None else f"{value:.2f} s"
