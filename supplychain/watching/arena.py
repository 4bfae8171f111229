"""Simulated rooms whose truth is known, sold bin by bin through the very `SpikeWatch` that judges real sales.

Calibration runs quiet rooms through it, the bench adds bursts. Rates drift slowly, as audiences do; counts are Poisson or,
as live rooms clump, negative binomial.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import MINUTE, SECOND
from supplychain.watching.crowd import CROWD
from supplychain.watching.detector import Floats
from supplychain.watching.onlookers import Interest, Onlookers, Shown
from supplychain.watching.sessions import SessionBook
from supplychain.watching.spikes import SpikeWatch, Verdicts
from supplychain.watching.thresholds import ThresholdTable
from supplychain.watching.witness import Heard

DRIFT: Final = 0.4
"""Amplitude of the slow drift of the rate."""
DRIFT_BINS: Final = (480.0, 1_440.0)
"""Shortest and longest period of the drift: 40 to 120 minutes at bins of five seconds."""
START: Final = 1_700_006_400_000
"""When the rooms open, ms."""


class NullStreams:
    """Quiet streams: counts per bin at drifting rates.

    Parameters
    ----------
    rates
        Mean orders per bin of each stream.
    clumping
        c: counts at rate λ have variance λ + cλ².
    """

    def __init__(self, rates: Floats, clumping: float, rng: np.random.Generator) -> None:
        self.rates, self.clumping, self.rng = rates, clumping, rng
        self.now = self.clumped = rates
        self._speed = 2.0 * math.pi / rng.uniform(*DRIFT_BINS, len(rates))
        self._phase = rng.uniform(0.0, 2.0 * math.pi, len(rates))

    def draw(self, at: int, factors: Floats | float = 1.0) -> Floats:
        """Draw the counts of bin number `at`, the rates multiplied by `factors`."""
        rates = self.rates * (1.0 + DRIFT * np.sin(self._speed * at + self._phase)) * factors
        self.now = rates
        if self.clumping > 0.0:
            rates = rates * self.rng.gamma(1.0 / self.clumping, self.clumping, rates.shape)
        self.clumped = rates
        return self.rng.poisson(rates).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Lift:
    """A burst: from `start` (ms) for `length_ms` one item of one room sells `ratio` times as fast."""

    room: int
    ratio: float
    start: int
    length_ms: int


class Arena:
    """Many equal rooms, driven bin by bin through one detector.

    Parameters
    ----------
    rates
        Mean orders per bin of each item of a room; the session prior knows them.
    clumping
        Overdispersion of the counts.
    tuning, table
        Of the detector.
    rooms, bins
        How many rooms, for how many bins.
    seed
        Of all chance.
    interest
        How the crowd shows itself, None when nothing is heard of it.
    """

    def __init__(
        self,
        rates: Iterable[float],
        clumping: float,
        tuning: DetectorTuning,
        table: ThresholdTable,
        *,
        rooms: int,
        bins: int,
        seed: int,
        interest: Interest | None = None,
    ) -> None:
        self.rates = tuple(rates)
        self.rooms, self.bins = rooms, bins
        self.bin_ms = tuning.bin_seconds * SECOND
        rng = np.random.default_rng(seed)
        self.null = NullStreams(np.tile(np.array(self.rates), rooms), clumping, rng)
        apart = np.random.default_rng((seed, 1))
        self.onlookers = Onlookers(interest, np.array(self.rates), rooms, apart) if interest else None
        self.by_item = interest is not None and interest.by_item
        self.watch = SpikeWatch(SessionBook(self._catalogue()), tuning, table)
        self.watch.start(START)
        self.keys = [(f"L{room}", f"S{item}") for room in range(rooms) for item in range(len(self.rates))]
        self._rows = np.full(len(self.keys), -1)
        self._talk = np.full(rooms, -1)
        self._clicks = np.full(len(self.keys), -1)

    def _catalogue(self) -> Catalogue:
        skus = {f"S{item}": Sku(f"S{item}", f"S{item}", "arena", 1_000, 500) for item in range(len(self.rates))}
        items = tuple(SessionItem(f"S{item}", rate * self.bins) for item, rate in enumerate(self.rates))
        end = START + max(self.bins * self.bin_ms, MINUTE)
        sessions = {
            f"L{room}": Session(f"L{room}", f"room{room}", "host", "arena", "shop", START, end, items=items)
            for room in range(self.rooms)
        }
        return Catalogue(skus, {}, {}, {}, {}, {"R": Region("R", "R")}, sessions)

    def run(self, lifts: Iterable[Lift] = ()) -> Verdicts:
        """Sell for the whole time, the first item of a room with the given lifts, and return what the detector said."""
        factors = np.ones((self.bins, self.rooms))
        for lift in lifts:
            first = (lift.start - START) // self.bin_ms
            factors[first : first + lift.length_ms // self.bin_ms, lift.room] = lift.ratio
        verdicts = Verdicts()
        each = np.ones(len(self.keys))
        for at in range(self.bins):
            each[:: len(self.rates)] = factors[at]
            counts = self.null.draw(at, each)
            self.sell(START + at * self.bin_ms, counts, self.show(counts), verdicts)
        return verdicts

    def sell(self, now: int, counts: Floats, shown: Shown | None, verdicts: Verdicts) -> None:
        """Let the detector judge one bin, everything handed over as arrays instead of one by one."""
        watch = self.watch
        sold = np.flatnonzero(counts)
        for place in sold[self._rows[sold] < 0].tolist():
            self._rows[place] = watch.row_of(self.keys[place], now)
        said = clicked = None
        if shown is not None:
            self._meet(shown)
            audience = shown.viewers / CROWD
            rooms = np.flatnonzero(shown.came & (self._talk >= 0))
            said = Heard(self._talk[rooms], shown.talk[rooms], audience[rooms])
            each = np.repeat(shown.came, len(self.rates))
            items = np.flatnonzero(each & (self._clicks >= 0))
            clicked = Heard(self._clicks[items], shown.clicks.ravel()[items], audience[items // len(self.rates)])
        watch.next_bin = now + self.bin_ms
        watch.take(now, self._rows[sold], counts[sold], said, clicked, verdicts)

    def _meet(self, shown: Shown) -> None:
        """Begin to listen to rooms and items that are heard for the first time and have sold before."""
        watch, width = self.watch, len(self.rates)
        for room in np.flatnonzero(shown.came & (self._talk < 0)).tolist():
            number = watch.room_of.get(f"L{room}")
            if number is not None:
                self._talk[room] = watch.crowd.talk.add((f"L{room}", ""), number)
        if not self.by_item:
            return
        clicked = np.repeat(shown.came, width) & (shown.clicks.ravel() > 0.0)
        for place in np.flatnonzero(clicked & (self._clicks < 0) & (self._rows >= 0)).tolist():
            self._clicks[place] = watch.crowd.add_item(self.keys[place], int(self._rows[place]))

    def show(self, counts: Floats) -> Shown | None:
        """Return what the crowds show in a bin."""
        if self.onlookers is None:
            return None
        parts = (self.null.now, self.null.clumped, counts)
        return self.onlookers.draw(*(part.reshape(self.rooms, -1) for part in parts))
