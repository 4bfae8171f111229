"""Quantiles a series has shown itself: its own past days, weighted by weekday and age.

For lumpy items this simple empirical forecast is hard to beat at the median, and the learned heads start from it: it is both a
feature of the item model and part of its blend.

Source
------
The non-parametric forecaster described for intermittent series by Gasthaus (2016): a past day is drawn with a weight that falls
with its age, higher for the same season.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.frames import Floats, Ints

WINDOW = 224  # days looked back
MEMORY = 100.0  # days; e-folding of a past day's weight
FULL_DAYS = 56.0  # known days from which a series' own quantiles have their full share
OTHER_WEEKDAY = 0.15  # weight of another weekday


@dataclass(frozen=True, slots=True)
class OrderedPast:
    """The recent past of each series in growing order, once per origin: values N x W, their columns, and whether known."""

    values: Floats
    columns: Ints
    known: Floats
    origin: int


def ordered_past(pieces: Floats, counts: Floats, origin: int) -> OrderedPast:
    """Sort the window before an origin; `counts` are running counts of known open days, N x (D + 1)."""
    start = max(0, origin - WINDOW)
    window = pieces[:, start:origin]
    order = np.argsort(window, axis=1, kind="stable")
    known = counts[:, start + 1 : origin + 1] - counts[:, start:origin]
    return OrderedPast(
        np.take_along_axis(window, order, axis=1), order + start, np.take_along_axis(known, order, axis=1), origin
    )


def weekday_quantiles(past: OrderedPast, step: int, levels: Sequence[float]) -> Floats:
    """Quantiles of the day `step` days after the origin, N x L; NaN for a series without a known day."""
    rows, width = past.values.shape
    if not width:
        return np.full((rows, len(levels)), np.nan)
    age = past.origin - past.columns
    same = (past.origin + step - past.columns) % 7 == 0
    weight = np.exp(-age / MEMORY) * np.where(same, 1.0, OTHER_WEEKDAY) * past.known
    cumulative = np.cumsum(weight, axis=1)
    whole = cumulative[:, -1]
    out = np.empty((rows, len(levels)))
    for i, level in enumerate(levels):
        place = np.minimum((cumulative < level * whole[:, None]).sum(axis=1), width - 1)
        out[:, i] = np.where(whole > 0.0, past.values[np.arange(rows), place], np.nan)
    return out


def own_quantiles(
    pieces: Floats, counts: Floats, steps: Ints, levels: Sequence[float], full_share: float
) -> tuple[Floats, Floats]:
    """What each series has shown itself at its end, N x S x L, and its share in a blend, N x 1 x 1.

    Parameters
    ----------
    counts
        Running counts of known open days, N x (D + 1).
    full_share
        Share of a series with at least `FULL_DAYS` known days in the window; it falls to zero with them.
    """
    origin = pieces.shape[1]
    ordered = ordered_past(pieces, counts, origin)
    own = np.stack([weekday_quantiles(ordered, int(step), levels) for step in steps], axis=1)
    known = counts[:, origin] - counts[:, max(0, origin - WINDOW)]
    share = full_share * np.clip(known / FULL_DAYS, 0.0, 1.0)
    return np.nan_to_num(own), share[:, None, None]
