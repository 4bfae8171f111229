"""Quantiles of items without a learned model: own level drawn to its group, weekday shape of the whole, pooled lumpiness.

Used below the length gates of the item model, and as its understudy when training fails; always flagged degraded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.item_features import LEVEL_WINDOW, history, levels
from supplychain.forecasting.quantiles import quantiles


def pooled_forecast(frame: DailyFrame, steps: Ints, known_from: Ints | None = None) -> tuple[Floats, Floats]:
    """Mean and variance per series and step, N x S each."""
    past = history(frame, known_from)
    width = frame.pieces.shape[1]
    level = levels(past, width) if len(frame.keys) else np.zeros(0)
    start = max(0, width - LEVEL_WINDOW)
    recent = frame.pieces[:, start:]
    weekday = (np.arange(frame.first_day + start, frame.first_day + width) + 3) % 7
    every = float(recent.sum()) / max(int(frame.open_days[start:].sum()), 1)
    factors = np.ones(7)
    for number in range(7):
        mine = recent[:, weekday == number]
        if mine.shape[1] and every > 0.0:
            factors[number] = (float(mine.sum()) / every + 1.0) / (mine.shape[1] + 1.0)
    target = (frame.first_day + width + np.asarray(steps) + 3) % 7
    mean = level[:, None] * factors[target][None, :]
    return mean, mean + pooled_lumpiness(recent, level) * mean**2


def pooled_lumpiness(pieces: Floats, level: Floats, least: float = 0.2) -> float:
    """Squared coefficient of variation of a day beyond Poisson, pooled over series; between `least` and 25."""
    if not pieces.size or not float(level.sum()):
        return 1.0
    expected = level[:, None] * np.ones_like(pieces)
    excess = float(np.sum((pieces - expected) ** 2 - expected))
    return min(25.0, max(least, excess / float(np.sum(expected**2))))


def quantile_grid(mean: Floats, variance: Floats, levels_wanted: Sequence[float]) -> Floats:
    """Quantiles of the moments, N x S x L."""
    return quantiles(mean[..., None], variance[..., None], np.asarray(levels_wanted)[None, None, :])
