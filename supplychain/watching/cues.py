"""When a forecast should be renewed, and the cumulative orders it is renewed from.

Counts are kept by when they were known, on the grid of the bins, so that a cue at T says what the window rows known by T
add up to, whatever the chunks were. An item is due at the first refresh time after it sold; when it stops selling, its
forecast must fall too, so it is due again after one, two, four, ... refreshes, until its session is over.
"""

from __future__ import annotations

from heapq import heappop, heappush

import msgspec

from supplychain.domain.units import DAY, ceil_to, floor_to
from supplychain.watching.ahead import Ahead
from supplychain.watching.delta import ForecastCue
from supplychain.watching.lines import LineTable

Key = tuple[str, str]
"""Session and SKU."""
KEPT = DAY
"""Counts of a session are kept so long after its end."""


class Tally(msgspec.Struct, array_like=True):
    """Cumulative gross orders and pieces of one item of one session, by region, and when it is due.

    `due` is the next refresh time, -1 for none; `pause` the number of refreshes before the one after next; `full_at`
    the moment its cap was reached, -1 while it is not; `sold_at` when its last sale was known, -1 before the first.
    """

    orders: dict[str, int]
    units: dict[str, int]
    total: int = 0
    full_at: int = -1
    due: int = -1
    pause: int = 0
    sold_at: int = -1


class CueBook:
    """The cumulative counts of one partition and the schedule of their refreshes.

    Parameters
    ----------
    lines
        The catalogue with its sessions, their items and caps.
    bin_ms
        Width of a bin.
    refresh_ms
        Time between refreshes; rounded up to whole bins.
    """

    def __init__(self, lines: LineTable, bin_ms: int, refresh_ms: int) -> None:
        self.book = lines.book
        self.bin_ms = bin_ms
        self.refresh_ms = ceil_to(refresh_ms, bin_ms)
        self.tallies: dict[str, dict[str, Tally]] = {}
        self.ahead = Ahead(lines, bin_ms)
        self._due: dict[int, dict[Key, None]] = {}
        self._times: list[int] = []

    def advance(self, to: int, cues: list[ForecastCue]) -> None:
        """Bring the counts up to `to` and cue every refresh on the way, in order of time."""
        while True:
            known = self.ahead.next_at
            due = self._times[0] if self._times else None
            if known is not None and known <= to and (due is None or known <= due):
                self._merge(known)
            elif due is not None and due <= to:
                self._refresh(heappop(self._times), cues)
            else:
                return

    def cue(self, session_id: str, sku: str, at: int, spike_id: str | None = None) -> ForecastCue:
        """Return the cue of an item from the counts as they stand."""
        tally = self.tallies.get(session_id, {}).get(sku) or Tally({}, {})
        censored = at - tally.full_at if 0 <= tally.full_at < at else 0
        orders = {region: tally.orders[region] for region in sorted(tally.orders)}
        units = {region: tally.units[region] for region in sorted(tally.units)}
        return ForecastCue(session_id, sku, at, orders, units, censored, spike_id, tally.sold_at)

    def _merge(self, at: int) -> None:
        due = ceil_to(at, self.refresh_ms)
        for session_id, sku, region, orders, units in self.ahead.pop():
            items = self.tallies.get(session_id) or self._open(session_id, due)
            tally = items.get(sku)
            if tally is None:
                tally = items[sku] = Tally({}, {})
            tally.orders[region] = tally.orders.get(region, 0) + orders
            tally.units[region] = tally.units.get(region, 0) + units
            tally.total += units
            tally.pause = 0
            tally.sold_at = at
            if tally.due != due:
                self._plan(session_id, sku, tally, due)
            if tally.full_at < 0:
                cap = self.book.named(session_id).cap(sku)
                tally.full_at = at if cap is not None and tally.total >= cap else -1

    def _open(self, session_id: str, due: int) -> dict[str, Tally]:
        """Begin a session: all its planned items are due, those without a sale too."""
        items = self.tallies[session_id] = {}
        scope = self.book.named(session_id)
        for sku in scope.items:
            items[sku] = Tally({}, {})
            self._plan(session_id, sku, items[sku], due)
        return items

    def _plan(self, session_id: str, sku: str, tally: Tally, at: int) -> None:
        """Make an item due at `at`, unless it is due earlier."""
        if 0 <= tally.due <= at:
            return
        tally.due = at
        self.enter(at, session_id, sku)

    def enter(self, at: int, session_id: str, sku: str) -> None:
        """Enter an item in the list of a refresh time."""
        if at not in self._due:
            self._due[at] = {}
            heappush(self._times, at)
        self._due[at][session_id, sku] = None

    def _refresh(self, at: int, cues: list[ForecastCue]) -> None:
        before = len(cues)
        for session_id, sku in sorted(self._due.pop(at)):
            tally = self.tallies.get(session_id, {}).get(sku)
            if tally is None or tally.due != at:
                continue
            cues.append(self.cue(session_id, sku, at))
            tally.pause = max(2 * tally.pause, 1)
            tally.due = -1
            scope = self.book.named(session_id)
            upcoming = at + tally.pause * self.refresh_ms
            last = ceil_to(scope.ends_at, self.refresh_ms)
            if at < last:
                self._plan(session_id, sku, tally, min(upcoming, last))
        if len(cues) > before:
            self._close(at)

    def _close(self, at: int) -> None:
        """Drop sessions that ended long ago."""
        over = [one for one in self.tallies if self.book.named(one).ends_at + KEPT < at]
        for session_id in over:
            if all(tally.due < 0 for tally in self.tallies[session_id].values()):
                del self.tallies[session_id]

    def rebuild(self) -> None:
        """Derive the schedule from the tallies, after a restart."""
        self._due, self._times = {}, []
        for session_id, items in self.tallies.items():
            for sku, tally in items.items():
                if tally.due >= 0:
                    self.enter(tally.due, session_id, sku)


def grid(before: int, after: int, step: int) -> range:
    """Return the multiples of `step` in (before, after].

    >>> list(grid(3, 20, 5))
    [5, 10, 15, 20]
    """
    return range(floor_to(before, step) + step, after + 1, step)
