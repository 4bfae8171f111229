"""The shelf in the demand path: its history without sessions and spikes, forecast used up by accepted orders, days cut to hours.

The parts of a demand path must not count a piece twice. Announced sessions are taken out of the shelf baseline, a tagged spike
does not raise next week's, and an accepted order consumes the forecast of what was going to sell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supplychain.forecasting.frames import Floats
from supplychain.forecasting.moments import Moments


def consume(forecast: Sequence[Moments], accepted: Sequence[float]) -> tuple[Moments, ...]:
    """Let accepted orders use up forecast: first in their own period, then backwards, then forwards, never below zero.

    Parameters
    ----------
    forecast
        Per period.
    accepted
        Pieces accepted per due period that belong to this forecast. What exceeds all of it was a surprise and consumes nothing.
    """
    means = [demand.mean for demand in forecast]
    for period, pieces in enumerate(accepted):
        rest = max(0.0, float(pieces))
        for place in (period, *range(period - 1, -1, -1), *range(period + 1, len(means))):
            used = min(means[place], rest)
            means[place] -= used
            rest -= used
            if rest <= 0.0:
                break
    return tuple(
        demand.thinned(min(1.0, mean / demand.mean)) if demand.mean > 0.0 else demand
        for demand, mean in zip(forecast, means, strict=True)
    )


def without_sessions(daily: Floats, session_pieces: Floats, spike_pieces: Floats) -> Floats:
    """History of the shelf alone: pieces per day less those sold in sessions and those that tagged spikes explain.

    Parameters
    ----------
    daily, session_pieces, spike_pieces
        N x D; a spike's pieces are its excess over the expected rate, so that next week's baseline does not swallow it.
    """
    return np.asarray(np.maximum(daily - np.maximum(session_pieces, 0.0) - np.maximum(spike_pieces, 0.0), 0.0))


def spread_over_day(
    mean: Floats, variance: Floats, day_edges_ms: Sequence[int], edges_ms: Sequence[int]
) -> list[Moments]:
    """Daily moments cut to periods by overlap in time, independent between days.

    Parameters
    ----------
    mean, variance
        D daily values.
    day_edges_ms
        D+1 growing UTC boundaries of the days.
    edges_ms
        T+1 growing UTC boundaries of the periods.
    """
    days, periods = np.asarray(day_edges_ms, dtype=np.float64), np.asarray(edges_ms, dtype=np.float64)
    low = np.maximum(days[:-1, None], periods[None, :-1])
    high = np.minimum(days[1:, None], periods[None, 1:])
    share = np.maximum(high - low, 0.0) / (days[1:] - days[:-1])[:, None]
    shared = np.maximum(variance - mean, 0.0)  # beyond Poisson: common to the whole day
    means = share.T @ mean
    spreads = means + (share**2).T @ shared
    return [Moments(float(m), float(v)) for m, v in zip(means, spreads, strict=True)]
