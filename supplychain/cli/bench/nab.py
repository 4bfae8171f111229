"""How the detector does on series in the format of the Numenta Anomaly Benchmark: CSV of times and values, labelled windows."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import DAY, SECOND, floor_to, parse_iso
from supplychain.watching.sessions import SessionBook
from supplychain.watching.spikes import SpikeWatch, Verdicts
from supplychain.watching.table import SHIPPED


def score_nab(directory: Path, *, alarms_per_day: float = 0.2) -> list[dict[str, object]]:
    """Score the detector on series in NAB's format, one row per labelled file and one for all.

    Values are taken as counts. The memory of the background is as many bins as by default, whatever the cadence; thresholds
    are the shipped ones and see no label. As in NAB, the first fifteen percent of a file count neither way; a window is
    caught by an alarm inside it, and an alarm outside all windows is false.

    Parameters
    ----------
    directory
        Holds CSV files with a header and rows `timestamp,value`, anywhere below, and one `combined_windows.json` that names
        files by their relative path with [first, last] times of their windows.
    alarms_per_day
        Wanted false alarms per day.

    Raises
    ------
    InvalidInputError
        If there is no such label file, a labelled file is missing, or a row cannot be read.
    """
    found = sorted(directory.rglob("combined_windows.json"))
    if not found:
        detail = f"{directory} holds no combined_windows.json"
        raise InvalidInputError(detail, way_out="give the folder of a NAB checkout, data and labels")
    labels: dict[str, list[tuple[str, str]]] = json.loads(found[0].read_text())
    files = {path.as_posix(): path for path in sorted(directory.rglob("*.csv"))}
    rows = []
    for name, windows in sorted(labels.items()):
        path = next((path for key, path in files.items() if key.endswith("/" + name)), None)
        if path is None:
            detail = f"{name} is labelled, but no such file is below {directory}"
            raise InvalidInputError(detail, way_out="keep data beside labels, or shorten the labels")
        rows.append(_score_file(name, _series(path), [(_at(one), _at(two)) for one, two in windows], alarms_per_day))
    total = {key: sum(row[key] for row in rows) for key in ("windows", "caught", "false_alarms", "days")}
    rows.append({"file": "all", **total})
    return [
        {**row, "days": round(row["days"], 2), "false_per_day": round(row["false_alarms"] / max(row["days"], 1e-9), 3)}
        for row in rows
    ]


def _series(path: Path) -> list[tuple[int, int]]:
    """Read a CSV of times and values; negative values count as none."""
    series = []
    with path.open(newline="") as lines:
        for number, row in enumerate(csv.reader(lines), start=1):
            if number == 1 or not row:
                continue
            try:
                series.append((_at(row[0]), max(round(float(row[1])), 0)))
            except (ValueError, IndexError, OverflowError) as fault:
                detail = f"{path}, line {number}: {fault}"
                raise InvalidInputError(detail, way_out="write `timestamp,value`") from fault
    return sorted(series)


def _at(text: str) -> int:
    return parse_iso(text.split(".", maxsplit=1)[0])


def _score_file(
    name: str, series: list[tuple[int, int]], windows: list[tuple[int, int]], alarms_per_day: float
) -> dict[str, Any]:
    gaps = sorted(later - sooner for (sooner, _), (later, _) in pairwise(series))
    bin_seconds = max(gaps[len(gaps) // 2] // SECOND, 1) if gaps else 1
    defaults = DetectorTuning()
    tuning = replace(
        defaults,
        bin_seconds=bin_seconds,
        half_life_seconds=defaults.half_life_seconds // defaults.bin_seconds * bin_seconds,
        false_alarms_per_hour=alarms_per_day / 24.0,
    )
    watch = SpikeWatch(SessionBook(Catalogue({}, {}, {}, {}, {}, {})), tuning, SHIPPED)
    verdicts = Verdicts()
    for place, (at, value) in enumerate(series):
        start = floor_to(at, watch.bin_ms)
        if not place:
            watch.start(start)
        if value:
            watch.count(("shop:nab", name), start, value)
        watch.advance(start + watch.bin_ms + watch.grace_ms, verdicts)
    probation = series[min(int(0.15 * len(series)), 750)][0] if series else 0
    alarms = [spike.judged_at - watch.grace_ms - watch.bin_ms for spike in verdicts.spikes]
    alarms = [at for at in alarms if at >= probation]
    scored = [(first, last) for first, last in windows if last >= probation]
    return {
        "file": name,
        "windows": len(scored),
        "caught": sum(any(first <= at <= last for at in alarms) for first, last in scored),
        "false_alarms": sum(not any(first <= at <= last for first, last in windows) for at in alarms),
        "days": (series[-1][0] - probation) / DAY if series else 0.0,
    }
