"""Which session a sale belongs to, and when it is due.

A sale names its session, or its room has one planned around that time, or it falls into the day of its room or shop. Day
sessions make shops without live rooms, and rooms outside their plan, visible in the same tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from supplychain.domain.network import Catalogue, Session, SessionItem
from supplychain.domain.units import DAY, MINUTE, SECOND, local_midnight

SLACK = 30 * MINUTE
"""Sales this long before and after a planned session still belong to it."""
SHIP_WITHIN_MINUTES = 48 * 60
_MEMO = 200_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A session as the watcher sees it.

    `stream` is what the detector follows: a planned session, or a room or shop over all its days, so that midnight
    resets no background. `plan` is the catalogue's session, if it is one. Times in UTC ms.
    """

    session_id: str
    stream: str
    room: str | None
    starts_at: int
    ends_at: int
    plan: Session | None = None
    items: dict[str, SessionItem] = field(default_factory=dict)

    def ship_within(self, sku: str) -> int:
        """Return the milliseconds within which a piece of `sku` sold here is to be shipped."""
        item = self.items.get(sku)
        return (item.ship_within_minutes if item else SHIP_WITHIN_MINUTES) * MINUTE

    def cap(self, sku: str) -> int | None:
        """Return the most pieces of `sku` that this session may sell, None without a cap."""
        item = self.items.get(sku)
        return item.cap if item else None


class SessionBook:
    """Resolves sales to sessions; one book serves all partitions of a process."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._zone = ZoneInfo(catalogue.zone)
        self._planned = {key: _scope(session) for key, session in catalogue.sessions.items()}
        self._rooms = catalogue.session_of_room
        self.scopes: list[Scope] = []
        self._codes: dict[str, int] = {}
        self._named: dict[str, Scope] = {}
        self._days: dict[tuple[str, str, int], Scope] = {}

    def scope(self, code: int) -> Scope:
        """Return the scope behind a code."""
        return self.scopes[code]

    def code_of(self, session_id: str) -> int:
        """Return the code of a session id that this book, or an earlier one, has given out."""
        return self._intern(self.named(session_id))

    def named(self, session_id: str) -> Scope:
        """Return the scope of a session id that this book, or an earlier one, has given out."""
        known = self._planned.get(session_id) or self._named.get(session_id)
        if known is None:
            if len(self._named) > _MEMO:
                self._named.clear()
            known = self._named[session_id] = self._read(session_id)
        return known

    def _read(self, session_id: str) -> Scope:
        kind, _, rest = session_id.partition(":")
        name, _, day = rest.rpartition(":")
        try:
            start = datetime.fromisoformat(day).replace(tzinfo=self._zone)
        except ValueError:
            # A session that has left the catalogue: it keeps its name, and its time is over.
            return Scope(session_id, session_id, None, 0, 0)
        return self._day(kind, name, int(start.timestamp()) * SECOND)

    def stream_scope(self, stream: str) -> Scope:
        """Return what the detector needs to know of a stream: a planned session, or a room or shop over all its days."""
        planned = self._planned.get(stream)
        if planned is not None:
            return planned
        kind, _, name = stream.partition(":")
        return Scope(stream, stream, name if kind == "room" else None, 0, 0)

    def session_at(self, stream: str, at: int) -> str:
        """Return the id of the session that a stream was in at a moment."""
        kind, _, name = stream.partition(":")
        if stream in self._planned or kind not in {"room", "shop"}:
            return stream
        return self._day(kind, name, at).session_id

    def code(self, session_id: str | None, room: str | None, shop: str, at: int) -> int:
        """Return the code of the session of a sale at `at`; codes live as long as this book."""
        return self._intern(self.resolve(session_id, room, shop, at))

    def _intern(self, scope: Scope) -> int:
        code = self._codes.get(scope.session_id)
        if code is None:
            code = self._codes[scope.session_id] = len(self.scopes)
            self.scopes.append(scope)
        return code

    def steady(self, session_id: str | None, room: str | None, shop: str, minute: int) -> bool:
        """Whether sales of a place resolve to the same session during the whole minute that begins at `minute`."""
        last = minute + MINUTE - 1
        edges = (
            edge
            for session in self._rooms.get(room or "", ())
            for edge in (session.starts_at - SLACK, session.starts_at, session.ends_at, session.ends_at + SLACK)
        )
        if any(minute < edge <= last for edge in edges):
            return False
        return self.resolve(session_id, room, shop, minute) is self.resolve(session_id, room, shop, last)

    def resolve(self, session_id: str | None, room: str | None, shop: str, at: int) -> Scope:
        """Return the session of a sale at `at`: the one it names, the room's planned one, or the day's."""
        if session_id is not None and session_id in self._planned:
            return self._planned[session_id]
        if room is not None:
            session = self._of_room(room, at)
            return self._planned[session.session] if session else self._day("room", room, at)
        return self._day("shop", shop, at)

    def _of_room(self, room: str, at: int) -> Session | None:
        sessions = self._rooms.get(room, ())
        running = [s for s in sessions if s.starts_at <= at < s.ends_at]
        if running:
            return running[0]
        near = [s for s in sessions if s.starts_at - SLACK <= at < s.ends_at + SLACK]
        # Between two sessions the nearer one has it; of equally near ones the earlier.
        return min(near, key=lambda s: (max(s.starts_at - at, at - s.ends_at), s.starts_at, s.session), default=None)

    def _day(self, kind: str, name: str, at: int) -> Scope:
        start = local_midnight(at, self._zone)
        known = self._days.get((kind, name, start))
        if known is None:
            if len(self._days) > _MEMO:
                self._days.clear()
            known = self._days[kind, name, start] = self._make_day(kind, name, start)
        return known

    def _make_day(self, kind: str, name: str, start: int) -> Scope:
        end = local_midnight(start + DAY + DAY // 4, self._zone)
        date = datetime.fromtimestamp(start / SECOND, self._zone).date().isoformat()
        return Scope(f"{kind}:{name}:{date}", f"{kind}:{name}", name if kind == "room" else None, start, end)


def _scope(session: Session) -> Scope:
    items = {item.sku: item for item in session.items}
    return Scope(session.session, session.session, session.room, session.starts_at, session.ends_at, session, items)
