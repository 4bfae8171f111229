"""What the crowd of a room says about a burst before its orders do.

Clicks and comments outnumber orders, so a burst shows in them sooner, but they belong to the room, are lossy, and count
nothing that is billed. So they are a second witness and never the only one: per bin, the log-likelihood ratio of the room's
interest under "this item sells ρ times as fast" is added to the item's own. About half of the interest is taken to follow
buying, in proportion to the items' expected orders, and the other half the audience; thus a room full of visitors is no
burst. The noisier the interest of a room, the larger its estimated overdispersion, and the less its word weighs. A bin
without a sample has no say.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from supplychain.watching.detector import Constants, Floats, Rows, Streams

BUYERS: Final = 0.5
"""Share of a room's interest that follows buying."""
CROWD: Final = 1_000.0
"""The background of interest is kept per so many viewers."""


class Crowd:
    """The interest of the rooms of one partition: its background, and its evidence.

    Rooms are named by the stream of their sales. A sample is held until its bin is judged.
    """

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.streams = Streams(constants)
        self.rows: dict[str, int] = {}
        self.pending: dict[int, dict[str, tuple[int, int]]] = {}

    def hear(self, stream: str, bin_start: int, interest: int, viewers: int) -> None:
        """Hold a sample: clicks and comments of a bin, and the viewers there were; of several the sum and the mean."""
        samples = self.pending.setdefault(bin_start, {})
        before = samples.get(stream, (0, viewers))
        samples[stream] = (before[0] + interest, (before[1] + viewers + 1) // 2)

    def weigh(
        self,
        samples: dict[str, tuple[int, int]],
        rooms: dict[str, int],
        room_of: Rows,
        base: Floats,
        factors: Floats,
        head: int,
    ) -> tuple[Floats, Floats] | None:
        """Return, for each row, the evidence of a bin in nats and how much it tells; None if no room was ever heard.

        What it tells is Fisher information about a rise of the orders, in the unit of orders of a Poisson stream.

        Parameters
        ----------
        samples
            Interest and viewers of the rooms that were heard in this bin.
        rooms
            Number of each stream in `room_of`.
        room_of, base, factors
            Room, usual orders and planned factor of each row that is awake.
        head
            Number of bins observed before this one.
        """
        if not self.rows and not samples:
            return None
        for stream in sorted(samples):
            if stream not in self.rows:
                self.rows[stream] = self.streams.add(None)
        usual = np.bincount(room_of, base, minlength=len(rooms))
        planned = np.bincount(room_of, base * factors, minlength=len(rooms)).astype(np.float64)
        heard = np.zeros(self.streams.size)
        audience = np.zeros(self.streams.size)
        for stream, (interest, viewers) in samples.items():
            row = self.rows[stream]
            number = rooms.get(stream)
            sells = number is not None and number < len(usual) and usual[number] > 0.0
            lift = planned[number] / usual[number] if sells else 1.0
            heard[row] = interest
            audience[row] = viewers / CROWD * (1.0 - BUYERS + BUYERS * lift)
        evidence = self._evidence(heard, audience, rooms, room_of, base * factors, planned)
        own = np.array(list(self.rows.values()), dtype=np.int64)
        self.streams.step(own, heard[own], audience[own], 0, head)
        return evidence

    def _evidence(
        self, heard: Floats, audience: Floats, rooms: dict[str, int], room_of: Rows, rates: Floats, planned: Floats
    ) -> tuple[Floats, Floats]:
        """Log-likelihood ratio of negative binomials: the room's interest with the item's burst against without."""
        every = np.arange(self.streams.size)
        ready = (audience > 0.0) & (self.streams.weight[every] >= self.constants.warm)
        expected = np.where(ready, self.streams.base(every) * audience, 0.0)
        clumping = self.streams.clumping(every)
        crowd_of = np.full(len(rooms) + 1, -1, dtype=np.int64)
        for stream, row in self.rows.items():
            crowd_of[rooms.get(stream, -1)] = row
        at = crowd_of[room_of]
        there = (at >= 0) & ready[at]
        share = np.divide(rates, planned[room_of], out=np.zeros(len(rates)), where=planned[room_of] > 0.0)
        ratio = 1.0 + BUYERS * (self.constants.ratio - 1.0) * share
        mean, c = expected[at], clumping[at]
        gain = np.log1p(c * (ratio - 1.0) * mean / (1.0 + c * mean))
        evidence = np.where(there, heard[at] * (np.log(ratio) - gain) - gain / c, 0.0)
        told = ((ratio - 1.0) / (self.constants.ratio - 1.0)) ** 2 * mean / (1.0 + c * mean)
        return evidence, np.where(there, told, 0.0)

    def keep(self, streams: set[str]) -> None:
        """Forget all rooms but the given ones."""
        for stream in [stream for stream in self.rows if stream not in streams]:
            self.streams.drop(self.rows.pop(stream))

    def hold(self, stream: str) -> None:
        """Keep a burst out of the background of its room."""
        row = self.rows.get(stream)
        if row is not None:
            self.streams.factor[:, row] = 0.0
