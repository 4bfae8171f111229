"""Tuning: every value with unit and bounds; change, preview, activate with a reason; every version can be had back."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Any

from nicegui import ui

from supplychain.web.console.controls import button
from supplychain.web.console.dialogs import ask_reason, attempt, well_done
from supplychain.web.console.frame import Frame, Visit, frame, fresh, read
from supplychain.web.console.tables import Column, chip, html, loose, show, table, text
from supplychain.web.ports import Row

Value = float | bool


def draw(visit: Visit) -> None:
    """Draw the page."""
    with frame(visit, visit.say("tuning"), "tuning") as place:
        page = _Tuning(visit, place)
        ui.timer(0.05, page.refresh, once=True)


def document(changes: dict[str, Value]) -> dict[str, dict[str, Value]]:
    """Return changed values as the nested document that the desk takes.

    >>> document({"detector.ratio": 3.0})
    {'detector': {'ratio': 3.0}}
    """
    nested: dict[str, dict[str, Value]] = {}
    for name, value in changes.items():
        section, _, key = name.partition(".")
        nested.setdefault(section, {})[key] = value
    return nested


def typed(row: Row, given: object) -> Value | None:
    """Return a changed value in its own type; None when it is what the version says already, or no number."""
    if isinstance(row["default"], bool):
        return bool(given) if bool(given) != row["value"] else None
    if not isinstance(given, int | float) or given == row["value"]:
        return None
    whole = isinstance(row["default"], int) and given == int(given)
    return int(given) if whole else float(given)


@dataclass
class _Tuning:
    visit: Visit
    place: Frame
    rows: list[Row] = field(default_factory=list)
    changes: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        say = self.visit.say
        with ui.element("div").classes("bar"):
            self.status = html(classes="")
            with ui.row().classes("push gap-2"):
                self.discard = button(say("discard"), self.refresh)
                self.activate = button(say("activate"), self._activate, look="main", icon="check")
        with ui.element("div").classes("split"):
            self.values = ui.column().classes("w-full").style("gap:16px")
            with ui.column().classes("w-full").style("gap:16px"):
                with ui.element("section").classes("panel"):
                    html(f"<h2>{say('preview')}</h2>")
                    self.preview = html()
                with ui.element("section").classes("panel"):
                    html(f"<h2>{say('versions')}</h2>")
                    self.versions = ui.column().classes("w-full").style("gap:0")

    async def refresh(self) -> None:
        """Read the active version and all versions; drops what was not activated."""
        desk = self.visit.front.desk
        tuning = await attempt(self.visit, desk.tuning, None)
        versions = await attempt(self.visit, desk.tunings)
        if tuning is None or versions is None:
            return
        say = self.visit.say
        self.rows, self.changes = tuning["values"], {}
        show(self.status, f'<span class="strong">{text(say("tuning.active", n=tuning["version"]))}</span>')
        show(self.place.note, fresh(self.visit))
        self._draw_values()
        self._draw_versions(versions)
        await self._look()

    def _draw_values(self) -> None:
        say = self.visit.say
        self.values.clear()
        with self.values:
            for section, rows in groupby(self.rows, key=lambda row: str(row["name"]).partition(".")[0]):
                with ui.element("section").classes("panel"):
                    html(f"<h2>{text(say(f'section.{section}'))}</h2>")
                    for row in rows:
                        self._draw_value(row)

    def _draw_value(self, row: Row) -> None:
        say, name = self.visit.say, str(row["name"])
        switch = isinstance(row["default"], bool)
        with ui.element("div").classes("tune-row") as line:
            words = f'<span class="mono">{text(name.partition(".")[2])}</span>'
            html(f'{words}<div class="muted small">{text(row["about"])}</div>', classes="")
            if switch:
                box: Any = ui.switch(value=row["value"]).props("dense")
            else:
                step = 1 if isinstance(row["default"], int) else None
                unit = "" if row["unit"] == "1" else str(row["unit"])
                box = ui.number(value=row["value"], min=row["low"], max=row["high"], step=step, suffix=unit)
                box.props(f'dense outlined debounce=300 hide-bottom-space aria-label="{escape(name)}"')
            bounds = "" if switch else f"{row['low']:,g} – {row['high']:,g}"
            html(
                f'{bounds}<div class="muted small">{text(say("default", n=loose(row["default"])))}</div>',
                classes="small",
            )

        async def changed() -> None:
            value = typed(row, box.value)
            self.changes.pop(name, None)
            if value is not None:
                self.changes[name] = value
            line.classes(add="changed") if value is not None else line.classes(remove="changed")
            await self._look()

        box.on_value_change(changed)

    async def _look(self) -> None:
        say = self.visit.say
        self.activate.set_enabled(bool(self.changes))
        self.discard.set_enabled(bool(self.changes))
        if not self.changes:
            show(self.preview, f'<span class="muted small">{text(say("tuning.same"))}</span>')
            return
        rows = await attempt(self.visit, self.visit.front.desk.tuning_diff, document(self.changes))
        self.activate.set_enabled(bool(rows))
        show(self.preview, self._diff(rows or []))

    def _diff(self, rows: list[Row]) -> str:
        say = self.visit.say
        columns = (Column(say("parameter")), Column(say("now"), number=True), Column(say("new"), number=True))
        cells = [(row["name"], loose(row["old"]), loose(row["new"])) for row in rows]
        return table(columns, cells, empty=say("tuning.same"))

    async def _activate(self) -> None:
        say = self.visit.say
        rows = await read(self.visit.front.desk.tuning_diff, document(self.changes))
        about = "\n".join(f"{row['name']}: {loose(row['old'])} → {loose(row['new'])}" for row in rows)
        reason = await ask_reason(self.visit, say("activate"), about=about, needed=True)
        if reason is None:
            return
        desk = self.visit.front.desk
        done = await attempt(
            self.visit, desk.activate, document(self.changes), self.visit.actor, reason, again=self.refresh
        )
        if done is not None:
            well_done(say("done.activate", n=done))
            await self.refresh()

    def _draw_versions(self, versions: list[Row]) -> None:
        say, formats = self.visit.say, self.visit.formats
        self.versions.clear()
        with self.versions:
            for version in versions[:30]:
                changes = "; ".join(f"{c['name']} {loose(c['old'])} → {loose(c['new'])}" for c in version["changes"])
                mark = chip(say("active"), "confirmed").html if version["active"] else ""
                with ui.element("div").classes("spike-row w-full"):
                    html(
                        f'<div class="strong">{text(say("version"))} {version["version"]} {mark}</div>'
                        f'<div class="small">{text(version["reason"])}</div><div class="small muted">{text(changes)}</div>'
                        f'<div class="small muted">{text(version["author"])} · {text(formats.stamp(version["created_wall"]))}</div>',
                        classes="",
                    )
                    if not version["active"]:
                        self._back(int(version["version"]))

    def _back(self, version: int) -> None:
        say = self.visit.say

        async def roll_back() -> None:
            reason = await ask_reason(self.visit, say("rollback"), about=f"{say('version')} {version}", needed=True)
            if reason is None:
                return
            done = await attempt(self.visit, self.visit.front.desk.rollback, version, self.visit.actor, reason)
            if done is not None:
                well_done(say("done.activate", n=done))
                await self.refresh()

        button(say("rollback"), roll_back, small=True)
