"""The root of the command line."""

from __future__ import annotations

import typer

from supplychain import __version__
from supplychain.cli import admin, calibrate, deadletters, demo, forecast, network, plan, record, replay, serve, tuning
from supplychain.cli.bench import commands as bench

app = typer.Typer(
    name="supplychain",
    help="Supply chains for live-stream commerce: from a live sale to a supplier's order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("partner")(serve.partner)
app.command("replay")(replay.replay)
app.command("record")(record.record)
app.command("simulate")(record.simulate)
app.command("status")(admin.status)
app.add_typer(plan.app, name="plan")
app.add_typer(tuning.app, name="tuning")
app.add_typer(forecast.app, name="forecast")
app.add_typer(calibrate.app, name="calibrate")
app.add_typer(network.app, name="network")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(admin.app, name="admin")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(default=False, help="Print the version.")) -> None:
    """Answer --version."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
