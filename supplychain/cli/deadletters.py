"""`supplychain deadletters`: records that could not be used: list, show, redrive."""

from __future__ import annotations

from typing import Annotated

import typer

from supplychain.cli.context import Config, DataDir, opened
from supplychain.cli.output import Json, moment, pairs, screen, show_json, table
from supplychain.domain.errors import NotFoundError

app = typer.Typer(help="Records that could not be used.", no_args_is_help=True)
LetterId = Annotated[str, typer.Argument(help="Id of the dead letter, or its beginning.")]


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List dead letters, newest first."""
    with opened(config, data_dir) as services:
        rows = services.board.dead_letters(limit)
    if json:
        show_json(rows)
        return
    table(
        "Dead letters",
        ("id", "when", "topic", "offset", "reason", "detail"),
        [
            (
                r["dead_letter"][:8],
                moment(r["created_wall"]),
                f"{r['topic']}[{r['partition']}]",
                r["offset"],
                r["reason"],
                r["detail"][:80],
            )
            for r in rows
        ],
        right=("offset",),
        wide=("detail",),
    )


@app.command()
def show(letter: LetterId, config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Show one dead letter with the beginning of its record."""
    with opened(config, data_dir) as services:
        found = services.board.dead_letter(letter)
    document = {**found, "payload": found["payload"].decode("utf-8", "backslashreplace")}
    if json:
        show_json(document)
    else:
        pairs("Dead letter", document)


@app.command()
def redrive(letter: LetterId, config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Send the record of a dead letter again, after its cause was mended; its event id keeps it from counting twice."""
    with opened(config, data_dir) as services:
        found = services.board.dead_letter(letter)
        if found["size"] > len(found["payload"]):
            raise NotFoundError(
                f"only the first {len(found['payload'])} of {found['size']} bytes were kept",
                way_out="send it again from its source",
            )
        with services.publisher() as publisher:
            sent = publisher.send_and_wait(found["topic"], None, found["payload"], partition=found["partition"])
        services.board.mark_redriven(found["dead_letter"], services.wall())
    if json:
        show_json({"topic": sent.topic, "partition": sent.partition, "offset": sent.offset})
    else:
        screen.print(f"sent again as {sent.topic}[{sent.partition}] offset {sent.offset}")
