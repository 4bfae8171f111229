"""The drawer that explains one line: the equation, term by term; what limits it, what else was possible, who touched it."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from supplychain.domain.errors import SupplyChainError
from supplychain.web.console.controls import icon_button
from supplychain.web.console.frame import Visit, read
from supplychain.web.console.tables import Column, chip, facts, html, label, loose, show, table, text
from supplychain.web.ports import Row

_OWN_PLACE: Final = frozenset({"binding", "alternatives", "spikes", "session_forecasts"})


def open_panel(visit: Visit, line: Row) -> None:
    """Open the drawer of a line."""
    say = visit.say
    with ui.dialog().props("position=right full-height") as dialog, ui.column().classes("side"):
        with ui.row().classes("w-full items-center no-wrap"):
            html(f'<div class="strong" style="font-size:17px">{text(line["sku"])}</div>', classes="")
            html(chip(say(f"state.{line['state']}"), line["state"]).html, classes="")
            ui.space()
            icon_button("close", say("close"), dialog.close)
        html(_head(visit, line))
        html(
            f'<div class="strong small">{say("equation")}</div><div class="equation">{text(line["explanation"]["equation"])}</div>'
        )
        html(term_table(visit, line))
        html(_evidence(visit, line["explanation"]["facts"]))
        past = html()
    dialog.on("hide", dialog.delete)
    dialog.open()

    async def history() -> None:
        try:
            show(past, history_table(visit, await read(visit.front.desk.revisions, line["line"])))
        except SupplyChainError as fault:
            show(past, text(fault.detail))

    with dialog:
        ui.timer(0.05, history, once=True)


def term_table(visit: Visit, line: Row) -> str:
    """Return the terms of a quantity; the last row is their sum, the recommendation."""
    say, formats = visit.say, visit.formats
    explanation = line["explanation"]
    columns = (Column(say("term")), Column(say("pieces"), number=True), Column(say("note")))
    rows: list[tuple[Any, ...]] = [
        (term["name"], f"{term['pieces']:+,}".replace("-", "−"), term["note"] or " ") for term in explanation["terms"]
    ]
    changed = " " if line["override"] is None else _override(visit, line)
    rows.append((say("sum"), formats.count(explanation["total"]), changed))
    return table(columns, rows, empty=say("none"), total=True)


def history_table(visit: Visit, revisions: list[Row]) -> str:
    """Return who changed a line, when and why."""
    say, formats = visit.say, visit.formats
    columns = (
        Column(say("at"), nowrap=True),
        Column(say("author")),
        Column(say("status")),
        Column(say("quantity"), number=True),
        Column(say("reason")),
    )
    rows = [
        (
            formats.moment(one["at"]),
            one["actor"],
            say(f"state.{one['state_after']}"),
            formats.count(one["quantity_after"]),
            one["reason"],
        )
        for one in revisions
    ]
    return f'<div class="strong small">{say("history")}</div>{table(columns, rows, empty=say("none"))}'


def _override(visit: Visit, line: Row) -> str:
    return f"{visit.say('override', n=visit.formats.count(line['override']))}: {line['override_reason']}"


def _head(visit: Visit, line: Row) -> str:
    say, formats = visit.say, visit.formats
    pairs = (
        (say("from"), line["supplier"] or line["origin"]),
        (say("to"), line["destination"]),
        (say("quantity"), formats.count(line["quantity"])),
        (say("release.at"), formats.stamp(line["release_at"])),
        (say("arrive.at"), formats.stamp(line["arrive_at"])),
        (say("cost"), formats.money(line["cost_minor"])),
    )
    return facts(pairs)


def _evidence(visit: Visit, known: dict[str, Any]) -> str:
    say = visit.say
    parts = []
    binding = known.get("binding") or []
    limits = (
        "".join(f"<li>{text(_limit(visit, limit))}</li>" for limit in binding)
        or f"<li>{text(say('none.binding'))}</li>"
    )
    parts.append(f'<div class="strong small">{text(say("binding"))}</div><ul class="small">{limits}</ul>')
    if known.get("alternatives"):
        parts.append(
            f'<div class="strong small">{text(say("alternatives"))}</div>{_alternatives(visit, known["alternatives"])}'
        )
    for key, title in (("spikes", "spikes"), ("session_forecasts", "forecast")):
        rows = "".join(f"<li>{text(_said(visit, row))}</li>" for row in known.get(key) or ())
        if rows:
            parts.append(f'<div class="strong small">{text(say(title))}</div><ul class="small">{rows}</ul>')
    rest = [(name, value) for name, value in known.items() if name not in _OWN_PLACE]
    if rest:
        rows_ = [(label(name), _fact(visit, name, value)) for name, value in rest]
        parts.append(
            f'<div class="strong small">{text(say("facts"))}</div>'
            + table((Column(""), Column("", number=True)), rows_, empty="")
        )
    return "".join(f'<div style="margin-bottom:12px">{part}</div>' for part in parts)


def _alternatives(visit: Visit, rows: list[Row]) -> str:
    say, formats = visit.say, visit.formats
    columns = (
        Column(say("from")),
        Column(say("kind")),
        Column(say("quantity"), number=True),
        Column(say("arrive.at"), nowrap=True),
        Column(say("extra.cost"), number=True),
    )
    cells = [
        (
            row.get("supplier") or row.get("origin"),
            row.get("mode", "–"),
            formats.count(row.get("pieces")),
            formats.moment(row.get("arrive_at")),
            formats.money(row.get("extra_minor")),
        )
        for row in rows
    ]
    return table(columns, cells, empty=say("none"))


def _limit(visit: Visit, limit: Row) -> str:
    """Return a binding limit: what it is, where, and what one more unit of it would save."""
    rest = {name: _fact(visit, name, value) for name, value in limit.items() if name not in {"limit", "where"}}
    return " ".join(str(limit[name]) for name in ("limit", "where") if name in limit) + f" ({loose(rest)})"


def _said(visit: Visit, row: Row) -> str:
    shown = {name: value for name, value in row.items() if name not in {"spike"}}
    return loose({name: _fact(visit, name, value) for name, value in shown.items()})


def _fact(visit: Visit, name: str, value: Any) -> str:
    """Return one fact; times and money are known by their names."""
    if isinstance(value, int) and (name.endswith(("_at", "_until")) or name == "as_of"):
        return visit.formats.stamp(value)
    if isinstance(value, int | float) and name.endswith("_minor"):
        return visit.formats.money(round(value))
    return loose(value)
