"""`supplychain serve` runs the roles; `supplychain partner` the stand-in supplier and WMS beside a running service."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from supplychain import telemetry
from supplychain.bootstrap import build
from supplychain.cli.context import Config, DataDir, settings_of
from supplychain.cli.output import screen
from supplychain.cli.setup import activate_network, read_network
from supplychain.domain.errors import NotFoundError, SettingsError
from supplychain.processes.config_files import config_file
from supplychain.processes.parent import Parent
from supplychain.processes.wiring import ensure_secrets
from supplychain.processes.wiring import partner as run_partner
from supplychain.settings import Settings

_USUAL = "broker,streams,plan,dispatch,jobs,web"


def serve(
    config: Config = None,
    data_dir: DataDir = None,
    roles: Annotated[str, typer.Option(help="Roles to run, separated by commas; `partner` is one more.")] = _USUAL,
    network: Annotated[Path | None, typer.Option(help="Import this folder of network files first.")] = None,
    clock: Annotated[str | None, typer.Option(help="wall, or ticks for a replay.")] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of console and API.", min=1, max=65_535)] = None,
    partner_port: Annotated[int | None, typer.Option(help="Port of the stand-in partner.", min=1, max=65_535)] = None,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    wanted = [role.strip() for role in roles.split(",") if role.strip()]
    settings = _chosen(settings_of(config, data_dir), wanted, clock, web_port, partner_port)
    telemetry.setup(settings.log_level, "parent")
    _ready(settings, network)
    parent = Parent(settings, wanted)
    stop = threading.Event()

    def _stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        parent.start()
        if not settings.broker.url and "broker" in wanted:
            screen.print(
                "[yellow]embedded broker:[/] records are in memory and gone when it stops; set broker.url for Apache Kafka"
            )
        if "web" in wanted:
            screen.print(f"console at [bold]{settings.web_url}[/]")
        stop.wait()
    finally:
        parent.stop()


def _chosen(
    settings: Settings, roles: list[str], clock: str | None, web_port: int | None, partner_port: int | None
) -> Settings:
    web, partner = settings.web, settings.partner
    if web_port is not None:
        web = web.model_copy(update={"port": web_port})
    if partner_port is not None:
        partner = partner.model_copy(update={"port": partner_port})
    if "partner" in roles:
        partner = partner.model_copy(update={"stand_in": True})
    if clock not in {None, "wall", "ticks"}:
        raise SettingsError(f"--clock {clock!r} is neither wall nor ticks", field="clock")
    return settings.model_copy(update={"web": web, "partner": partner, "clock": clock or settings.clock})


def _ready(settings: Settings, network: Path | None) -> None:
    """Import the network asked for, or the sample into an empty database, and make the suppliers' secrets."""
    services = build(settings)
    try:
        if network is not None:
            activate_network(services, read_network(network), "serve")
        else:
            try:
                with services.store.read() as tx:
                    tx.versions.network()
            except NotFoundError:
                screen.print("no network imported yet: the sample network is used")
                activate_network(services, read_network(config_file("network")), "serve")
        ensure_secrets(services)
    finally:
        services.close()


def partner(config: Config = None, data_dir: DataDir = None) -> None:
    """Run the stand-in supplier and WMS by the wall clock, beside a running service."""
    settings = settings_of(config, data_dir)
    telemetry.setup(settings.log_level, "partner")
    services = build(settings)
    try:
        run_partner(services)
    finally:
        services.close()
