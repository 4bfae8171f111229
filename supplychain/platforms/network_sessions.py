"""Live sessions of a network file: rooms, hosts, items and the run of show, from `sessions.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from supplychain.domain.network import Session, SessionItem, ShowSlot, SlotKind
from supplychain.platforms import cells
from supplychain.platforms.cells import MINOR, MINUTES, PIECES, Finding
from supplychain.platforms.network_tables import Column
from supplychain.platforms.toml_lines import Path, line_of, read_toml

FILE: Final = "sessions.toml"

_SESSION: Final = (
    *(Column(name, cells.identity, required=True) for name in ("session", "room", "host", "platform", "shop")),
    Column("starts_at", cells.moment, required=True),
    Column("ends_at", cells.moment, required=True),
    Column("expected_viewers", cells.whole(0, PIECES)),
)
_ITEM: Final = (
    Column("sku", cells.identity, required=True),
    Column("expected_orders", cells.real(0.0, 1e9), required=True),
    Column("basket", cells.real(1.0, 10_000.0)),
    Column("price_minor", cells.whole(0, MINOR)),
    Column("cap", cells.whole(0, PIECES)),
    Column("ship_within_minutes", cells.whole(0, MINUTES)),
    Column("presale", cells.flag),
)
_SLOT: Final = (
    Column("kind", cells.choice(SlotKind), required=True),
    Column("sku", cells.identity, required=True),
    Column("starts_at", cells.moment, required=True),
    Column("ends_at", cells.moment, required=True),
    Column("strength", cells.real(0.01, 1_000.0), required=True),
    Column("price_minor", cells.whole(0, MINOR)),
)


@dataclass(frozen=True, slots=True)
class _File:
    """The file being read: where keys stand, the business zone, what the catalogue knows, what is wrong so far."""

    lines: dict[Path, int]
    zone: ZoneInfo
    skus: Mapping[str, int | None] | None
    findings: list[Finding]

    def blame(self, path: Path, value: object, message: str) -> None:
        names = [str(part) for part in path if isinstance(part, str) and part != "sessions"]
        shown = "" if isinstance(value, dict | list) or value is None else str(value)
        self.findings.append(Finding(FILE, line_of(self.lines, path), ".".join(names), shown, message))

    def record(self, given: object, columns: tuple[Column, ...], path: Path, nested: tuple[str, ...] = ()) -> Any:
        """Return the readable values of one table; None when it is no table."""
        if not isinstance(given, dict):
            self.blame(path, given, "a table is expected here")
            return None
        known = {column.name: column for column in columns}
        for name in given:
            if name not in known and name not in nested:
                self.blame((*path, name), None, f"unknown key; known are {', '.join((*known, *nested))}")
        values: dict[str, Any] = {}
        for name, column in known.items():
            if name not in given:
                if column.required:
                    self.blame((*path, name), None, "a value is required")
                continue
            try:
                values[name] = column.read(_as_text(given[name]), self.zone)
            except ValueError as refused:
                self.blame((*path, name), given[name], str(refused))
        return values


def read_sessions(
    text: str, zone: ZoneInfo, skus: Mapping[str, int | None] | None, findings: list[Finding]
) -> dict[str, Session]:
    """Return the sessions of a file by id; what is wrong is added to `findings`.

    Parameters
    ----------
    skus
        The known SKUs and the cap per session of each, None without one; None when no SKU could be read.
    """
    parsed = read_toml(FILE, text, findings)
    if parsed is None:
        return {}
    document, lines = parsed
    file = _File(lines, zone, skus, findings)
    for name in document:
        if name != "sessions":
            file.blame((name,), None, "unknown key; write [[sessions]]")
    listed = document.get("sessions", [])
    if not isinstance(listed, list):
        file.blame(("sessions",), None, "write [[sessions]] with double brackets")
        return {}
    sessions: dict[str, Session] = {}
    for place, given in enumerate(listed):
        session = _session(given, ("sessions", place), file)
        if session is None:
            continue
        if session.session in sessions:
            file.blame(("sessions", place, "session"), session.session, "the session comes twice")
        _check_room(session, sessions, ("sessions", place), file)
        sessions[session.session] = session
    return sessions


def _session(given: object, path: Path, file: _File) -> Session | None:
    before = len(file.findings)
    values = file.record(given, _SESSION, path, ("items", "slots"))
    if values is None or not isinstance(given, dict):
        return None
    bounds = (values.get("starts_at"), values.get("ends_at"))
    if None not in bounds and not bounds[0] < bounds[1]:
        file.blame((*path, "ends_at"), given["ends_at"], "the session ends before it starts")
    items = _items(given.get("items", []), (*path, "items"), file)
    slots = _slots(given.get("slots", []), (*path, "slots"), bounds, {item.sku for item in items}, file)
    if len(file.findings) > before:
        return None
    return Session(items=tuple(items), slots=tuple(slots), **values)


def _items(given: object, path: Path, file: _File) -> list[SessionItem]:
    items: list[SessionItem] = []
    for place, values in _records(given, _ITEM, path, file):
        sku = values.get("sku")
        at: Path = (*path, place)
        if sku is not None and file.skus is not None and sku not in file.skus:
            file.blame((*at, "sku"), sku, "no such SKU in skus.csv")
        if any(item.sku == sku for item in items):
            file.blame((*at, "sku"), sku, "the item comes twice in this session")
        limit = file.skus.get(sku) if sku is not None and file.skus is not None else None
        if limit is not None and values.get("cap", 0) > limit:
            file.blame((*at, "cap"), values["cap"], f"above the cap of {limit} per session in skus.csv")
        if {"sku", "expected_orders"} <= values.keys():
            items.append(SessionItem(**values))
    return items


def _slots(given: object, path: Path, bounds: tuple[Any, Any], skus: set[str], file: _File) -> list[ShowSlot]:
    slots: list[ShowSlot] = []
    for place, values in _records(given, _SLOT, path, file):
        at: Path = (*path, place)
        if "sku" in values and values["sku"] not in skus:
            file.blame((*at, "sku"), values["sku"], "the slot shows an item that is not on the session's list")
        starts, ends = values.get("starts_at"), values.get("ends_at")
        if starts is not None and ends is not None:
            if not starts < ends:
                file.blame((*at, "ends_at"), None, "the slot ends before it starts")
            elif None not in bounds and not bounds[0] <= starts < ends <= bounds[1]:
                file.blame((*at, "starts_at"), None, "the slot is not inside its session")
        if {"kind", "sku", "starts_at", "ends_at", "strength"} <= values.keys():
            slots.append(ShowSlot(**values))
    return slots


def _records(given: object, columns: tuple[Column, ...], path: Path, file: _File) -> list[tuple[int, dict[str, Any]]]:
    if not isinstance(given, list):
        file.blame(path, None, "an array of tables is expected here")
        return []
    read = ((place, file.record(one, columns, (*path, place))) for place, one in enumerate(given))
    return [(place, values) for place, values in read if values is not None]


def _check_room(session: Session, others: Mapping[str, Session], path: Path, file: _File) -> None:
    for other in others.values():
        apart = session.ends_at <= other.starts_at or other.ends_at <= session.starts_at
        if other.room == session.room and not apart:
            message = f"the room is live in session {other.session} at the same time"
            file.blame((*path, "starts_at"), None, message)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        raise ValueError("give date and time, such as 2026-11-11T19:00")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int | str):
        return str(value).strip()
    raise ValueError("a single value is expected here")
