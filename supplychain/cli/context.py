"""Options that many commands share: settings file, data directory, who acts and why."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from supplychain.bootstrap import Services, build
from supplychain.planning.ports import Actor
from supplychain.settings import Settings, load

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML); the defaults when left out.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data directory; overrides the settings.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]
ActorName = Annotated[str, typer.Option("--actor", help="Who acts; the system user when left out.")]


def settings_of(config: Path | None, data_dir: Path | None) -> Settings:
    """Read settings with the overrides of the command line."""
    return load(config, data_dir=data_dir)


@contextmanager
def opened(config: Path | None, data_dir: Path | None) -> Iterator[Services]:
    """Open the services for one command."""
    services = build(settings_of(config, data_dir))
    try:
        yield services
    finally:
        services.close()


def actor(name: str) -> Actor:
    """Return who acts at the command line: whoever has the database has all roles but those of partners."""
    return Actor(name or f"{getpass.getuser()}@cli", frozenset({"planner", "approver", "operator"}))
