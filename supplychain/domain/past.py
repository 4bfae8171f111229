"""What past sessions did, minute by minute: what effects, rates and losses are learned from.

It is what the windows of a session add up to, so the service's own sessions and simulated ones look the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from supplychain.domain.network import Session


class SoldMinute(NamedTuple):
    """What happened to one SKU of one session in the minute that begins at `at` (UTC ms).

    `orders` are paid order lines, the others pieces: paid, and cancelled, refunded or returned in this minute, whenever they
    were paid.
    """

    sku: str
    at: int
    orders: int
    pieces: int
    cancelled: int = 0
    refunded: int = 0
    returned: int = 0


class RoomDay(NamedTuple):
    """What a room with one host sold live on a business day (ISO), and for how long it was on the air and had flash offers."""

    day: str
    room: str
    host: str
    pieces: int
    minutes: int
    offer_minutes: int


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session that is over, with its plan.

    Parameters
    ----------
    minutes
        In order of SKU and time; cancellations and returns go on after the session.
    viewers
        (start of a minute, mean viewers), as far as the audience was sampled.
    out_of_stock
        Minutes (their starts) by SKU in which nothing could be bought: they teach nothing about demand.
    seen_until
        UTC ms up to which cancellations and returns were seen; what had not happened by then is open.
    """

    session: Session
    minutes: tuple[SoldMinute, ...]
    viewers: tuple[tuple[int, float], ...] = ()
    out_of_stock: Mapping[str, frozenset[int]] = field(default_factory=dict)
    seen_until: int = 0
    synthetic: bool = False
