"""The one stock formula: every screen, plan and alarm uses it.

Each unit is in exactly one state. Position = sellable on hand - reserved + what is still to come on each supply line, once,
in its latest state. Proposals are not supply: the next plan replaces them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from supplychain.domain.plan import SUPPLY, LineKind, PlanLine


@dataclass(frozen=True, slots=True)
class StockLevel:
    """Pieces of one SKU in one warehouse as of a moment, before reservations, and its ring-fenced parts."""

    warehouse: str
    sku: str
    on_hand: int
    as_of: int
    fenced_live: int = 0
    fenced_shelf: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Position of one SKU over all warehouses, term by term, in pieces."""

    sku: str
    on_hand: int
    reserved: int
    approved: int
    released: int
    confirmed: int
    in_transit: int

    @property
    def available(self) -> int:
        """Sellable now: on hand less reserved."""
        return self.on_hand - self.reserved

    @property
    def inbound(self) -> int:
        """Still to come from suppliers."""
        return self.approved + self.released + self.confirmed + self.in_transit

    @property
    def position(self) -> int:
        """On hand - reserved + inbound.

        >>> Position("A", on_hand=50, reserved=20, approved=0, released=30, confirmed=0, in_transit=0).position
        60
        """
        return self.available + self.inbound


def position(sku: str, stock: Iterable[StockLevel], reserved: int, lines: Iterable[PlanLine]) -> Position:
    """Return the position of one SKU.

    Parameters
    ----------
    stock
        Levels of all warehouses; other SKUs are passed over.
    reserved
        Accepted pieces not yet shipped and not cancelled.
    lines
        Plan lines in any state; only order lines in a supply state count. A movement changes the place of pieces and never
        their number: what left the origin and is not yet in is counted as in transit.
    """
    on_hand = sum(level.on_hand for level in stock if level.sku == sku)
    inbound = {"approved": 0, "released": 0, "confirmed": 0, "short": 0, "in_transit": 0}
    for line in lines:
        if line.sku != sku or line.state not in SUPPLY:
            continue
        if line.kind is LineKind.ORDER:
            inbound[line.state.value] += line.open_pieces
        else:
            inbound["in_transit"] += max(0, line.shipped - line.received)
    return Position(
        sku=sku,
        on_hand=on_hand,
        reserved=reserved,
        approved=inbound["approved"],
        released=inbound["released"],
        confirmed=inbound["confirmed"] + inbound["short"],
        in_transit=inbound["in_transit"],
    )
