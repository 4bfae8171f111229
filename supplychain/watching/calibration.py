"""Thresholds by simulation: how often the detector would cry burst when nothing happens.

Two looks at quiet streams of known rate and overdispersion. The open loop follows the statistic alone through very many
bins and tells which heights are worth trying. The closed loop then runs the whole detector at a few of them, with its
estimated background, bursts that end, and alarms that follow each other, and counts what a user would count. Between
them the logarithm of the alarms falls about linearly with the height.

Source: Monte Carlo calibration of CUSUM limits in the manner of Hawkins & Olwell (1998).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import HOUR, SECOND
from supplychain.watching.arena import Arena, NullStreams
from supplychain.watching.detector import Constants, Floats, Streams
from supplychain.watching.thresholds import ThresholdTable

Cell = tuple[float, float, int]
"""Rate, overdispersion and seed."""
Line = tuple[float, ...]
RATES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 100.0)
CLUMPINGS: Final = (0.0, 0.05, 0.2, 0.5, 1.0)
ALARMS: Final = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
TRIED: Final = (5e-3, 1e-3, 2e-4, 5e-5, 1.5e-5)
"""Alarms per bin, by the open loop, of the heights that the closed loop runs at."""
TAIL: Final = 200
"""Heights that fewer peaks exceed are extrapolated: the tail is exponential."""


def peaks(tuning: DetectorTuning, rate: float, clumping: float, *, bins: int, streams: int, seed: int) -> Floats:
    """Return the peaks of all climbs of the statistic in quiet streams, descending.

    Parameters
    ----------
    rate, clumping
        Mean orders per bin and overdispersion of the streams.
    bins, streams
        Bins per stream, after some in which the background settles, and number of streams.
    """
    constants = Constants.of(tuning)
    state = Streams(constants, streams)
    null = NullStreams(np.full(streams, rate), clumping, np.random.default_rng(seed))
    for _ in range(streams):
        state.add(rate)
    rows, ones = np.arange(streams), np.ones(streams)
    settle = 3 * constants.awake
    height = np.zeros(streams)
    found: list[Floats] = []
    for at in range(settle + bins):
        state.step(rows, null.draw(at), ones, at, at)
        over = (state.score[:streams] == 0.0) & (height > 0.0)
        if at >= settle and over.any():
            found.append(height[over])
        height = np.where(state.score[:streams] > 0.0, np.maximum(height, state.score[:streams]), 0.0)
    found.append(height[height > 0.0])
    return np.sort(np.concatenate(found))[::-1]


def height_for(descending: Floats, bins: int, alarms: float) -> float:
    """Return the height that `alarms` peaks per bin exceed; beyond the data an exponential tail is continued."""
    wanted = alarms * bins
    if wanted >= TAIL or len(descending) <= 4 * TAIL:
        return float(descending[min(max(int(wanted), 0), len(descending) - 1)])
    upper, lower = float(descending[TAIL]), float(descending[4 * TAIL])
    # The slope is taken over the last factor of four that the data still show well.
    return upper + math.log(TAIL / wanted) * max(upper - lower, 1e-9) / math.log(4.0)


def alarms_at(
    tuning: DetectorTuning, rate: float, clumping: float, height: float, *, bins: int, streams: int, seed: int
) -> float:
    """Return the alarms per bin of the whole detector on quiet streams when its threshold is `height` everywhere."""
    flat = ThresholdTable((0.01, 1e3), (0.0, 2.0), (1e-1, 1e-9), (((height,) * 2,) * 2,) * 2)
    one_a_bin = replace(tuning, false_alarms_per_hour=HOUR / (tuning.bin_seconds * SECOND))
    arena = Arena((rate,), clumping, one_a_bin, flat, rooms=streams, bins=bins, seed=seed)
    return len(arena.run().spikes) / (bins * streams)


def heights(
    tuning: DetectorTuning,
    rate: float,
    clumping: float,
    alarms: tuple[float, ...],
    *,
    bins: int,
    streams: int,
    seed: int,
) -> tuple[float, ...]:
    """Return the thresholds of one cell of the table, for each wanted number of alarms per bin."""
    size = {"bins": bins, "streams": streams}
    descending = peaks(tuning, rate, clumping, **size, seed=seed)
    tried = [height_for(descending, bins * streams, level) for level in TRIED]
    real = [alarms_at(tuning, rate, clumping, at, **size, seed=seed + 1) for at in tried]
    # At least half an alarm: a height at which none happened still says that there are few.
    logs = [math.log(max(number, 0.5 / (bins * streams))) for number in real]
    return tuple(round(_invert(tried, logs, math.log(level)), 3) for level in alarms)


def _invert(at: list[float], logs: list[float], wanted: float) -> float:
    """Return the height at which the falling curve through (height, log alarms) has the wanted value."""
    pairs = sorted(zip(at, logs, strict=True))
    rising = [pairs[0]]
    for height, log in pairs[1:]:
        if height > rising[-1][0] + 1e-6 and log < rising[-1][1] - 1e-6:
            rising.append((height, log))
    if len(rising) == 1:
        return rising[0][0]
    right = next((one for one in range(1, len(rising)) if rising[one][1] <= wanted), len(rising) - 1)
    (low, high_log), (high, low_log) = rising[right - 1], rising[right]
    return low + (high_log - wanted) * (high - low) / (high_log - low_log)


def calibrate(
    tuning: DetectorTuning,
    *,
    bins: int = 2_160,
    streams: int = 1_000,
    seed: int = 1,
    rates: tuple[float, ...] = RATES,
    clumpings: tuple[float, ...] = CLUMPINGS,
    alarms: tuple[float, ...] = ALARMS,
    run: Callable[[Callable[[Cell], Line], list[Cell]], Iterable[Line]] = map,
    progress: Callable[[float], None] = lambda _: None,
) -> ThresholdTable:
    """Find the thresholds for a tuning of the detector.

    Parameters
    ----------
    tuning
        Ratio, memory, guard, seed and floor shape the statistic; the wanted false alarms play no part.
    bins, streams
        Size of each simulation: three hours of 1,000 streams at bins of five seconds tell rates down to 2e-5 a bin.
    run
        Works cells off in their order; `map`, or that of a pool of processes.
    progress
        Is told the share done after each cell.
    """
    cells = [
        (rate, clumping, seed + 1_000 * one + 10 * two)
        for one, rate in enumerate(rates)
        for two, clumping in enumerate(clumpings)
    ]
    lines: list[Line] = []
    for line in run(partial(_cell, tuning, alarms, bins, streams), cells):
        lines.append(line)
        progress(len(lines) / len(cells))
    wide = len(clumpings)
    planes = tuple(tuple(lines[at : at + wide]) for at in range(0, len(lines), wide))
    return ThresholdTable(rates, clumpings, alarms, planes)


def _cell(tuning: DetectorTuning, alarms: tuple[float, ...], bins: int, streams: int, cell: Cell) -> Line:
    rate, clumping, seed = cell
    return heights(tuning, rate, clumping, alarms, bins=bins, streams=streams, seed=seed)


def render(table: ThresholdTable, command: str) -> str:
    """Return the Python module that ships a table; `command` is how it was made."""
    planes = "\n".join(
        "        (\n" + "".join(f"            {line},\n" for line in plane) + "        )," for plane in table.nats
    )
    return (
        '"""The calibrated thresholds that are shipped, for the default tuning of the detector; a generated file.\n\n'
        f"Made by `{command}`.\n"
        '"""\n\n'
        "from __future__ import annotations\n\n"
        "from typing import Final\n\n"
        "from supplychain.watching.thresholds import ThresholdTable\n\n"
        "SHIPPED: Final = ThresholdTable(\n"
        f"    rates={table.rates},\n    clumpings={table.clumpings},\n    alarms={table.alarms},\n"
        f"    nats=(\n{planes}\n    ),\n)\n"
        '"""Thresholds in nats by rate (orders per bin), overdispersion and false alarms per bin of one stream."""\n'
    )
