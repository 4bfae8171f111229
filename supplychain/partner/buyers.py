"""What buyers have paid for and wait to be sent: the order book of the stand-in's warehouses.

A warehouse system ships what was sold, or stock never falls and every order stays open. Lines leave on the hour, oldest
first, some hours after they were paid and not before a pre-sale is promised, from the first warehouse on the way to their
region that holds the whole line. A line that nobody holds waits for the next hour. What is cancelled before it left never
leaves.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import msgspec

from supplychain.domain.network import Catalogue, LaneKind
from supplychain.domain.units import DAY, EARLIEST, HOUR, LATEST
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.watching.intake import MAX_QUANTITY

PACKING = 12 * HOUR
"""From payment to the door: picked and packed with the next shift."""
_REMEMBERED = 7 * DAY
"""A line that left so long ago is not known any more; nobody sends its events again."""


class Sold(msgspec.Struct, frozen=True, array_like=True):
    """What the order book keeps of a sale event; `pieces` are negative for a cancellation, `ready` is when it may leave."""

    line: str
    sku: str
    region: str
    pieces: int
    ready: int


def sold(sale: Sale) -> Sold | None:
    """Return what a sale event means to a warehouse: something to send, something not to send any more, or nothing.

    What the stream calls impossible means nothing here either.
    """
    possible = 0 < sale.qty <= MAX_QUANTITY and sale.unit_price_minor >= 0 and EARLIEST <= sale.occurred_at <= LATEST
    if sale.kind not in {SaleKind.PAID, SaleKind.CANCELLED} or not possible:
        return None
    line = "\x1f".join((sale.platform, sale.shop_id, sale.order_id, sale.line_id))
    promised = sale.promised_ship_by or 0
    ready = promised if sale.presale and promised else sale.occurred_at + PACKING
    return Sold(line, sale.sku, sale.region, sale.qty if sale.kind is SaleKind.PAID else -sale.qty, ready)


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a region is served from, nearest first, and what one piece of a SKU is made of."""

    warehouses: Mapping[str, Sequence[str]]
    parts: Mapping[str, Sequence[tuple[str, int]]]


def ways_of(catalogue: Catalogue) -> Ways:
    """Read the delivery lanes and the bundles of a catalogue; the fastest lane comes first, then the cheapest."""
    lanes = sorted(
        (lane for lane in catalogue.lanes.values() if lane.kind is LaneKind.DELIVERY),
        key=lambda lane: (lane.destination, lane.minutes, lane.cost_minor, lane.origin),
    )
    warehouses: dict[str, list[str]] = {}
    for lane in lanes:
        warehouses.setdefault(lane.destination, []).append(lane.origin)
    parts = {sku: [(one.sku, one.pieces) for one in catalogue.exploded(sku)] for sku in catalogue.skus}
    return Ways(warehouses, parts)


class OrderBook:
    """Lines waiting to be sent. What leaves depends on the lines and the hour, never on the order in which they were heard."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._open: dict[str, Sold] = {}
        self._coming: list[tuple[int, str]] = []
        self._waiting: list[tuple[int, str]] = []
        self._left: dict[str, int] = {}

    @property
    def next_ready(self) -> int | None:
        """When the next line may leave; None when nobody waits."""
        heads = [rows[0][0] for rows in (self._coming, self._waiting) if rows]
        return min(heads) if heads else None

    def hear(self, events: Iterable[Sold]) -> None:
        """Take in events: a line counts once, and unknown goods and places are nobody's to send."""
        for event in events:
            known = self._open.get(event.line)
            if event.pieces < 0:
                if known is not None:
                    self._open[event.line] = msgspec.structs.replace(known, pieces=max(0, known.pieces + event.pieces))
            elif known is None and event.line not in self._left and self._can_be_sent(event):
                self._open[event.line] = event
                heappush(self._coming, (event.ready, event.line))

    def ship(self, at: int, on_hand: Mapping[str, MutableMapping[str, int]]) -> list[tuple[str, str, str, int]]:
        """Send what may leave by `at`: take it out of `on_hand` and return (warehouse, SKU, region, pieces), sorted."""
        while self._coming and self._coming[0][0] <= at:
            insort(self._waiting, heappop(self._coming))
        gone: Counter[tuple[str, str, str]] = Counter()
        kept: list[tuple[int, str]] = []
        for ready, line in self._waiting:
            event = self._open[line]
            if event.pieces and not self._leave(event, on_hand, gone):
                kept.append((ready, line))
                continue
            del self._open[line]
            self._left[line] = at
        self._waiting = kept
        for line in [line for line, left in self._left.items() if left < at - _REMEMBERED]:
            del self._left[line]
        return [(*place, pieces) for place, pieces in sorted(gone.items())]

    def _can_be_sent(self, event: Sold) -> bool:
        return event.sku in self._ways.parts and event.region in self._ways.warehouses

    def _leave(
        self, event: Sold, on_hand: Mapping[str, MutableMapping[str, int]], gone: Counter[tuple[str, str, str]]
    ) -> bool:
        parts = self._ways.parts[event.sku]
        for warehouse in self._ways.warehouses[event.region]:
            stock = on_hand.get(warehouse)
            if stock is not None and all(stock.get(sku, 0) >= each * event.pieces for sku, each in parts):
                for sku, each in parts:
                    stock[sku] -= each * event.pieces
                    gone[warehouse, sku, event.region] += each * event.pieces
                return True
        return False
