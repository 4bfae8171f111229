"""What no single cell can show: references between files, order of dates, cycles of bundles, fences over stock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from supplychain.domain.network import LaneKind
from supplychain.platforms.cells import Finding
from supplychain.platforms.network_tables import Row, Sheet

Sheets = Mapping[str, Sheet]

REFERENCES: Final = (
    ("skus.csv", "similar_to", "skus.csv"),
    ("components.csv", "bundle", "skus.csv"),
    ("components.csv", "sku", "skus.csv"),
    ("prices.csv", "sku", "skus.csv"),
    ("offers.csv", "sku", "skus.csv"),
    ("offers.csv", "supplier", "suppliers.csv"),
    ("tiers.csv", "offer", "offers.csv"),
    ("warehouses.csv", "region", "regions.csv"),
    ("stock.csv", "warehouse", "warehouses.csv"),
    ("stock.csv", "sku", "skus.csv"),
)
_ENDS: Final = {
    LaneKind.SUPPLY: ("suppliers.csv", "warehouses.csv"),
    LaneKind.TRANSFER: ("warehouses.csv", "warehouses.csv"),
    LaneKind.DELIVERY: ("warehouses.csv", "regions.csv"),
}


def check(sheets: Sheets) -> Iterator[Finding]:
    """Yield every finding that needs more than one cell."""
    yield from _references(sheets)
    yield from _lanes(sheets)
    yield from _bundles(sheets)
    yield from _rows(sheets)
    yield from _windows(sheets["prices.csv"])


def _finding(sheet: Sheet, row: Row, name: str, message: str) -> Finding:
    return Finding(sheet.table.file, row.line, name, str(row.values.get(name, "")), message)


def _references(sheets: Sheets) -> Iterator[Finding]:
    for file, name, target in REFERENCES:
        if sheets[target].absent:
            continue
        known = sheets[target].ids()
        for row in sheets[file].rows:
            if name in row.values and row.values[name] not in known:
                yield _finding(sheets[file], row, name, f"no such {sheets[target].table.key[0]} in {target}")


def _lanes(sheets: Sheets) -> Iterator[Finding]:
    sheet = sheets["lanes.csv"]
    known = {file: sheets[file].ids() for ends in _ENDS.values() for file in ends}
    seen: dict[tuple[Any, ...], int] = {}
    for row in sheet.rows:
        kind = row.values.get("kind")
        if kind is None:
            continue
        for name, target in zip(("origin", "destination"), _ENDS[kind], strict=True):
            if name in row.values and not sheets[target].absent and row.values[name] not in known[target]:
                yield _finding(sheet, row, name, f"a {kind} lane needs a {name} of {target}")
        way = (kind, row.values.get("origin"), row.values.get("destination"), row.values.get("tier", 0))
        if way[1] == way[2] and kind is LaneKind.TRANSFER:
            yield _finding(sheet, row, "destination", "the lane leads back to its origin")
        if way in seen:
            yield _finding(sheet, row, "tier", f"the same way in the same tier stands in line {seen[way]}")
        seen.setdefault(way, row.line)


def _bundles(sheets: Sheets) -> Iterator[Finding]:
    sheet = sheets["components.csv"]
    parts: dict[str, list[tuple[str, Row]]] = {}
    for row in sheet.rows:
        if {"bundle", "sku"} <= row.values.keys():
            parts.setdefault(row.values["bundle"], []).append((row.values["sku"], row))
    done: set[str] = set()
    for start in parts:
        yield from _cycle(start, parts, done, sheet)
    for file in ("offers.csv", "stock.csv"):
        for row in sheets[file].rows:
            if row.values.get("sku") in parts:
                yield _finding(
                    sheets[file], row, "sku", "a bundle is made of components and is neither bought nor stocked"
                )


def _cycle(start: str, parts: Mapping[str, list[tuple[str, Row]]], done: set[str], sheet: Sheet) -> Iterator[Finding]:
    # depth first with its own stack: a chain of a thousand bundles must not end in a recursion error
    open_path: list[str] = []
    stack: list[tuple[str, Row | None, bool]] = [(start, None, False)]
    while stack:
        sku, row, leaving = stack.pop()
        if leaving:
            done.add(open_path.pop())
        elif sku in open_path:
            ring = " > ".join([*open_path[open_path.index(sku) :], sku])
            if row is not None:
                yield _finding(sheet, row, "sku", f"the bundle contains itself: {ring}")
        elif sku not in done:
            open_path.append(sku)
            stack.append((sku, None, True))
            stack.extend((part, at, False) for part, at in parts.get(sku, ()))


def _rows(sheets: Sheets) -> Iterator[Finding]:
    for file, name, broken, message in _RULES:
        for row in sheets[file].rows:
            if broken(row.values):
                yield _finding(sheets[file], row, name, message)


def _below(values: Mapping[str, Any], low: str, high: str, strict: bool = False) -> bool:
    if low not in values or high not in values:
        return False
    return bool(values[high] <= values[low] if strict else values[high] < values[low])


_HOURS_RULE: Final = (
    "closes",
    lambda row: row.get("closes", 24 * 60) <= row.get("opens", 0),
    "closing is not after opening",
)
_RULES: Final = (
    ("skus.csv", "similar_to", lambda row: row.get("similar_to") == row.get("sku"), "an item is not similar to itself"),
    (
        "skus.csv",
        "sale_cap_run",
        lambda row: _below(row, "sale_cap_session", "sale_cap_run"),
        "the cap per run is below the cap per session",
    ),
    ("suppliers.csv", *_HOURS_RULE),
    ("warehouses.csv", *_HOURS_RULE),
    (
        "suppliers.csv",
        "commit_fence_minutes",
        lambda row: row.get("commit_fence_minutes", 72 * 60) < row.get("firm_fence_minutes", 24 * 60),
        "the commit fence lies before the firm fence",
    ),
    (
        "offers.csv",
        "expedite_lead_time_minutes",
        lambda row: ("expedite_lead_time_minutes" in row) != ("expedite_surcharge_minor" in row),
        "expedite needs both a lead time and a surcharge",
    ),
    (
        "offers.csv",
        "expedite_lead_time_minutes",
        lambda row: _below(row, "expedite_lead_time_minutes", "lead_time_minutes", strict=True),
        "expedite is not faster than the normal lead time",
    ),
    (
        "prices.csv",
        "ends_at",
        lambda row: _below(row, "starts_at", "ends_at", strict=True),
        "the price ends before it starts",
    ),
    (
        "stock.csv",
        "on_hand",
        lambda row: "on_hand" in row and row.get("fenced_live", 0) + row.get("fenced_shelf", 0) > row["on_hand"],
        "more is ring-fenced than is on hand",
    ),
)


def _windows(sheet: Sheet) -> Iterator[Finding]:
    by_item: dict[tuple[Any, Any], list[Row]] = {}
    for row in sheet.rows:
        if row.sound and row.values["starts_at"] < row.values["ends_at"]:
            by_item.setdefault((row.values["sku"], row.values["channel"]), []).append(row)
    for rows in by_item.values():
        rows.sort(key=lambda row: (row.values["starts_at"], row.line))
        for before, after in pairwise(rows):
            starts = (before.values["starts_at"], after.values["starts_at"])
            if starts[0] < starts[1] < before.values["ends_at"]:
                yield _finding(sheet, after, "starts_at", f"the price overlaps the one of line {before.line}")
