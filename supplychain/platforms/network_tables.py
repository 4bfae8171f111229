"""The CSV files of a network: which columns each has, and how their rows are read.

A table is read to the end whatever it holds: each bad cell becomes one finding with file, line and field, and ids of rows
with a bad cell still count as known, so that one slip does not make twenty findings elsewhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from supplychain.domain.network import Channel, LaneKind, WarehouseKind
from supplychain.platforms import cells
from supplychain.platforms.cells import MILLILITRES, MINOR, MINUTES, PIECES, Finding, Reader

_MONEY = cells.whole(0, MINOR)
_COUNT = cells.whole(1, PIECES)
_STOCK = cells.whole(0, PIECES)
_SPAN = cells.whole(0, MINUTES)
_VOLUME = cells.whole(0, MILLILITRES)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how it is read, and whether a blank cell or a missing column is a finding."""

    name: str
    read: Reader
    required: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: its line and the values of its filled cells (bad ones are left out)."""

    line: int
    values: Mapping[str, Any]
    sound: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A file: its columns, the columns that name a row, and whether the file may be missing."""

    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    optional: bool = False


@dataclass(slots=True)
class Sheet:
    """What was read from one file; `absent` when there was nothing to read, so that nothing is unknown by it."""

    table: Table
    rows: list[Row] = field(default_factory=list)
    absent: bool = False

    def ids(self) -> set[str]:
        """Return the first key column of every row, sound or not."""
        name = self.table.key[0]
        return {row.values[name] for row in self.rows if name in row.values}


def _columns(required: Mapping[str, Reader], optional: Mapping[str, Reader]) -> tuple[Column, ...]:
    must = tuple(Column(name, read, required=True) for name, read in required.items())
    return must + tuple(Column(name, read) for name, read in optional.items())


_HOURS: Final[dict[str, Reader]] = {
    "opens": cells.clock,
    "closes": cells.clock,
    "weekdays": cells.weekdays,
    "zone": cells.zone_name,
}

TABLES: Final = (
    Table(
        "regions.csv",
        _columns({"code": cells.identity, "name": cells.words}, {"weight": cells.real(0.0, 1e6)}),
        ("code",),
    ),
    Table(
        "skus.csv",
        _columns(
            {
                "sku": cells.identity,
                "name": cells.words,
                "category": cells.words,
                "price_minor": _MONEY,
                "unit_cost_minor": _MONEY,
            },
            {
                "volume_ml": cells.whole(1, MILLILITRES),
                "holding_minor": _MONEY,
                "salvage_minor": _MONEY,
                "shortage_minor": _MONEY,
                "gtin": cells.gtin,
                "live_exclusive": cells.flag,
                "sale_cap_session": _STOCK,
                "sale_cap_run": _STOCK,
                "run_ends_at": cells.moment,
                "shelf_life_days": cells.whole(1, 36_500),
                "similar_to": cells.identity,
            },
        ),
        ("sku",),
    ),
    Table(
        "components.csv",
        _columns({"bundle": cells.identity, "sku": cells.identity, "pieces": cells.whole(1, 10_000)}, {}),
        ("bundle", "sku"),
        optional=True,
    ),
    Table(
        "prices.csv",
        _columns(
            {
                "sku": cells.identity,
                "channel": cells.choice(Channel),
                "price_minor": _MONEY,
                "starts_at": cells.moment,
                "ends_at": cells.moment,
            },
            {},
        ),
        ("sku", "channel", "starts_at"),
        optional=True,
    ),
    Table(
        "suppliers.csv",
        _columns(
            {"supplier": cells.identity, "name": cells.words},
            {
                **_HOURS,
                "capacity_per_day": _COUNT,
                "batches_per_day": _COUNT,
                "batch_gap_minutes": _SPAN,
                "minimum_order_minor": _MONEY,
                "firm_fence_minutes": _SPAN,
                "commit_fence_minutes": _SPAN,
                "answer_minutes": _SPAN,
                "endpoint": cells.words,
                "secret_ref": cells.words,
            },
        ),
        ("supplier",),
    ),
    Table(
        "offers.csv",
        _columns(
            {
                "offer": cells.identity,
                "supplier": cells.identity,
                "sku": cells.identity,
                "lead_time_minutes": _SPAN,
            },
            {
                "moq": _COUNT,
                "multiple": _COUNT,
                "order_cost_minor": _MONEY,
                "capacity_per_day": _COUNT,
                "batches_per_day": _COUNT,
                "batch_gap_minutes": _SPAN,
                "cancel_window_minutes": _SPAN,
                "expedite_lead_time_minutes": _SPAN,
                "expedite_surcharge_minor": _MONEY,
            },
        ),
        ("offer",),
    ),
    Table(
        "tiers.csv",
        _columns({"offer": cells.identity, "from_pieces": _COUNT, "unit_cost_minor": _MONEY}, {}),
        ("offer", "from_pieces"),
        optional=True,
    ),
    Table(
        "warehouses.csv",
        _columns(
            {
                "warehouse": cells.identity,
                "name": cells.words,
                "kind": cells.choice(WarehouseKind),
                "region": cells.identity,
            },
            {"capacity_ml": _VOLUME, "activation_minor": _MONEY, **_HOURS},
        ),
        ("warehouse",),
    ),
    Table(
        "lanes.csv",
        _columns(
            {
                "lane": cells.identity,
                "kind": cells.choice(LaneKind),
                "origin": cells.identity,
                "destination": cells.identity,
                "minutes": _SPAN,
            },
            {
                "cost_minor": _MONEY,
                "cut_off": cells.clock,
                "capacity_ml": _VOLUME,
                "tier": cells.whole(0, 99),
                "zone": cells.zone_name,
            },
        ),
        ("lane",),
    ),
    Table(
        "stock.csv",
        _columns(
            {"warehouse": cells.identity, "sku": cells.identity, "on_hand": _STOCK},
            {"fenced_live": _STOCK, "fenced_shelf": _STOCK},
        ),
        ("warehouse", "sku"),
        optional=True,
    ),
)


