"""Every topic in one table. Partition counts never change: state is owned by partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, number of partitions, what keys it, and whether time ticks are written into it."""

    name: str
    partitions: int
    key: str
    ticked: bool
    about: str


SALES: Final = Topic("sales.v1", 4, "room, or shop without a room", ticked=True, about="sale events of order lines")
ENGAGEMENT: Final = Topic("engagement.v1", 4, "room", ticked=True, about="viewers, comments, likes, pitches, offers")
STOCK: Final = Topic("stock.v1", 2, "warehouse", ticked=True, about="snapshots, deltas, receipts, shipments of a WMS")
ALLOCATIONS: Final = Topic(
    "allocations.v1", 2, "warehouse", ticked=False, about="stock movements for the WMS, as CloudEvents"
)
TUNING: Final = Topic("tuning.v1", 1, "tuning", ticked=False, about="activated tuning versions")

TOPICS: Final = (SALES, ENGAGEMENT, STOCK, ALLOCATIONS, TUNING)
TICKED: Final = tuple(topic for topic in TOPICS if topic.ticked)


def partition_counts() -> dict[str, int]:
    """Return the number of partitions by topic name."""
    return {topic.name: topic.partitions for topic in TOPICS}
