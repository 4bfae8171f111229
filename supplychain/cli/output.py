"""How results are shown: Rich tables for people, one JSON document with --json."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from supplychain.domain.units import SECOND

_WIDE = 180
"""Columns of a line that goes to a file or a pipe: nobody's window cuts it."""


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() or "COLUMNS" in os.environ else _WIDE)


screen = _console()
errors = _console(stderr=True)
_zones = {"shown": "Asia/Shanghai"}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def show_json(document: object) -> None:
    """Print a document as JSON on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Iterable[str] = (),
    wide: Iterable[str] = (),
) -> None:
    """Print a table; the columns of `right` are numbers, those of `wide` are sentences and wrap, the others never do."""
    numbers, sentences = set(right), set(wide)
    found = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        found.add_column(
            column, justify="right" if column in numbers else "left", overflow="fold", no_wrap=column not in sentences
        )
    empty = True
    for row in rows:
        found.add_row(*("" if cell is None else str(cell) for cell in row))
        empty = False
    _headed(title, found)
    if empty:
        screen.print("[dim]nothing to show[/]")


def pairs(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values, one below the other."""
    found = Table(show_header=False, box=None, pad_edge=False)
    found.add_column(style="dim")
    found.add_column()
    for name, value in values.items():
        found.add_row(name, "" if value is None else str(value))
    _headed(title, found)


def _headed(title: str, found: Table) -> None:
    """Print a table under its title; a title of the table itself would be broken at the width of a narrow one."""
    if title:
        screen.print(f"[italic]{title}[/]")
    screen.print(found)


@contextmanager
def bar(what: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on the terminal's error output; the callable takes the share done."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def show_times_in(zone: str) -> None:
    """Show every later moment in a business zone."""
    _zones["shown"] = zone


def moment(at: int | None, zone: str | None = None) -> str:
    """Return a moment in the business zone, with its name.

    >>> moment(1_700_000_000_000)
    '2023-11-15 06:13:20 CST'
    """
    if at is None:
        return ""
    return f"{datetime.fromtimestamp(at / SECOND, ZoneInfo(zone or _zones['shown'])):%Y-%m-%d %H:%M:%S %Z}"


def money(minor: int | None) -> str:
    """Return minor units as an amount.

    >>> money(1_234_567)
    '12,345.67'
    """
    return "" if minor is None else f"{minor / 100:,.2f}"
