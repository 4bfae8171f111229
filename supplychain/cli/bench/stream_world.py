"""The world of the stream benchmark: rooms, SKUs and regions that make a wanted number of keys, and their sales."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.domain.units import HOUR
from supplychain.messages.codec import encode
from supplychain.messages.topics import SALES
from supplychain.messages.v1 import Sale, SaleKind

REGIONS: Final = 10
START: Final = 1_760_000_400_000
"""Event time of the first sale, UTC ms; on the grid of ten seconds."""
RATE: Final = 5_000
"""Events per second of event time."""


@dataclass(frozen=True)
class World:
    """Rooms in session, each selling every SKU into every region.

    Attributes
    ----------
    rooms
        Spread evenly over the partitions of the sales topic, by number.
    skus
        Sold in every room.
    """

    rooms: int
    skus: int

    @classmethod
    def of(cls, keys: int) -> World:
        """Return a world of at least `keys` combinations of room, SKU and region."""
        rooms = SALES.partitions * max(1, round(math.sqrt(keys / REGIONS / 33)))
        return cls(rooms, max(1, math.ceil(keys / REGIONS / rooms)))

    @property
    def keys(self) -> int:
        """How many combinations there are."""
        return self.rooms * self.skus * REGIONS

    def catalogue(self, start: int = START, hours: int = 12) -> Catalogue:
        """Return the catalogue, every room with a session from `start` on that expects what `RATE` sells."""
        skus = {sku: Sku(sku, sku, "bench", 9_900, 4_000) for sku in map(self.sku, range(self.skus))}
        orders = RATE * 3_600.0 * hours / self.rooms / self.skus
        items = tuple(SessionItem(sku, orders) for sku in skus)
        sessions = {
            f"session-{room}": Session(
                f"session-{room}", self.room(room), "host", "bench", "shop", start, start + hours * HOUR, items=items
            )
            for room in range(self.rooms)
        }
        regions = {self.region(number): Region(self.region(number), f"region {number}") for number in range(REGIONS)}
        return Catalogue(skus, {}, {}, {}, {}, regions, sessions)

    @staticmethod
    def room(number: int) -> str:
        """Return the name of a room."""
        return f"room-{number:04d}"

    @staticmethod
    def sku(number: int) -> str:
        """Return the name of a SKU."""
        return f"SKU-{number:05d}"

    @staticmethod
    def region(number: int) -> str:
        """Return the code of a region."""
        return f"CN-{number:02d}"

    def sale(self, key: int, number: int, at: int, chance: random.Random) -> tuple[int, bytes, bytes]:
        """Return partition, record key and value of a sale of one key; the event's id is random and never repeats."""
        place, region = divmod(key, REGIONS)
        room, sku = divmod(place, self.skus)
        name = self.room(room)
        sale = Sale(
            event_id=f"{chance.getrandbits(128):032x}",
            platform="bench",
            shop_id="shop",
            order_id=f"{number:012d}",
            line_id="1",
            kind=SaleKind.PAID,
            sku=self.sku(sku),
            qty=1,
            occurred_at=at,
            region=self.region(region),
            unit_price_minor=9_900,
            room_id=name,
        )
        return room % SALES.partitions, name.encode(), encode(sale)

    def sales(self, events: int, seed: int, first: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield sales of random keys, from number `first` on, at `RATE` events per second of event time."""
        chance = random.Random(seed)
        for number in range(first, first + events):
            yield self.sale(chance.randrange(self.keys), number, START + number * 1_000 // RATE, chance)

    def each_key(self, seed: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield one sale of every key, in a random order."""
        chance = random.Random(seed)
        order = list(range(self.keys))
        chance.shuffle(order)
        for number, key in enumerate(order):
            yield self.sale(key, number, START + number * 1_000 // RATE, chance)
