"""A table of thresholds rehearsed: read as the detector reads it, counted on quiet streams, and moved by what was counted.

A threshold found at one rate and one overdispersion is not what a stream of that kind gets. Its rate wanders, its
overdispersion is an estimate, and between the points of the table the way is straight where the truth is bent; so at some
rates there came four times the wanted alarms, at others half of them. Here each point is tried as used, and its line of
thresholds moved up or down by the logarithm of the error. Neighbours move together, so it is done a few times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import HOUR, SECOND
from supplychain.watching.arena import Arena
from supplychain.watching.thresholds import LEAST_NATS, ThresholdTable

LEVELS: Final = (1e-3, 1e-4, 2.5e-5)
"""In bins of five seconds, from an alarm an hour of one stream down to one in ten hours of a room with six items that sell."""
MOST_STEP: Final = 1.5
"""The largest error taken for true in one round, as a logarithm: few alarms tell little."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of the table to be tried."""

    rate: float
    clumping: float
    seed: int


def realised(
    tuning: DetectorTuning, table: ThresholdTable, trial: Trial, level: float, *, bins: int, streams: int
) -> float:
    """Return the false alarms per bin of quiet streams that `table` holds to `level`, at least half an alarm in all."""
    wanted = replace(tuning, false_alarms_per_hour=level * HOUR / (tuning.bin_seconds * SECOND))
    arena = Arena((trial.rate,), trial.clumping, wanted, table, rooms=streams, bins=bins, seed=trial.seed)
    return max(len(arena.run().spikes), 0.5) / (bins * streams)


def rehearse(
    tuning: DetectorTuning,
    table: ThresholdTable,
    *,
    rounds: int = 3,
    alarms: int = 400,
    levels: tuple[float, ...] = LEVELS,
    bins: int = 2_160,
    seed: int = 1,
    run: Callable[[Callable[[Trial], list[float]], list[Trial]], Iterable[list[float]]] = map,
    progress: Callable[[float], None] = lambda _: None,
) -> ThresholdTable:
    """Return the table with its thresholds moved to where they hold what they promise.

    Parameters
    ----------
    rounds, alarms
        How often all points are tried, and how many alarms a trial should show: the error of a point is about one over
        the root of that.
    levels
        False alarms per bin at which a point is tried, decreasing; between them errors are read off, beyond them held.
    bins
        Bins of each stream.
    run, progress
        As those of `calibration.calibrate`.
    """
    cells = [(rate, clumping) for rate in table.rates for clumping in table.clumpings]
    for turn in range(rounds):
        trials = [
            Trial(rate, clumping, seed + 100_003 * (turn + 1) + 17 * at) for at, (rate, clumping) in enumerate(cells)
        ]
        lines = []
        for line in run(partial(_errors, tuning, table, levels, bins, alarms), trials):
            lines.append(line)
            progress((turn * len(trials) + len(lines)) / (rounds * len(trials)))
        table = moved(table, levels, lines)
    return table


def _errors(
    tuning: DetectorTuning, table: ThresholdTable, levels: tuple[float, ...], bins: int, alarms: int, trial: Trial
) -> list[float]:
    """Return the logarithm of realised over wanted false alarms at each level."""
    found = []
    for level in levels:
        streams = max(math.ceil(alarms / (level * bins)), 1)
        found.append(math.log(realised(tuning, table, trial, level, bins=bins, streams=streams) / level))
    return found


def moved(table: ThresholdTable, levels: tuple[float, ...], errors: list[list[float]]) -> ThresholdTable:
    """Return the table whose lines are moved by their errors.

    Parameters
    ----------
    errors
        For each rate and overdispersion, in the order of the table, the logarithm of realised over wanted alarms at each
        level.
    """
    axis = -np.log(table.alarms)
    shape = (len(table.rates), len(table.clumpings), len(table.alarms))
    nats = np.asarray(table.nats)
    wrong = np.array([np.interp(axis, -np.log(levels), np.clip(each, -MOST_STEP, MOST_STEP)) for each in errors])
    # How many nats one unit of the logarithm of the alarms is worth.
    slope = np.maximum(np.gradient(nats, axis, axis=2), 0.0)
    lines = np.maximum.accumulate(np.maximum(nats + slope * wrong.reshape(shape), LEAST_NATS), axis=2)
    planes = tuple(tuple(tuple(round(float(one), 3) for one in line) for line in plane) for plane in lines)
    return replace(table, nats=planes)
