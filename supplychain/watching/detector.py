"""The burst statistic: a one-sided CUSUM on overdispersed counts against a running background, for many streams at once.

Each stream is one item of one session. Per bin with count x, the expected rate is ``λ = max(B/W, floor)·s``, where B and W
are exponentially forgetting sums over bins that lie at least `guard` bins back, and s is the planned factor. The evidence
that the rate is ρ times the expected one, instead of the expected one, is the log-likelihood ratio of two negative
binomials with variance ``λ + cλ²``::

    d = log1p(c(ρ−1)λ / (1+cλ))        step = x(ln ρ − d) − d/c        S = max(0, S + step)

which is the Poisson CUSUM ``x ln ρ − λ(ρ−1)`` for c → 0 and close to the Poisson one divided by the dispersion otherwise.
It is in nats at every rate, so that one threshold means about the same everywhere.

Sources: Page (1954) "Continuous inspection schemes"; Hawkins & Olwell (1998) for the negative binomial CUSUM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supplychain.domain.tuning import Detector as DetectorTuning

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

STATISTIC = 2
"""Raised when the score comes to mean something else: thresholds that were found before are then not used for it."""
CLUMPING = 0.1
"""Prior of c, the overdispersion of orders; live rooms clump."""
CLUMPING_MASS = 60.0
"""Weight of that prior, in bins at one order a bin."""
CLUMPING_MOST = 2.0
CLUMPING_LEAST = 1e-6
CLUMPING_MEMORY = 10.0
"""The memory of c, in half-lives of the background."""
CLUMPING_UNTIL = 4.0
"""Score in nats beyond which bins hardly teach the overdispersion: what may be a burst would teach that bursts are usual. The
background takes it in, since a rate that crept up must not raise the score for good."""
FAST = 10.0
"""Orders per bin from which on they teach it all the same: such a burst raises its alarm before its bins leave the guard."""
CAUTION, CAUTION_BINS = 0.3, 12.0
"""A wide overdispersion with the weight of so many bins, whatever their rate: the first few bins of a fast item tell little."""
AWAKE_HALF_LIVES = 1.0
"""A stream without orders for this long leaves the set of active items."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Tuning in units of bins."""

    ratio: float
    floor: float
    guard: int
    seed: float
    forget: float
    forget_clumping: float
    warm: float
    awake: int
    settle: int

    @classmethod
    def of(cls, tuning: DetectorTuning) -> Constants:
        """Derive the constants of a tuning."""
        half_life = max(tuning.half_life_seconds / tuning.bin_seconds, 1.0)
        alpha = 1.0 - 0.5 ** (1.0 / half_life)
        return cls(
            ratio=tuning.ratio,
            floor=tuning.minimum_rate,
            guard=tuning.guard_bins,
            seed=float(tuning.seed_bins),
            forget=1.0 - alpha,
            forget_clumping=0.5 ** (1.0 / (half_life * CLUMPING_MEMORY)),
            # Without a prior a stream is watched this many bins before its first verdict.
            warm=min(max(float(tuning.seed_bins), 1.0), 0.5 / alpha),
            awake=max(tuning.guard_bins, math.ceil(AWAKE_HALF_LIVES * half_life)),
            settle=math.ceil(10 * half_life),
        )


def shape_of(tuning: DetectorTuning) -> str:
    """Return what of a tuning gives the score its meaning: thresholds hold for one shape.

    >>> shape_of(DetectorTuning())
    'ratio 2, memory 36, guard 6, seed 20, floor 0.02, statistic 2'
    """
    memory = tuning.half_life_seconds / tuning.bin_seconds
    return (
        f"ratio {tuning.ratio:g}, memory {memory:g}, guard {tuning.guard_bins}, seed {tuning.seed_bins}, "
        f"floor {tuning.minimum_rate:g}, statistic {STATISTIC}"
    )


