"""`supplychain bench`: every figure in the documents comes from one of these commands."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from supplychain.cli.output import Json, bar, pairs, show_json, table
from supplychain.domain.errors import InvalidInputError, NotFoundError

app = typer.Typer(help="Benchmarks; each prints what it measured.", no_args_is_help=True)


def _finite(given: list[float] | float | None) -> list[float] | float | None:
    for one in given if isinstance(given, list) else [given]:
        if one is not None and not math.isfinite(one):
            raise typer.BadParameter(f"{one} is no number to measure with")
    return given


@app.command()
def loop(
    seed: Annotated[int, typer.Option(min=0)] = 7,
    scale: Annotated[float, typer.Option(help="How much the rooms sell.", min=0.01, max=100, callback=_finite)] = 1.0,
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


Rows = list[dict[str, Any]]
Data = Annotated[Path | None, typer.Option(help="Real data to measure on.")]


def _shown(rows: Rows, title: str, *, json: bool) -> None:
    """Print rows as one JSON list, or as a table with every key that occurs."""
    if json:
        show_json(rows)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    table(title, names, [tuple(row.get(name) for name in names) for row in rows])


def _there(file: Path) -> Path:
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}", way_out="give the path of the data")
    return file


@app.command()
def optimizer(
    skus: Annotated[list[int] | None, typer.Option(help="SKUs of a problem; repeat.", min=1, max=1_000_000)] = None,
    seeds: Annotated[int, typer.Option(min=1, max=50)] = 1,
    tightness: Annotated[
        list[float] | None, typer.Option(help="Capacity over need; repeat.", min=0.1, max=100.0, callback=_finite)
    ] = None,
    features: Annotated[list[str] | None, typer.Option(help="base or all; repeat.")] = None,
    sweeps: Annotated[int, typer.Option(help="Price sweeps at most.", min=1)] = 40,
    peer_skus: Annotated[int, typer.Option(help="Size beside other solvers; 0 = none.", min=0)] = 100,
    peer_seconds: Annotated[
        float, typer.Option(help="Time of each solver there.", min=1.0, max=86_400.0, callback=_finite)
    ] = 20.0,
    peer: Annotated[list[str] | None, typer.Option(help="highs, cp-sat or cbc; repeat. Default: all.")] = None,
    second_core: Annotated[bool, typer.Option(help="Each size on one thread as well.")] = False,
    replans: Annotated[int, typer.Option(help="Spikes to plan again; 0 = none.", min=0)] = 100,
    json: Json = False,
) -> None:
    """Plan large problems: first plan, time to a certified gap, memory, re-plans, beside OR-Tools' solvers.

    Each row goes to standard error as soon as it is measured, all of them to standard output at the end.
    """
    from supplychain.cli.bench import optimizer as bench
    from supplychain.cli.bench.peers import PEERS

    rows: Rows = []
    for row in bench.run(
        skus or (1_000,), seeds, tightness or (1.25,), _known("--features", features or ["base", "all"], ("base", "all")),
        replans=replans, sweeps=sweeps, peer_skus=peer_skus, peer_seconds=peer_seconds,
        peers=_known("--peer", peer or [*PEERS], PEERS), second_core=second_core,
    ):  # fmt: skip
        typer.echo(dumps(row), err=True)
        rows.append(row)
    _shown(rows, "Optimizer", json=json)


@app.command()
def spikes(
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the size: a first look.")] = False,
    rate: Annotated[
        list[float] | None, typer.Option(help="Orders a minute; repeat.", min=0.05, max=10_000.0, callback=_finite)
    ] = None,
    engagement: Annotated[list[str] | None, typer.Option(help="none, comments or clicks; repeat.")] = None,
    quiet_hours: Annotated[
        float | None, typer.Option(help="Quiet room-hours per case.", min=1.0, max=100_000.0, callback=_finite)
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1, max=64)] = 2,
    nab: Annotated[Path | None, typer.Option(help="Folder in NAB's format to score instead.")] = None,
    json: Json = False,
) -> None:
    """Judge the detector: share caught, delay, realised against wanted false alarms."""
    from supplychain.cli.bench import nab as labelled
    from supplychain.cli.bench import spikes as bench

    if nab:
        found = labelled.score_nab(nab)
    else:
        heard = _known("--engagement", engagement or ["none", "clicks"], bench.ENGAGEMENT)
        size = replace(bench.QUICK if quick else bench.Size(), seed=seed)
        size = replace(size, quiet_hours=quiet_hours) if quiet_hours else size
        with bar("rooms") as progress:
            found = list(
                bench.run(size, per_minute=rate or bench.PER_MINUTE, engagement=heard, jobs=jobs, progress=progress)
            )
    if json:
        show_json({"rows": found})
    else:
        _shown(found, "Spikes", json=False)


def _known(option: str, given: list[str], known: Iterable[str]) -> list[str]:
    unknown = [one for one in given if one not in known]
    if unknown:
        raise InvalidInputError(f"{option}: {unknown[0]!r} is not known", way_out=f"give one of {', '.join(known)}")
    return given


@app.command()
def forecast(
    data: Annotated[Path, typer.Option(help="Sales history.")],
    kind: Annotated[str, typer.Option("--format", help="online-retail or long.")] = "online-retail",
    horizon: Annotated[int, typer.Option(min=1, max=60)] = 7,
    origins: Annotated[int, typer.Option(min=1, max=52)] = 4,
    series: Annotated[int, typer.Option(help="Largest series that are scored; all teach.", min=1)] = 200,
    known_days: Annotated[
        int | None, typer.Option(help="Hide all but so many days of them: cold start.", min=1)
    ] = None,
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="Add the quantiles of the scored days themselves.")
    ] = False,
    json: Json = False,
) -> None:
    """Backtest daily forecasts: our model, Prophet alone, seasonal naive, window average, on the same rows."""
    from supplychain.cli.bench import forecast as bench

    try:
        with bar("forecasts") as progress:
            scores, gains = bench.run(
                _there(data),
                kind,
                horizon,
                origins,
                series,
                known_days=known_days,
                hindsight=hindsight,
                progress=progress,
            )
    except ValueError as fault:
        raise InvalidInputError(str(fault), way_out="see `supplychain bench forecast --help`") from fault
    _shown([dict(row) for row in scores], "Forecast", json=json)
    if not json:
        _shown(gains, "Less loss of items than of each, 95 % bootstrap over series", json=False)


@app.command()
def refresh(
    series: Annotated[int, typer.Option(help="Synthetic series of 365 days.", min=10)] = 10_000,
    timed: Annotated[int, typer.Option(help="Prophet is timed on so many.", min=1)] = 100,
    json: Json = False,
) -> None:
    """Train and predict an assortment with quantiles, against one Prophet fit and prediction per series."""
    from supplychain.cli.bench import forecast as bench

    with bar("Prophet") as progress:
        rows = bench.refresh(series, timed=timed, progress=progress)
    _shown([dict(row) for row in rows], "Refresh", json=json)


@app.command()
def session(
    sessions: Annotated[int, typer.Option(min=10)] = 1_000,
    training: Annotated[int, typer.Option(help="Past sessions to learn from.", min=10)] = 1_500,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    data: Data = None,
    kind: Annotated[str, typer.Option("--format", help="Format of the data: online-retail.")] = "online-retail",
    json: Json = False,
) -> None:
    """Judge session forecasts at 10, 25, 50 and 75 % elapsed, and the safety check on real days."""
    from supplychain.cli.bench import bench_session as bench

    with bar("sessions") as progress:
        rows = bench.run(sessions, training, seed, _there(data) if data else None, kind, progress)
    _shown([dict(row) for row in rows], "Session", json=json)


@app.command()
def stream(
    broker: Annotated[str, typer.Option(help="Kafka addresses; an embedded broker when empty.")] = "",
    database: Annotated[str, typer.Option(help="URL of a PostgreSQL server; SQLite when empty.")] = "",
    events: Annotated[int, typer.Option(help="Events read by each variant.", min=1_000)] = 400_000,
    plain_events: Annotated[int, typer.Option(help="Events read by plain Faust.", min=100)] = 20_000,
    few_keys: Annotated[int, typer.Option(min=100)] = 3_000,
    many_keys: Annotated[int, typer.Option(min=100)] = 300_000,
    state_keys: Annotated[int, typer.Option(help="Keys of state when the worker is killed.", min=100)] = 1_000_000,
    ids: Annotated[int, typer.Option(help="Event ids remembered when memory is measured.", min=0)] = 10_000_000,
    seconds: Annotated[int, typer.Option(help="How long delays are measured.", min=8)] = 60,
    runs: Annotated[int, typer.Option(help="Repetitions of the rates; medians are reported.", min=1)] = 1,
    part: Annotated[list[str] | None, typer.Option(help="throughput, latency, recovery or memory; repeat.")] = None,
    json: Json = False,
) -> None:
    """Measure the stream engine beside a bare client and plain Faust: rates, delays, recovery, memory."""
    from supplychain.cli.bench import stream as bench
    from supplychain.cli.bench.stream_jobs import Sizes

    unknown = sorted(set(part or ()) - set(bench.PARTS))
    if unknown:
        raise NotFoundError(f"there is no part {unknown[0]}", way_out=f"choose from {', '.join(bench.PARTS)}")
    sizes = Sizes(events, plain_events, few_keys, many_keys, state_keys, ids, seconds, runs)
    result = bench.run(broker, database, sizes, part or bench.PARTS)
    if json:
        show_json(result)
    else:
        pairs("The stream engine", result)
