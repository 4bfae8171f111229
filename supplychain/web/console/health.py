"""Is it well: how far every partition is, what waits, what was refused, what went wrong and was handled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nicegui import ui

from supplychain.web.console.frame import Frame, Visit, frame
from supplychain.web.console.tables import Column, Markup, chip, figure, html, mono, show, table, text, two_lines
from supplychain.web.ports import Row

_SECONDS: Final = 3.0
_LIMIT: Final = 50
_LATE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one refresh reads."""

    now: int
    health: Row
    dead: list[Row]
    findings: list[Row]
    incidents: list[Row]
    jobs: list[Row]
    positions: list[Row]
    models: list[Row]
    accuracy: list[Row]


def load(visit: Visit) -> Seen:
    """Read everything for one picture."""
    board, desk = visit.front.board, visit.front.desk
    return Seen(
        board.now(),
        board.health(),
        board.dead_letters(_LIMIT),
        board.findings(),
        board.incidents(),
        board.jobs(),
        board.positions(None),
        desk.models(),
        desk.accuracy(),
    )


def draw(visit: Visit) -> None:
    """Draw the page."""
    with frame(visit, visit.say("health"), "health") as place:
        page = _Health(visit, place)
        place.live(lambda: load(visit), page.paint, _SECONDS)


def lag_chip(visit: Visit, seconds: float | None) -> Markup:
    """Return a lag as icon, text and tone."""
    if seconds is None:
        return Markup("–")
    kind, icon = ("good", "check_circle") if seconds <= _LATE_SECONDS else ("warn", "schedule")
    sign = f'<i class="material-icons" aria-hidden="true">{icon}</i>'
    return Markup(f'<span class="chip {kind}">{sign}{text(visit.formats.age(seconds))}</span>')


