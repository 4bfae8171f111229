"""Scores of forecasts, in their public definitions; each has a slow twin in the tests.

Arrays are series by time unless said otherwise. A score that has nothing to divide by is NaN, never a flattering zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pinball(actual: ArrayLike, predicted: ArrayLike, level: float) -> Floats:
    """Quantile (pinball) loss of each forecast, in the units of the actuals.

    Source
    ------
    Koenker and Bassett (1978): max(level * e, (level - 1) * e) with e = actual - predicted.
    """
    error = np.asarray(actual, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return np.asarray(np.maximum(level * error, (level - 1.0) * error))


def weighted_quantile_loss(actual: ArrayLike, predicted: Mapping[float, ArrayLike]) -> float:
    """Twice the mean pinball loss over the levels, over the sum of absolute actuals.

    Parameters
    ----------
    actual
        Any shape.
    predicted
        Level to forecasts of that shape.
    """
    whole = float(np.abs(np.asarray(actual, dtype=np.float64)).sum())
    if whole == 0.0 or not predicted:
        return float("nan")
    losses = [float(pinball(actual, forecast, level).sum()) for level, forecast in predicted.items()]
    return 2.0 * sum(losses) / len(losses) / whole


def wape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Sum of absolute errors over the sum of absolute actuals."""
    observed = np.asarray(actual, dtype=np.float64)
    whole = float(np.abs(observed).sum())
    error = float(np.abs(observed - np.asarray(predicted, dtype=np.float64)).sum())
    return error / whole if whole > 0.0 else float("nan")


def bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Sum of (predicted - actual) over the sum of absolute actuals: positive means too much was forecast."""
    observed = np.asarray(actual, dtype=np.float64)
    whole = float(np.abs(observed).sum())
    error = float((np.asarray(predicted, dtype=np.float64) - observed).sum())
    return error / whole if whole > 0.0 else float("nan")


def mase(actual: Floats, predicted: Floats, history: Floats, season: int) -> float:
    """Mean absolute scaled error: mean absolute error of each series over its in-sample seasonal naive error, averaged.

    Parameters
    ----------
    actual, predicted
        Series by horizon.
    history
        Series by past time, the training part.
    season
        Steps of the seasonal naive forecast.

    Returns
    -------
    float
        Mean over series whose scale is positive; NaN when there is none.

    Source
    ------
    Hyndman and Koehler (2006).
    """
    if history.shape[1] <= season:
        return float("nan")
    scale = np.nanmean(np.abs(history[:, season:] - history[:, :-season]), axis=1)
    error = np.mean(np.abs(actual - predicted), axis=1)
    usable = scale > 0.0
    return float(np.mean(error[usable] / scale[usable])) if bool(usable.any()) else float("nan")


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of actuals inside the closed interval."""
    observed = np.asarray(actual, dtype=np.float64)
    inside = (np.asarray(low, dtype=np.float64) <= observed) & (observed <= np.asarray(high, dtype=np.float64))
    return float(inside.mean()) if inside.size else float("nan")
