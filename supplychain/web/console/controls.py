"""Buttons in the console's own look, one place for all pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from nicegui import ui

Look = Literal["main", "plain", "danger", "bare", "pill"]


def button(
    label: str, on_click: Callable[..., Any], *, look: Look = "plain", icon: str | None = None, small: bool = False
) -> ui.button:
    """Return a button; there is one `main` button at most where somebody looks."""
    made = ui.button(label, on_click=on_click, icon=icon, color=None).props("unelevated no-caps")
    if small:
        made.props("dense size=sm")
    return made.classes(look)


def icon_button(icon: str, about: str, on_click: Callable[..., Any]) -> ui.button:
    """Return a button that is only an icon; `about` names it for screen readers and on hover."""
    made = ui.button(icon=icon, on_click=on_click, color=None).props(f'flat round dense size=sm aria-label="{about}"')
    made.tooltip(about)
    return made.classes("bare")
