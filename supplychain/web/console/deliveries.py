"""What went out to suppliers and warehouses, what waits, and what needs somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from nicegui import events, ui

from supplychain.web.console import grids
from supplychain.web.console.controls import button
from supplychain.web.console.dialogs import ask_reason, attempt, well_done
from supplychain.web.console.formats import tone
from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.console.tables import html, nothing, show
from supplychain.web.ports import Row

_SECONDS: Final = 2.0
_LIMIT: Final = 500


def row(visit: Visit, message: Row) -> Row:
    """Return a message as a row of the grid."""
    say = visit.say
    kind, icon = tone(message["state"])
    return {
        "id": message["message"],
        "message": message["message"][:8],
        "channel": message["channel"],
        "lane": message["lane"],
        "kind": str(message["kind"]).removeprefix("supplychain.").removesuffix(".v1").replace("_", " "),
        "state": message["state"],
        "state_chip": [say(f"state.{message['state']}"), kind, icon],
        "attempts": message["attempts"],
        "lines": len(message["lines"]),
        "answers": ", ".join(f"{line['sku']} {say('state.' + line['state'])}" for line in message["answers"]),
        "released_at": message["released_at"],
        "delivered_wall": message["delivered_wall"],
        "error": message["error"] or "",
    }


def draw(visit: Visit) -> None:
    """Draw the page."""
    with frame(visit, visit.say("deliveries"), "deliveries", fill=True) as place:
        page = _Deliveries(visit, place)
        page.live = place.live(page.load, page.paint, _SECONDS)


@dataclass
class _Deliveries:
    visit: Visit
    place: Frame
    shown: dict[str, Row] = field(default_factory=dict)
    waiting: list[Row] = field(default_factory=list)
    live: Any = None

    def __post_init__(self) -> None:
        say = self.visit.say
        with ui.element("div").classes("bar"):
            self.counts = html(classes="")
            self.pill = button("", lambda: self._show(self.waiting), look="pill", icon="arrow_upward", small=True)
            self.pill.set_visibility(False)
            button(say("redeliver"), self._redeliver, icon="replay").classes("push")
        with ui.element("section").classes("panel flush grow"):
            zone = self.visit.formats.offset(self.visit.front.wall())
            columns = [
                grids.chip("state", say("state"), pinned="left", width=144),
                grids.words("lane", say("lane"), width=120),
                grids.words("answers", say("answers"), flex=2, minWidth=170),
                grids.words("error", say("error"), flex=1, minWidth=120),
                grids.count("attempts", say("attempts"), width=88),
                grids.moment("released_at", f"{say('released.at')} ({zone})", width=112),
                grids.moment("delivered_wall", f"{say('delivered.at')} ({zone})", width=112),
                grids.words("kind", say("kind"), width=160),
                grids.words("message", say("message"), cellClass="mono", width=92),
            ]
            self.grid = grids.grid(columns, [], empty=say("loading"), select=True)
            self.grid.on("cellDoubleClicked", self._whole, args=["rowId"])

    def load(self) -> list[Row]:
        """Read the latest messages."""
        return [row(self.visit, message) for message in self.visit.front.board.deliveries(_LIMIT)]

    def paint(self, rows: list[Row]) -> None:
        """Update what is shown in place; what is new waits behind the pill, except on an empty page."""
        say = self.visit.say
        by_state = {
            state: sum(one["state"] == state for one in rows) for state in ("pending", "claimed", "delivered", "parked")
        }
        words = (
            ("good", "check_circle", say("delivered"), by_state["delivered"]),
            ("info", "schedule", say("waiting"), by_state["pending"] + by_state["claimed"]),
            ("bad" if by_state["parked"] else "quiet", "pan_tool", say("parked"), by_state["parked"]),
        )
        chips = "".join(
            f'<span class="chip {kind}"><i class="material-icons" aria-hidden="true">{icon}</i>{name} {number}</span>'
            for kind, icon, name, number in words
        )
        show(self.counts, f'<span class="chips">{chips}</span>')
        self.waiting = rows
        if not self.shown:
            self._show(rows)
            return
        changed = [one for one in rows if one["id"] in self.shown and self.shown[one["id"]] != one]
        grids.patch(self.grid, changed)
        self.shown.update({one["id"]: one for one in changed})
        fresh = len({one["id"] for one in rows} - set(self.shown))
        self.pill.set_visibility(fresh > 0)
        self.pill.set_text(say("n.new.messages", n=fresh))

    def _show(self, rows: list[Row]) -> None:
        empty = nothing(self.visit.say("deliveries.none"), "outbox")
        self.grid.run_grid_method("setGridOption", "overlayNoRowsTemplate", empty)
        grids.fill(self.grid, rows)
        self.shown = {one["id"]: one for one in rows}
        self.pill.set_visibility(False)

    def _whole(self, event: events.GenericEventArguments) -> None:
        name = event.args.get("rowId")
        known = next((one for one in self.waiting if one["id"] == name), None)
        if known and known["error"]:
            ui.notify(known["error"], multi_line=True, close_button=True, position="top", timeout=0)

    async def _redeliver(self) -> None:
        say = self.visit.say
        chosen = [str(one["id"]) for one in await self.grid.get_selected_rows() if one["state"] == "parked"]
        if not chosen:
            ui.notify(say("redeliver.none"), position="top", type="info")
            return
        reason = await ask_reason(
            self.visit, say("redeliver"), about=say("redeliver.about", n=len(chosen)), needed=True
        )
        if reason is None:
            return
        for name in chosen:
            if await attempt(self.visit, _sent, self.visit, name, reason) is None:
                break
        else:
            well_done(say("done.redeliver"))
        if self.live is not None:
            self.live.now()


def _sent(visit: Visit, message: str, reason: str) -> bool:
    visit.front.desk.redeliver(message, visit.actor, reason)
    return True
