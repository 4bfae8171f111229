"""The first page: is it running, what sells, what spikes, what waits for me."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from supplychain.web.console import charts
from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.console.tables import Column, chip, figure, html, link, nothing, show, table, text
from supplychain.web.ports import Row

_SECONDS: Final = 2.0
_SPARK_MINUTES: Final = 60
_SPIKES: Final = 8
_SPIKES_READ: Final = 60
_CARDS: Final = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What one refresh of the overview reads."""

    now: int
    summary: Row
    rooms: list[Row]
    spikes: list[Row]
    rates: dict[str, list[Row]]


def load(visit: Visit) -> Seen:
    """Read everything for one picture."""
    board = visit.front.board
    rooms = board.rooms()
    rates = {
        room["session"]: board.rates(room["session"], None, _SPARK_MINUTES) for room in rooms[:_CARDS] if room["live"]
    }
    return Seen(board.now(), board.summary(), rooms, board.spikes(_SPIKES_READ), rates)


def draw(visit: Visit) -> None:
    """Draw the page."""
    say = visit.say
    with frame(visit, say("overview"), "overview") as place:
        board = _Board(visit, place)
        place.live(lambda: load(visit), board.paint, _SECONDS)


def kpis(visit: Visit, summary: Row, running: int) -> str:
    """Return the key figures as HTML."""
    say, formats = visit.say, visit.formats
    latency = summary.get("spike_to_plan_seconds") or {}
    cells = (
        figure(
            say("sales.seen"),
            formats.count(summary["events_in"]),
            say("sales.counted", n=formats.count(summary["sales_counted"])),
        ),
        figure(say("spikes"), formats.count(summary["spikes"]), say("spikes.running", n=running)),
        figure(
            say("plans.open"), formats.count(summary["plans_open"]), say("plans.all", n=formats.count(summary["plans"]))
        ),
        figure(
            say("orders.received"),
            formats.count(summary["orders_received"]),
            say("orders.of", n=formats.count(summary["orders_released"])),
        ),
        figure(
            say("latency"),
            formats.seconds(latency.get("p99")),
            say("latency.p50", n=formats.seconds(latency.get("p50"))),
        ),
    )
    return f'<div class="kpis">{"".join(cells)}</div>'


def room_figures(visit: Visit, room: Row) -> str:
    """Return the four figures of a room's card as HTML."""
    say, formats = visit.say, visit.formats
    pairs = (
        (say("rate"), formats.rate(room["rate_per_minute"])),
        (say("viewers"), formats.count(room["viewers"])),
        (say("units"), formats.count(room["units"])),
        (say("revenue"), formats.money(room["revenue_minor"])),
    )
    cells = "".join(
        f'<div><div class="name">{text(name)}</div><div class="value">{text(value)}</div></div>'
        for name, value in pairs
    )
    return f'<div class="figures">{cells}</div>'


def phase(room: Row, now: int) -> str:
    """Return whether a session is live, ended or announced."""
    if room["live"]:
        return "live"
    return "ended" if room["ends_at"] <= now else "announced"


def spike_list(visit: Visit, spikes: list[Row]) -> str:
    """Return the latest spikes as HTML."""
    say, formats = visit.say, visit.formats
    if not spikes:
        return nothing(say("spikes.none"), "bolt")
    rows = []
    for spike in spikes[:_SPIKES]:
        on = spike["ended_at"] is None
        state = chip(say("running"), "spike") if on else chip(say("ended"), "ended")
        times = say("times.expected", n=formats.rate(spike["ratio"]))
        seen = say("observed", observed=formats.count(spike["observed"]), expected=formats.rate(spike["expected"]))
        rows.append(
            f'<div class="spike-row"><div class="strong">{text(spike.get("name") or spike["sku"])}</div><div>{state.html}</div>'
            f'<div class="small">{text(spike["cause"])} · {text(times)}</div><div class="small muted">{formats.clock(spike["started_at"])}</div>'
            f'<div class="small muted">{link(str(spike["room"]), "rooms", spike["session"]).html} · {text(seen)}</div></div>'
        )
    return "".join(rows)


@dataclass
class _Board:
    """The page's changing parts; cards stay where they are while their figures change."""

    visit: Visit
    place: Frame
    cards: dict[str, tuple[ui.html, ui.echart]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        say = self.visit.say
        self.figures = html()
        with ui.element("div").classes("split"):
            with ui.column().classes("w-full").style("gap:16px"):
                self.grid = ui.element("div").classes("cards")
                self.no_rooms = html(classes="panel w-full")
                with ui.element("section").classes("panel flush"):
                    html(f"<h2>{say('rooms.rest')}</h2>")
                    self.rest = html()
            with ui.element("section").classes("panel"):
                html(f"<h2>{say('latest.spikes')}</h2>")
                self.spikes = html()

    def paint(self, seen: Seen) -> None:
        """Show what was read."""
        running = sum(spike["ended_at"] is None for spike in seen.spikes)
        show(self.figures, kpis(self.visit, seen.summary, running))
        live = [room for room in seen.rooms if room["live"]][:_CARDS]
        self._cards(live, seen)
        show(self.no_rooms, "" if live else nothing(self.visit.say("rooms.none"), "sensors_off"))
        self.no_rooms.set_visibility(not live)
        show(self.rest, self._others(seen))
        show(self.spikes, spike_list(self.visit, seen.spikes))

    def _cards(self, live: list[Row], seen: Seen) -> None:
        wanted = {room["session"] for room in live}
        if set(self.cards) != wanted:
            self.grid.clear()
            self.cards.clear()
            with self.grid:
                for room in live:
                    self.cards[room["session"]] = self._card(room, seen.now)
        for room in live:
            figures, chart = self.cards[room["session"]]
            show(figures, room_figures(self.visit, room))
            mine = [spike for spike in seen.spikes if spike["session"] == room["session"]]
            rows = seen.rates[room["session"]]
            charts.spark_data(chart.options, rows, mine, seen.now, self.visit.formats.zone)
            chart.update()

    def _card(self, room: Row, now: int) -> tuple[ui.html, ui.echart]:
        say, formats = self.visit.say, self.visit.formats
        ends = say("ends.in", age=formats.age((room["ends_at"] - now) / 1_000))
        head = f"{text(room['room'])}{chip(say('live'), 'live').html}"
        with ui.link(target=f"/rooms/{quote(room['session'], safe='')}").classes("panel room-card"):
            html(f'<div class="title">{head}</div><div class="small muted">{text(room["host"])} · {text(ends)}</div>')
            chart = ui.echart(charts.spark(formats.zone)).style("height:74px;width:100%;margin-top:6px")
            return html(), chart

    def _others(self, seen: Seen) -> str:
        say, formats = self.visit.say, self.visit.formats
        offset = formats.offset(seen.now)
        columns = (
            Column(say("room")),
            Column(say("host")),
            Column(say("status")),
            Column(f"{say('starts')} ({offset})", nowrap=True),
            Column(say("orders"), number=True),
            Column(say("units"), number=True),
            Column(say("revenue"), number=True),
        )
        rows: list[tuple[Any, ...]] = []
        for room in sorted(seen.rooms, key=lambda row: (-row["starts_at"], row["session"])):
            state = phase(room, seen.now)
            if state != "live":
                rows.append(
                    (
                        link(str(room["room"]), "rooms", room["session"]),
                        room["host"],
                        chip(say(state), state),
                        formats.moment(room["starts_at"]),
                        formats.count(room["orders"]),
                        formats.count(room["units"]),
                        formats.money(room["revenue_minor"]),
                    )
                )
        return table(columns, rows[:40], empty=say("none"))
