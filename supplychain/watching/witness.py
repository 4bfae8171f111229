"""What a count beside the orders is worth as a witness of bursts: a weight of false alarms, learned from its own past.

A witness is a count that rises with interest: the comments of a room, the clicks on one of its items. It is lossy, has bumps
without sales, and is nothing that is billed; so the score of a burst stays with the orders, and the witness moves its
threshold: the false alarms that an item may have are spent where interest is unusually high, and saved where it is not. How
unusual is told by the witness's own past: p is the share of time in which it was as high as now. Alarms are held to

    wanted false alarms × weight(p),     weight(p) = FLOOR + (GAIN / max(p, RAREST) where p ≤ RARE)

whose mean over all time is below one, whatever the witness does: what is saved pays for alarms that come with a threshold
that falls at once. Where a sample is lost the last weight fades towards one. Counts that the orders bring along by themselves are learned as a regression and taken off before. One that is often excited about nothing so loses its say
by itself.

Source: Genovese, Roeder & Wasserman (2006), "False discovery control with p-value weighting".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from supplychain.watching.detector import Constants, Floats, Rows, Streams

Flags = npt.NDArray[np.bool_]
Name = tuple[str, str]
"""Stream of the room and SKU, no SKU for what belongs to the room."""
LATELY: Final = 0.9
"""Forgetting per bin of the surplus of a count."""
LEVELS: Final = np.array([0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0])
"""Surpluses, in standard deviations, of which is counted how often they are reached."""
USUAL: Final = np.array(
    [0.3, 0.17, 0.088, 0.042, 0.03, 0.021, 0.015, 0.012, 0.008, 0.007, 0.005, 0.004, 0.0024, 0.0005]
)
"""How often that is, before a witness is known: simulated crowds with bumps."""
USUAL_BINS: Final = 720.0
"""Weight of that, in bins."""
MEMORY_BINS: Final = 8_640.0
ECHO: Final = 1.5
"""Counts that each order beyond the expected ones brings along, before that is learned."""
ECHO_MASS: Final = 100.0
FADING: Final = 0.9
"""What is left, per bin in which nothing is heard, of how far the weight that was said last lies from one."""
FLOOR: Final = 0.1
GAIN: Final = 0.125
RARE, RAREST = 0.1, 0.003


@dataclass(frozen=True, slots=True)
class Heard:
    """What some witnesses said in one bin: distinct rows, their counts, and the audience that these are out of."""

    rows: Rows
    counts: Floats
    audience: Floats


class Witnesses:
    """Many witnesses of one kind: their usual counts, how high they were lately, and how high they use to be."""

    FLOATS = ("surplus", "spread", "known", "along", "moved")

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.streams = Streams(constants)
        self.rows: dict[Name, int] = {}
        self.subject: Rows = np.zeros(0, dtype=np.int64)
        self.surplus: Floats = np.zeros(0)
        self.spread: Floats = np.zeros(0)
        self.known: Floats = np.zeros(0)
        self.along: Floats = np.zeros(0)
        self.moved: Floats = np.zeros(0)
        self.said: Floats = np.zeros(0)
        self.reached: Floats = np.zeros((len(LEVELS), 0))
        self.excited: Floats = np.zeros((len(LEVELS), 0))

    def add(self, name: Name, subject: int) -> int:
        """Add a witness and return its row; `subject` is the number of what it speaks about."""
        row = self.rows[name] = self.streams.add(None)
        more = len(self.streams.background) - len(self.known)
        if more > 0:
            for column in self.FLOATS:
                setattr(self, column, np.concatenate((getattr(self, column), np.zeros(more))))
            self.said = np.concatenate((self.said, np.zeros(more)))
            self.subject = np.concatenate((self.subject, np.zeros(more, dtype=np.int64)))
            self.reached = np.concatenate((self.reached, np.zeros((len(LEVELS), more))), axis=1)
            self.excited = np.concatenate((self.excited, np.zeros((len(LEVELS), more))), axis=1)
        self.subject[row] = subject
        self.surplus[row] = self.spread[row] = 0.0
        self.known[row] = USUAL_BINS
        self.said[row] = 1.0
        self.along[row], self.moved[row] = ECHO * ECHO_MASS, ECHO_MASS
        self.reached[:, row] = USUAL_BINS * USUAL
        self.excited[:, row] = 0.0
        return row

    def weigh(self, heard: Heard | None, lift: Floats, excess: Floats, still: Flags, head: int) -> Floats:
        """Take a bin into account and return the weight of each subject, going back to one where nothing is heard.

        Parameters
        ----------
        heard
            What was said, None if nothing.
        lift, excess, still
            Per subject: the planned factor on its interest, its orders beyond the expected ones, and whether it bursts
            already, which explains its interest.
        head
            Number of bins observed before this one.
        """
        weights = np.ones(len(lift))
        if not self.rows:
            return weights
        rows = np.sort(np.array(list(self.rows.values()), dtype=np.int64))
        counts, audience = np.zeros(self.streams.size), np.zeros(self.streams.size)
        if heard is not None:
            counts[heard.rows], audience[heard.rows] = heard.counts, heard.audience
        subject = self.subject[rows]
        audience[rows] *= lift[subject]
        weights[subject] = self._weights(rows, counts[rows], audience[rows], excess[subject], still[subject])
        self.streams.step(rows, counts[rows], audience[rows], 0, head)
        self.streams.factor[:, rows[still[subject]]] = 0.0
        return weights

    def _weights(self, rows: Rows, counts: Floats, audience: Floats, excess: Floats, still: Flags) -> Floats:
        there = (audience > 0.0) & (self.streams.weight[rows] >= self.constants.warm)
        mean = self.streams.base(rows) * audience
        spread = mean + self.streams.clumping(rows, mean) * mean * mean
        echo = np.maximum(self.along[rows] / self.moved[rows], 0.0)
        news = counts - mean - echo * excess
        surplus = LATELY * self.surplus[rows] + np.where(there, news, 0.0)
        variance = LATELY**2 * self.spread[rows] + np.where(there, spread, 0.0)
        self.surplus[rows], self.spread[rows] = np.where(still, 0.0, surplus), np.where(still, 0.0, variance)
        there &= ~still
        self._acquit(rows[still])
        high = np.divide(surplus, np.sqrt(variance), out=np.zeros(len(rows)), where=there)
        share = np.concatenate((np.ones((1, len(rows))), self.reached[:, rows] / self.known[rows]))
        p = share[np.searchsorted(LEVELS, high, side="right"), np.arange(len(rows))]
        keep = np.where(there, 1.0 - 1.0 / MEMORY_BINS, 1.0)
        self.known[rows] = keep * self.known[rows] + there
        self.along[rows] = keep * self.along[rows] + np.where(there, (counts - mean) * excess, 0.0)
        self.moved[rows] = keep * self.moved[rows] + np.where(there, excess * excess, 0.0)
        reached = there & (high >= LEVELS[:, None])
        self.reached[:, rows] = keep * self.reached[:, rows] + reached
        lasts = ~there | (high >= LEVELS[0])
        self.excited[:, rows] = np.where(lasts, keep * self.excited[:, rows] + reached, 0.0)
        now = FLOOR + np.where(p <= RARE, GAIN / np.maximum(p, RAREST), 0.0)
        # A sample that is lost takes nothing back, and a witness that has gone says no more.
        said = np.where(there, now, 1.0 + FADING * (self.said[rows] - 1.0))
        self.said[rows] = said = np.where(still, 1.0, said)
        return said

    def _acquit(self, rows: Rows) -> None:
        """Take back what was counted since these witnesses became excited: a burst has proven them right."""
        self.reached[:, rows] -= self.excited[:, rows]
        self.known[rows] -= self.excited[0, rows]
        self.excited[:, rows] = 0.0

    def keep(self, names: set[Name]) -> None:
        """Forget all witnesses but the given ones."""
        for name in [name for name in self.rows if name not in names]:
            self.streams.drop(self.rows.pop(name))
