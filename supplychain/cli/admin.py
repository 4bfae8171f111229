"""`supplychain status` and `supplychain admin`: how it is doing; database and audit trail."""

from __future__ import annotations

import typer

from supplychain.cli.context import Config, DataDir, opened
from supplychain.cli.output import Json, moment, pairs, screen, show_json, table
from supplychain.domain.errors import ConflictError
from supplychain.planning.expire import expire

app = typer.Typer(help="Database, audit trail, housekeeping.", no_args_is_help=True)


def status(config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Show the figures of the loop and what is degraded."""
    with opened(config, data_dir) as services:
        summary, health = services.board.summary(), services.board.health()
    if json:
        show_json({**summary, "health": health})
        return
    pairs("[bold]Figures[/]", {name: value for name, value in summary.items() if not isinstance(value, dict)})
    table(
        "\nPartitions",
        ("partition", "watermark", "next offset", "committed"),
        [
            (
                f"{p['topic']}[{p['partition']}]",
                moment(p["watermark"]) if p["watermark"] >= 0 else "",
                p["next_offset"],
                f"{p['committed_age_seconds']} s ago",
            )
            for p in health["partitions"]
        ],
        right=("next offset",),
    )
    for text in health["degraded"]:
        screen.print(f"[yellow]![/] {text}")


@app.command()
def migrate(config: Config = None, data_dir: DataDir = None) -> None:
    """Bring the database to the newest schema (every start does it too)."""
    with opened(config, data_dir, new=True) as services:
        screen.print(f"{services.settings.database_url.split('@')[-1]} has the newest schema")


@app.command()
def audit(config: Config = None, data_dir: DataDir = None, json: Json = False, limit: int = 50) -> None:
    """Show the audit trail, newest first, and check its chain of hashes.

    Raises
    ------
    ConflictError
        If an entry was changed or removed.
    """
    with opened(config, data_dir) as services, services.store.read() as tx:
        entries, sound = tx.audit.entries(limit=limit), tx.audit.verify()
        newest = entries[0]["entry"] if entries else 0
    if json:
        show_json({"sound": sound, "entries": entries})
    else:
        rows = [
            (e["entry"], moment(e["created_wall"]), e["actor"], e["action"], e["subject"][:40], e["reason"][:60])
            for e in entries
        ]
        columns = ("entry", "when", "actor", "action", "subject", "reason")
        table(f"Audit trail: {sound} entries hold", columns, rows, wide=("reason",))
    if sound < newest:
        raise ConflictError(
            f"the audit trail breaks after {sound} entries", way_out="restore the database from a backup"
        )


@app.command("expire")
def expire_now(config: Config = None, data_dir: DataDir = None) -> None:
    """End the proposals that nobody approved in time."""
    with opened(config, data_dir) as services:
        screen.print(f"{expire(services.store, services.wall)} lines expired")
