"""One plan: every line with its reasons; approve, edit, reject, release, call off, each with a reason, none over somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nicegui import events, ui

from supplychain.planning.shortages import KINDS, shortages_by_item
from supplychain.web.console import grids
from supplychain.web.console.controls import button
from supplychain.web.console.dialogs import ask_reason, attempt, well_done
from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.console.inbox import reason_chips
from supplychain.web.console.plan_lines import columns, line_row
from supplychain.web.console.plan_panel import open_panel
from supplychain.web.console.tables import Column, chip, facts, html, mono, show, table, text
from supplychain.web.ports import Row

_SECONDS: Final = 3.0


def draw(visit: Visit, plan: str) -> None:
    """Draw the page."""
    with frame(visit, f"{visit.say('plan')} {plan[:8]}", "inbox", fill=True) as place:
        page = _Plan(visit, place, plan)
        page.live = place.live(page.load, page.paint, _SECONDS)


def head(visit: Visit, plan: Row) -> str:
    """Return what a plan is worth and how sure it is, as HTML."""
    say, formats = visit.say, visit.formats
    kept = f"{say('network')} {plan['network_version']}, {say('tuning').lower()} {plan['tuning_version']}"
    pairs = (
        (say("cut"), formats.stamp(plan["cut"])),
        (say("lines"), formats.count(plan["lines_total"])),
        (say("value"), formats.money(plan["value_minor"])),
        (say("objective"), formats.money(plan["objective_minor"])),
        (say("gap"), formats.share(plan["gap"])),
        (say("solver"), f"{plan['solve_status']}, {plan['stop_reason']}"),
        (say("versions"), kept),
    )
    chips = "".join(
        f'<span class="chip {kind}">{_sign(icon)}{text(words)}</span>'
        for words, kind, icon in reason_chips(plan["reasons"], most=8)
    )
    notes = "".join(f'<div class="small muted">{text(note)}</div>' for note in plan["notes"])
    return f'{facts(pairs)}<div class="chips" style="margin-top:12px">{chips}</div>{notes}'


def shortage_box(visit: Visit, plan: Row) -> str:
    """Return what the plan cannot cover, as HTML; nothing when it covers all. Broken promises are a table, thin safety a line."""
    items = shortages_by_item(plan["shortages"])
    broken = [item for item in items if item["regions"]]
    thin = [item for item in items if not item["regions"]]
    parts = []
    if broken:
        kinds = [(kind, visit.say(f"short.{kind}")) for kind in KINDS]
        heads = [
            Column(visit.say("item")),
            *(Column(name, number=True) for _, name in kinds),
            Column(visit.say("regions")),
        ]
        rows = [(item["sku"], *(item[kind] or "" for kind, _ in kinds), ", ".join(item["regions"])) for item in broken]
        parts.append(f"<h2>{_sign('report')} {text(visit.say('shortages'))}</h2>{table(heads, rows, empty='')}")
    if thin:
        listed = ", ".join(f"{item['sku']} {item['safety']}" for item in thin)
        parts.append(f'<div class="small muted">{text(visit.say("short.thin", items=listed))}</div>')
    tone = ' style="border-color:var(--bad)"' if broken else ""
    return f'<div class="panel"{tone}>{"".join(parts)}</div>' if parts else ""


def _sign(icon: str) -> str:
    return f'<i class="material-icons" aria-hidden="true">{icon}</i>' if icon else ""


@dataclass
class _Plan:
    visit: Visit
    place: Frame
    plan: str
    seen: Row = field(default_factory=dict)
    drafts: dict[str, int] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    live: Any = None

    def __post_init__(self) -> None:
        say = self.visit.say
        with ui.element("section").classes("panel"):
            self.head = html(classes="w-full")
        self.shortages = html()
        with ui.element("div").classes("bar"):
            button(say("approve"), self._approve, look="main", icon="check")
            button(say("release"), self._release, icon="send")
            button(say("reject"), self._reject, look="danger", icon="close")
            button(say("call.off"), self._call_off, look="danger", icon="undo")
            self.selection = ui.label("").classes("muted small")
            with ui.row().classes("push items-center gap-2") as self.draft_bar:
                self.draft_words = ui.label("").classes("small").style("color:var(--warn)")
                button(say("discard"), self._discard, small=True)
                button(say("save"), self._save, look="main", small=True)
            self.hint = ui.label(say("edit.hint")).classes("push muted small")
        with ui.element("section").classes("panel flush grow"):
            zone = self.visit.formats.offset(self.visit.front.wall())
            self.grid = grids.grid(columns(self.visit, zone), [], empty=say("loading"), select=True)
            self.grid.on("cellValueChanged", self._drafted, args=["rowId", "newValue", "oldValue", "colId", "source"])
            self.grid.on("selectionChanged", self._selected, args=[])
            self.grid.on("cellClicked", self._clicked, args=["rowId", "colId"])
        self._bar()

    def load(self) -> Row:
        """Read the plan."""
        return self.visit.front.desk.plan(self.plan)

    def paint(self, plan: Row) -> None:
        """Show the plan; rows stay where they are, drafts stay what they are."""
        say = self.visit.say
        before = {one["line"]: one for one in self.seen.get("lines", ())}
        seen_version, self.seen = self.seen.get("version"), plan
        state = chip(say(f"state.{plan['status']}"), plan["status"])
        show(self.place.subtitle, f"{state.html} {mono(plan['plan']).html}")
        show(self.head, head(self.visit, plan))
        show(self.shortages, shortage_box(self.visit, plan))
        self.shortages.set_visibility(bool(plan["shortages"]))
        if before and plan["version"] == seen_version:
            return
        rows = [line_row(self.visit, one, self.drafts) for one in plan["lines"]]
        if set(before) != {one["line"] for one in plan["lines"]}:
            self.grid.run_grid_method("setGridOption", "overlayNoRowsTemplate", f"<span>{say('state.empty')}</span>")
            grids.fill(self.grid, rows)
        else:
            changed = {one["line"] for one in plan["lines"] if before[one["line"]] != one}
            grids.patch(self.grid, [one for one in rows if one["id"] in changed], list(self.drafts))
        self._bar()

    def _bar(self) -> None:
        say, formats = self.visit.say, self.visit.formats
        worth = sum(one["value_minor"] for one in self.seen.get("lines", ()) if one["line"] in self.chosen)
        words = say("selected", n=len(self.chosen), value=formats.money(worth)) if self.chosen else say("selected.none")
        self.selection.set_text(words)
        self.draft_bar.set_visibility(bool(self.drafts))
        self.hint.set_visibility(not self.drafts)
        self.draft_words.set_text(say("drafts", n=len(self.drafts)))

    async def _selected(self) -> None:
        rows = await self.grid.get_selected_rows()
        self.chosen = tuple(one["id"] for one in rows)
        self._bar()

    def _line(self, name: str) -> Row:
        return next(one for one in self.seen["lines"] if one["line"] == name)

    def _clicked(self, event: events.GenericEventArguments) -> None:
        if event.args.get("colId") in {"sku", "why"} and event.args.get("rowId"):
            open_panel(self.visit, self._line(event.args["rowId"]))

    def _drafted(self, event: events.GenericEventArguments) -> None:
        given = event.args
        if given.get("colId") != "quantity" or given.get("source") == "api":
            return
        name, value = str(given["rowId"]), given.get("newValue")
        if isinstance(value, int | float) and value == int(value) and value >= 0:
            line = self._line(name)
            if int(value) == line["quantity"]:
                self.drafts.pop(name, None)
            else:
                self.drafts[name] = int(value)
        self._redraw([name])
        self._bar()

    def _redraw(self, names: list[str]) -> None:
        grids.patch(self.grid, [line_row(self.visit, self._line(name), self.drafts) for name in names])

    def _discard(self) -> None:
        names = list(self.drafts)
        self.drafts.clear()
        self._redraw(names)
        self._bar()

    def _again(self) -> None:
        if self.live is not None:
            self.live.now()

    async def _save(self) -> None:
        say = self.visit.say
        about = "\n".join(
            f"{self._line(name)['sku']}: {self.visit.formats.count(self._line(name)['quantity'])} → {self.visit.formats.count(value)}"
            for name, value in self.drafts.items()
        )
        reason = await ask_reason(self.visit, say("save"), about=about, needed=True)
        if reason is None:
            return
        saved = 0
        for name, value in list(self.drafts.items()):
            version = self._line(name)["version"]
            desk, actor = self.visit.front.desk, self.visit.actor
            done = await attempt(self.visit, desk.edit, name, value, version, actor, reason, again=self._again)
            if done is None:
                break
            self.drafts.pop(name)
            saved += 1
        if saved:
            well_done(say("done.edit", n=saved))
        self._again()

    def _targets(self, state: str) -> list[str]:
        wanted = self.chosen or tuple(one["line"] for one in self.seen["lines"])
        return [name for name in wanted if self._line(name)["state"] == state]

    async def _approve(self) -> None:
        desk, actor = self.visit.front.desk, self.visit.actor
        digest, version = self.seen["digest"], self.seen["version"]

        def call(lines: list[str], reason: str) -> list[Row]:
            return desk.approve(self.plan, lines, actor, reason, digest=digest, version=version)

        await self._act("approve", "proposed", call, needed=False)

    async def _reject(self) -> None:
        desk, actor = self.visit.front.desk, self.visit.actor
        await self._act("reject", "proposed", lambda lines, why: desk.reject(self.plan, lines, actor, why), needed=True)

    async def _release(self) -> None:
        desk, actor = self.visit.front.desk, self.visit.actor
        await self._act(
            "release", "approved", lambda lines, why: desk.release(self.plan, lines, actor, why), needed=False
        )

    async def _call_off(self) -> None:
        desk, actor = self.visit.front.desk, self.visit.actor
        await self._act(
            "call.off",
            "released",
            lambda lines, why: desk.cancel(self.plan, lines, actor, why),
            needed=True,
            kind="move",
        )

    async def _act(
        self, name: str, state: str, call: Callable[[list[str], str], list[Row]], *, needed: bool, kind: str = ""
    ) -> None:
        say, formats = self.visit.say, self.visit.formats
        if not self.seen:
            return
        lines = [one for one in self._targets(state) if kind in {"", self._line(one)["kind"]}]
        if not lines:
            ui.notify(say(f"nothing.to.{name}"), position="top", type="info")
            return
        if self.drafts:
            ui.notify(say("drafts", n=len(self.drafts)), position="top", type="warning")
            return
        worth = formats.money(sum(self._line(one)["value_minor"] for one in lines))
        about = say("acts.on", n=len(lines), value=worth)
        reason = await ask_reason(self.visit, say(name), about=about, needed=needed)
        if reason is None:
            return
        done = await attempt(self.visit, call, lines, reason, again=self._again)
        if done is not None:
            released = sum(one["state"] == "released" for one in done)
            well_done(say(f"done.{name}", n=len(done), released=released))
            self.grid.run_grid_method("deselectAll")
        self._again()
