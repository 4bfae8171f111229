"""Honest intervals: split conformal correction per segment and horizon.

Model quantiles promise 80 % and deliver 65 or 90. What a model missed on days it had not seen tells by how much its interval has
to move; that correction is learned per segment and horizon, and where a segment has too few days, from wider ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.frames import Floats, Ints

Place = tuple[str, int]  # segment and horizon class
EVERYWHERE: Place = ("", -1)
FEW = 60  # scores below which a place borrows from the next wider one


def sorted_quantiles(values: Floats) -> Floats:
    """Quantiles that neither cross nor fall below zero: rearranged along the last axis.

    Source
    ------
    Chernozhukov, Fernández-Val and Galichon (2010): sorting never makes the pinball loss worse.
    """
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.sort(np.maximum(finite, 0.0), axis=-1))


def shortest_interval(levels: Sequence[float], values: Floats, coverage: float = 0.8) -> tuple[Floats, Floats]:
    """Interval of the wanted coverage out of a grid of quantiles.

    Where zero is likely, the central interval starts at zero and covers too much: no demand below zero can be missed. The
    interval then starts at zero and ends at the quantile of `coverage`; otherwise it is central.

    Parameters
    ----------
    levels
        L growing levels.
    values
        ... x L quantiles, growing.
    """
    tail = (1.0 - coverage) / 2.0
    low = _at(levels, values, tail)
    central = _at(levels, values, 1.0 - tail)
    one_sided = _at(levels, values, coverage)
    touches_zero = low < 0.5
    return np.where(touches_zero, 0.0, low), np.where(touches_zero, one_sided, central)


def _at(levels: Sequence[float], values: Floats, level: float) -> Floats:
    grid = np.asarray(levels)
    place = int(np.clip(np.searchsorted(grid, level), 1, len(grid) - 1))
    weight = float(np.clip((level - grid[place - 1]) / (grid[place] - grid[place - 1]), 0.0, 1.0))
    return np.asarray(values[..., place - 1] * (1.0 - weight) + values[..., place] * weight)


@dataclass(frozen=True, slots=True)
class Conformal:
    """Learned widening (or narrowing) of intervals, in units of each series' scale.

    Parameters
    ----------
    coverage
        Promised share inside.
    margins
        (segment, horizon class) to margin; `EVERYWHERE` holds the fall-back.
    """

    coverage: float
    margins: Mapping[Place, float]

    def margin(self, segment: str, horizon: int) -> float:
        """Margin of a place, of its segment over all horizons, or of everything."""
        for place in ((segment, horizon), (segment, -1), EVERYWHERE):
            if place in self.margins:
                return self.margins[place]
        return 0.0

    def apply(
        self, low: Floats, high: Floats, scale: Floats, segments: Sequence[str], horizons: Sequence[int]
    ) -> tuple[Floats, Floats]:
        """Corrected intervals, N x H; a lower end at zero stays there, and an interval never turns around.

        Parameters
        ----------
        low, high
            N x H.
        scale
            N positive scales.
        segments, horizons
            N segments and H horizon classes.
        """
        margins = np.array([[self.margin(segment, horizon) for horizon in horizons] for segment in segments])
        move = margins.reshape(low.shape) * scale[:, None]
        upper = np.maximum(high + move, 0.0)
        lower = np.where(low > 0.0, np.maximum(low - move, 0.0), 0.0)
        return np.minimum(lower, upper), upper


def learn_conformal(
    actual: Floats,
    low: Floats,
    high: Floats,
    scale: Floats,
    segments: Sequence[str],
    horizons: Sequence[int],
    coverage: float = 0.8,
) -> Conformal:
    """Learn margins from forecasts of days the model had not seen, N x H each.

    Source
    ------
    Conformalised quantile regression (Romano, Patterson and Candès 2019): the score max(low - y, y - high), its quantile at
    ceil((n + 1) * coverage) / n. A lower end at zero cannot be missed and does not score.
    """
    miss_low = np.where(low > 0.0, low - actual, -np.inf)
    score = np.maximum(miss_low, actual - high) / scale[:, None]
    names = np.asarray(segments, dtype=object)
    classes = np.asarray(horizons)
    margins: dict[Place, float] = {}
    if score.size:
        margins[EVERYWHERE] = _margin(score.ravel(), coverage)
    for name in sorted(set(segments)):
        mine = score[names == name]
        if mine.size >= FEW:
            margins[name, -1] = _margin(mine.ravel(), coverage)
        for horizon in sorted(set(horizons)):
            part = mine[:, classes == horizon]
            if part.size >= FEW:
                margins[name, horizon] = _margin(part.ravel(), coverage)
    return Conformal(coverage, margins)


def _margin(score: Floats, coverage: float) -> float:
    """Conformal quantile; an infinite score (an interval that starts at zero, missed by nothing) counts as lowest."""
    ordered = np.sort(score)
    rank = int(np.ceil((len(ordered) + 1) * coverage)) - 1
    value = float(ordered[min(rank, len(ordered) - 1)])
    return value if np.isfinite(value) else 0.0


def volume_segments(levels: Floats, sold_share: Floats) -> tuple[str, ...]:
    """Segments of series by how often they sell and how much: what decides how an interval fails."""
    often = np.digitize(np.nan_to_num(sold_share), [0.2, 0.5, 0.8])
    much = np.digitize(levels, [1.0, 10.0])
    return tuple(f"often{a}-much{b}" for a, b in zip(often, much, strict=True))


def horizon_class(step: int) -> int:
    """Horizon classes: tomorrow, this week, later."""
    return 0 if step < 1 else 1 if step < 7 else 2


def horizon_classes(steps: Ints | Sequence[int]) -> tuple[int, ...]:
    """Class of each step."""
    return tuple(horizon_class(int(step)) for step in steps)
