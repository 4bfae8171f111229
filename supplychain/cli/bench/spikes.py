"""How fast and how surely bursts are caught, at a stated number of false alarms.

The bench drives the very `SpikeWatch` that judges real sales, with its shipped thresholds, through simulated rooms whose
truth is known: rates of 2.4 to 240 orders a minute that drift by up to forty percent, counts Poisson or overdispersed,
two-minute bursts of two to ten times the rate. A delay runs from the start of a burst to the end of the bin whose judgement
raised the alarm; the grace after it is added on a live system. Quiet rooms tell the false alarms that really happen.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import DAY, MINUTE, SECOND, floor_to, parse_iso
from supplychain.watching.arena import START, Arena, Lift
from supplychain.watching.onlookers import Interest
from supplychain.watching.sessions import SessionBook
from supplychain.watching.spikes import SpikeWatch, Verdicts
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import ThresholdTable

PER_MINUTE = (2.4, 12.0, 60.0, 240.0)
RATIOS = (2.0, 3.0, 5.0, 10.0)
ALARMS_PER_HOUR = (0.1, 0.5)
CLUMPINGS = (0.0, 0.2)
"""Poisson, and negative binomial with k = 5 per bin."""
QUIET_PER_MINUTE = 0.05
"""What the other items of a room sell."""
BURST_MS = 2 * MINUTE
FIRST_BURST_MS = 40 * MINUTE
BETWEEN_BURSTS_MS = 20 * MINUTE


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of room: how many items it offers, and how many of them sell."""

    name: str
    items: int
    active: int


LAYOUTS = (Layout("single", 1, 1), Layout("room", 60, 5))


@dataclass(frozen=True, slots=True)
class Case:
    """What one run measures."""

    layout: Layout
    per_minute: float
    clumping: float
    alarms_per_hour: float
    engaged: bool = False


def arena(case: Case, table: ThresholdTable, *, rooms: int, minutes: int, seed: int) -> Arena:
    """Return the rooms of a case."""
    per_minute = [case.per_minute] * case.layout.active
    per_minute += [QUIET_PER_MINUTE] * (case.layout.items - case.layout.active)
    tuning = DetectorTuning(false_alarms_per_hour=case.alarms_per_hour)
    bins_per_minute = 60 // tuning.bin_seconds
    rates = [one / bins_per_minute for one in per_minute]
    bins = minutes * bins_per_minute
    interest = Interest() if case.engaged else None
    return Arena(rates, case.clumping, tuning, table, rooms=rooms, bins=bins, seed=seed, interest=interest)


def bursts(rooms: int, minutes: int, bin_ms: int) -> list[Lift]:
    """Return bursts for every room, one each twenty minutes, their ratios dealt out to the rooms in turn."""
    times = range(START + FIRST_BURST_MS, START + (minutes - 10) * MINUTE, BETWEEN_BURSTS_MS)
    # Bursts of different rooms do not all begin at the same moment of the drift.
    return [
        Lift(room, RATIOS[room % len(RATIOS)], at + (room * 7 % 24) * bin_ms, BURST_MS)
        for room in range(rooms)
        for at in times
    ]


def false_alarms(case: Case, *, rooms: int, minutes: int, seed: int, table: ThresholdTable = SHIPPED) -> float:
    """Return the alarms per room-hour in quiet rooms."""
    quiet = arena(case, table, rooms=rooms, minutes=minutes, seed=seed)
    return len(quiet.run().spikes) / (rooms * minutes / 60.0)


def delays(
    case: Case, *, rooms: int, minutes: int, seed: int, table: ThresholdTable = SHIPPED
) -> dict[float, list[float]]:
    """Return, per ratio, the delay in seconds of each burst, infinite for a burst that was not caught while it ran."""
    busy = arena(case, table, rooms=rooms, minutes=minutes, seed=seed)
    lifts = bursts(rooms, minutes, busy.bin_ms)
    raised: dict[str, list[int]] = {}
    for spike in busy.run(lifts).spikes:
        if spike.sku == "S0":
            raised.setdefault(spike.session_id, []).append(spike.judged_at - busy.watch.grace_ms)
    found: dict[float, list[float]] = {ratio: [] for ratio in RATIOS}
    for lift in lifts:
        alarms = [at for at in raised.get(f"L{lift.room}", ()) if lift.start < at <= lift.start + lift.length_ms]
        found[lift.ratio].append((min(alarms) - lift.start) / SECOND if alarms else math.inf)
    return found


def run(
    *,
    rooms: int = 120,
    minutes: int = 180,
    quiet_hours: float = 1_500.0,
    seed: int = 1,
    layouts: Sequence[Layout] = LAYOUTS,
    per_minute: Sequence[float] = PER_MINUTE,
    clumpings: Sequence[float] = CLUMPINGS,
    alarms_per_hour: Sequence[float] = ALARMS_PER_HOUR,
    engaged: Sequence[bool] = (False, True),
    table: ThresholdTable = SHIPPED,
) -> Iterator[dict[str, object]]:
    """Measure every case and yield a row per case and ratio as it is done.

    Parameters
    ----------
    rooms, minutes
        Rooms with bursts per case, a quarter of them per ratio, and how long each sells.
    quiet_hours
        Room-hours without a burst per case at 0.1 false alarms an hour; a room of many items gets a quarter.
    """
    cases = (Case(*one) for one in product(layouts, per_minute, clumpings, alarms_per_hour, engaged))
    for case in cases:
        hours = quiet_hours / (4.0 if case.layout.items > 1 else 1.0)
        quiet = max(int(hours * 60.0 / minutes), 1)
        realised = false_alarms(case, rooms=quiet, minutes=minutes, seed=seed + 1, table=table)
        found = delays(case, rooms=rooms, minutes=minutes, seed=seed, table=table)
        yield from (_row(case, ratio, found[ratio], realised) for ratio in RATIOS)


def _row(case: Case, ratio: float, seconds: list[float], realised: float) -> dict[str, object]:
    caught = [one for one in seconds if math.isfinite(one)]
    return {
        "layout": case.layout.name,
        "orders_per_minute": case.per_minute,
        "clumping": case.clumping,
        "engagement": case.engaged,
        "ratio": ratio,
        "alarms_per_hour_wanted": case.alarms_per_hour,
        "alarms_per_hour": round(realised, 3),
        "bursts": len(seconds),
        "caught": round(len(caught) / len(seconds), 3),
        "delay_median_seconds": _rank(seconds, 0.5),
        "delay_p90_seconds": _rank(seconds, 0.9),
    }


def _rank(seconds: list[float], share: float) -> float | None:
    """Return the delay within which `share` of all bursts were caught, None if fewer were caught."""
    value = sorted(seconds)[min(math.ceil(share * len(seconds)) - 1, len(seconds) - 1)]
    return value if math.isfinite(value) else None


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
