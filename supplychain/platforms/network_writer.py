"""A catalogue back to files: what an operator exports, edits in a spreadsheet and imports again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from supplychain.domain.network import Catalogue, Session, WorkingHours
from supplychain.platforms.cells import WEEKDAYS
from supplychain.platforms.network_files import SETTINGS_FILE
from supplychain.platforms.network_sessions import FILE as SESSIONS_FILE
from supplychain.platforms.network_tables import TABLES

_TIMES = frozenset({"starts_at", "ends_at", "run_ends_at"})
_CLOCKS = frozenset({"opens", "closes", "cut_off"})


def write_catalogue(catalogue: Catalogue) -> dict[str, str]:
    """Return the files of a catalogue by name; reading them gives an equal catalogue."""
    zone = ZoneInfo(catalogue.zone)
    files = {SETTINGS_FILE: f"currency = {_quoted(catalogue.currency)}\nzone = {_quoted(catalogue.zone)}\n"}
    rows = _rows(catalogue)
    for table in TABLES:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        names = [column.name for column in table.columns]
        writer.writerow(names)
        for row in rows[table.file]:
            writer.writerow([_cell(name, row.get(name), zone) for name in names])
        files[table.file] = out.getvalue()
    files[SESSIONS_FILE] = "\n".join(_session(session, zone) for session in catalogue.sessions.values())
    return files


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _rows(catalogue: Catalogue) -> dict[str, Iterable[dict[str, Any]]]:
    skus, offers = catalogue.skus.values(), catalogue.offers.values()
    return {
        "regions.csv": [_fields(one) for one in catalogue.regions.values()],
        "skus.csv": [_fields(one) for one in skus],
        "components.csv": [{"bundle": one.sku, **_fields(part)} for one in skus for part in one.components],
        "prices.csv": [{"sku": one.sku, **_fields(price)} for one in skus for price in one.prices],
        "suppliers.csv": [{**_fields(one), **_hours(one.hours)} for one in catalogue.suppliers.values()],
        "offers.csv": [
            {
                **_fields(one),
                "expedite_lead_time_minutes": one.expedite.lead_time_minutes if one.expedite else None,
                "expedite_surcharge_minor": one.expedite.surcharge_minor if one.expedite else None,
            }
            for one in offers
        ],
        "tiers.csv": [{"offer": one.offer, **_fields(tier)} for one in offers for tier in one.tiers],
        "warehouses.csv": [{**_fields(one), **_hours(one.hours)} for one in catalogue.warehouses.values()],
        "lanes.csv": [_fields(one) for one in catalogue.lanes.values()],
        "stock.csv": [_fields(one) for one in catalogue.stock],
    }


def _hours(hours: WorkingHours) -> dict[str, Any]:
    return {**_fields(hours), "weekdays": " ".join(WEEKDAYS[day] for day in hours.weekdays)}


def _cell(name: str, value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if name in _TIMES:
        return _moment(value, zone)
    if name in _CLOCKS:
        return f"{value // 60:02d}:{value % 60:02d}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value) if isinstance(value, Enum) else str(value)


def _moment(at: int, zone: ZoneInfo) -> str:
    # whole microseconds all the way: a float of seconds would lose the last millisecond
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.astimezone(zone).isoformat(timespec="milliseconds" if at % 1_000 else "seconds")


def _session(session: Session, zone: ZoneInfo) -> str:
    lines = ["[[sessions]]", *_pairs(_fields(session), zone, skip=("items", "slots"))]
    for item in session.items:
        lines += ["", "[[sessions.items]]", *_pairs(_fields(item), zone)]
    for slot in session.slots:
        lines += ["", "[[sessions.slots]]", *_pairs(_fields(slot), zone)]
    return "\n".join([*lines, ""])


def _pairs(values: dict[str, Any], zone: ZoneInfo, skip: tuple[str, ...] = ()) -> list[str]:
    given = {name: value for name, value in values.items() if value is not None and name not in skip}
    return [f"{name} = {_scalar(name, value, zone)}" for name, value in given.items()]


def _scalar(name: str, value: Any, zone: ZoneInfo) -> str:
    if name in _TIMES:
        return _moment(value, zone)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def _quoted(text: str) -> str:
    # a JSON string is a TOML basic string, but for the delete character, which no id or name may hold
    return json.dumps(str(text), ensure_ascii=False)
