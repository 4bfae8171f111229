"""A small live evening for the tests of the watching: one catalogue, and short ways to write records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.tuning import Tuning
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind, Tick
from supplychain.watching import ChunkDelta, PartitionWatch, Record

T0 = 1_700_006_400_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
FLASH = ShowSlot(SlotKind.FLASH_OFFER, "A", T0 + 30 * MINUTE, T0 + 35 * MINUTE, 5.0)
SESSION = Session(
    "L1",
    "room",
    "host",
    "p",
    "shop",
    T0,
    T0 + 2 * HOUR,
    # Twelve orders a minute outside the offer: 120 minutes, five of them five times as strong.
    items=(SessionItem("A", 12.0 * 140, ship_within_minutes=90), SessionItem("B", 12.0 * 120, cap=50)),
    slots=(FLASH,),
)
CATALOGUE = Catalogue(
    {name: Sku(name, name, "c", 1_000, 500) for name in ("A", "B", "C")},
    {},
    {},
    {},
    {},
    {name: Region(name, name) for name in ("CN-ZJ", "CN-GD")},
    {"L1": SESSION},
)


def sale(number: int | str, at: int, **changes: object) -> Sale:
    """One paid order line of item A in the planned room, with whatever is changed."""
    values: dict[str, object] = {
        "event_id": f"event-{number}",
        "platform": "p",
        "shop_id": "shop",
        "order_id": str(number),
        "line_id": "1",
        "kind": SaleKind.PAID,
        "sku": "A",
        "qty": 1,
        "occurred_at": at,
        "region": "CN-ZJ",
        "unit_price_minor": 990,
        "room_id": "room",
    }
    return Sale(**{**values, **changes})  # type: ignore[arg-type]  # a test's free hand with fields


def records(payloads: Iterable[Sale | Tick | bytes], first: int = 0) -> list[Record]:
    """Payloads as records of one partition."""
    return [
        Record(first + at, payload if isinstance(payload, bytes) else encode(payload))
        for at, payload in enumerate(payloads)
    ]


def watch(tuning: Tuning | None = None, catalogue: Catalogue = CATALOGUE) -> PartitionWatch:
    """A watch that has seen nothing."""
    return PartitionWatch(catalogue, tuning or Tuning(), partition=0)


def apply(one: PartitionWatch, payloads: Sequence[Sale | Tick | bytes], business: int | None = None) -> ChunkDelta:
    """Apply payloads as one chunk."""
    return one.apply(records(payloads), business)


def totals(delta: ChunkDelta) -> dict[str, int]:
    """Records per bucket, over all reasons."""
    sums: dict[str, int] = {}
    for (bucket, _), number in delta.counts.items():
        sums[bucket] = sums.get(bucket, 0) + number
    return sums


def steady(seconds: int, per_second: dict[int, int] | int = 1, start: int = 0, **changes: object) -> list[Sale | Tick]:
    """A tick each second, and every five seconds the given number of orders of item A, `per_second` being a bin's orders.

    A mapping gives the orders of the bins that begin at the given second, one for all others.
    """
    found: list[Sale | Tick] = []
    for second in range(start, start + seconds):
        found.append(Tick(at=T0 + second * SECOND))
        if second % 5 == 0:
            orders = per_second.get(second, 1) if isinstance(per_second, dict) else per_second
            found.extend(
                sale(f"{second}-{one}-{changes.get('sku', 'A')}", T0 + second * SECOND + one, **changes)
                for one in range(orders)
            )
    return found
