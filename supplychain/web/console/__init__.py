"""The console: NiceGUI pages on the same application as the API, thin over the same services.

Everything the browser needs comes from this process; nothing is asked of another host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from nicegui import app as pages
from nicegui import ui
from starlette.responses import RedirectResponse

from supplychain.web.auth import READ, Gate, demand
from supplychain.web.console import deliveries, health, inbox, overview, plan, room, signin, tuning
from supplychain.web.console.assets_path import ASSETS, FOLDER
from supplychain.web.console.frame import Visit, enter
from supplychain.web.ports import Front

_RESPONSE_SECONDS = 30.0


def mount(app: FastAPI, front: Front, gate: Gate) -> None:
    """Put the console behind everything that `app` already answers; once per process."""
    app.include_router(signin.router(gate))
    register(front, gate)
    ui.run_with(app, title="livestream supply", show_welcome_message=False, reconnect_timeout=20.0)


def register(front: Front, gate: Gate) -> None:
    """Register the pages."""
    pages.add_static_files(ASSETS, FOLDER)

    def visited(request: Request, draw: Callable[..., None], *arguments: Any) -> RedirectResponse | None:
        visit = enter(front, gate, request)
        if not isinstance(visit, Visit):
            return visit
        demand(visit.actor, *READ)
        draw(visit, *arguments)
        return None

    @ui.page("/", response_timeout=_RESPONSE_SECONDS)
    def overview_page(request: Request) -> RedirectResponse | None:
        return visited(request, overview.draw)

    @ui.page("/rooms/{session}", response_timeout=_RESPONSE_SECONDS)
    def room_page(request: Request, session: str) -> RedirectResponse | None:
        return visited(request, room.draw, session)

    @ui.page("/plans", response_timeout=_RESPONSE_SECONDS)
    def inbox_page(request: Request) -> RedirectResponse | None:
        return visited(request, inbox.draw)

    @ui.page("/plans/{plan_id}", response_timeout=_RESPONSE_SECONDS)
    def plan_page(request: Request, plan_id: str) -> RedirectResponse | None:
        return visited(request, plan.draw, plan_id)

    @ui.page("/deliveries", response_timeout=_RESPONSE_SECONDS)
    def deliveries_page(request: Request) -> RedirectResponse | None:
        return visited(request, deliveries.draw)

    @ui.page("/tuning", response_timeout=_RESPONSE_SECONDS)
    def tuning_page(request: Request) -> RedirectResponse | None:
        return visited(request, tuning.draw)

    @ui.page("/health", response_timeout=_RESPONSE_SECONDS)
    def health_page(request: Request) -> RedirectResponse | None:
        return visited(request, health.draw)
