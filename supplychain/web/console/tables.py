"""Small tables and figures as plain HTML: light, calm, and escaped in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from nicegui import ui

from supplychain.web.console.formats import tone


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that was made here and must not be escaped again."""

    html: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, whether it holds figures, and its explanation on hover."""

    heading: str
    number: bool = False
    about: str = ""
    nowrap: bool = False


def text(value: object) -> str:
    """Return any value as HTML.

    >>> text("<b>")
    '&lt;b&gt;'
    """
    if isinstance(value, Markup):
        return value.html
    return escape("–" if value is None or value == "" else str(value))


def chip(label: str, state: str = "", *, about: str = "") -> Markup:
    """Return a state as icon and text on its tone."""
    kind, icon = tone(state)
    sign = f'<i class="material-icons" aria-hidden="true">{icon}</i>' if state else ""
    title = f' title="{escape(about)}"' if about else ""
    return Markup(f'<span class="chip {kind}"{title}>{sign}{escape(label)}</span>')


def link(label: str, *path: str) -> Markup:
    """Return a link inside the console; the parts of the path are encoded.

    >>> link("S 1", "rooms", "S/1").html
    '<a href="/rooms/S%2F1">S 1</a>'
    """
    address = "/" + "/".join(quote(part, safe="") for part in path)
    return Markup(f'<a href="{address}">{escape(label)}</a>')


def mono(value: str, *, shorten: int | None = None) -> Markup:
    """Return an id in fixed width, cut when it is long, whole on hover."""
    shown = value if shorten is None or len(value) <= shorten else value[:shorten] + "…"
    return Markup(f'<span class="mono" title="{escape(value)}">{escape(shown)}</span>')


def two_lines(first: object, second: object) -> Markup:
    """Return a value with a quieter one below it."""
    return Markup(f'{text(first)}<div class="muted small">{text(second)}</div>')


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, empty: str, total: bool = False) -> str:
    """Return a table as HTML; `total` sets the last row apart."""
    body = list(rows)
    if not body:
        return nothing(empty)
    heads = "".join(
        f'<th scope="col" class="{"num" if column.number else ""}" title="{escape(column.about)}">{escape(column.heading)}</th>'
        for column in columns
    )
    lines = []
    for number, row in enumerate(body):
        cells = "".join(
            f'<td class="{_kind(column)}">{text(value)}</td>' for column, value in zip(columns, row, strict=True)
        )
        last = ' class="total"' if total and number == len(body) - 1 else ""
        lines.append(f"<tr{last}>{cells}</tr>")
    return f'<table class="rows"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def nothing(words: str, icon: str = "inbox") -> str:
    """Return the picture of nothing here, with words that say why."""
    return f'<div class="empty"><i class="material-icons" aria-hidden="true">{icon}</i>{escape(words)}</div>'


def figure(name: str, value: object, more: object = "", *, about: str = "") -> str:
    """Return a key figure as HTML."""
    extra = f'<div class="more">{text(more)}</div>' if more != "" else '<div class="more">&nbsp;</div>'
    return (
        f'<div class="panel kpi" title="{escape(about)}"><div class="name">{escape(name)}</div>'
        f'<div class="figure">{text(value)}</div>{extra}</div>'
    )


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names with values below them, side by side."""
    cells = "".join(
        f'<div><div class="name">{escape(name)}</div><div class="value">{text(value)}</div></div>'
        for name, value in pairs
    )
    return f'<div class="facts">{cells}</div>'


def html(content: str = "", *, classes: str = "w-full") -> ui.html:
    """Return an element for HTML made by this module; it escaped what came from outside."""
    return ui.html(content, sanitize=False).classes(classes)


def show(element: ui.html, content: str) -> None:
    """Replace what an element shows, when it differs; equal content moves nothing on screen."""
    if element.content != content:
        element.set_content(content)


def label(name: str) -> str:
    """Return the name of a field as words.

    >>> label("order_cost_minor")
    'order cost'
    """
    return name.removesuffix("_minor").replace("_", " ")


def loose(value: Any) -> str:
    """Return nested data of an explanation as short text."""
    if isinstance(value, dict):
        return ", ".join(f"{label(str(name))} {loose(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(loose(inner) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(column: Column) -> str:
    return "num" if column.number else ("nowrap" if column.nowrap else "")
