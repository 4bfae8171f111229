"""The drawer that explains one line: the equation, term by term; what limits it, what else was possible, who touched it."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from supplychain.domain.errors import SupplyChainError
from supplychain.web.console.controls import icon_button
from supplychain.web.console.frame import Visit, read
from supplychain.web.console.line_evidence import evidence
from supplychain.web.console.tables import Column, chip, facts, html, show, table, text
from supplychain.web.ports import Row


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
        html(evidence(visit, line["explanation"]["facts"]))
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
