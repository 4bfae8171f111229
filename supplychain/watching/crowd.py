"""What the crowds of rooms say about bursts before the orders do: comments of a room, clicks on its items.

Both outnumber orders, so a burst shows in them sooner. They are witnesses, see `witness`: they move the threshold of the
orders and never make a burst by themselves. Likes are not heard: the same few people tap hundreds of them.

About half of the interest in a thing is taken to follow buying, in proportion to the planned factor, and the other half the
audience; thus a planned offer, or a room full of visitors, is nothing unusual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from supplychain.watching.detector import Constants, Floats, Rows
from supplychain.watching.grouping import exact_sums
from supplychain.watching.witness import Flags, Heard, Name, Witnesses

BUYERS: Final = 0.5
"""Share of interest that follows buying."""
CROWD: Final = 1_000.0
"""The background of interest is kept per so many viewers."""
CLICKS: Final = 0.95
"""Share of the false alarms that the clicks on an item have a say in, where they are told."""
TALK: Final = 0.3
"""Share of the rest that the comments of its room have a say in: they are called for as often as they are meant."""


class Sample(msgspec.Struct, array_like=True):
    """What was heard of a room in a bin: comments and such, viewers, and clicks by item where they are told."""

    talk: int = 0
    viewers: int = 0
    clicks: dict[str, int] = {}


class Crowd:
    """The crowds of the rooms of one partition.

    Rooms are named by the stream of their sales. A sample is held until its bin is judged.
    """

    def __init__(self, constants: Constants) -> None:
        self.talk = Witnesses(constants)
        self.clicks = Witnesses(constants)
        self.pending: dict[int, dict[str, Sample]] = {}
        self._items: dict[str, dict[str, int]] = {}

    def hear(self, stream: str, bin_start: int, sample: Sample) -> None:
        """Hold a sample; of several for a bin the sum, and the mean of their viewers."""
        samples = self.pending.setdefault(bin_start, {})
        before = samples.get(stream)
        if before is None:
            samples[stream] = sample
            return
        clicks = dict(before.clicks)
        for sku, number in sample.clicks.items():
            clicks[sku] = clicks.get(sku, 0) + number
        samples[stream] = Sample(before.talk + sample.talk, (before.viewers + sample.viewers + 1) // 2, clicks)

    def add_item(self, name: Name, row: int) -> int:
        """Begin to hear the clicks on an item whose orders have row `row`."""
        at = self.clicks.add(name, row)
        self._items.setdefault(name[0], {})[name[1]] = at
        return at

    def sort(
        self, samples: Mapping[str, Sample], rooms: Mapping[str, int], rows: Mapping[Name, int]
    ) -> tuple[Heard | None, Heard | None]:
        """Return what was said of rooms and of items in a bin; what sells nothing here is left out.

        Parameters
        ----------
        samples
            By room.
        rooms, rows
            Numbers of rooms, and rows of orders.
        """
        said: list[tuple[int, int, float]] = []
        clicked: list[tuple[int, int, float]] = []
        for stream in sorted(samples):
            number = rooms.get(stream)
            if number is None:
                continue
            sample = samples[stream]
            audience = sample.viewers / CROWD
            at = self.talk.rows.get((stream, ""))
            said.append((self.talk.add((stream, ""), number) if at is None else at, sample.talk, audience))
            known = self._items.get(stream, {})
            for sku in sorted(sample.clicks.keys() - known.keys()):
                row = rows.get((stream, sku))
                if row is not None:
                    self.add_item((stream, sku), row)
            # Where clicks are told by item, an item that is not named had none.
            clicked.extend((at, sample.clicks.get(sku, 0), audience) for sku, at in self._items.get(stream, {}).items())
        return _heard(said), _heard(clicked)

    def weigh(
        self,
        said: Heard | None,
        clicked: Heard | None,
        rooms: int,
        room_of: Rows,
        awake: Rows,
        base: Floats,
        factors: Floats,
        orders: Floats,
        bursting: Rows,
        head: int,
    ) -> Floats | None:
        """Return, for each awake row of orders, the weight of its false alarms in this bin; None if nobody is ever heard.

        Parameters
        ----------
        said, clicked
            What was heard of rooms and of items.
        rooms, room_of
            How many rooms there are, and the number of the room of every row.
        awake, base, factors, orders
            Rows that are awake, their usual orders, planned factors and orders of this bin.
        bursting
            Rows in which a burst runs.
        head
            Number of bins observed before this one.
        """
        if not self.talk.rows and not self.clicks.rows:
            return None
        at, rate = room_of[awake], base * factors
        usual, planned, excess = (exact_sums(at, each, rooms) for each in (base, rate, orders - rate))
        lift = np.divide(planned, usual, out=np.ones(rooms), where=usual > 0.0)
        room = self.talk.weigh(said, _follow(lift), excess, _flags(rooms, room_of[bursting]), head)[at]
        weights: Floats = TALK * room + (1.0 - TALK)
        if not self.clicks.rows:
            return weights
        lift, excess = np.ones(len(room_of)), np.zeros(len(room_of))
        lift[awake], excess[awake] = factors, orders - rate
        own = self.clicks.weigh(clicked, _follow(lift), excess, _flags(len(room_of), bursting), head)[awake]
        told = np.zeros(len(room_of), dtype=np.bool_)
        told[self.clicks.subject[list(self.clicks.rows.values())]] = True
        mixed: Floats = np.where(told[awake], CLICKS * own + (1.0 - CLICKS) * weights, weights)
        return mixed

    def keep(self, streams: set[str], rows: set[Name]) -> None:
        """Forget all rooms and items but the given ones."""
        self.talk.keep({(stream, "") for stream in streams})
        self.clicks.keep(rows)
        self._items = {}
        for (stream, sku), at in self.clicks.rows.items():
            self._items.setdefault(stream, {})[sku] = at


def _heard(rows: list[tuple[int, int, float]]) -> Heard | None:
    if not rows:
        return None
    at, counts, audience = zip(*rows, strict=True)
    return Heard(np.array(at, dtype=np.int64), np.array(counts, dtype=np.float64), np.array(audience))


def _follow(lift: Floats) -> Floats:
    """Return the factor on interest that a planned factor on orders has."""
    return 1.0 - BUYERS + BUYERS * lift


def _flags(size: int, at: Rows) -> Flags:
    flags = np.zeros(size, dtype=np.bool_)
    flags[at] = True
    return flags
