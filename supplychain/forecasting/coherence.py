"""Means that add up: items and regions are brought in line with the forecast of their aggregate.

An aggregate sees trends and campaigns that no single item shows; an item knows its own mix. Both are moved by what they are
unsure of, so that the parts sum to the whole exactly and no part becomes negative.
"""

from __future__ import annotations

import numpy as np

from supplychain.forecasting.frames import Floats, Ints


def reconciled(
    means: Floats, variances: Floats, group: Ints, aggregate: Floats, aggregate_variance: Floats
) -> tuple[Floats, Floats]:
    """Reconcile parts with their aggregates, for one day.

    Parameters
    ----------
    means, variances
        N parts.
    group
        N indices into the aggregates.
    aggregate, aggregate_variance
        G aggregates.

    Returns
    -------
    tuple
        N means, not negative, and G aggregates equal to the sums of their parts.

    Source
    ------
    Trace minimisation with a diagonal covariance (Wickramasuriya, Athanasopoulos and Hyndman 2019): in two levels each part
    takes the share of the difference that its variance has in the total. Parts that would turn negative stay at zero and the
    rest is scaled.
    """
    size = len(aggregate)
    sums = np.bincount(group, means, size)
    spread = np.bincount(group, variances, size)
    whole = np.maximum(spread + aggregate_variance, 1e-300)
    gap = (aggregate - sums) * np.where(spread > 0.0, 1.0 / whole, 0.0)
    moved = np.maximum(means + variances * gap[group], 0.0)
    target = np.maximum(sums + spread * gap, 0.0)
    reached = np.bincount(group, moved, size)
    scale = np.divide(target, reached, out=np.ones(size), where=reached > 0.0)
    parts = moved * scale[group]
    return np.asarray(parts), np.asarray(np.bincount(group, parts, size), dtype=np.float64)
