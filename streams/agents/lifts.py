"""Spikes as events of the forecast: what they sold is explained by them, and while one runs it moves the next minutes.

A worker that takes a partition over reads the spikes that are stored; from then on it follows what its own chunks find, so
that a forecast does not depend on who made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from supplychain.domain.units import DAY, MINUTE
from supplychain.forecasting.exposure import SpikeLift
from supplychain.watching.delta import ChunkDelta

HALF_LIFE = 3 * MINUTE
"""How fast a running spike is expected to fade: most last between three and ten minutes."""
KEPT = DAY


@dataclass(slots=True)
class _Event:
    started_at: int
    judged_at: int
    ratio: float
    ended_at: int | None = None
    end_judged_at: int = 0
    whole_ratio: float = 1.0


class Lifts:
    """The spikes of one partition, by session and SKU.

    Parameters
    ----------
    stored
        Rows of the spikes that are stored already.
    """

    def __init__(self, stored: Iterable[Mapping[str, Any]] = ()) -> None:
        self._events: dict[tuple[str, str], dict[str, _Event]] = {}
        for row in stored:
            event = _Event(row["started_at"], row["judged_at"], row["ratio"])
            if row["ended_at"] is not None:
                event.ended_at, event.whole_ratio = row["ended_at"], _ratio(row["observed"], row["expected"])
            self._events.setdefault((row["session"], row["sku"]), {})[row["spike"]] = event

    def take(self, delta: ChunkDelta) -> None:
        """Take in what a chunk has found; what is over for a day is forgotten."""
        for spike in delta.spikes:
            event = _Event(spike.started_at, spike.judged_at, spike.ratio)
            self._events.setdefault((spike.session_id, spike.sku), {})[spike.spike_id] = event
        for end in delta.spike_ends:
            known = self._events.get((end.session_id, end.sku), {}).get(end.spike_id)
            if known is not None:
                known.ended_at, known.end_judged_at = end.ended_at, end.judged_at
                known.whole_ratio = _ratio(end.observed, end.expected)
        for key, events in list(self._events.items()):
            if all(event.started_at < delta.watermark - KEPT for event in events.values()):
                del self._events[key]

    def of(self, session_id: str, sku: str, at: int) -> tuple[SpikeLift, ...]:
        """Return the spikes of an item as they were known at a moment."""
        found = []
        for event in self._events.get((session_id, sku), {}).values():
            if event.judged_at > at:
                continue
            over = event.ended_at is not None and event.end_judged_at <= at
            ratio = event.whole_ratio if over else event.ratio
            found.append(SpikeLift(max(1.0, ratio), event.started_at, event.ended_at if over else None, HALF_LIFE))
        return tuple(sorted(found, key=lambda lift: lift.started_ms))


def _ratio(observed: float, expected: float) -> float:
    return float(observed) / max(float(expected), 1e-9)
