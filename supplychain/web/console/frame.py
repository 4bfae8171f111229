"""The frame around every page: who is here, where they are, what time it is, how fresh the data are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any, Final, TypeVar

from fastapi import Request
from nicegui import background_tasks, run, ui
from starlette.responses import RedirectResponse

from supplychain import telemetry
from supplychain.domain.errors import SupplyChainError, UnavailableError
from supplychain.planning.ports import Actor
from supplychain.web.auth import Gate
from supplychain.web.console.assets_path import ASSET_VERSION, ASSETS
from supplychain.web.console.controls import button, icon_button
from supplychain.web.console.formats import Formats
from supplychain.web.console.tables import html, show
from supplychain.web.console.texts import Say, preferred, speaker
from supplychain.web.ports import Front

Read = TypeVar("Read")
NAVIGATION: Final = (
    ("overview", "/", "dashboard"),
    ("inbox", "/plans", "fact_check"),
    ("deliveries", "/deliveries", "local_shipping"),
    ("tuning", "/tuning", "tune"),
    ("health", "/health", "favorite_border"),
)
HEAD: Final = (
    f'<link rel="stylesheet" href="{ASSETS}/console.css?{ASSET_VERSION}">'
    f'<script src="{ASSETS}/console.js?{ASSET_VERSION}"></script>'
)
_FRAME_SECONDS: Final = 5.0
_LOG: Final = telemetry.log(__name__)


@dataclass(frozen=True)
class Visit:
    """One visitor on one page: what they may reach, who they are, and how they want it said."""

    front: Front
    gate: Gate
    actor: Actor
    language: str
    theme: str

    @cached_property
    def say(self) -> Say:
        """Text by key."""
        return speaker(self.language)

    @cached_property
    def formats(self) -> Formats:
        """Figures in the visitor's words."""
        return Formats(self.language, self.front.settings.zone)


def enter(front: Front, gate: Gate, request: Request) -> Visit | RedirectResponse:
    """Return the visit of a request, or send its visitor to the sign-in page."""
    actor = gate.visitor(request.cookies)
    if actor is None:
        return RedirectResponse(f"/sign-in?next={request.url.path}", status_code=303)
    language = preferred(request.cookies.get("lang"), request.headers.get("accept-language", ""))
    theme = request.cookies.get("theme", "auto")
    return Visit(front, gate, actor, language, theme if theme in {"light", "dark"} else "auto")


async def read(call: Callable[..., Read], *arguments: Any) -> Read:
    """Run something that blocks in the thread pool.

    Raises
    ------
    UnavailableError
        If the server is stopping.
    """

    def kept() -> tuple[Read]:
        return (call(*arguments),)

    found = await run.io_bound(kept)
    if found is None:
        raise UnavailableError("the console is stopping")
    return found[0]


class Live:
    """Reads and paints again and again; a failure keeps the last picture and says how old it is.

    Parameters
    ----------
    load
        Runs in the thread pool.
    paint
        Runs in the page; must not fail on data of the shape that `load` returns.
    """

    def __init__(
        self, visit: Visit, note: ui.html, load: Callable[[], Any], paint: Callable[[Any], None], seconds: float
    ) -> None:
        self._visit = visit
        self._note = note
        self._load = load
        self._paint = paint
        self._good_wall: int | None = None
        self._timer = ui.timer(seconds, self.tick)

    async def tick(self) -> None:
        """Read once and paint."""
        try:
            data = await read(self._load)
        except SupplyChainError as fault:
            self._old(fault.detail)
            return
        except Exception as fault:  # noqa: BLE001  (the rim of the console: told to the visitor, and logged with its trace)
            _LOG.error("a page could not read", exc_info=fault)
            self._old(type(fault).__name__)
            return
        self._good_wall = self._visit.front.wall()
        self._paint(data)
        show(self._note, fresh(self._visit))

    def now(self) -> None:
        """Read at once, without waiting for the next turn."""
        background_tasks.create(self._again(), name="console-refresh")

    async def _again(self) -> None:
        with self._note:
            await self.tick()

    def _old(self, why: str) -> None:
        wall = self._visit.front.wall()
        seconds = (wall - self._good_wall) / 1_000 if self._good_wall is not None else 0
        words = self._visit.say("stale", age=self._visit.formats.age(seconds), why=why)
        show(self._note, f'<span class="fresh old" role="status">{escape(words)}</span>')


