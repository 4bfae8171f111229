"""Means that add up: items and regions are brought in line with the forecasts of their aggregates.

An aggregate sees trends and campaigns that no single item shows; an item knows its own mix. Both are moved by what they are
unsure of, and an aggregate is what its parts sum to afterwards. Categories and regions cut across each other, so they are met at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from supplychain.forecasting.frames import Floats

MOST_ROUNDS = 8
SMALLEST = 1e-12  # variance in pieces squared below which an aggregate is as good as certain


def reconciled(
    means: Floats, variances: Floats, members: sparse.csr_array, aggregate: Floats, aggregate_variance: Floats
) -> tuple[Floats, Floats]:
    """Reconcile parts with their aggregates, for one day.

    Parameters
    ----------
    means, variances
        N parts.
    members
        G x N: which parts an aggregate sums up, see `memberships`; aggregates may overlap.
    aggregate, aggregate_variance
        G aggregates.

    Returns
    -------
    tuple
        N means, not negative, and G aggregates equal to the sums of their parts.

    Source
    ------
    Trace minimisation with a diagonal covariance (Wickramasuriya, Athanasopoulos and Hyndman 2019), in the form that conditions
    the parts on their noisy sums: x + V A' (A V A' + W)^-1 (y - A x). Parts that would turn negative are held at zero and the
    others are met again.
    """
    parts, free = np.maximum(means, 0.0), np.ones(len(means))
    for _ in range(MOST_ROUNDS):
        start, spread = means * free, variances * free
        weighted = sparse.csr_array((spread[members.indices], members.indices, members.indptr), shape=members.shape)
        system: Floats = np.asarray((weighted @ members.T).todense()) + np.diag(aggregate_variance)
        # each aggregate in its own units: a giant beside a small one
        root = np.sqrt(np.maximum(np.diag(system), SMALLEST))
        # least squares: two aggregates without any doubt of their own may say the same, or contradict each other
        gap = (aggregate - members @ start) / root
        pull = np.linalg.lstsq(system / np.outer(root, root), gap, rcond=1e-12)[0] / root
        parts = start + spread * (members.T @ pull)
        if not bool((parts < 0.0).any()):
            break
        free = np.where(parts < 0.0, 0.0, free)
    parts = np.maximum(parts, 0.0)
    return np.asarray(parts), np.asarray(members @ parts)


def memberships(names: Sequence[str], *groupings: Sequence[str]) -> sparse.csr_array:
    """Which of N parts belong to each of the named aggregates, G x N, in any of the groupings (N names each).

    >>> memberships(["tea", "north"], ["tea", "cups"], ["north", "north"]).toarray().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    place = {name: row for row, name in enumerate(names)}
    cells = [(place[name], part) for grouping in groupings for part, name in enumerate(grouping) if name in place]
    rows, columns = zip(*cells, strict=True) if cells else ((), ())
    width = len(groupings[0]) if groupings else 0
    return sparse.csr_array((np.ones(len(cells)), (list(rows), list(columns))), shape=(len(names), width))
