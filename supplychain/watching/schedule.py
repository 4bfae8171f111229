"""What the run of show leads one to expect: the planned factor on an item's usual rate, and its usual rate.

A planned flash offer at its planned strength is no surprise. Slots of one kind do not add up, the strongest counts;
a pitch and a flash offer at the same time multiply, as they do in the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from supplychain.domain.network import Session, SessionItem, ShowSlot, SlotKind
from supplychain.watching.delta import PlannedSlot

WEAKEST = 0.1
"""A planned strength below this is read as this: dividing by it must not blow a single order up."""


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """The slots of one item in one session, sorted by start, and the moments at which the factor may change."""

    slots: tuple[ShowSlot, ...]
    edges: tuple[int, ...]

    def at(self, moment: int) -> float:
        """Return the planned factor on the usual rate at a moment."""
        factor = 1.0
        for kind in SlotKind:
            running = [s.strength for s in self.slots if s.kind is kind and s.starts_at <= moment < s.ends_at]
            factor *= max(running, default=1.0)
        return max(factor, WEAKEST)

    def mean(self, start: int, end: int) -> float:
        """Return the mean planned factor over [start, end)."""
        cuts = [start, *(edge for edge in self.edges if start < edge < end), end]
        area = sum(self.at(one) * (two - one) for one, two in pairwise(cuts))
        return area / (end - start)

    def steady_until(self, start: int) -> int | None:
        """Return the next moment after `start` at which the factor may change, None if there is none."""
        return next((edge for edge in self.edges if edge > start), None)

    def running(self, start: int, end: int) -> PlannedSlot | None:
        """Return the strongest planned slot that touches [start, end), None if none does."""
        touching = [slot for slot in self.slots if slot.starts_at < end and slot.ends_at > start]
        if not touching:
            return None
        slot = max(touching, key=lambda s: (s.strength, s.kind, -s.starts_at))
        return PlannedSlot(slot.kind.value, slot.strength, slot.starts_at, slot.ends_at)


def item_plan(slots: Sequence[ShowSlot], sku: str) -> ItemPlan:
    """Return the plan of one item from a run of show."""
    mine = tuple(sorted((s for s in slots if s.sku == sku), key=lambda s: (s.starts_at, s.ends_at, s.kind)))
    return ItemPlan(mine, tuple(sorted({edge for slot in mine for edge in (slot.starts_at, slot.ends_at)})))


def usual_rate(session: Session, item: SessionItem, plan: ItemPlan, bin_ms: int) -> float:
    """Return the orders per bin that the session prior expects of an item outside its slots.

    The expected orders are spread over the session in proportion to the planned factor.
    """
    if session.ends_at <= session.starts_at:
        return 0.0
    exposure = plan.mean(session.starts_at, session.ends_at) * (session.ends_at - session.starts_at) / bin_ms
    return max(item.expected_orders, 0.0) / exposure
