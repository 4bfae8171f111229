"""`supplychain replay`: recorded or real events through the same path as live ones."""

from __future__ import annotations

import datetime
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from supplychain import telemetry
from supplychain.bootstrap import Services, build
from supplychain.cli.context import Config, settings_of
from supplychain.cli.demo import free_port, fresh
from supplychain.cli.output import Json, errors, moment, pairs, screen, show_json, table
from supplychain.cli.setup import prepare, read_network
from supplychain.cli.tuning import Sets, changes
from supplychain.domain.errors import InvalidInputError, NotFoundError, UnavailableError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning, difference, parse
from supplychain.domain.units import MINUTE, SECOND, parse_iso
from supplychain.messages.step import Step
from supplychain.planning.judge_sessions import session_scores
from supplychain.platforms.events import RecordedEvents
from supplychain.platforms.retail import RetailReplay, countries_of
from supplychain.platforms.retail_lines import ZONE, read_lines
from supplychain.platforms.retail_network import retail_catalogue
from supplychain.processes import driver as driving
from supplychain.processes.config_files import config_file
from supplychain.processes.parent import Parent
from supplychain.settings import Settings

_MOVED = ("spikes", "forecasts", "plans", "plan_lines", "orders_released", "orders_short", "allocations_released")
_ROLES = ("broker", "streams", "plan", "dispatch", "jobs", "web", "partner")


class Format(StrEnum):
    """What a file holds."""

    ONLINE_RETAIL = "online-retail"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Source:
    """Something to replay: its network, tuning, steps, and what was left out before the stream saw it."""

    catalogue: Catalogue
    tuning: Tuning
    steps: Iterable[Step]
    starts_at: int
    ends_at: int
    step_ms: int
    history: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)


