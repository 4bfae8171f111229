"""From gross to net: what of a demand will still be wanted when it ships, and what comes back to be sold again.

The losses are those that past sessions taught, by category, price band and host; before they taught anything, those of the
tuning. A session that cancels more than its kind moves its own losses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from supplychain.domain.network import Channel
from supplychain.domain.units import DAY, MINUTE
from supplychain.forecasting.lesson_learning import loss_cell, tuned_losses
from supplychain.forecasting.life_table import Cell
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.returns import LossModel, expected_returns
from supplychain.forecasting.show_plan import usual_price
from supplychain.planning.open_orders import OpenOrder, open_orders
from supplychain.planning.view import View

SHELF_SHIP = 48 * 60 * MINUTE
"""From a sale on the shelf to its shipment."""


class NetDemand:
    """The losses of one view."""

    def __init__(self, view: View) -> None:
        self._view = view
        forecast = view.tuning.forecast
        learned = view.lessons if forecast.use_lessons else None
        self.losses: LossModel = learned.losses if learned else tuned_losses(forecast)
        self._transit = forecast.return_transit_days * DAY
        self._cells: dict[tuple[str, str], Cell] = {}
        self._flows: dict[tuple[Cell, int], tuple[tuple[int, float], ...]] = {}
        self._kept: dict[tuple[str, str], tuple[float, float]] = {}
        self._factors = self._session_factors()

    def cell(self, sku: str, session_id: str = "") -> Cell:
        """Return where the losses of an item are learned; without a session it is the shelf's."""
        if (sku, session_id) not in self._cells:
            self._cells[sku, session_id] = self._cell(sku, session_id)
        return self._cells[sku, session_id]

    def _cell(self, sku: str, session_id: str) -> Cell:
        catalogue = self._view.catalogue
        session = catalogue.sessions.get(session_id)
        if session is not None:
            return loss_cell(catalogue, sku, usual_price(catalogue, session, sku), session.host)
        record = catalogue.skus.get(sku)
        price = record.price_at(self._view.cut, Channel.SHELF) if record else 0
        return loss_cell(catalogue, sku, price, "")

    def ship_within(self, sku: str, session_id: str = "") -> int:
        """Milliseconds from payment to shipment."""
        session = self._view.catalogue.sessions.get(session_id)
        item = session.item(sku) if session else None
        return item.ship_within_minutes * MINUTE if item else SHELF_SHIP

    def future(self, gross: Moments, sku: str, session_id: str = "") -> Moments:
        """Moments of the pieces to be shipped of gross demand still to be paid."""
        if (sku, session_id) not in self._kept:
            factor = self._factors.get((session_id, sku), 1.0)
            wait = self.ship_within(sku, session_id)
            self._kept[sku, session_id] = self.losses.kept(self.cell(sku, session_id), wait, factor)
        return gross.thinned(*self._kept[sku, session_id])

    def accepted(self, order: OpenOrder) -> float:
        """Share of the open pieces of an accepted order that will still be wanted at its ship-by."""
        wait = self.ship_within(order.sku, order.session)
        age = self._age(order)
        factor = self._factors.get((order.session, order.sku), 1.0)
        return self.losses.ships(self.cell(order.sku, order.session), age, max(age, wait), factor)

    def coming_back(
        self, sku: str, session_id: str, shipped: int, edges: Sequence[int]
    ) -> tuple[tuple[int, float], ...]:
        """Return period and sellable pieces expected back in it, of T+1 edges, for a piece shipped at a moment."""
        key = (self.cell(sku, session_id), shipped)
        if key not in self._flows:
            sent, one = np.array([shipped]), np.array([1])
            flow = expected_returns(self.losses, key[0], sent, one, self._view.cut, edges, self._transit)
            self._flows[key] = tuple((period, float(pieces)) for period, pieces in enumerate(flow) if pieces > 1e-9)
        return self._flows[key]

    def _age(self, order: OpenOrder) -> int:
        paid = order.due - self.ship_within(order.sku, order.session) if order.paid_ms is None else order.paid_ms
        return max(0, self._view.cut - paid)

    def _session_factors(self) -> dict[tuple[str, str], float]:
        """How each session's cancellations of an item run against its kind's, from what it has cancelled so far."""
        orders: dict[tuple[str, str], list[OpenOrder]] = defaultdict(list)
        for order in open_orders(self._view.accepted):
            orders[order.session, order.sku].append(order)
        return {
            (session, sku): self.losses.session_factor(
                self.cell(sku, session),
                np.array([self._age(order) for order in own]),
                np.array([order.gross for order in own]),
                float(sum(order.gross - order.open for order in own)),
            )
            for (session, sku), own in sorted(orders.items())
        }
