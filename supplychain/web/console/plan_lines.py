"""The lines of a plan as grid columns and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supplychain.web.console import grids
from supplychain.web.console.formats import tone
from supplychain.web.console.frame import Visit
from supplychain.web.ports import Row


def columns(visit: Visit, zone: str) -> list[grids.Cell]:
    """Return the columns; `zone` is named in the headings of times."""
    say = visit.say
    editable = {
        ":editable": "p => p.data.state === 'proposed'",
        "cellEditor": "agNumberCellEditor",
        "cellEditorParams": {"min": 0, "precision": 0},
        "cellClassRules": {
            "can-edit": "data.state === 'proposed'",
            "draft": "data.draft",
        },
        ":tooltipValueGetter": "p => p.data.quantity_note",
    }
    return [
        grids.words("sku", say("item"), pinned="left", width=128, cellClass="link"),
        grids.chip("state", say("status"), width=116),
        grids.count("quantity", say("quantity"), **{**editable, "width": 88}),
        grids.words("why", say("why"), flex=1, minWidth=170, cellClass="link"),
        grids.words("source", say("from"), width=104),
        grids.words("destination", say("to"), width=104),
        grids.chip("zone", say("zone"), width=100),
        grids.moment("release_at", f"{say('release.at')} ({zone})", width=108),
        grids.moment("arrive_at", f"{say('arrive.at')} ({zone})", width=108),
        grids.money("cost_minor", say("cost"), width=96),
        grids.words("kind", say("kind"), width=110),
        grids.words("fence", say("fence"), width=170),
    ]


def line_row(visit: Visit, line: Row, drafts: Mapping[str, int]) -> Row:
    """Return a line as a row; a draft stands where the quantity stood."""
    say, formats = visit.say, visit.formats
    draft = drafts.get(line["line"])
    note = [say("recommends", n=formats.count(line["recommended"]))]
    if line["override"] is not None:
        note.append(say("override", n=formats.count(line["override"])) + f": {line['override_reason']}")
    if line["stale"]:
        note.append(say("stale.line"))
    row: dict[str, Any] = {
        "id": line["line"],
        "sku": line["sku"],
        "state": line["state"],
        "state_chip": _chip(visit, f"state.{line['state']}", line["state"]),
        "kind": say(line["kind"]) + (f" · {line['mode']}" if line["mode"] != "normal" else ""),
        "source": line["supplier"] or line["origin"],
        "destination": line["destination"],
        "quantity": line["quantity"] if draft is None else draft,
        "quantity_note": "; ".join(note),
        "draft": draft is not None,
        "zone": line["zone"],
        "zone_chip": _chip(visit, line["zone"], line["zone"]),
        "release_at": line["release_at"],
        "arrive_at": line["arrive_at"],
        "cost_minor": line["cost_minor"],
        "why": line["explanation"]["equation"],
        "fence": line["fence"],
    }
    return row


def _chip(visit: Visit, key: str, state: str) -> list[str]:
    kind, icon = tone(state)
    return [visit.say(key), kind, icon]
