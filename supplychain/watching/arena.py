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
from supplychain.watching.detector import Floats
from supplychain.watching.sessions import SessionBook
from supplychain.watching.spikes import SpikeWatch, Verdicts
from supplychain.watching.thresholds import ThresholdTable

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
        self.now = rates
        self._speed = 2.0 * math.pi / rng.uniform(*DRIFT_BINS, len(rates))
        self._phase = rng.uniform(0.0, 2.0 * math.pi, len(rates))

    def draw(self, at: int, factors: Floats | float = 1.0) -> Floats:
        """Draw the counts of bin number `at`, the rates multiplied by `factors`."""
        rates = self.rates * (1.0 + DRIFT * np.sin(self._speed * at + self._phase)) * factors
        self.now = rates
        if self.clumping > 0.0:
            rates = rates * self.rng.gamma(1.0 / self.clumping, self.clumping, rates.shape)
        return self.rng.poisson(rates).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Lift:
    """A burst: from `start` (ms) for `length_ms` one item of one room sells `ratio` times as fast."""

    room: int
    ratio: float
    start: int
    length_ms: int


@dataclass(frozen=True, slots=True)
class Interest:
    """A crowd that clicks: as many times as given for each order that is to be expected, and as often again idly.

    Given the rates, clicks are independent of the orders that come, with overdispersion `clumping`.
    """

    per_order: float = 6.0
    clumping: float = 0.05
    viewers: int = 1_000


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
        self.interest = interest
        self.rates = tuple(rates)
        self.rooms, self.bins = rooms, bins
        self.bin_ms = tuning.bin_seconds * SECOND
        rng = np.random.default_rng(seed)
        self.null = NullStreams(np.tile(np.array(self.rates), rooms), clumping, rng)
        self.watch = SpikeWatch(SessionBook(self._catalogue()), tuning, table)
        self.watch.start(START)
        self._keys = [(f"L{room}", f"S{item}") for room in range(rooms) for item in range(len(self.rates))]

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
        each = np.ones(len(self._keys))
        for at in range(self.bins):
            each[:: len(self.rates)] = factors[at]
            counts = self.null.draw(at, each)
            now = START + at * self.bin_ms
            if self.interest is not None:
                self._show(self.interest, now)
            for row in np.flatnonzero(counts).tolist():
                self.watch.count(self._keys[row], now, int(counts[row]))
            self.watch.advance(now + self.bin_ms + self.watch.grace_ms, verdicts)
        return verdicts

    def _show(self, interest: Interest, now: int) -> None:
        """Let the crowd of each room click."""
        width = len(self.rates)
        mean = interest.per_order * (self.null.now.reshape(-1, width).sum(axis=1) + sum(self.rates))
        if interest.clumping > 0.0:
            mean = mean * self.null.rng.gamma(1.0 / interest.clumping, interest.clumping, mean.shape)
        for room, clicks in enumerate(self.null.rng.poisson(mean).tolist()):
            self.watch.crowd.hear(f"L{room}", now, clicks, interest.viewers)