def evidence(x: float, rate: float, clumping: float, ratio: float) -> float:
    """Return the log-likelihood ratio in nats that counts `x` come at `ratio` times `rate` instead of at `rate`.

    >>> round(evidence(4, 1.0, 1e-6, 2.0), 3)
    1.773
    """
    gain = math.log1p(clumping * (ratio - 1.0) * rate / (1.0 + clumping * rate))
    return x * (math.log(ratio) - gain) - gain / clumping


class Streams:
    """The running state of many streams, one row each; a bin is a call of `step` with the rows that are awake.

    A row that has slept (no orders, S at zero) is brought up to date in closed form when it wakes, so an idle item
    costs nothing, and the result depends on bins only.
    """

    FLOATS = ("background", "weight", "score", "peak", "observed", "expected", "excess", "mass")
    WHOLES = ("started_at", "quiet", "slept_at")

    def __init__(self, constants: Constants, capacity: int = 16) -> None:
        self.constants = constants
        self.size = 0
        self._free: list[int] = []
        self.background: Floats = np.zeros(capacity)
        self.weight: Floats = np.zeros(capacity)
        self.score: Floats = np.zeros(capacity)
        self.peak: Floats = np.zeros(capacity)
        self.observed: Floats = np.zeros(capacity)
        self.expected: Floats = np.zeros(capacity)
        self.excess: Floats = np.zeros(capacity)
        self.mass: Floats = np.zeros(capacity)
        self.started_at: Rows = np.zeros(capacity, dtype=np.int64)
        self.quiet: Rows = np.zeros(capacity, dtype=np.int64)
        self.slept_at: Rows = np.zeros(capacity, dtype=np.int64)
        self.held: Floats = np.zeros((max(constants.guard, 1), capacity))
        self.factor: Floats = np.zeros((max(constants.guard, 1), capacity))

    def add(self, usual: float | None) -> int:
        """Add a stream and return its row; `usual` is the prior's orders per bin, None without a prior."""
        row = self._free.pop() if self._free else self._append()
        seed = self.constants.seed if usual is not None else 0.0
        self.score[row] = self.peak[row] = self.observed[row] = self.expected[row] = 0.0
        self.held[:, row] = self.factor[:, row] = 0.0
        self.quiet[row] = 0
        self.background[row] = (usual or 0.0) * seed
        self.weight[row] = seed
        self.mass[row] = CLUMPING_MASS
        self.excess[row] = CLUMPING_MASS * CLUMPING
        return row

    def drop(self, row: int) -> None:
        """Give a row back."""
        self._free.append(row)

    def _append(self) -> int:
        if self.size == len(self.background):
            for name in (*self.FLOATS, *self.WHOLES):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
            self.held = np.concatenate((self.held, np.zeros_like(self.held)), axis=1)
            self.factor = np.concatenate((self.factor, np.zeros_like(self.factor)), axis=1)
        self.size += 1
        return self.size - 1

    def wake(self, rows: Rows, bins: Rows) -> None:
        """Bring rows up to date that have slept for `bins` observed bins without an order."""
        keep = self.constants.forget ** bins.astype(np.float64)
        self.background[rows] *= keep
        self.weight[rows] = keep * self.weight[rows] + (1.0 - keep) / (1.0 - self.constants.forget)
        self.held[:, rows] = 0.0
        self.factor[:, rows] = 1.0
        self.quiet[rows] = 0

    def hold(self, row: int) -> None:
        """Take the bins that are not yet part of the background out of it: a burst is no background."""
        self.factor[:, row] = 0.0
        self.score[row] = self.peak[row] = self.observed[row] = self.expected[row] = 0.0

    def settle(self, row: int, rate: float) -> None:
        """Make `rate` (orders per bin) the expected one."""
        weight = max(self.constants.seed, self.constants.warm)
        self.background[row], self.weight[row] = rate * weight, weight

    def add_late(self, row: int, count: float, bins_ago: int, head: int) -> None:
        """Add orders of a bin that was judged `bins_ago` bins ago (0 is the last one) to the background."""
        guard = self.constants.guard
        if bins_ago < guard:
            slot = (head - 1 - bins_ago) % guard
            if self.factor[slot, row] > 0.0:
                self.held[slot, row] += count
        else:
            self.background[row] += count * self.constants.forget ** (bins_ago - guard)

    def base(self, rows: Rows) -> Floats:
        """Return the usual orders per bin of rows: the background, or the floor."""
        weight = self.weight[rows]
        known = np.divide(self.background[rows], weight, out=np.zeros(len(rows)), where=weight > 0.0)
        return np.maximum(known, self.constants.floor)

    def clumping(self, rows: Rows, usual: Floats) -> Floats:
        """Return the overdispersion c of rows, which usually count `usual` a bin: counts at rate λ have variance λ + cλ²."""
        doubt = CAUTION_BINS * usual**2
        found = (self.excess[rows] + CAUTION * doubt) / (self.mass[rows] + doubt)
        return np.clip(found, CLUMPING_LEAST, CLUMPING_MOST)

    def step(self, rows: Rows, counts: Floats, factors: Floats, bin_end: int, head: int) -> tuple[Floats, Floats]:
        """Take one bin of the given rows into account.

        Parameters
        ----------
        rows, counts, factors
            Distinct rows that are awake and in no burst, their orders in this bin, their planned factors.
        bin_end
            End of the bin, ms.
        head
            Number of bins observed before this one; it points into the guard.

        Returns
        -------
        tuple
            Expected orders λ and overdispersion c per row, on which the verdict rests.
        """
        constants = self.constants
        base = self.base(rows)
        clumping = self.clumping(rows, base)
        rate = base * factors
        gain = np.log1p(clumping * (constants.ratio - 1.0) * rate / (1.0 + clumping * rate))
        score = self.score[rows] + counts * (math.log(constants.ratio) - gain) - gain / clumping
        speaks = (score > 0.0) & (self.weight[rows] >= constants.warm)
        self.score[rows] = score = np.where(speaks, score, 0.0)
        self.peak[rows] = np.where(speaks, np.maximum(self.peak[rows], score), 0.0)
        self.observed[rows] = np.where(speaks, self.observed[rows] + counts, 0.0)
        self.expected[rows] = np.where(speaks, self.expected[rows] + rate, 0.0)
        self.started_at[rows] = np.where(speaks, self.started_at[rows], bin_end)
        self.quiet[rows] = np.where(counts > 0.0, 0, self.quiet[rows] + 1)
        if constants.guard:
            slot = head % constants.guard
            self._learn(rows, self.held[slot, rows], self.factor[slot, rows], base)
            self.held[slot, rows], self.factor[slot, rows] = counts, factors
        else:
            self._learn(rows, counts, factors, base)
        return rate, clumping

    def _learn(self, rows: Rows, counts: Floats, factors: Floats, base: Floats) -> None:
        """Let a bin that has left the guard into the background and the overdispersion; factor 0 means no such bin."""
        constants = self.constants
        there = factors > 0.0
        usual = np.divide(counts, factors, out=np.zeros(len(rows)), where=there)
        background, weight = self.background[rows], self.weight[rows]
        rate = base * factors
        # A single wild bin must not blind the detector for half an hour.
        residual = np.minimum(counts, 4.0 * rate + 6.0) - rate
        excess, mass = self.excess[rows], self.mass[rows]
        seen = there & (weight > 0.0)
        share = np.where(self.score[rows] > CLUMPING_UNTIL, np.minimum(rate / FAST, 1.0) ** 2, 1.0)
        keep = constants.forget_clumping
        self.excess[rows] = np.where(seen, keep * excess + share * (residual * residual - rate), excess)
        self.mass[rows] = np.where(seen, keep * mass + share * rate * rate, mass)
        self.background[rows] = np.where(there, constants.forget * background + usual, background)
        self.weight[rows] = np.where(there, constants.forget * weight + 1.0, weight)

    def asleep(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return which rows have nothing left to say and may sleep."""
        tired: npt.NDArray[np.bool_] = (self.score[rows] == 0.0) & (self.quiet[rows] >= self.constants.awake)
        return tired
