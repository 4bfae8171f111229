"""How fast and how surely bursts are caught, at a stated number of false alarms.

The bench drives the very `SpikeWatch` that judges real sales, with its shipped thresholds, through simulated rooms whose
truth is known: rates of 2.4 to 240 orders a minute that drift by up to forty percent, counts Poisson or overdispersed,
two-minute bursts of two to ten times the rate, with and without a crowd as `watching.onlookers` states it. A delay runs from
the start of a burst to the end of the bin whose judgement raised the alarm; the grace after it is added on a live system.
Quiet rooms tell the false alarms that really happen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import Any

from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import MINUTE, SECOND
from supplychain.watching.arena import START, Arena, Lift
from supplychain.watching.onlookers import Interest
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
ENGAGEMENT = {"none": None, "comments": Interest(by_item=False), "clicks": Interest()}
"""What is heard of the crowd: nothing, viewers and comments, or clicks by item besides."""


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
    engagement: str = "none"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated.

    Parameters
    ----------
    rooms, minutes
        Rooms with bursts per case, a quarter of them per ratio, and how long each sells.
    quiet_hours
        Room-hours without a burst per case; 0.5 alarms an hour get a third of it.
    """

    rooms: int = 200
    minutes: int = 180
    quiet_hours: float = 1_500.0
    seed: int = 1


QUICK = Size(rooms=40, quiet_hours=150.0)


def arena(case: Case, table: ThresholdTable, *, rooms: int, minutes: int, seed: int) -> Arena:
    """Return the rooms of a case."""
    per_minute = [case.per_minute] * case.layout.active
    per_minute += [QUIET_PER_MINUTE] * (case.layout.items - case.layout.active)
    tuning = DetectorTuning(false_alarms_per_hour=case.alarms_per_hour)
    bins_per_minute = 60 // tuning.bin_seconds
    rates = [one / bins_per_minute for one in per_minute]
    bins = minutes * bins_per_minute
    interest = ENGAGEMENT[case.engagement]
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


def false_alarms(case: Case, size: Size, table: ThresholdTable = SHIPPED) -> tuple[int, float]:
    """Return the alarms in quiet rooms, and the room-hours."""
    hours = size.quiet_hours / (3.0 if case.alarms_per_hour > 0.3 else 1.0)
    rooms = max(round(hours * 60.0 / size.minutes), 1)
    quiet = arena(case, table, rooms=rooms, minutes=size.minutes, seed=size.seed + 1)
    return len(quiet.run().spikes), rooms * size.minutes / 60.0


def false_alarms_of(
    tuning: DetectorTuning, table: ThresholdTable, per_bin: float, clumping: float, *, rooms: int, seed: int
) -> tuple[int, float]:
    """Return the alarms in quiet rooms of one item that sells `per_bin` orders a bin, and the room-hours, three a room."""
    bins = 3 * 3_600 // tuning.bin_seconds
    quiet = Arena((per_bin,), clumping, tuning, table, rooms=rooms, bins=bins, seed=seed)
    return len(quiet.run().spikes), 3.0 * rooms


def delays(case: Case, size: Size, table: ThresholdTable = SHIPPED) -> dict[float, list[float]]:
    """Return, per ratio, the delay in seconds of each burst, infinite for a burst that was not caught while it ran."""
    rooms = max(size.rooms, len(RATIOS))
    busy = arena(case, table, rooms=rooms, minutes=size.minutes, seed=size.seed)
    lifts = bursts(rooms, size.minutes, busy.bin_ms)
    raised: dict[str, list[int]] = {}
    for spike in busy.run(lifts).spikes:
        if spike.sku == "S0":
            raised.setdefault(spike.session_id, []).append(spike.judged_at - busy.watch.grace_ms)
    found: dict[float, list[float]] = {ratio: [] for ratio in RATIOS}
    for lift in lifts:
        alarms = [at for at in raised.get(f"L{lift.room}", ()) if lift.start < at <= lift.start + lift.length_ms]
        found[lift.ratio].append((min(alarms) - lift.start) / SECOND if alarms else math.inf)
    return found


def measure(case: Case, size: Size, table: ThresholdTable = SHIPPED) -> list[dict[str, Any]]:
    """Return a row per ratio."""
    alarms, hours = false_alarms(case, size, table)
    found = delays(case, size, table)
    return [_row(case, ratio, found[ratio], alarms, hours) for ratio in RATIOS]


def run(
    size: Size = Size(),
    *,
    layouts: Sequence[Layout] = LAYOUTS,
    per_minute: Sequence[float] = PER_MINUTE,
    clumpings: Sequence[float] = CLUMPINGS,
    alarms_per_hour: Sequence[float] = ALARMS_PER_HOUR,
    engagement: Sequence[str] = ("none", "clicks"),
    jobs: int = 1,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Measure every case, `jobs` at a time, and yield a row per case and ratio; `progress` is told the share done."""
    cases = [Case(*one) for one in product(layouts, per_minute, clumpings, alarms_per_hour, engagement)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        todo = partial(measure, size=size)
        for done, rows in enumerate(map(todo, cases) if jobs == 1 else pool.map(todo, cases), start=1):
            progress(done / len(cases))
            yield from rows


def _row(case: Case, ratio: float, seconds: list[float], alarms: int, hours: float) -> dict[str, Any]:
    caught = [one for one in seconds if math.isfinite(one)]
    return {
        "layout": case.layout.name,
        "orders_per_minute": case.per_minute,
        "clumping": case.clumping,
        "engagement": case.engagement,
        "ratio": ratio,
        "alarms_per_hour_wanted": case.alarms_per_hour,
        "alarms_per_hour": round(alarms / hours, 3),
        "alarms_seen": alarms,
        "realised_over_wanted": round(alarms / hours / case.alarms_per_hour, 2),
        "bursts": len(seconds),
        "caught": round(len(caught) / len(seconds), 3),
        "delay_median_seconds": _rank(seconds, 0.5),
        "delay_p90_seconds": _rank(seconds, 0.9),
    }


def _rank(seconds: list[float], share: float) -> float | None:
    """Return the delay within which `share` of all bursts were caught, None if fewer were caught."""
    value = sorted(seconds)[min(math.ceil(share * len(seconds)) - 1, len(seconds) - 1)]
    return value if math.isfinite(value) else None
