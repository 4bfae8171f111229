"""One demand path per item, region and due period: what is owed, what this session and announced ones will sell, and the shelf.

The parts must not count a piece twice. Announced sessions are taken out of the shelf baseline, accepted orders consume the
forecast of what was going to sell, and only future, unsold demand is uncertain. Rooms are added as moments, then net of the
cancellations expected before shipment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.frames import Floats
from supplychain.forecasting.moments import Moments, total


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Accepted orders not yet shipped, per due period: pieces, and the share of them expected to be still wanted."""

    pieces: tuple[int, ...]
    stays: float

    def __post_init__(self) -> None:
        if any(count < 0 for count in self.pieces) or not 0.0 <= self.stays <= 1.0:
            raise ValueError("open orders are counts and a share")


@dataclass(frozen=True, slots=True)
class DemandPath:
    """Demand of one item and region over T due periods.

    Parameters
    ----------
    owed
        Pieces already sold and expected to ship, per period: late at a cost, never lost.
    future
        Net moments of what is still to be sold, per period: can be lost.
    gross
        The same before cancellations, for explanation.
    """

    owed: tuple[float, ...]
    future: tuple[Moments, ...]
    gross: tuple[Moments, ...]

    @property
    def mean(self) -> tuple[float, ...]:
        """Expected pieces to ship per period."""
        return tuple(owed + future.mean for owed, future in zip(self.owed, self.future, strict=True))


def demand_path(
    open_orders: OpenOrders,
    rooms: Sequence[Sequence[Moments]],
    shelf: Sequence[Moments],
    *,
    stays: float,
    stays_variance: float = 0.0,
    consumed: Sequence[float] = (),
) -> DemandPath:
    """Put the parts together.

    Parameters
    ----------
    open_orders
        What is owed; its own `stays` is higher than that of new sales, since what has survived is safer.
    rooms
        For each running or announced session its gross moments per period (`SessionForecast.periods`).
    shelf
        Gross shelf baseline per period, without sessions (`without_sessions`).
    stays, stays_variance
        Expected share of new gross pieces still wanted when shipped, and its variance (`LossModel.ships`).
    consumed
        Accepted shelf orders per period that the baseline had expected: they reduce it, down to nothing.

    Raises
    ------
    ValueError
        When the parts differ in periods.
    """
    periods = len(shelf)
    if len(open_orders.pieces) != periods or any(len(room) != periods for room in rooms):
        raise ValueError("the parts of a demand path differ in periods")
    if consumed and len(consumed) != periods:
        raise ValueError("consumed forecast differs in periods")
    left = consume(shelf, consumed) if consumed else tuple(shelf)
    gross = tuple(total((left[t], *(room[t] for room in rooms))) for t in range(periods))
    future = tuple(demand.thinned(stays, stays_variance) for demand in gross)
    return DemandPath(tuple(count * open_orders.stays for count in open_orders.pieces), future, gross)


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
