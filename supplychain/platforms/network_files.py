"""A network as files: CSV tables and two TOML files become a catalogue, or a list of everything that is wrong.

Nothing here opens a file: text in, records and findings out, so that the command line, an upload and a test use the same
checks. All findings are reported at once, each with file, line and field; a network with one finding is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from supplychain.domain.network import (
    Catalogue,
    Component,
    DatedPrice,
    Expedite,
    Lane,
    Offer,
    OpeningStock,
    PriceTier,
    Region,
    Session,
    Sku,
    Supplier,
    Warehouse,
    WorkingHours,
)
from supplychain.platforms import cells, network_sessions
from supplychain.platforms.cells import Finding
from supplychain.platforms.network_checks import check
from supplychain.platforms.network_sessions import read_sessions
from supplychain.platforms.network_tables import TABLES, Row, Sheet, Table, read_table
from supplychain.platforms.toml_lines import line_of, read_toml

SETTINGS_FILE: Final = "network.toml"
FILES: Final = (SETTINGS_FILE, *(table.file for table in TABLES), network_sessions.FILE)
OPTIONAL: Final = frozenset({*(table.file for table in TABLES if table.optional), network_sessions.FILE})

_DEFAULT_ZONE: Final = "Asia/Shanghai"


def read_catalogue(files: Mapping[str, str | bytes]) -> tuple[Catalogue | None, list[Finding]]:
    """Return the catalogue that the files describe, or None and what is wrong with them.

    Parameters
    ----------
    files
        Text (or UTF-8 bytes) by file name without folder. Names that end neither in .csv nor in .toml are ignored.

    Returns
    -------
    catalogue, findings
        The catalogue is None exactly when there is a finding; findings are sorted by file and line.
    """
    findings: list[Finding] = []
    texts = _texts(files, findings)
    zone, money = _settings(texts.get(SETTINGS_FILE), findings)
    sheets = {table.file: _sheet(table, texts, ZoneInfo(zone), findings) for table in TABLES}
    findings.extend(check(sheets))
    goods = sheets["skus.csv"]
    known = [row.values for row in goods.rows if "sku" in row.values]
    caps = None if goods.absent else {row["sku"]: row.get("sale_cap_session") for row in known}
    sessions: dict[str, Session] = {}
    if (text := texts.get(network_sessions.FILE)) is not None:
        sessions = read_sessions(text, ZoneInfo(zone), caps, findings)
    if findings:
        order = {name: place for place, name in enumerate(FILES)}
        return None, sorted(findings, key=lambda one: (order.get(one.file, -1), one.file, one.line, one.field))
    return _catalogue(sheets, sessions, zone, money), []


def _texts(files: Mapping[str, str | bytes], findings: list[Finding]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, given in sorted(files.items()):
        if name not in FILES:
            if name.endswith((".csv", ".toml")):
                findings.append(Finding(name, 0, "", "", f"unknown file; a network has {', '.join(FILES)}"))
            continue
        try:
            texts[name] = given.decode("utf-8-sig") if isinstance(given, bytes) else given
        except UnicodeDecodeError as refused:
            line = given[: refused.start].count(b"\n") + 1 if isinstance(given, bytes) else 0
            findings.append(Finding(name, line, "", "", "the file is not UTF-8; save it as UTF-8"))
    missing = (name for name in FILES if name not in files and name not in OPTIONAL)
    findings.extend(Finding(name, 0, "", "", "the file is missing") for name in missing)
    return texts


def _sheet(table: Table, texts: Mapping[str, str], zone: ZoneInfo, findings: list[Finding]) -> Sheet:
    text = texts.get(table.file)
    return Sheet(table, absent=True) if text is None else read_table(table, text, zone, findings)


def _settings(text: str | None, findings: list[Finding]) -> tuple[str, str]:
    read = {"zone": cells.zone_name, "currency": cells.currency}
    values = {"zone": _DEFAULT_ZONE, "currency": "CNY"}
    parsed = None if text is None else read_toml(SETTINGS_FILE, text, findings)
    for name, given in (parsed[0] if parsed else {}).items():
        line = line_of(parsed[1] if parsed else {}, (name,))
        if name not in read:
            findings.append(Finding(SETTINGS_FILE, line, name, "", f"unknown key; known are {', '.join(read)}"))
            continue
        try:
            values[name] = read[name](str(given), ZoneInfo(_DEFAULT_ZONE))
        except ValueError as refused:
            findings.append(Finding(SETTINGS_FILE, line, name, str(given), str(refused)))
    return values["zone"], values["currency"]


def _catalogue(sheets: Mapping[str, Sheet], sessions: Mapping[str, Session], zone: str, money: str) -> Catalogue:
    def rows(file: str) -> list[dict[str, Any]]:
        return [dict(row.values) for row in sheets[file].rows]

    return Catalogue(
        skus={one.sku: one for one in _skus(sheets)},
        suppliers={row["supplier"]: Supplier(**_hours(row, zone)) for row in rows("suppliers.csv")},
        offers={one.offer: one for one in _offers(sheets)},
        warehouses={row["warehouse"]: Warehouse(**_hours(row, zone)) for row in rows("warehouses.csv")},
        lanes={row["lane"]: Lane(**{"zone": zone, **row}) for row in rows("lanes.csv")},
        regions={row["code"]: Region(**row) for row in rows("regions.csv")},
        sessions=dict(sessions),
        stock=tuple(OpeningStock(**row) for row in rows("stock.csv")),
        zone=zone,
        currency=money,
    )


def _skus(sheets: Mapping[str, Sheet]) -> list[Sku]:
    components: dict[str, list[Component]] = {}
    for row in sheets["components.csv"].rows:
        components.setdefault(row.values["bundle"], []).append(Component(row.values["sku"], row.values["pieces"]))
    prices: dict[str, list[DatedPrice]] = {}
    for row in sheets["prices.csv"].rows:
        dated = DatedPrice(**{name: value for name, value in row.values.items() if name != "sku"})
        prices.setdefault(row.values["sku"], []).append(dated)
    return [
        Sku(
            **row.values,
            components=tuple(components.get(row.values["sku"], ())),
            prices=tuple(prices.get(row.values["sku"], ())),
        )
        for row in sheets["skus.csv"].rows
    ]


def _offers(sheets: Mapping[str, Sheet]) -> list[Offer]:
    tiers: dict[str, list[PriceTier]] = {}
    for row in sheets["tiers.csv"].rows:
        tiers.setdefault(row.values["offer"], []).append(
            PriceTier(row.values["from_pieces"], row.values["unit_cost_minor"])
        )
    return [_offer(row, tiers) for row in sheets["offers.csv"].rows]


def _offer(row: Row, tiers: Mapping[str, list[PriceTier]]) -> Offer:
    values = dict(row.values)
    lead, surcharge = (values.pop(f"expedite_{name}", None) for name in ("lead_time_minutes", "surcharge_minor"))
    return Offer(
        **values,
        tiers=tuple(sorted(tiers.get(values["offer"], ()), key=lambda tier: tier.from_pieces)),
        expedite=None if lead is None or surcharge is None else Expedite(lead, surcharge),
    )


def _hours(row: Mapping[str, Any], zone: str) -> dict[str, Any]:
    given = {name: row[name] for name in ("opens", "closes", "weekdays", "zone") if name in row}
    rest = {name: value for name, value in row.items() if name not in given}
    return {**rest, "hours": WorkingHours(**{"zone": zone, **given})}
