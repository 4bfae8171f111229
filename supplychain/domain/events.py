"""What happens inside the house between watching and planning: signals that may be worth a plan, requests for plans."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SignalKind(StrEnum):
    """Why somebody thinks that a plan may be worth while."""

    SPIKE = "spike"
    MOVED = "moved"
    SHORT = "short"
    REVIEW = "review"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened to a planning group at a moment of business time.

    `committed_wall` is the wall time (milliseconds) at which the signal was stored: the start of the latency clock.
    """

    signal: str
    kind: SignalKind
    group: str
    at: int
    subject: str = ""
    committed_wall: int = 0


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A plan wanted for some groups, reading rows up to the cut."""

    request: str
    cut: int
    groups: tuple[str, ...]
    reasons: tuple[str, ...]
    signals: tuple[str, ...] = ()
