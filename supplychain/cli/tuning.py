"""`supplychain tuning`: show, diff, activate, rollback."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from supplychain.bootstrap import wall_now
from supplychain.cli.context import ActorName, Config, DataDir, Reason, actor, opened
from supplychain.cli.output import Json, moment, screen, show_json, table
from supplychain.domain.errors import NotFoundError, TuningError
from supplychain.planning import tune

app = typer.Typer(help="Tuning versions: detector, forecast, planning rules, approval limits.", no_args_is_help=True)
File = Annotated[Path | None, typer.Argument(help="TOML with the values to change.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="section.name=value; repeat.")]


def changes(file: Path | None, sets: list[str] | None) -> dict[str, Any]:
    """Read changes from a file and from --set, which wins.

    Raises
    ------
    NotFoundError
        If there is no such file.
    TuningError
        If it is no TOML, or a --set is no section.name=value.
    """
    found: dict[str, Any] = {}
    if file is not None:
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, IsADirectoryError):
            raise NotFoundError(f"there is no file {file}", way_out="config/tuning.toml shows the form") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise TuningError(f"{file} is no TOML: {fault}", way_out="mend the line named") from None
    for item in sets or []:
        name, _, value = item.partition("=")
        section, _, field = name.strip().partition(".")
        try:
            parsed = tomllib.loads(f"x = {value.strip()}")["x"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()
        if not field:
            raise TuningError(f"--set {item!r} names no value", way_out="write --set detector.ratio=3")
        found.setdefault(section, {})[field] = parsed
    return found


@app.command()
def show(
    version: Annotated[int | None, typer.Option(help="Version to show; the active one when left out.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List the versions instead.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show the values of a version with unit, bounds and meaning."""
    with opened(config, data_dir, new=True) as services:
        document: Any = tune.versions(services.store) if versions else tune.show(services.store, version)
    if json:
        show_json(document)
    elif versions:
        rows = [
            (
                v["version"],
                "active" if v["active"] else "",
                v["author"],
                moment(v["created_wall"]),
                v["reason"],
                len(v["changes"]),
            )
            for v in document
        ]
        table(
            "Tuning versions", ("version", "", "author", "when", "reason", "changes"), rows, wide=("reason", "changes")
        )
    else:
        rows = [
            (r["name"], r["value"], r["unit"], f"{r['low']} to {r['high']}", r["default"], r["about"])
            for r in document["values"]
        ]
        table(
            f"Tuning version {document['version']}",
            ("name", "value", "unit", "bounds", "default", "about"),
            rows,
            right=("value", "default"),
            wide=("about",),
        )


@app.command()
def diff(
    file: File = None, sets: Sets = None, config: Config = None, data_dir: DataDir = None, json: Json = False
) -> None:
    """Show what a change would do to the active version; nothing is stored."""
    with opened(config, data_dir, new=True) as services:
        rows = tune.diff(services.store, changes(file, sets))
    if json:
        show_json(rows)
    else:
        table("Would change", ("name", "now", "then"), [(r["name"], r["old"], r["new"]) for r in rows])


@app.command()
def activate(
    file: File = None,
    sets: Sets = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Store a change as a new version and make it the active one."""
    with opened(config, data_dir, new=True) as services:
        number = tune.activate(
            services.store, changes(file, sets), actor=actor(actor_name), reason=reason, wall=wall_now
        )
    _said(number, json=json)


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(help="Version to go back to; 0 is the defaults.")],
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make an earlier version active again, as a new version."""
    with opened(config, data_dir, new=True) as services:
        number = tune.rollback(services.store, version, actor=actor(actor_name), reason=reason, wall=wall_now)
    _said(number, json=json)


def _said(number: int, *, json: bool) -> None:
    if json:
        show_json({"version": number})
    else:
        screen.print(f"tuning version [bold]{number}[/] is active")
