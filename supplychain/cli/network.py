"""`supplychain network`: import, check, show, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from supplychain.cli.context import Config, DataDir, actor, opened
from supplychain.cli.output import Json, pairs, screen, show_json, table
from supplychain.cli.setup import activate_network, network_findings
from supplychain.domain.errors import InvalidInputError
from supplychain.platforms.network_writer import write_catalogue
from supplychain.processes.wiring import ensure_secrets

app = typer.Typer(
    help="The supply network: goods, suppliers, warehouses, lanes, sessions, stock.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(help="Folder of network files (CSV and TOML).")]


@app.command("import")
def import_(
    folder: Folder,
    check: Annotated[bool, typer.Option("--check", help="Only check; store nothing.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check every row and make the network the active one; nothing is stored when any row is wrong."""
    catalogue, findings = network_findings(folder)
    if catalogue is None:
        listed = [
            {"file": f.file, "line": f.line, "field": f.field, "value": f.value, "message": f.message} for f in findings
        ]
        if json:
            show_json({"imported": False, "findings": listed})
        else:
            table(
                "Findings",
                ("file", "line", "field", "value", "message"),
                [tuple(f.values()) for f in listed],
                right=("line",),
                wide=("value", "message"),
            )
        raise InvalidInputError(
            f"{len(findings)} faults in {folder}: nothing was imported", way_out="mend the rows named"
        )
    sizes = {
        name: len(getattr(catalogue, name))
        for name in ("skus", "suppliers", "offers", "warehouses", "lanes", "regions", "sessions", "stock")
    }
    if check:
        version = None
    else:
        with opened(config, data_dir, new=True) as services:
            version = activate_network(services, catalogue, actor("").name)
            ensure_secrets(services)
    if json:
        show_json({"imported": not check, "version": version, **sizes})
    else:
        pairs("Network is sound" if check else f"Network version {version} is active", sizes)


@app.command()
def show(config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Show the goods of the active network with their stock position."""
    with opened(config, data_dir) as services:
        rows = services.board.positions()
    if json:
        show_json(rows)
    else:
        names = ("sku", "name", "on_hand", "reserved", "available", "inbound", "position")
        table(
            "Position = on hand - reserved + inbound",
            names,
            [tuple(row[n] for n in names) for row in rows],
            right=names[2:],
        )


@app.command()
def export(folder: Folder, config: Config = None, data_dir: DataDir = None) -> None:
    """Write the active network as files, the inverse of import."""
    with opened(config, data_dir) as services, services.store.read() as tx:
        version, catalogue = tx.versions.network()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in write_catalogue(catalogue).items():
        (folder / name).write_text(text, encoding="utf-8")
    screen.print(f"network version {version} written to {folder}")
