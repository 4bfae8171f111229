"""What a source of events hands over: the payloads of one stretch of time, in order, ready to be published.

Simulator and replay yield the same steps, so that one driver paces both, writes the time ticks between them and waits for
open solves in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from supplychain.messages.v1 import Audience, FlashOffer, Pitch, Receipt, Sale, Shipment, StockDelta, StockSnapshot


@dataclass(frozen=True, slots=True)
class Step:
    """Everything a source delivers in [start, end), UTC milliseconds; each list is in order of delivery.

    The first of each pair is the record's key. `stock` is empty but for recordings that hold a warehouse's events. `raw` holds records of the sales topic that are no payload: what a broken
    sender writes, and what must end as dead letters.
    """

    start: int
    end: int
    sales: list[tuple[str, Sale]] = field(default_factory=list)
    engagement: list[tuple[str, Audience | Pitch | FlashOffer]] = field(default_factory=list)
    raw: list[tuple[str, bytes]] = field(default_factory=list)
    stock: list[tuple[str, StockSnapshot | StockDelta | Receipt | Shipment]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many records the step holds."""
        return len(self.sales) + len(self.engagement) + len(self.raw) + len(self.stock)
