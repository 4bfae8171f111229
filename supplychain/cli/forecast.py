"""`supplychain forecast`: show, measure, backtest, refit, models, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from supplychain.bootstrap import wall_now
from supplychain.cli.context import ActorName, Config, DataDir, Reason, actor, opened
from supplychain.cli.forecast_plot import draw
from supplychain.cli.output import Json, moment, pairs, screen, show_json, table
from supplychain.cli.tuning import Sets, changes
from supplychain.domain.errors import NotFoundError
from supplychain.planning import judge_forecast, learn, shelf_outlook
from supplychain.planning.judge_sessions import session_scores
from supplychain.processes.wiring import calendar

app = typer.Typer(help="Forecasts of the shelf: what they say, why, and how good they are.", no_args_is_help=True)


@app.command()
def show(
    sku: Annotated[str, typer.Argument(help="SKU.")],
    region: Annotated[str, typer.Option(help="Region of the network.")],
    plot: Annotated[Path | None, typer.Option(help="Draw it to this .png or .svg.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show a forecast with components, effects, last refit, data gaps, and accuracy of series like it."""
    with opened(config, data_dir) as services:
        report = judge_forecast.show(services.store, sku, region, calendar(services.settings))
    if plot is not None:
        draw(report, plot)
    if json:
        show_json(report)
        return
    _show_report(report)
    if plot is not None:
        screen.print(f"drawn to {plot}")


def _show_report(report: dict[str, Any]) -> None:
    pairs(
        f"[bold]{report['sku']}[/] in {report['region']}",
        {
            "model": f"{report['model'] or 'none'} by {report['method']}, tuning {report['tuning_version'] or 'none'}",
            "learned": f"through {report['fitted_through']}, at {moment(report['refitted_wall'])}",
            "degraded": report["degraded"] or "no",
            "data gaps": ", ".join(f"{a} to {b}" for a, b in report["gaps"]) or "none",
            "segment": report["segment"],
        },
    )
    numbers = ("mean", "low", "high")
    rows = [(row["day"], *(f"{row[name]:.1f}" for name in numbers)) for row in report["days"]]
    table("Pieces per day, gross, 80 % interval", ("day", *numbers), rows, right=numbers)
    if report["slots"]:
        ends = ("mean", "q10", "q50", "q90")
        shown = [
            (
                row["session"],
                moment(row["starts_at"]),
                row["planned"],
                row["by"],
                f"x{row['evening']:.2f}",
                *(f"{row[name]:.1f}" for name in ends),
            )
            for row in report["slots"]
        ]
        table(
            "Gross pieces by slot of the sessions ahead",
            ("session", "from", "planned", "by", "evening", *ends),
            shown,
            right=("evening", *ends),
        )
    for parts in (report["components"], report["components_region"], *report["components_rooms"]):
        shown = [(name, f"{values[0]:+.3f}") for name, values in parts.get("effects", {}).items()]
        if shown:
            day = parts.get("days", ["first day"])[0]
            says = f", degraded: {parts['degraded']}" if parts["degraded"] else ""
            table(f"{parts['aggregate']}, {day}: trend in pieces, effects on it{says}", ("part", "value"), shown)
    if report["drivers"]:
        shown = [(row["feature"], f"{row['pieces']:+.2f}") for row in report["drivers"]]
        table("What moves the median of the first day", ("feature", "pieces"), shown)
    for name in ("backtest", "measured"):
        _scores(report[name], name)


def _scores(rows: list[dict[str, Any]], title: str) -> None:
    if not rows:
        screen.print(f"{title}: nothing yet")
        return
    names = list(rows[0])
    shown = [tuple(f"{v:.3f}" if isinstance(v, float) else v for v in row.values()) for row in rows]
    table(title, names, shown)


@app.command()
def measured(
    sessions: Annotated[bool, typer.Option("--sessions", help="Judge the rest of finished sessions instead.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show how true the forecasts in use came: coverage, bias and error per segment, last four weeks.

    With --sessions: what the forecasts at 10, 25, 50 and 75 % of a session said of its rest.
    """
    with opened(config, data_dir) as services:
        rows = session_scores(services.store) if sessions else shelf_outlook.measured(services.store)
    if json:
        show_json(rows)
    else:
        _scores(rows, f"Measured against finished {'sessions' if sessions else 'days'}")


@app.command()
def backtest(
    tuning: Annotated[Path | None, typer.Option(help="TOML with the values to try.")] = None,
    sets: Sets = None,
    origins: Annotated[int, typer.Option(help="Weekly origins.", min=1, max=26)] = 4,
    series: Annotated[int, typer.Option(help="Largest series that are scored.", min=1)] = 200,
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Try a tuning change on the past: the same days forecast with it and without; nothing is stored."""
    with opened(config, data_dir) as services:
        done = judge_forecast.backtest(
            services.store,
            services.inline(),
            calendar(services.settings),
            changes(tuning, sets),
            origins=origins,
            series=series,
        )
    if json:
        show_json(done)
        return
    table("Changes", ("name", "now", "then"), [(r["name"], r["old"], r["new"]) for r in done["changes"]])
    _scores([row for row in done["scores"] if row["segment"] == "all"], "Scores")
    verdict = done["verdict"]
    said = "better beyond noise" if verdict["promoted"] else "not better beyond noise"
    screen.print(f"{said}: loss {-verdict['gain']:+.1%} (95 %: {-verdict['high']:+.1%} to {-verdict['low']:+.1%})")


@app.command()
def refit(config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Learn from all finished days now, as every night, and make the forecasts active."""
    with opened(config, data_dir) as services:
        done = learn.refit(services.store, services.inline(), calendar(services.settings), wall_now)
    if done is None:
        raise NotFoundError("there is no history of the shelf yet", way_out="let a business day of shelf sales finish")
    if json:
        show_json(
            {"version": done.version, "method": done.method, "aggregates": done.aggregates, "degraded": done.degraded}
        )
    else:
        screen.print(f"model [bold]{done.version}[/] by {done.method} is active")
        if done.degraded:
            table("Degraded: something simpler stands in", ("aggregate", "why"), sorted(done.degraded.items()))


@app.command()
def models(config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the stored models."""
    with opened(config, data_dir) as services:
        found = shelf_outlook.models(services.store)
    if json:
        show_json(found)
        return
    rows = [
        (
            row["version"],
            "active" if row["active"] else "",
            "degraded" if row["degraded"] else "",
            moment(row["fitted_through"], "UTC")[:10],
            moment(row["created_wall"]),
        )
        for row in found
    ]
    table("Models", ("version", "", "", "learned through", "made"), rows)


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(help="Model to go back to.")],
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make the forecasts of an earlier model active again, until the next refit."""
    with opened(config, data_dir) as services:
        learn.rollback(services.store, version, actor=actor(actor_name), reason=reason, wall=wall_now)
    if json:
        show_json({"version": version})
    else:
        screen.print(f"model [bold]{version}[/] is active")