def replay(
    file: Annotated[Path, typer.Argument(help="The recording.")],
    kind: Annotated[Format, typer.Option("--format", help="What the file holds.")] = Format.EVENTS,
    speed: Annotated[str, typer.Option(help="max, or business seconds per second.")] = "max",
    since: Annotated[str | None, typer.Option("--from", help="First moment: a date or ISO time.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Moment to stop before.")] = None,
    tuning: Annotated[Path | None, typer.Option(help="TOML with tuning values to try.")] = None,
    sets: Sets = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated supply network and its partners.", min=0)] = 7,
    network: Annotated[
        Path | None, typer.Option(help="Network files for recorded events; the sample when left out.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory, made anew; a temporary one when left out.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Replay a recording through streams, planning, suppliers and warehouses: print the accounting and how true session forecasts came.

    With --tuning or --set it is a preview: the recording is played as it is and with the change, and the two are compared.
    """
    pace = _pace(speed)
    tried = changes(tuning, sets)  # a file that cannot be read is said before a long recording is
    source = _source(kind, file, since, until, seed, network)
    tuning_tried = parse(tried, source.tuning)
    changed = difference(source.tuning, tuning_tried)
    before: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="supplychain-replay-") as spare:
        base = settings_of(config, None)
        where = data_dir or Path(spare) / "data"
        try:
            if changed:
                plain = _settings(base, Path(spare) / "as-it-is", seed, source.starts_at)
                before = _run(source, plain, pace, quiet=json)
                source = _source(kind, file, since, until, seed, network)
            settings = _settings(base, where, seed, source.starts_at)
            summary = _run(replace(source, tuning=tuning_tried), settings, pace, quiet=json)
        except UnavailableError as fault:
            if data_dir is None:
                fault.way_out = "replay again with --data-dir DIR, and see the logs in it"
            raise
    summary = {"file": file.name, "format": kind.value, **summary}
    if changed:
        told = [{"name": name, "old": old, "new": new} for name, old, new in changed]
        summary = {**summary, "changes": told, "before": before}
    if json:
        show_json(summary)
    else:
        _show(summary)


def _show(summary: dict[str, Any]) -> None:
    pairs("\n[bold]Replay[/]", {name: value for name, value in summary.items() if not isinstance(value, dict | list)})
    for name in ("excluded_by_reason", "dead_letters_by_reason", "spike_to_plan_seconds"):
        pairs(name, summary[name])
    names = list((summary["sessions"] or [{}])[0])
    table("Forecasts of the rest of sessions, by time elapsed", names, [_cells(row) for row in summary["sessions"]])
    if "before" not in summary:
        return
    before = summary["before"]
    table("Changes", ("name", "now", "then"), [(row["name"], row["old"], row["new"]) for row in summary["changes"]])
    table("What the change moves", ("", "now", "then"), [(name, before[name], summary[name]) for name in _MOVED])
    table("Forecasts of the rest of sessions without the change", names, [_cells(row) for row in before["sessions"]])


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(f"{value:.3f}" if isinstance(value, float) else value for value in row.values())


def _pace(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0 < pace < 1e9:
        raise InvalidInputError(f"speed {speed!r} is neither max nor a number above 0", field="speed")
    return pace


def _moment(text: str | None, name: str, zone: Any) -> int | None:
    if text is None:
        return None
    try:
        return parse_iso(text, zone)
    except ValueError:
        raise InvalidInputError(
            f"--{name} {text!r} is no date or time", way_out="write 2011-09-01 or 2011-09-01T09:00", field=name
        ) from None


def _source(kind: Format, file: Path, since: str | None, until: str | None, seed: int, network: Path | None) -> Source:
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}", way_out="give the path of the recording", file=str(file))
    if kind is Format.ONLINE_RETAIL:
        return _retail(file, _moment(since, "from", ZONE), _moment(until, "to", ZONE), seed)
    return _events(file, _moment(since, "from", datetime.UTC), _moment(until, "to", datetime.UTC), network)


def _retail(file: Path, since: int | None, until: int | None, seed: int) -> Source:
    """A web shop's lines as shop days: 60 s bins since its stamps are whole minutes, priors from the lines before."""
    lines = read_lines(file)
    if since is None:
        since = int(lines.at[0]) + 28 * 24 * 60 * MINUTE
    part = RetailReplay(lines, since, until)
    before = lines.between(int(lines.at[0]), part.starts_at)
    catalogue = retail_catalogue(
        before, sorted(countries_of(lines)), seed, starts_at=part.starts_at, ends_at=part.ends_at
    )
    tuning = parse(
        {
            "detector": {
                "bin_seconds": 60,
                "grace_seconds": 1,
                "lateness_seconds": 600,
                "clamp_seconds": 3_600,
                "half_life_seconds": 3_600,
            },
            "forecast": {
                "refresh_seconds": 3_600,
                "cancelled_share": 0.03,
                "refunded_share": 0.0,
                "returned_share": 0.0,
                "tempering": 0.3,
                "moved_share": 1.0,
                "moved_pieces": 200,
            },
            "planning": {
                "cut_seconds": 60,
                "debounce_seconds": 3_600,
                "review_minutes": 1_440,
                "hourly_days": 1,
                "review_on_air": False,
            },
            "approval": {"auto_approve": True},
        }
    )
    step_ms = 15 * MINUTE
    return Source(catalogue, tuning, part.steps(), part.starts_at, part.ends_at, step_ms, excluded=part.excluded)


def _events(file: Path, since: int | None, until: int | None, network: Path | None) -> Source:
    with file.open("rb") as lines:
        recording = RecordedEvents(lines, since, until)
    catalogue = read_network(network or config_file("network"))
    tuning = parse({"approval": {"auto_approve": True}})
    return Source(catalogue, tuning, recording.steps(5 * SECOND), recording.starts_at, recording.ends_at, 30 * SECOND)


def _settings(base: Settings, data_dir: Path, seed: int, opening_at: int) -> Settings:
    partner = base.partner.model_copy(
        update={"stand_in": True, "port": free_port(), "seed": seed, "opening_at": opening_at}
    )
    web = base.web.model_copy(update={"port": free_port()})
    return base.model_copy(update={"data_dir": data_dir, "clock": "ticks", "web": web, "partner": partner})


def _run(source: Source, settings: Settings, pace: float | None, *, quiet: bool) -> dict[str, Any]:
    telemetry.setup("error", "replay")
    fresh(settings.data_dir)
    services = build(settings)
    parent = Parent(settings, _ROLES, logs=settings.data_dir / "logs")
    try:
        prepare(services, source.catalogue, source.tuning, "replay", history_seed=None)
        parent.start()
        parent.wait(lambda: _up(settings), "web and partner")
        began = time.monotonic()
        _play(services, source, pace, quiet=quiet)
        summary = _accounted(services.board.summary(), source, time.monotonic() - began)
        return {
            **summary,
            "sessions": session_scores(services.store, source.ends_at + driving.AFTER_STEPS * source.step_ms),
        }
    finally:
        parent.stop()
        services.close()


def _up(settings: Settings) -> bool:
    from supplychain.cli.demo import answers

    return answers(settings.partner_url + "/health") and answers(settings.web_url + "/healthz")


def _play(services: Services, source: Source, pace: float | None, *, quiet: bool) -> None:
    driver = driving.Driver(services, step_ms=source.step_ms, partner=services.settings.partner_url, pace=pace)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[records]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors if quiet else screen, disable=quiet) as bar:
        task = bar.add_task(
            "replay", total=source.ends_at - source.starts_at + driving.AFTER_STEPS * source.step_ms, records=0
        )

        def report(progress: driving.Progress) -> None:
            bar.update(
                task,
                completed=progress.at - source.starts_at,
                records=progress.records,
                description=moment(progress.at, source.catalogue.zone),
            )

        driver.play(source.steps, source.starts_at, report)


def _accounted(summary: dict[str, Any], source: Source, seconds: float) -> dict[str, Any]:
    """Add what was left out before the stream: every line of the file is in exactly one bucket."""
    left_out = sum(source.excluded.values())
    reasons = Counter(summary["excluded_by_reason"]) + source.excluded
    return {
        **summary,
        "events_in": summary["events_in"] + left_out,
        "excluded": summary["excluded"] + left_out,
        "excluded_by_reason": dict(sorted(reasons.items())),
        "events_per_second": round((summary["events_in"] + left_out) / max(seconds, 1e-9), 1),
        "wall_seconds": round(seconds, 1),
    }
