"""`supplychain demo`: a simulated live evening through the whole loop, then the console."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from supplychain import telemetry
from supplychain.bootstrap import Services, build, wall_now
from supplychain.cli.context import settings_of
from supplychain.cli.output import Json, errors, moment, pairs, screen, show_json
from supplychain.cli.setup import prepare, read_network
from supplychain.domain.errors import ConflictError
from supplychain.domain.tuning import parse
from supplychain.domain.units import MINUTE, SECOND
from supplychain.processes import driver as driving
from supplychain.processes.config_files import config_file
from supplychain.processes.parent import Parent
from supplychain.settings import Settings, WebSettings
from supplychain.simulate.evening import Evening

_MARK = ".supplychain-demo"
_STEP_MS = 60 * SECOND
_ROLES = ("broker", "streams", "plan", "dispatch", "jobs", "web", "partner")


def demo(
    seed: Annotated[int, typer.Option(help="Seed of the evening; the same seed gives the same plans.", min=0)] = 7,
    headless: Annotated[
        bool, typer.Option(help="Stop after the summary; free ports, so that runs do not collide.")
    ] = False,
    json: Json = False,
    scale: Annotated[float, typer.Option(help="How much the rooms sell, 1 is as planned.", min=0.01, max=100)] = 1.0,
    network: Annotated[
        Path | None, typer.Option(help="Folder of network files; the sample network when left out.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the demonstration, made anew.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).")] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of the console.", min=1, max=65_535)] = None,
) -> None:
    """Play a simulated live evening through the whole loop and show the console."""
    stays = not headless and not json and sys.stdin.isatty() and sys.stdout.isatty()
    settings = _settings(settings_of(config, None), data_dir, headless=headless or not stays, web_port=web_port)
    telemetry.setup("error", "demo")
    catalogue = read_network(network or config_file("network"))
    evening = Evening(catalogue, seed, scale=scale)
    settings = settings.model_copy(
        update={"partner": settings.partner.model_copy(update={"seed": seed, "opening_at": evening.starts_at})}
    )
    fresh(settings.data_dir)
    services = build(settings)
    parent = Parent(settings, _ROLES, logs=settings.data_dir / "logs")
    try:
        if not json:
            screen.print("[bold]Live evening[/] (synthetic data): setting up broker, database, prior and roles")
        limits = {
            "auto_approve": True,
            "auto_line_minor": 4_000_000,
            "auto_plan_minor": 12_000_000,
            "auto_cover_hours": 336.0,
        }
        tuning = parse({"approval": limits})
        prepare(services, catalogue, tuning, "the demonstration approves inside limits", history_seed=seed)
        parent.start()
        parent.wait(
            lambda: answers(settings.partner_url + "/health") and answers(settings.web_url + "/healthz"),
            "web and partner",
        )
        began = time.monotonic()
        _play(services, evening, quiet=json)
        summary = _summary(services, seed, evening, time.monotonic() - began, parent)
        if json:
            show_json(summary)
        else:
            _show(summary, settings)
        if stays:
            screen.print(f"\nConsole at [bold]{settings.web_url}[/] until Ctrl-C")
            _until_interrupted()
    finally:
        parent.stop()
        services.close()


def _settings(base: Settings, data_dir: Path | None, *, headless: bool, web_port: int | None) -> Settings:
    """Demo settings: ticks as clock, the stand-in partner for every supplier, a data directory of its own."""
    web: WebSettings = base.web
    if web_port is not None:
        web = web.model_copy(update={"port": web_port})
    elif headless:
        web = web.model_copy(update={"port": free_port()})
    partner = base.partner.model_copy(update={"stand_in": True, "port": free_port()})
    where = data_dir or base.data_dir / "demo"
    return base.model_copy(update={"data_dir": where, "clock": "ticks", "web": web, "partner": partner})


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fresh(data_dir: Path) -> None:
    """Start from an empty data directory; only one that a demonstration made is ever emptied."""
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / _MARK).exists():
            raise ConflictError(
                f"{data_dir} is not empty and was not made by a demonstration", way_out="choose another --data-dir"
            )
        _still_running(data_dir)
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / _MARK).write_text(f"{os.getpid()}\n", encoding="utf-8")


def _still_running(data_dir: Path) -> None:
    try:
        pid = int((data_dir / _MARK).read_text(encoding="utf-8"))
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError, OSError):
        return
    command = Path(f"/proc/{pid}/cmdline")
    if pid != os.getpid() and command.exists() and b"supplychain" in command.read_bytes():
        raise ConflictError(
            f"a demonstration (process {pid}) still runs on {data_dir}",
            way_out="stop it with Ctrl-C, or choose another --data-dir",
        )


def answers(url: str) -> bool:
    """Tell whether a server answers under an address."""
    import httpx

    try:
        return httpx.get(url, timeout=1.0).status_code < 500
    except httpx.HTTPError:
        return False


def _play(services: Services, evening: Evening, *, quiet: bool) -> None:
    driver = driving.Driver(services, step_ms=_STEP_MS, partner=services.settings.partner_url)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[records]:,} events"),
        TimeElapsedColumn(),
        console=errors if quiet else screen,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(
            "evening", total=evening.ends_at - evening.starts_at + driving.AFTER_STEPS * _STEP_MS, records=0
        )

        def report(progress: driving.Progress) -> None:
            done = progress.at - evening.starts_at
            bar.update(task, completed=done, records=progress.records, description=moment(progress.at))

        driver.play(evening.steps(5 * SECOND), evening.starts_at, report)


def _summary(services: Services, seed: int, evening: Evening, seconds: float, parent: Parent) -> dict[str, Any]:
    summary = services.board.summary()
    return {
        "seed": seed,
        "synthetic": True,
        **summary,
        "business_minutes": (evening.ends_at - evening.starts_at) // MINUTE,
        "wall_seconds": round(seconds, 1),
        "role_restarts": sum(parent.restarts().values()),
        "finished_at": wall_now(),
    }


def _show(summary: dict[str, Any], settings: Settings) -> None:
    latency = summary["spike_to_plan_seconds"]
    pairs(
        "\n[bold]The evening[/]",
        {
            "sale events": f"{summary['events_in']:,} in: {summary['sales_counted']:,} sales, {summary['cancellations']:,} cancellations, "
            f"{summary['returns']:,} returns and refunds",
            "set aside": f"{summary['duplicates']:,} duplicates, {summary['corrections']:,} corrections (too late), "
            f"{summary['excluded']:,} excluded, {summary['dead_letters']:,} dead letters",
            "spikes": summary["spikes"],
            "session forecasts": f"{summary['forecasts']:,}",
            "plans": f"{summary['plans']} with {summary['plan_lines']} lines; {summary['plans_open']} wait for review",
            "order lines": f"{summary['orders_released']} released, {summary['orders_received']} received: {summary['orders_accepted']} accepted, "
            f"{summary['orders_short']} short, {summary['orders_refused']} refused, {summary['orders_open']} open",
            "allocation events": f"{summary['allocations_released']} released, {summary['allocations_received']} received",
            "spike to plan": f"p50 {latency['p50']} s, p99 {latency['p99']} s",
            "evening in": f"{summary['wall_seconds']} s of wall time",
            "plan digest": summary["plan_digest"],
        },
    )
    spikes(settings)


def spikes(settings: Settings) -> None:
    """Print the spikes with their cause."""
    from supplychain.cli.output import table

    services = build(settings)
    try:
        rows = services.board.spikes(20)
    finally:
        services.close()
    table(
        "\n[bold]Spikes[/]",
        ("when", "room", "SKU", "ratio", "observed", "expected", "cause"),
        [
            (
                moment(r["started_at"]),
                r["room"],
                r["sku"],
                f"x{r['ratio']:.1f}",
                r["observed"],
                f"{r['expected']:.1f}",
                r["cause"],
            )
            for r in reversed(rows)
        ],
        right=("ratio", "observed", "expected"),
        wide=("cause",),
    )


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3_600)
    except KeyboardInterrupt:
        screen.print("stopping")