def read_table(table: Table, text: str, zone: ZoneInfo, findings: list[Finding]) -> Sheet:
    """Read one CSV file; what is wrong is added to `findings`."""
    sheet = Sheet(table)
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: list[str] | None = None
    seen: dict[tuple[Any, ...], int] = {}
    line = 1
    try:
        for fields in lines:
            started, line = line, lines.line_num + 1
            if not any(cell.strip() for cell in fields):
                continue
            if header is None:
                header = [cell.strip() for cell in fields]
                _check_header(table, header, started, findings)
                continue
            row = _read_row(table, header, fields, started, zone, findings)
            sheet.rows.append(row)
            _check_twice(table, row, seen, findings)
    except csv.Error as failed:
        findings.append(Finding(table.file, max(line, lines.line_num), "", "", f"no readable CSV: {failed}"))
    if header is None:
        findings.append(Finding(table.file, 1, "", "", "the file has no header line"))
    return sheet


def _check_header(table: Table, header: list[str], line: int, findings: list[Finding]) -> None:
    known = [column.name for column in table.columns]
    for place, name in enumerate(header):
        if name not in known:
            findings.append(Finding(table.file, line, name, "", f"unknown column; known are {', '.join(known)}"))
        elif name in header[:place]:
            findings.append(Finding(table.file, line, name, "", "the column comes twice"))
    findings.extend(
        Finding(table.file, line, column.name, "", "the column is missing")
        for column in table.columns
        if column.required and column.name not in header
    )


def _read_row(
    table: Table, header: list[str], fields: list[str], line: int, zone: ZoneInfo, findings: list[Finding]
) -> Row:
    before = len(findings)
    if len(fields) != len(header):
        message = f"the row has {len(fields)} cells, the header {len(header)}"
        findings.append(Finding(table.file, line, "", "", message))
    given = {name: cell.strip() for name, cell in zip(header, fields, strict=False)}
    values: dict[str, Any] = {}
    for column in table.columns:
        cell = given.get(column.name)
        if not cell:
            if column.required and cell is not None:
                findings.append(Finding(table.file, line, column.name, "", "a value is required"))
            continue
        try:
            values[column.name] = column.read(cell, zone)
        except ValueError as refused:
            findings.append(Finding(table.file, line, column.name, cell, str(refused)))
    complete = all(column.name in values for column in table.columns if column.required)
    return Row(line, values, sound=complete and len(findings) == before)


def _check_twice(table: Table, row: Row, seen: dict[tuple[Any, ...], int], findings: list[Finding]) -> None:
    if any(name not in row.values for name in table.key):
        return
    key = tuple(row.values[name] for name in table.key)
    if key in seen:
        shown = ", ".join(str(part) for part in key)
        findings.append(Finding(table.file, row.line, table.key[-1], shown, f"comes twice, first in line {seen[key]}"))
    else:
        seen[key] = row.line