@dataclass
class _Health:
    visit: Visit
    place: Frame

    def __post_init__(self) -> None:
        self.figures = html()
        self.parts: dict[str, ui.html] = {}
        for pair in (
            ("partitions", "stock.age"),
            ("dead.letters", "findings"),
            ("incidents", "jobs"),
            ("models", "accuracy"),
        ):
            with ui.element("div").classes("halves"):
                for name in pair:
                    self._part(name)
        self._part("positions")

    def _part(self, name: str) -> None:
        with ui.element("section").classes("panel flush"):
            html(f"<h2>{text(self.visit.say(name))}</h2>")
            self.parts[name] = html()

    def paint(self, seen: Seen) -> None:
        """Show what was read."""
        show(self.figures, self._figures(seen))
        drawn = {
            "partitions": self._partitions(seen),
            "stock.age": self._stock(seen),
            "dead.letters": self._dead(seen.dead),
            "findings": self._findings(seen.findings),
            "incidents": self._incidents(seen.incidents),
            "jobs": self._jobs(seen.jobs),
            "positions": self._positions(seen.positions),
            "models": self._models(seen.models),
            "accuracy": self._accuracy(seen.accuracy),
        }
        for name, content in drawn.items():
            show(self.parts[name], content)

    def _figures(self, seen: Seen) -> str:
        say, formats, health = self.visit.say, self.visit.formats, seen.health
        degraded = health.get("degraded") or []
        state = chip(say("degraded"), "degraded") if degraded else chip(say("all.well"), "confirmed")
        cells = (
            figure(say("status"), state, say("n.degraded", n=len(degraded)) if degraded else ""),
            figure(
                say("planned.through"), formats.clock(health["planned_through"], seconds=True), formats.offset(seen.now)
            ),
            figure(
                say("lag"), self._age(health["business_lag_seconds"]), say("requests.open", n=health["requests_open"])
            ),
            figure(
                say("outbox.oldest"),
                self._age(health["outbox_oldest_seconds"]),
                say("n.waiting", n=health["outbox_waiting"]),
            ),
            figure(say("dead.letters"), formats.count(len(seen.dead)), say("latest.of", n=_LIMIT)),
        )
        return f'<div class="kpis">{"".join(cells)}</div>'

    def _age(self, seconds: float | None) -> str:
        return "–" if seconds is None else self.visit.formats.age(seconds)

    def _partitions(self, seen: Seen) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("topic")),
            Column(say("partition"), number=True),
            Column(f"{say('watermark')} ({formats.offset(seen.now)})", nowrap=True),
            Column(say("lag"), nowrap=True),
        )
        marks = seen.health["partitions"]
        furthest = max((row["watermark"] for row in marks), default=-1)
        rows = []
        for row in marks:
            mark = row["watermark"] if row["watermark"] >= 0 else None
            lag = None if mark is None else (furthest - mark) / 1_000
            rows.append((row["topic"], row["partition"], formats.clock(mark, seconds=True), lag_chip(self.visit, lag)))
        return table(columns, rows, empty=say("none"))

    def _stock(self, seen: Seen) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (Column(say("warehouse")), Column(say("stock.age"), nowrap=True), Column(say("age"), number=True))
        rows = [
            (warehouse, formats.stamp(as_of), formats.age((seen.now - as_of) / 1_000))
            for warehouse, as_of in sorted(seen.health["stock_as_of"].items())
        ]
        return table(columns, rows, empty=say("none"))

    def _dead(self, rows: list[Row]) -> str:
        say = self.visit.say
        columns = (Column(say("reason")), Column(say("detail")), Column(say("topic"), nowrap=True))
        cells: list[tuple[Any, ...]] = [
            (row["reason"], row["detail"], mono(f"{row['topic']}/{row['partition']}@{row['offset']}")) for row in rows
        ]
        return table(columns, cells, empty=say("none"))

    def _findings(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("kind")),
            Column(say("subject")),
            Column(say("events"), number=True),
            Column(say("last"), nowrap=True),
        )
        cells = [
            (row["kind"], row["subject"], formats.count(row["events"]), formats.stamp(row["last_wall"])) for row in rows
        ]
        return table(columns, cells, empty=say("none"))

    def _incidents(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (Column(say("at"), nowrap=True), Column(say("kind")), Column(say("subject")), Column(say("detail")))
        cells = [(formats.stamp(row["created_wall"]), row["kind"], row["subject"], row["detail"]) for row in rows]
        return table(columns, cells, empty=say("none"))

    def _jobs(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("job")),
            Column(say("state"), nowrap=True),
            Column(say("at"), nowrap=True),
            Column(say("detail")),
        )
        cells = [
            (
                row["job"],
                chip(say(f"state.{row['state']}"), row["state"]),
                formats.stamp(row["started_wall"]),
                row["detail"],
            )
            for row in rows
        ]
        return table(columns, cells, empty=say("none"))

    def _models(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("version"), number=True),
            Column(say("state"), nowrap=True),
            Column(say("learned.through"), nowrap=True),
            Column(say("at"), nowrap=True),
        )
        cells = [
            (
                f"{row['version']} ({say('active')})" if row["active"] else row["version"],
                chip(say("degraded"), "degraded") if row["degraded"] else "",
                formats.day_of(row["fitted_through"]),
                formats.stamp(row["created_wall"]),
            )
            for row in rows
        ]
        return table(columns, cells, empty=say("none"))

    def _accuracy(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("segment")),
            Column(say("days"), number=True),
            Column(say("coverage"), number=True, about=say("coverage.about")),
            Column(say("bias"), number=True),
        )
        cells = [
            (row["segment"], formats.count(row["days"]), *(formats.share(row[name]) for name in ("coverage80", "bias")))
            for row in rows
        ]
        return table(columns, cells, empty=say("none"))

    def _positions(self, rows: list[Row]) -> str:
        say, formats = self.visit.say, self.visit.formats
        columns = (
            Column(say("item")),
            Column(say("on.hand"), number=True),
            Column(say("reserved"), number=True),
            Column(say("available"), number=True),
            Column(say("inbound"), number=True),
            Column(say("position"), number=True, about=say("position.about")),
        )
        fields = ("on_hand", "reserved", "available", "inbound", "position")
        cells = [(two_lines(row["name"], row["sku"]), *(formats.count(row[name]) for name in fields)) for row in rows]
        return table(columns, cells, empty=say("none"))
