"""The plans: what waits for a planner, oldest first; new ones wait behind a pill until somebody asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from nicegui import events, ui

from supplychain.domain.plan import LineState
from supplychain.planning.ports import PlanFilter
from supplychain.web.console import grids
from supplychain.web.console.controls import button
from supplychain.web.console.formats import tone
from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.ports import Row

_SECONDS: Final = 2.0
_PAGE: Final = 500
_FILTERS: Final[dict[str, PlanFilter]] = {
    "to.review": PlanFilter(open_only=True, limit=_PAGE),
    "approved": PlanFilter(states=(LineState.APPROVED,), limit=_PAGE),
    "released": PlanFilter(
        states=(LineState.RELEASED, LineState.CONFIRMED, LineState.SHORT, LineState.IN_TRANSIT), limit=_PAGE
    ),
    "all": PlanFilter(limit=_PAGE),
}
_REASONS: Final = {
    "spike": ("warn", "bolt"),
    "short": ("bad", "trending_down"),
    "moved": ("info", "trending_up"),
    "review": ("quiet", "schedule"),
    "manual": ("accent", "person"),
}


def row(visit: Visit, plan: Row) -> Row:
    """Return a plan as a row of the grid."""
    say = visit.say
    kind, icon = tone(plan["status"])
    return {
        "id": plan["plan"],
        "plan": plan["plan"][:8],
        "status": plan["status"],
        "status_chip": [say(f"state.{plan['status']}"), kind, icon],
        "cut": plan["cut"],
        "items": ", ".join(plan["groups"][:4]) + (" …" if len(plan["groups"]) > 4 else ""),
        "lines": plan["lines_total"],
        "open": plan["lines_open"],
        "value_minor": plan["value_minor"],
        "gap": plan["gap"],
        "reasons": "; ".join(plan["reasons"]),
        "reasons_chips": reason_chips(plan["reasons"]),
    }


def reason_chips(reasons: list[str], most: int = 3) -> list[list[str]]:
    """Return reasons as chips, the first few and how many more."""
    chips = [[reason, *_REASONS.get(reason.partition(":")[0], ("quiet", "info"))] for reason in reasons[:most]]
    more = len(reasons) - most
    return [*chips, [f"+{more}", "quiet", ""]] if more > 0 else chips


def draw(visit: Visit) -> None:
    """Draw the page."""
    with frame(visit, visit.say("inbox"), "inbox", fill=True) as place:
        page = _Inbox(visit, place)
        page.live = place.live(page.load, page.paint, _SECONDS)


@dataclass
class _Inbox:
    visit: Visit
    place: Frame
    chosen: str = "to.review"
    shown: dict[str, Row] = field(default_factory=dict)
    waiting: list[Row] = field(default_factory=list)
    drawn: str = ""
    live: Any = None

    def __post_init__(self) -> None:
        say = self.visit.say
        with ui.element("div").classes("bar"):
            with ui.element("div").classes("tabs"):
                self.tabs = {
                    name: button(say(name), lambda name=name: self._choose(name), look="bare") for name in _FILTERS
                }
            self.pill = button("", self._take, look="pill", icon="arrow_downward", small=True)
            self.pill.set_visibility(False)
            find = ui.input(placeholder=say("filter")).props("dense outlined clearable debounce=200").classes("push")
            find.on_value_change(self._find)
        with ui.element("section").classes("panel flush grow"):
            self.grid = grids.grid(self._columns(), [], empty=say("loading"))
            self.grid.on("cellClicked", self._open, args=["rowId"])
        self._mark()

    def _columns(self) -> list[grids.Cell]:
        say, formats = self.visit.say, self.visit.formats
        zone = formats.offset(self.visit.front.wall())
        return [
            grids.chip("status", say("status"), pinned="left", width=124),
            grids.moment("cut", f"{say('cut')} ({zone})", width=118),
            grids.chips("reasons", say("reasons"), flex=3, minWidth=240),
            grids.words("items", say("items"), flex=2, minWidth=150),
            grids.count("open", say("to.review"), width=88),
            grids.count("lines", say("lines"), width=70),
            grids.money("value_minor", say("value"), width=104),
            grids.count(
                "gap", say("gap"), **{":valueFormatter": "p => (100 * p.value).toFixed(2) + ' %'", "width": 92}
            ),
            grids.words("plan", say("plan"), cellClass="mono link", width=96),
        ]

    def load(self) -> tuple[str, list[Row]]:
        """Read the plans of the chosen filter, oldest first."""
        chosen = self.chosen
        plans = self.visit.front.desk.plans(_FILTERS[chosen])
        return chosen, [row(self.visit, plan) for plan in reversed(plans)]

    def paint(self, seen: tuple[str, list[Row]]) -> None:
        """Update what is shown in place; what is new waits behind the pill."""
        chosen, rows = seen
        if chosen != self.chosen:
            return
        if chosen != self.drawn or not self.shown:
            self._show(rows)
            self.drawn = chosen
            return
        by_id = {one["id"]: one for one in rows}
        changed = [one for name, one in by_id.items() if name in self.shown and self.shown[name] != one]
        grids.patch(self.grid, changed)
        self.shown.update({one["id"]: one for one in changed})
        self.waiting = rows
        fresh = len(set(by_id) - set(self.shown))
        self.pill.set_visibility(fresh > 0)
        self.pill.set_text(self.visit.say("n.new", n=fresh))

    def _show(self, rows: list[Row]) -> None:
        words = self.visit.say("plans.none")
        self.grid.run_grid_method("setGridOption", "overlayNoRowsTemplate", f"<span class='muted'>{words}</span>")
        grids.fill(self.grid, rows)
        self.shown = {one["id"]: one for one in rows}
        self.pill.set_visibility(False)

    def _find(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.grid.run_grid_method("setGridOption", "quickFilterText", event.value or "")

    def _take(self) -> None:
        self._show(self.waiting)

    def _choose(self, name: str) -> None:
        self.chosen = name
        self._mark()
        if self.live is not None:
            self.live.now()

    def _mark(self) -> None:
        for name, tab in self.tabs.items():
            tab.classes(add="here") if name == self.chosen else tab.classes(remove="here")

    def _open(self, event: events.GenericEventArguments) -> None:
        if event.args.get("rowId"):
            ui.navigate.to(f"/plans/{event.args['rowId']}")
