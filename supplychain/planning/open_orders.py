"""Orders that were paid and not yet shipped or lost, from sums of windows.

A window dates a cancellation by when it came, not by the order it ends. So cancellations are taken off the orders of their
session, item and region that were due at that time, and what is left of them off the orders before, the latest first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from supplychain.planning.ports import Accepted


@dataclass(slots=True)
class OpenOrder:
    """Pieces of one session (or day), SKU, region, channel and due hour.

    `gross` were paid, at `paid_ms` on average (None when only sums without a time are known); `open` were not cancelled;
    `out` are neither refunded nor returned either.
    """

    session: str
    sku: str
    region: str
    channel: str
    due: int
    paid_ms: int | None
    gross: int
    open: int
    out: int


def open_orders(rows: Sequence[Accepted]) -> list[OpenOrder]:
    """Return open orders in order of their due time."""
    groups: dict[tuple[str, str, str, str], list[Accepted]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r.due):
        groups[row.session, row.sku, row.region, row.channel].append(row)
    found: list[OpenOrder] = []
    for key, own in sorted(groups.items()):
        orders: list[OpenOrder] = []
        for row in own:
            if row.gross > 0:
                orders.append(OpenOrder(*key, row.due, row.paid_ms, row.gross, row.gross, row.gross))
            _take(orders, row.cancelled)
        back = sum(row.refunded + row.returned for row in own)
        for order in orders:  # what comes back was shipped first
            order.out = order.open - min(order.open, back)
            back -= order.open - order.out
        found.extend(orders)
    return sorted(found, key=lambda o: (o.due, o.session, o.sku, o.region, o.channel))


def _take(orders: list[OpenOrder], pieces: int) -> None:
    for order in reversed(orders):
        gone = min(order.open, pieces)
        order.open -= gone
        pieces -= gone
        if pieces <= 0:
            return