def fresh(visit: Visit) -> str:
    """Return when the data on the page were read, as HTML."""
    wall, formats = visit.front.wall(), visit.formats
    at = f"{formats.clock(wall, seconds=True)} {formats.offset(wall)}"
    return f'<span class="fresh">{visit.say("updated", at=at)}</span>'


@dataclass(frozen=True)
class Frame:
    """The places of a page that its content fills."""

    visit: Visit
    note: ui.html
    subtitle: ui.html

    def live(self, load: Callable[[], Any], paint: Callable[[Any], None], seconds: float) -> Live:
        """Keep the content fresh."""
        return Live(self.visit, self.note, load, paint, seconds)


@contextmanager
def frame(visit: Visit, title: str, here: str, *, fill: bool = False) -> Iterator[Frame]:
    """Draw the frame; the block draws the content, which may `fill` the rest of the window."""
    say = visit.say
    ui.page_title(f"{title} · {say('app')}")
    ui.colors(primary="#4a63c8")
    ui.dark_mode({"light": False, "dark": True}.get(visit.theme))
    ui.query("html").props(f"lang={'zh-CN' if visit.language == 'zh' else 'en'}")
    facts = f"{{lang: '{visit.language}', zone: '{visit.formats.zone_name}', currency: '{visit.formats.currency}'}}"
    ui.add_head_html(f"{HEAD}<script>sc.set({facts})</script>")
    with ui.left_drawer(value=True, fixed=True).props("width=208 behavior=desktop").classes("rail"):
        _rail(visit, here)
    with ui.element("header").classes("top"):
        ui.html(f"<h1>{escape(title)}</h1>", sanitize=False)
        subtitle = html(classes="sub")
        with ui.element("div").classes("right"):
            badge = html(classes="")
            note = html(f'<span class="muted">{say("loading")}…</span>', classes="")
            clock = html(classes="")
    banner = html(classes="w-full")
    with ui.element("main").classes("page fill" if fill else "page"):
        yield Frame(visit, note, subtitle)
    _keep_time(visit, clock, badge, banner)


def _rail(visit: Visit, here: str) -> None:
    say = visit.say
    html(f'<i class="material-icons" aria-hidden="true">hub</i>{say("app")}', classes="brand")
    for key, address, icon in NAVIGATION:
        with ui.link(target=address).classes("nav" + (" here" if key == here else "")):
            html(f'<i class="material-icons" aria-hidden="true">{icon}</i>', classes="")
            ui.label(say(key))
    with ui.element("div").classes("foot"):
        ui.label(visit.actor.name).classes("strong")
        with ui.row().classes("gap-1 mt-1"):
            other = "en" if visit.language == "zh" else "zh"
            button(say("language"), lambda: _remember("lang", other), look="bare", small=True)
            dark = "light" if visit.theme == "dark" else "dark"
            icon_button("contrast", say("theme"), lambda: _remember("theme", dark))
            if not visit.gate.is_open:
                ui.link(say("sign.out"), "/sign-out").classes("small self-center")


def _remember(name: str, value: str) -> None:
    ui.run_javascript(f"sc.remember('{name}', '{value}')")


def _keep_time(visit: Visit, clock: ui.html, badge: ui.html, banner: ui.html) -> None:
    """Business clock, origin of the data and degraded parts, on every page."""
    say, formats, board = visit.say, visit.formats, visit.front.board

    def load() -> tuple[int, dict[str, Any]]:
        return board.now(), board.health()

    async def tick() -> None:
        try:
            now, health = await read(load)
        except (SupplyChainError, asyncio.CancelledError):
            return  # the page's own note says that nothing can be read
        time = f"{formats.clock(now, seconds=True)} {formats.offset(now)}"
        show(clock, f'<span title="{say("business.time")}">{formats.moment(now)[:5]} {time}</span>')
        if health.get("synthetic", visit.front.settings.clock == "ticks"):
            show(
                badge,
                f'<span class="chip" title="{say("synthetic.about")}"><i class="material-icons">science</i>{say("synthetic")}</span>',
            )
        words = "; ".join(escape(str(part)) for part in health["degraded"])
        sign = '<i class="material-icons" aria-hidden="true">warning</i>'
        show(
            banner,
            f'<div class="banner warn" role="status">{sign}<b>{say("degraded")}</b> {words}</div>' if words else "",
        )

    ui.timer(_FRAME_SECONDS, tick)
