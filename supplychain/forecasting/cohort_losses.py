"""Losses learned from sums: what was paid minute by minute, and what was lost minute by minute, with no order followed.

The service keeps windows and no orders, so the age of a cancelled piece is not recorded. But everything paid in a session is
a cohort of known ages, and the ages of its losses are found as the mixture that explains them best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.frames import Floats, Ints
from supplychain.forecasting.life_table import Cell, LifeTable, pooled_table
from supplychain.forecasting.returns import CANCEL_AGES, DAY_MS, HOUR_MS, RETURN_AGES, LossModel

ROUNDS = 25
CLUMPS = 1.5  # lines of several pieces are cancelled together
EARLY = (0.30, 0.20, 0.17, 0.13, 0.09, 0.06, 0.04, 0.01, 0.0, 0.0)
"""Where cancellations fall by `CANCEL_AGES` before any were seen: half of them in the first half hour."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """What one item of one session sold and lost.

    Parameters
    ----------
    paid_ms, pieces
        Moments and pieces paid.
    cancelled, refunded, returned
        Moments and pieces each.
    ship_within_ms
        From payment to shipment.
    seen_until_ms
        What had not happened by then is open.
    """

    cell: Cell
    session: str
    paid_ms: Ints
    pieces: Floats
    cancelled: tuple[Ints, Floats]
    refunded: tuple[Ints, Floats]
    returned: tuple[Ints, Floats]
    ship_within_ms: int
    seen_until_ms: int


def losses_from_shares(
    cancelled: float, refunded: float, returned: float, sellable: float, return_days: float, spread: float = 0.1
) -> LossModel:
    """Return the model of stated shares: typical ages, the same for all goods.

    Parameters
    ----------
    cancelled, refunded, returned
        Shares of gross; the last two are lost after shipment.
    return_days
        Usual days from shipment to the recorded return.
    """
    left = max(1e-9, 1.0 - cancelled)
    back = np.searchsorted(np.asarray(RETURN_AGES), return_days * DAY_MS, side="right") - 1
    at_return = np.zeros(len(RETURN_AGES) - 1)
    at_return[min(int(back), len(at_return) - 1)] = min(0.95, returned / left)
    at_refund = np.zeros(len(RETURN_AGES) - 1)
    at_refund[0] = min(0.95, refunded / left)
    return LossModel(
        LifeTable(CANCEL_AGES, {(): _hazards(cancelled * np.asarray(EARLY))}),
        LifeTable(RETURN_AGES, {(): tuple(map(float, at_refund))}),
        LifeTable(RETURN_AGES, {(): tuple(map(float, at_return))}),
        sellable,
        spread,
    )


def _hazards(shares: Floats) -> tuple[float, ...]:
    """Hazards of shares of all that entered."""
    entered = 1.0 - np.concatenate(([0.0], np.cumsum(shares)[:-1]))
    return tuple(float(h) for h in np.clip(shares / np.maximum(entered, 1e-9), 0.0, 1.0))


def learn_cohort_losses(cohorts: Sequence[Cohort], believed: LossModel, pooling: float = 200.0) -> LossModel:
    """Learn the three life tables from cohorts.

    Parameters
    ----------
    believed
        What holds before anything is seen, and beside it with the weight of `pooling` pieces. Its sellable share is kept:
        windows do not say what became of a returned piece.

    Source
    ------
    Expectation-maximisation of a mixture of ages with known weights (Dempster, Laird and Rubin 1977); pooling as in `life_table`.
    """
    if not cohorts:
        return believed
    cells = [cohort.cell for cohort in cohorts]
    events, risk = _ages(cohorts, "cancelled", CANCEL_AGES)
    cancelled = pooled_table(CANCEL_AGES, cells, events, risk, pooling, believed.cancelled.of(()))
    tables = []
    for kind, table in (("refunded", believed.refunded), ("returned", believed.returned)):
        after, open_ = _ages(cohorts, kind, RETURN_AGES)
        tables.append(pooled_table(RETURN_AGES, cells, after, open_, pooling, table.of(())))
    spread = _spread(cohorts, cells, cancelled, events, risk, believed.session_spread)
    return LossModel(cancelled, tables[0], tables[1], believed.sellable, spread)


def _ages(cohorts: Sequence[Cohort], kind: str, edges_ms: Sequence[int]) -> tuple[Floats, Floats]:
    """Pieces lost at each age and pieces that were at risk of it, cohorts x buckets."""
    edges = np.asarray(edges_ms, dtype=np.float64)
    width = np.diff(edges)
    entered = np.stack([_entered(cohort, kind, edges) for cohort in cohorts])
    owner, counts, weights = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], [np.zeros((0, len(width)))]
    for place, cohort in enumerate(cohorts):
        at, pieces = getattr(cohort, kind)
        lag = np.asarray(at)[:, None] - _origin(cohort, kind)[None, :]
        if kind != "cancelled":
            lag = np.where(np.asarray(at)[:, None] >= cohort.paid_ms[None, :], np.maximum(lag, 0), lag)
        bucket = np.searchsorted(edges, lag, side="right") - 1
        found = np.stack([(cohort.pieces * (bucket == b)).sum(axis=1) for b in range(len(width))], axis=1)
        owner.append(np.full(len(pieces), place))
        counts.append(np.asarray(pieces, dtype=np.float64))
        weights.append(found)
    who, many, held = np.concatenate(owner), np.concatenate(counts), np.concatenate(weights)
    share = np.full(len(width), 1e-3)
    parts = np.zeros_like(held)
    for _ in range(ROUNDS):
        likely = held * (share / width)
        parts = likely / np.maximum(likely.sum(axis=1, keepdims=True), 1e-300)
        share = np.maximum((many @ parts) / np.maximum(entered.sum(axis=0), 1e-9), 1e-9)
    events = np.zeros_like(entered)
    np.add.at(events, who, many[:, None] * parts)
    gone = np.concatenate((np.zeros((len(cohorts), 1)), np.cumsum(events, axis=1)[:, :-1]), axis=1)
    whole = np.maximum(np.array([[cohort.pieces.sum()] for cohort in cohorts]), 1e-9)
    return events, np.maximum(entered * np.maximum(1.0 - gone / whole, 0.0), events)


def _origin(cohort: Cohort, kind: str) -> Ints:
    return cohort.paid_ms if kind == "cancelled" else cohort.paid_ms + cohort.ship_within_ms


def _entered(cohort: Cohort, kind: str, edges: Floats) -> Floats:
    """Pieces times the share of each bucket of ages that was seen: up to shipment for cancellations, up to now for others."""
    reach = np.maximum(cohort.seen_until_ms - _origin(cohort, kind), 0).astype(np.float64)
    if kind == "cancelled":
        reach = np.minimum(reach, float(max(cohort.ship_within_ms, HOUR_MS)))
    seen = np.clip((reach[:, None] - edges[None, :-1]) / np.diff(edges)[None, :], 0.0, 1.0)
    shipped = cohort.pieces
    if kind != "cancelled":
        whole = max(float(cohort.pieces.sum()), 1e-9)
        shipped = cohort.pieces * max(0.0, 1.0 - float(np.sum(cohort.cancelled[1])) / whole)
    return np.asarray(shipped @ seen)


def _spread(
    cohorts: Sequence[Cohort], cells: Sequence[Cell], table: LifeTable, events: Floats, risk: Floats, usual: float
) -> float:
    """Squared coefficient of variation of sessions' cancellation risk, by moments; the usual one below ten sessions."""
    names, index = np.unique(np.asarray([cohort.session for cohort in cohorts], dtype=object), return_inverse=True)
    if len(names) < 10:
        return usual
    hazards = np.asarray([table.of(cell) for cell in cells])
    seen = np.bincount(index, events.sum(axis=1), len(names))
    wanted = np.bincount(index, (hazards * risk).sum(axis=1), len(names))
    square = float(np.sum(wanted**2))
    excess = float(np.sum((seen - wanted) ** 2 - wanted * CLUMPS))
    return min(2.0, max(0.0, excess / square)) if square > 0.0 else usual
