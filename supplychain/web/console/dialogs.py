"""Dialogs: a reason before something is done, and plain words when somebody was faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nicegui import ui

from supplychain import telemetry
from supplychain.domain.errors import ConflictError, SupplyChainError
from supplychain.web.console.controls import button
from supplychain.web.console.frame import Visit, read

Done = TypeVar("Done")
_LOG = telemetry.log(__name__)


async def ask_reason(visit: Visit, title: str, *, about: str = "", needed: bool) -> str | None:
    """Return the reason that a visitor gives, or None when they think better of it."""
    say = visit.say
    with ui.dialog() as dialog, ui.column().classes("sheet"):
        ui.label(title).classes("strong").style("font-size:16px")
        if about:
            ui.label(about).classes("muted small").style("white-space:pre-line")
        field = ui.textarea(say("reason")).props("outlined autogrow autofocus").classes("w-full")
        hint = ui.label(say("reason.needed")).classes("small muted")
        with ui.row().classes("w-full justify-end gap-2"):
            button(say("cancel"), lambda: dialog.submit(None))

            def confirm() -> None:
                if needed and not (field.value or "").strip():
                    hint.style("color:var(--bad)")
                    return
                dialog.submit((field.value or "").strip())

            button(title, confirm, look="main")
    answer = await dialog
    dialog.delete()
    return None if answer is None else str(answer)


async def attempt(
    visit: Visit, call: Callable[..., Done], *arguments: Any, again: Callable[[], Awaitable[None] | None] | None = None
) -> Done | None:
    """Do something that may be refused; say why it was, and offer a fresh look after a conflict.

    Returns None when it was refused: nothing was changed then.
    """
    try:
        return await read(call, *arguments)
    except ConflictError as fault:
        await _conflict(visit, fault, again)
    except SupplyChainError as fault:
        words = f"{visit.say('refused')}: {fault.detail}" + (f" – {fault.way_out}" if fault.way_out else "")
        ui.notify(words, type="negative", position="top", multi_line=True, close_button=True, timeout=12_000)
    except Exception as fault:  # noqa: BLE001  (the rim of the console: told to the visitor, and logged with its trace)
        _LOG.error("an action of the console failed", exc_info=fault)
        ui.notify(f"{visit.say('refused')}: {type(fault).__name__}", type="negative", position="top", close_button=True)
    return None


async def _conflict(visit: Visit, fault: ConflictError, again: Callable[[], Awaitable[None] | None] | None) -> None:
    say = visit.say
    with ui.dialog() as dialog, ui.column().classes("sheet"):
        with ui.row().classes("items-center gap-2"):
            ui.icon("sync_problem").style("color:var(--warn);font-size:22px")
            ui.label(say("conflict")).classes("strong").style("font-size:16px")
        ui.label(fault.detail)
        ui.label(fault.way_out or say("conflict.about")).classes("muted small")
        with ui.row().classes("w-full justify-end gap-2"):
            button(say("close"), lambda: dialog.submit(False))
            if again is not None:
                button(say("reload"), lambda: dialog.submit(True), look="main")
    wanted = await dialog
    dialog.delete()
    if wanted and again is not None:
        result = again()
        if result is not None:
            await result


def well_done(words: str) -> None:
    """Say that something was done."""
    ui.notify(words, type="positive", position="top", timeout=4_000)
