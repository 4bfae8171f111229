"""What sessions keep of what they sell: the net rows of `bench session`, learned as the service learns losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from supplychain.cli.bench.session_generator import MINUTES, Evenings, Lines, lines_of
from supplychain.forecasting.cohort_losses import Cohort, learn_cohort_losses, losses_from_shares
from supplychain.forecasting.exposure import MINUTE_MS
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.returns import DAY_MS, LossModel

Floats = NDArray[np.float64]
SEEN_MS = 60 * DAY_MS


def net_moments(
    gross: tuple[Floats, Floats], past: Evenings, test: Evenings, seed: int
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return pieces kept at last, and mean and variance half way by learned hazards and by a flat rate per category.

    Parameters
    ----------
    gross
        Mean and variance of the remaining orders of each test session, the same for both.
    """
    model, flat = _learned(past, lines_of(past, seed + 2))
    lines = lines_of(test, seed + 3)
    half = MINUTES // 2
    count = len(test.cells)
    kept = (lines.cancelled_after < 0) & (lines.returned_after < 0)
    actual = np.bincount(lines.session[kept], minlength=count).astype(np.float64)
    ours, plain = np.zeros((2, count)), np.zeros((2, count))
    for s in range(count):
        mine = (lines.session == s) & (lines.minute < half)
        ages = (half - lines.minute[mine]) * MINUTE_MS
        gone = (lines.cancelled_after[mine] >= 0) & (lines.cancelled_after[mine] * MINUTE_MS <= ages)
        remaining = Moments(float(gross[0][s]), float(gross[1][s]))
        ones = np.ones(len(ages), dtype=np.int64)
        net = model.net_session(test.cells[s], remaining, ages, ones, gone.astype(np.int64))
        ours[:, s] = net.mean, net.variance
        share, spread = flat[test.cells[s][0]]
        crude = Moments(remaining.mean + len(ages), remaining.variance).thinned(share, spread)
        plain[:, s] = crude.mean, crude.variance
    return actual, (ours[0], ours[1]), (plain[0], plain[1])


def _learned(past: Evenings, lines: Lines) -> tuple[LossModel, dict[str, tuple[float, float]]]:
    """Hazards by age from sums by the minute, and per category the kept share with its variance between sessions."""
    cohorts = [_cohort(past, lines, s) for s in range(len(past.cells)) if bool((lines.session == s).any())]
    model = learn_cohort_losses(cohorts, losses_from_shares(0.25, 0.0, 0.15, 1.0, 5.0))
    kept = (lines.cancelled_after < 0) & (lines.returned_after < 0)
    sold = np.bincount(lines.session, minlength=len(past.cells))
    share = np.bincount(lines.session, kept, len(past.cells)) / np.maximum(sold, 1)
    flat = {}
    for category in sorted({cell[0] for cell in past.cells}):
        mine = np.array([cell[0] == category for cell in past.cells]) & (sold > 0)
        mean = float(np.average(share[mine], weights=sold[mine]))
        flat[category] = mean, float(np.average((share[mine] - mean) ** 2, weights=sold[mine]))
    return model, flat


def _cohort(past: Evenings, lines: Lines, s: int) -> Cohort:
    mine = lines.session == s
    minute = lines.minute[mine]
    paid, pieces = np.unique(minute, return_counts=True)
    cancelled, returned = lines.cancelled_after[mine], lines.returned_after[mine]
    lost = (minute + np.ceil(cancelled))[cancelled >= 0.0]
    back = (minute * MINUTE_MS + DAY_MS + (returned * DAY_MS).astype(np.int64))[returned >= 0.0]
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Cohort(
        past.cells[s],
        str(s),
        paid * MINUTE_MS,
        pieces.astype(np.float64),
        _counted((lost * MINUTE_MS).astype(np.int64)),
        nothing,
        _counted(back // MINUTE_MS * MINUTE_MS),
        DAY_MS,
        SEEN_MS,
    )


def _counted(at: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    moments, counts = np.unique(at, return_counts=True)
    return moments, counts.astype(np.float64)
