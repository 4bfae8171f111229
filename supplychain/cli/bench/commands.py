"""`supplychain bench`: every figure in the documents comes from one of these commands."""

from __future__ import annotations

from typing import Annotated

import typer

from supplychain.cli.output import Json, pairs, show_json

app = typer.Typer(help="Benchmarks; each prints what it measured.", no_args_is_help=True)


@app.command()
def loop(
    seed: Annotated[int, typer.Option(min=0)] = 7,
    scale: Annotated[float, typer.Option(help="How much the rooms sell.", min=0.01, max=100)] = 1.0,
    runs: Annotated[int, typer.Option(help="Evenings to play; medians are shown.", min=1, max=20)] = 1,
    json: Json = False,
) -> None:
    """Play evenings through the whole path: events per second, latency from spike to plan."""
    from supplychain.cli.bench import loop as bench

    result = bench.run(seed=seed, scale=scale, runs=runs)
    if json:
        show_json(result)
    else:
        pairs("The whole loop", result)
