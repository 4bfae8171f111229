"""Thresholds for rooms of many items that sell seldom: rehearsed at rates as they are, moved where they are read.

Sixty items that each sell an order in two to four minutes share the false alarms of their room, so that one item has one in some
hundred hours: fewer than the points of a table are tried at. And such an item is seldom read at its own rate: its
background holds an order or two, and the alarms come where that has sunk to the floor. So here whole rooms are tried, at rates
between the points as well, and the error of a trial is told to the points at which its alarms read the table. A point that
items of several rates read comes to a middle way: at the floor of the rate nothing tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import HOUR, SECOND
from supplychain.watching.arena import Arena
from supplychain.watching.delta import Spike
from supplychain.watching.detector import Floats
from supplychain.watching.rehearsal import Trial, moved
from supplychain.watching.thresholds import ThresholdTable

RATES: Final = (0.02, 0.03, 0.042, 0.07, 0.1, 0.2)
"""Orders per bin of the trials; only points up to the last one are moved."""
CLUMPINGS: Final = (0.0, 0.2, 0.5)
"""Their overdispersion: so few orders tell little of it, so that all are read about alike."""
ITEMS: Final = 60
PER_HOUR: Final = (2.5, 0.5, 0.1)
"""False alarms of a room."""
KEPT: Final = 1e-4
"""False alarms per bin of one item from which on the table stays as it is."""
FEWEST: Final = 2.5e-6
"""The last column."""
HARDLY: Final = 0.05
"""A point that so few alarms read, as a share of those of one trial, stays where it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The logarithm of realised over wanted alarms, and the shares of the points that they read (rates, overdispersions)."""

    error: float
    read: Floats


def lengthened(table: ThresholdTable, alarms: float) -> ThresholdTable:
    """Return the table with a last column for `alarms` per bin, found by its straight line; one that goes so far stays."""
    if table.alarms[-1] <= alarms:
        return table
    planes = tuple(
        tuple(
            (*line, round(table.at(rate, clumping, alarms), 3))
            for clumping, line in zip(table.clumpings, plane, strict=True)
        )
        for rate, plane in zip(table.rates, table.nats, strict=True)
    )
    return replace(table, alarms=(*table.alarms, alarms), nats=planes)


def rehearse_seldom(
    tuning: DetectorTuning,
    table: ThresholdTable,
    *,
    rounds: int = 3,
    alarms: int = 100,
    rates: tuple[float, ...] = RATES,
    clumpings: tuple[float, ...] = CLUMPINGS,
    per_hour: tuple[float, ...] = PER_HOUR,
    bins: int = 2_160,
    seed: int = 1,
    run: Callable[[Callable[[Trial], list[Outcome]], list[Trial]], Iterable[list[Outcome]]] = map,
    progress: Callable[[float], None] = lambda _: None,
) -> ThresholdTable:
    """Return the table with the lines of its slow points moved to where slow items have the wanted alarms.

    Parameters
    ----------
    rounds, alarms, bins, run, progress
        As those of `rehearsal.rehearse`.
    rates, clumpings
        Orders per bin and overdispersion of the trials, increasing.
    per_hour
        False alarms per hour of a room at which they are tried, decreasing; wide bins leave out the first ones.
    """
    table = lengthened(table, FEWEST)
    each = tuning.bin_seconds * SECOND / HOUR / ITEMS
    per_hour = tuple(one for one in per_hour if one * each < KEPT)
    levels = (KEPT, *(one * each for one in per_hour))
    cells = [(rate, clumping) for rate in rates for clumping in clumpings]
    for turn in range(rounds):
        trials = [
            Trial(rate, clumping, seed + 200_003 * (turn + 1) + 17 * at) for at, (rate, clumping) in enumerate(cells)
        ]
        outcomes = []
        for outcome in run(partial(_try, tuning, table, per_hour, bins, alarms), trials):
            outcomes.append(outcome)
            progress((turn * len(trials) + len(outcomes)) / (rounds * len(trials)))
        table = moved(table, levels, [[0.0, *each] for each in told(table, rates[-1], outcomes)])
    return table


def told(table: ThresholdTable, fastest: float, outcomes: list[list[Outcome]]) -> list[list[float]]:
    """Return the error of each point of the table at each level: the mean of the trials that read it, in its order.

    Parameters
    ----------
    fastest
        Orders per bin of the fastest point that is told anything.
    outcomes
        For each trial, one at each level.
    """
    read = np.array([[one.read for one in trial] for trial in outcomes])
    error = np.array([[one.error for one in trial] for trial in outcomes])
    weight = read.sum(axis=0)
    mean = (read * error[:, :, None, None]).sum(axis=0) / np.maximum(weight, HARDLY)
    mean[weight < HARDLY] = 0.0
    mean[:, np.array(table.rates) > fastest] = 0.0
    errors: list[list[float]] = mean.reshape(mean.shape[0], -1).T.tolist()
    return errors


def _try(
    tuning: DetectorTuning, table: ThresholdTable, per_hour: tuple[float, ...], bins: int, alarms: int, trial: Trial
) -> list[Outcome]:
    return [outcome(tuning, table, trial, one, bins=bins, alarms=alarms) for one in per_hour]


def outcome(
    tuning: DetectorTuning, table: ThresholdTable, trial: Trial, per_hour: float, *, bins: int, alarms: int
) -> Outcome:
    """Return what comes of so many quiet rooms that `alarms` false alarms are wanted, at `per_hour` a room."""
    wanted = replace(tuning, false_alarms_per_hour=per_hour)
    hours = bins * tuning.bin_seconds * SECOND / HOUR
    rooms = max(math.ceil(alarms / (per_hour * hours)), 1)
    arena = Arena((trial.rate,) * ITEMS, trial.clumping, wanted, table, rooms=rooms, bins=bins, seed=trial.seed)
    spikes = arena.run().spikes
    error = math.log(max(len(spikes), 0.5) / (per_hour * hours * rooms))
    return Outcome(error, _read(table, spikes, arena.bin_ms, arena.watch.grace_ms))


def _read(table: ThresholdTable, spikes: list[Spike], bin_ms: int, grace_ms: int) -> Floats:
    """Return the shares of the points of the table in what these spikes read, shape (rates, overdispersions)."""
    if not spikes:
        return np.zeros((len(table.rates), len(table.clumpings)))
    took = np.array([(spike.judged_at - grace_ms - spike.started_at) / bin_ms for spike in spikes])
    rates = np.array([spike.expected for spike in spikes]) / np.maximum(took, 1.0)
    clumpings = (np.array([spike.dispersion for spike in spikes]) - 1.0) / rates
    near = _shares(np.log(rates), np.log(table.rates))
    beside = _shares(clumpings, np.array(table.clumpings))
    shares: Floats = near @ beside.T / len(spikes)
    return shares


def _shares(values: Floats, axis: npt.NDArray[np.float64]) -> Floats:
    """Return how far each point of an axis has a part in values read off between the points, shape (points, values)."""
    return np.array([np.interp(values, axis, point) for point in np.eye(len(axis))])
