"""Options that many commands share: settings file, data directory, who acts and why."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from supplychain.bootstrap import Services, build
from supplychain.cli.output import show_times_in
from supplychain.domain.errors import NotFoundError
from supplychain.planning.ports import Actor
from supplychain.settings import DATABASE, Settings, load

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML); the defaults when left out.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data directory; overrides the settings.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]
ActorName = Annotated[str, typer.Option("--actor", help="Who acts; the system user when left out.")]


def settings_of(config: Path | None, data_dir: Path | None) -> Settings:
    """Read settings with the overrides of the command line."""
    return load(config, data_dir=data_dir)


@contextmanager
def opened(config: Path | None, data_dir: Path | None, *, new: bool = False) -> Iterator[Services]:
    """Open the services for one command; moments are shown in the zone of the active network.

    Raises
    ------
    NotFoundError
        If there is no database yet and the command is none that may start one (`new`): a mistyped folder stays a mistake.
    """
    settings = settings_of(config, data_dir)
    if not new and not settings.database.url and not (settings.data_dir / DATABASE).exists():
        raise NotFoundError(
            f"there is no data in {settings.data_dir}",
            way_out="give --data-dir (a demonstration keeps its own in data/demo), or begin with `supplychain serve`",
            folder=str(settings.data_dir),
        )
    services = build(settings)
    try:
        show_times_in(_zone(services))
        yield services
    finally:
        services.close()


def _zone(services: Services) -> str:
    try:
        with services.store.read() as tx:
            return tx.versions.network()[1].zone
    except NotFoundError:
        return services.settings.zone


def actor(name: str) -> Actor:
    """Return who acts at the command line: whoever has the database has all roles but those of partners."""
    return Actor(name or f"{getpass.getuser()}@cli", frozenset({"planner", "approver", "operator"}))
