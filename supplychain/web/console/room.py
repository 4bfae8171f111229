"""One live session: what sells how fast, how long the stock lasts, what the show has planned, what spiked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nicegui import ui

from supplychain.web.console import charts
from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.console.overview import phase, spike_list
from supplychain.web.console.tables import Column, Markup, chip, facts, html, show, table, text, two_lines
from supplychain.web.ports import Row

_SECONDS: Final = 2.0
_MINUTES: Final = 240
_SOON_MINUTES: Final = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one refresh of a room reads."""

    now: int
    room: Row
    rates: list[Row]
    spikes: list[Row]
    forecast: list[Row]
    slots: list[Row]


def load(visit: Visit, session: str, sku: str | None) -> Seen:
    """Read everything for one picture; of one item when `sku` is given."""
    board = visit.front.board
    room = board.room(session)
    spikes = [spike for spike in room["spikes"] if sku in {None, spike["sku"]}]
    room["slots"] = [slot for slot in room["slots"] if sku in {None, slot["sku"]}]
    forecast = board.forecast(session, sku) if sku else []
    slots = visit.front.desk.slots(session, sku) if sku else []
    return Seen(room["now"], room, board.rates(session, sku, _MINUTES), spikes, forecast, slots)


def draw(visit: Visit, session: str) -> None:
    """Draw the page."""
    with frame(visit, session, "overview") as place:
        page = _Room(visit, place, session)
        page.live = place.live(lambda: load(visit, session, page.sku), page.paint, _SECONDS)


def sellable(visit: Visit, item: Row) -> Markup:
    """Return how long the stock of an item lasts: icon, text and tone."""
    minutes = item["sellable_minutes"]
    if minutes is None:
        return Markup('<span class="muted">–</span>')
    kind, icon = ("bad", "hourglass_empty") if minutes <= 0 else ("warn", "hourglass_bottom")
    if minutes > _SOON_MINUTES:
        kind, icon = "good", "hourglass_top"
    sign = f'<i class="material-icons" aria-hidden="true">{icon}</i>'
    return Markup(f'<span class="chip {kind}">{sign}{text(visit.formats.age(minutes * 60))}</span>')


def item_table(visit: Visit, items: list[Row]) -> str:
    """Return the items of a session as a table, in a fixed order."""
    say, formats = visit.say, visit.formats
    columns = (
        Column(say("item")),
        Column(say("rate"), number=True),
        Column(say("orders"), number=True),
        Column(say("units"), number=True),
        Column(say("available"), number=True),
        Column(say("sells.for"), about=say("sells.for.about"), nowrap=True),
        Column(say("rest"), number=True),
        Column(say("status"), nowrap=True),
    )
    rows: list[tuple[Any, ...]] = []
    for item in sorted(items, key=lambda row: (-row["units"], row["sku"])):
        ahead = _ahead(visit, item)
        rows.append(
            (
                two_lines(item["name"], item["sku"]),
                formats.rate(item["rate_per_minute"]),
                formats.count(item["orders"]),
                formats.count(item["units"]),
                formats.count(item["available"]),
                sellable(visit, item),
                ahead,
                chip(say("spike"), "spike") if item["spike"] else "",
            )
        )
    return table(columns, rows, empty=say("items.none"))


def slot_table(visit: Visit, rows: list[Row]) -> str:
    """Return what each slot ahead will sell, low to high, with what the show has planned in it."""
    say, formats = visit.say, visit.formats
    columns = (
        Column(say("starts"), nowrap=True),
        Column(say("ends"), nowrap=True),
        Column(say("planned")),
        Column("P10", number=True),
        Column("P50", number=True),
        Column("P90", number=True),
    )
    cells = [
        (
            formats.moment(row["starts_at"]),
            formats.moment(row["ends_at"]),
            row["planned"],
            *(formats.count(row[name]) for name in ("q10", "q50", "q90")),
        )
        for row in rows
    ]
    return table(columns, cells, empty=say("slots.none"))


def _ahead(visit: Visit, item: Row) -> str:
    """Return what is still to sell, low to high; a dash before the first forecast."""
    if item["rest_p50"] is None:
        return "–"
    return " – ".join(visit.formats.count(item[f"rest_{name}"]) for name in ("p10", "p50", "p90"))


@dataclass
class _Room:
    visit: Visit
    place: Frame
    session: str
    sku: str | None = None
    live: Any = None

    def __post_init__(self) -> None:
        say = self.visit.say
        with ui.element("section").classes("panel"):
            self.head = html()
        with ui.element("div").classes("split"):
            with ui.element("section").classes("panel"):
                with ui.element("div").classes("bar"):
                    html(f"<h2 class='strong'>{say('rates')}</h2>", classes="")
                    self.pick = (
                        ui.select({"": say("all.items")}, value="", on_change=self._picked)
                        .props("dense outlined options-dense")
                        .classes("push")
                        .style("min-width:220px")
                    )
                self.chart = ui.echart(charts.rates(say)).style("height:300px;width:100%")
                self.fan_title = html(f"<h2 class='strong small' style='margin-top:10px'>{say('rest')}</h2>")
                self.fan = ui.echart(charts.fan(say)).style("height:170px;width:100%")
                self.slots_title = html(f"<h2 class='strong small' style='margin-top:10px'>{say('slots')}</h2>")
                self.slots = html()
                self._show_item(on=False, forecast=False)
            with ui.element("section").classes("panel"):
                html(f"<h2>{say('spikes')}</h2>")
                self.spikes = html()
        with ui.element("section").classes("panel flush"):
            html(f"<h2>{say('items')}</h2>")
            self.items = html()

    def _show_item(self, *, on: bool, forecast: bool) -> None:
        """Show what is known of a picked item alone."""
        for element in (self.fan, self.fan_title):
            element.set_visibility(forecast)
        for element in (self.slots, self.slots_title):
            element.set_visibility(on)

    def _picked(self) -> None:
        self.sku = self.pick.value or None
        if self.live is not None:
            self.live.now()

    def paint(self, seen: Seen) -> None:
        """Show what was read."""
        say, formats, room = self.visit.say, self.visit.formats, seen.room
        offset = formats.offset(seen.now)
        state = phase(room, seen.now)
        show(self.place.subtitle, f"{text(room['room'])} · {text(room['host'])} · {chip(say(state), state).html}")
        pairs = (
            (say("starts"), f"{formats.moment(room['starts_at'])} {offset}"),
            (say("ends"), f"{formats.moment(room['ends_at'])} {offset}"),
            (say("viewers"), formats.count(room["viewers"])),
            (say("rate"), formats.rate(room["rate_per_minute"])),
            (say("orders"), formats.count(room["orders"])),
            (say("units"), formats.count(room["units"])),
            (say("revenue"), formats.money(room["revenue_minor"])),
        )
        show(self.head, facts(pairs))
        slots = room["slots"]
        charts.rates_data(self.chart.options, seen.rates, seen.spikes, slots, seen.now, formats.zone)
        self.chart.update()
        self._show_item(on=bool(self.sku), forecast=bool(self.sku and seen.forecast))
        if self.sku:
            show(self.slots, slot_table(self.visit, seen.slots))
        if self.sku and seen.forecast:
            charts.fan_data(self.fan.options, seen.forecast, formats.zone)
            self.fan.update()
        known = {"": say("all.items")} | {item["sku"]: f"{item['name']} ({item['sku']})" for item in room["item_rows"]}
        if self.pick.options != known:
            self.pick.set_options(known, value=self.sku or "")
        show(self.spikes, spike_list(self.visit, seen.spikes))
        show(self.items, item_table(self.visit, room["item_rows"]))
