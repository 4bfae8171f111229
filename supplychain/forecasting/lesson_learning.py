"""All lessons of past sessions in one call: session effects, and losses by category, price band and host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from supplychain.domain.network import Catalogue, SessionItem
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.cohort_losses import Cohort, learn_cohort_losses, losses_from_shares
from supplychain.forecasting.exposure import MINUTE_MS
from supplychain.forecasting.frames import Floats, Ints
from supplychain.forecasting.life_table import Cell, LifeTable
from supplychain.forecasting.newcomers import price_band
from supplychain.forecasting.returns import LossModel
from supplychain.forecasting.session_learning import learn_sessions
from supplychain.forecasting.session_lessons import Lessons, rounded
from supplychain.forecasting.show_plan import usual_price


def learn_lessons(past: Sequence[PastSession], catalogue: Catalogue, tuning: Forecast) -> Lessons:
    """Learn from past sessions; what they never showed stays as tuned."""
    cohorts = [
        cohort
        for one in past
        for item in one.session.items
        if (cohort := _cohort(one, item, catalogue)) is not None and cohort.pieces.sum() > 0
    ]
    return Lessons(learn_sessions(past, catalogue), _rounded(learn_cohort_losses(cohorts, tuned_losses(tuning))))


def tuned_losses(tuning: Forecast) -> LossModel:
    """Return the losses that the tuning states."""
    return losses_from_shares(
        tuning.cancelled_share,
        tuning.refunded_share,
        tuning.returned_share,
        tuning.resellable_share,
        max(0, tuning.return_days - tuning.return_transit_days),
    )


def loss_cell(catalogue: Catalogue, sku: str, price_minor: int, host: str) -> Cell:
    """Return where losses of an item are learned: category, price band (each twice the one below), host."""
    record = catalogue.skus.get(sku)
    return (record.category if record else "", price_band(price_minor), host)


def _cohort(one: PastSession, item: SessionItem, catalogue: Catalogue) -> Cohort | None:
    rows = [minute for minute in one.minutes if minute.sku == item.sku]
    paid = [minute for minute in rows if minute.pieces > 0]
    if not paid:
        return None
    price = usual_price(catalogue, one.session, item.sku)
    return Cohort(
        cell=loss_cell(catalogue, item.sku, price, one.session.host),
        session=one.session.session,
        paid_ms=np.array([minute.at for minute in paid], dtype=np.int64),
        pieces=np.array([minute.pieces for minute in paid], dtype=np.float64),
        cancelled=_events(rows, "cancelled"),
        refunded=_events(rows, "refunded"),
        returned=_events(rows, "returned"),
        ship_within_ms=item.ship_within_minutes * MINUTE_MS,
        seen_until_ms=max(one.seen_until, one.session.ends_at),
    )


def _events(rows: Sequence[SoldMinute], kind: str) -> tuple[Ints, Floats]:
    sums: dict[int, int] = defaultdict(int)
    for minute in rows:
        if getattr(minute, kind):
            # what happened in a minute happened after its sales, as far as ages are told apart
            sums[minute.at + MINUTE_MS // 2] += getattr(minute, kind)
    at = sorted(sums)
    return np.array(at, dtype=np.int64), np.array([sums[one] for one in at], dtype=np.float64)


def _rounded(model: LossModel) -> LossModel:
    def short(table: LifeTable) -> LifeTable:
        return LifeTable(
            table.edges_ms, {cell: tuple(rounded(h) for h in row) for cell, row in sorted(table.hazards.items())}
        )

    return LossModel(
        short(model.cancelled),
        short(model.refunded),
        short(model.returned),
        rounded(model.sellable),
        rounded(model.session_spread),
    )
