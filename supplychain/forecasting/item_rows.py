"""Training and prediction rows of the item model: which series, which origins, and histories cut short on purpose.

New items are what a live room sells most of, and a model that has only seen long histories misreads a short one. So part of the
training rows show a series as if it had been launched days ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.frames import DailyFrame, Flags, Floats, Ints
from supplychain.forecasting.item_features import (
    HORIZON_FEATURES,
    ORIGIN_FEATURES,
    History,
    calendar_factor,
    history,
    horizon_features,
    levels,
    origin_features,
)
from supplychain.forecasting.weekday_quantiles import ordered_past

FIRST_ORIGIN = 28  # columns of history a training origin needs
YOUNGEST_AGE = 56  # days up to which a cut history is drawn


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one matrix: features, target over scale, scale (level times calendar), age of the origin in days, series."""

    features: NDArray[np.float32]
    ratio: Floats
    level: Floats
    age: Ints
    series: Ints

    @staticmethod
    def joined(parts: Iterable[Rows]) -> Rows:
        """All rows below each other."""
        every = list(parts)
        return Rows(
            np.vstack([part.features for part in every]),
            np.concatenate([part.ratio for part in every]),
            np.concatenate([part.level for part in every]),
            np.concatenate([part.age for part in every]),
            np.concatenate([part.series for part in every]),
        )


def training_series(frame: DailyFrame, most: int) -> Ints:
    """Series to learn from: the larger half by volume, the rest spread evenly over all volumes."""
    order = np.argsort(-frame.pieces.sum(axis=1), kind="stable")
    if len(order) <= most:
        return np.sort(order)
    half = most // 2
    rest = order[half:]
    spread = rest[np.linspace(0, len(rest) - 1, most - half).astype(np.int64)]
    return np.sort(np.concatenate([order[:half], spread]))


def training_rows(
    frame: DailyFrame, horizon: int, origins: Ints, cut_share: float, outlook: Floats | None, seed: int
) -> Rows:
    """Rows of every series at every origin and step, plus a share with their history cut short.

    Parameters
    ----------
    frame
        What is known; targets lie inside it.
    horizon
        Steps per origin.
    origins
        Columns; each with `horizon` columns after it.
    cut_share
        Share of origins that are repeated with histories of 0 to 56 days.
    outlook
        G x (D + horizon) calendar factors per group, or None.
    """
    whole = history(frame, outlook=outlook)
    parts = [_rows_at(whole, int(origin), horizon, whole.known_from <= origin) for origin in origins]
    rng = np.random.default_rng(seed)
    chosen: Ints = rng.permutation(origins)[: round(cut_share * len(origins))]
    for origin in sorted(int(o) for o in chosen):
        days = rng.integers(0, YOUNGEST_AGE, len(frame.keys))
        cut = np.maximum(whole.known_from, origin - days)
        old_enough = whole.known_from <= origin
        parts.append(_rows_at(history(frame, cut, outlook), origin, horizon, old_enough))
    return Rows.joined(parts)


def training_origins(columns: int, horizon: int, most: int, step: int) -> Ints:
    """The latest origins first, `step` days apart, each with all its targets known; growing order."""
    latest = columns - horizon
    origins = np.arange(latest, FIRST_ORIGIN - 1, -step)[:most]
    return np.asarray(np.sort(origins), dtype=np.int64)


def prediction_features(past: History, steps: Ints) -> tuple[list[NDArray[np.float32]], Floats]:
    """Features per step at the end of the history, and the S x N scales that multiply what the model says."""
    origin = past.frame.pieces.shape[1]
    level = levels(past, origin)
    fixed = origin_features(past, origin, level)
    ordered = ordered_past(past.frame.pieces, past.counts, origin)
    parts = [np.hstack([fixed, horizon_features(past, origin, int(step), level, ordered)]) for step in steps]
    return parts, np.stack([level * calendar_factor(past, origin, int(step)) for step in steps])


def _rows_at(past: History, origin: int, horizon: int, usable: Flags) -> Rows:
    level = levels(past, origin)
    fixed = origin_features(past, origin, level)
    ordered = ordered_past(past.frame.pieces, past.counts, origin)
    index = np.flatnonzero(usable)
    width = past.frame.pieces.shape[1]
    steps = [
        step for step in range(horizon) if past.frame.open_days[origin + step]
    ]  # a closed day is known, not learned
    scales = [level * calendar_factor(past, origin, step) for step in steps]
    features = [np.zeros((0, len(ORIGIN_FEATURES) + len(HORIZON_FEATURES)), dtype=np.float32)]
    ratios = [np.zeros(0)]
    for step, scale in zip(steps, scales, strict=True):
        features.append(np.hstack([fixed, horizon_features(past, origin, step, level, ordered)])[index])
        ratios.append((past.frame.pieces[:, origin + step] / scale)[index])
    repeat = np.concatenate([np.zeros(0), *(scale[index] for scale in scales)])
    age = np.full(len(repeat), width - origin, dtype=np.int64)
    return Rows(np.vstack(features), np.concatenate(ratios), repeat, age, np.tile(index, len(steps)))
