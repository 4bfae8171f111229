"""`supplychain calibrate`: make the instruments say what they promise."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from supplychain.bootstrap import wall_now
from supplychain.cli.bench.spikes import false_alarms_of
from supplychain.cli.context import ActorName, Config, DataDir, Reason, actor, opened
from supplychain.cli.output import Json, bar, screen, show_json, table
from supplychain.cli.tuning import File, Sets, changes
from supplychain.domain.errors import InvalidInputError
from supplychain.domain.tuning import Detector, parse
from supplychain.planning.calibrate import store_thresholds
from supplychain.watching import calibration, rehearsal, seldom
from supplychain.watching.detector import shape_of
from supplychain.watching.thresholds import ThresholdTable

app = typer.Typer(help="Calibrate detectors by simulation.", no_args_is_help=True)
CHECKED_PER_HOUR = 1.0
ALARMS_PER_STREAM = 0.4
LEAST_ALARMS = 20
"""A rehearsal shows so many alarms at each point for each stream that the first look simulates, one of rooms that sell seldom
a quarter of that, and at least so many."""
_SMALL = {"rates": (0.2, 1.0, 5.0), "clumpings": (0.0, 0.5), "alarms": calibration.ALARMS}


@app.command()
def spikes(
    file: File = None,
    sets: Sets = None,
    streams: Annotated[int, typer.Option(help="Simulated streams per cell.", min=50, max=100_000)] = 1_000,
    bins: Annotated[int, typer.Option(help="Bins of each stream.", min=200, max=100_000)] = 2_160,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A coarse table: a first look, nothing to keep.")] = False,
    module: Annotated[
        Path | None,
        typer.Option(help="Write the table as the module that ships with the service instead of storing it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1, max=64)] = 2,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Find the thresholds of the spike detector for the active tuning, with the changes given, and store them.

    Thresholds hold for one shape of the detector: ratio, memory, guard, seed and floor. The wanted number of false alarms
    may change without a new calibration. Stream workers use the newest thresholds of the active shape.
    """
    stores = module is None and not (dry_run or quick)
    if stores and not reason.strip():
        # Better now than after minutes of simulation.
        raise InvalidInputError(
            "thresholds need a reason", way_out="say what they are for, or --dry-run", field="reason"
        )
    with opened(config, data_dir) as services:
        with services.store.read() as tx:
            tuning = parse(changes(file, sets), tx.versions.tuning()[1]).detector
        found = _table(tuning, streams, bins, seed, jobs, quick=quick)
        checked = _check(tuning, found, max(streams // 4, 50), seed + 999_331)
        said: dict[str, Any] = {"shape": shape_of(tuning), "streams": streams, "bins": bins, "seed": seed}
        if module is not None:
            command = (
                f"supplychain calibrate spikes --bins {bins} --streams {streams} --seed {seed} --module {module.name}"
            )
            module.write_text(calibration.render(found, command), encoding="utf-8")
            said["module"] = str(module)
        elif stores:
            said["thresholds"] = store_thresholds(
                services.store, tuning, found, actor=actor(actor_name), reason=reason, wall=wall_now
            )
    if json:
        show_json(said | {"check": checked, "table": found.document()})
        return
    names = ("orders/min", "clumping", "wanted/h", "realised/h", "alarms seen")
    table(f"False alarms of fresh streams ({said['shape']})", names, [tuple(row.values()) for row in checked])
    if "thresholds" in said:
        screen.print(f"thresholds [bold]{said['thresholds']}[/] are stored, and in use where the tuning has this shape")


def _table(tuning: Detector, streams: int, bins: int, seed: int, jobs: int, *, quick: bool) -> ThresholdTable:
    """Find thresholds point by point, and, unless a coarse table will do, try and mend them as the detector reads them."""
    size: dict[str, Any] = {"bins": bins, "seed": seed}
    grid: dict[str, Any] = _SMALL if quick else {}
    alarms = max(round(streams * ALARMS_PER_STREAM), LEAST_ALARMS)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        run = map if jobs == 1 else pool.map
        with bar("cells") as progress:
            found = calibration.calibrate(tuning, streams=streams, **size, **grid, run=run, progress=progress)
        if quick:
            return found
        with bar("rehearsals") as progress:
            found = rehearsal.rehearse(tuning, found, alarms=alarms, **size, run=run, progress=progress)
        with bar("rooms that sell seldom") as progress:
            few = max(alarms // 4, LEAST_ALARMS)
            return seldom.rehearse_seldom(tuning, found, alarms=few, **size, run=run, progress=progress)


def _check(tuning: Detector, found: ThresholdTable, rooms: int, seed: int) -> list[dict[str, float]]:
    """Return what the thresholds give on fresh streams, at one alarm an hour so that there are enough to count."""
    wanted = replace(tuning, false_alarms_per_hour=CHECKED_PER_HOUR)
    rows = []
    for per_bin in (0.2, 1.0, 5.0, 20.0):
        for clumping in (0.0, 0.2):
            alarms, hours = false_alarms_of(wanted, found, per_bin, clumping, rooms=rooms, seed=seed)
            rows.append(
                {
                    "orders_per_minute": round(per_bin * 60 / tuning.bin_seconds, 3),
                    "clumping": clumping,
                    "wanted": CHECKED_PER_HOUR,
                    "realised": round(alarms / hours, 2),
                    "alarms": alarms,
                }
            )
    return rows
