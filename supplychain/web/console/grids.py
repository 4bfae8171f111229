"""Grids: columns that know how their figures look, and updates that never move a row under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from nicegui import ui

from supplychain.web.ports import Row

Cell = dict[str, Any]


def words(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of text."""
    return {"field": field, "headerName": heading, "tooltipField": field, **more}


def count(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of whole numbers."""
    return _number(field, heading, "p => sc.int(p.value)", **more)


def money(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of minor units."""
    return _number(field, heading, "p => sc.money(p.value)", **more)


def moment(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of times; the heading names the zone."""
    return {"field": field, "headerName": heading, ":valueFormatter": "p => sc.moment(p.value)", "width": 130, **more}


def chip(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of states; the row carries `<field>_chip` = [text, tone, icon] beside the plain value."""
    render = f"p => p.data ? sc.chips([p.data.{field}_chip]) : ''"
    return {"field": field, "headerName": heading, ":cellRenderer": render, "width": 132, **more}


def chips(field: str, heading: str, **more: Any) -> Cell:
    """Return a column of several chips; the row carries `<field>_chips` beside the plain text."""
    render = f"p => p.data ? sc.chips(p.data.{field}_chips) : ''"
    return {"field": field, "headerName": heading, ":cellRenderer": render, "tooltipField": field, **more}


def grid(columns: Sequence[Cell], rows: Sequence[Row], *, empty: str, select: bool = False) -> ui.aggrid:
    """Return a grid whose rows are known by `id`."""
    options: dict[str, Any] = {
        "columnDefs": list(columns),
        "rowData": list(rows),
        ":getRowId": "p => p.data.id",
        "defaultColDef": {
            "sortable": True,
            "resizable": True,
            "filter": True,
            "suppressHeaderFilterButton": True,
            "suppressHeaderMenuButton": True,
            "wrapHeaderText": True,
            "autoHeaderHeight": True,
        },
        "suppressCellFocus": False,
        "animateRows": False,
        "enableCellTextSelection": True,
        "stopEditingWhenCellsLoseFocus": True,
        "tooltipShowDelay": 400,
        "overlayNoRowsTemplate": f"<span class='muted'>{empty}</span>",
    }
    if select:
        options["selectionColumnDef"] = {"pinned": "left", "width": 44}
        options["rowSelection"] = {
            "mode": "multiRow",
            "headerCheckbox": True,
            "selectAll": "filtered",
            "enableClickSelection": False,
        }
    return ui.aggrid(options, theme="quartz", auto_size_columns=False).classes("fills")


def fill(element: ui.aggrid, rows: Sequence[Row]) -> None:
    """Show these rows, in this order; filters and selection stay."""
    element.run_grid_method("setGridOption", "rowData", list(rows))


def patch(element: ui.aggrid, rows: Sequence[Row], drafts: Sequence[str] = ()) -> None:
    """Bring rows on screen up to date where they are; rows being edited or drafted are left alone."""
    if rows:
        body = msgspec.json.encode(list(rows)).decode()
        left = msgspec.json.encode(list(drafts)).decode()
        ui.run_javascript(f"sc.patch({element.id}, {_harmless(body)}, {_harmless(left)})")


def _harmless(json: str) -> str:
    """Keep JSON inside a script from ending it."""
    return json.replace("</", "<\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _number(field: str, heading: str, formatter: str, **more: Any) -> Cell:
    return {
        "field": field,
        "headerName": heading,
        ":valueFormatter": formatter,
        "filter": "agNumberColumnFilter",
        "cellClass": "num",
        "headerClass": "num",
        "width": 116,
        **more,
    }
