"""A simulated crowd, stated in full: what rooms show of themselves beside their orders.

Per bin of five seconds, with V viewers of a room, λ orders to be expected of an item now and n orders that came:

==================  ==================  =========================  ==============
seen                idle                of lookers, follows λ      of buyers, follows n
==================  ==================  =========================  ==============
clicks on an item   0.006 V, by share   5 λ                        1 n
comments of a room  0.0018 V            0.6 Σλ                     0.3 Σn
==================  ==================  =========================  ==============

so that about one click in six is bought, and about half of the interest is idle: a room has a thousand viewers for each order
per bin that it usually sells. Half of what makes orders clump makes lookers clump with them, so the crowd errs together with
the orders; clicks and comments clump on their own besides. Viewers wander, and some come in waves who buy nothing. There are
bumps without sales: hosts call for comments, and show items without selling them. Samples are lost singly and in outages, and
what arrives is a part of what happened. None of these shares was measured on a platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from supplychain.watching.detector import Floats
from supplychain.watching.witness import Flags

VIEWERS_PER_ORDER: Final = 1_000.0
"""Usual viewers per order per bin."""
LEAST_VIEWERS: Final = 100.0
IDLE_CLICKS, LOOKERS_CLICKS, BUYERS_CLICKS = 0.006, 5.0, 1.0
IDLE_TALK, LOOKERS_TALK, BUYERS_TALK = 0.0018, 0.6, 0.3
CLUMPING_CLICKS, CLUMPING_TALK = 0.02, 0.15


@dataclass(frozen=True, slots=True)
class Interest:
    """How a crowd behaves besides; occasions are per hour, lengths in bins.

    `calls` multiply the comments of a room by up to `call_most`, `shows` the clicks on an item by up to `show_most`, `waves`
    the viewers by up to `wave_most`; none of them moves orders. `lost` is the share of samples that never come; in `outages`
    none does. What comes is `least_share` to all of what was. `by_item` says whether clicks are told at all.
    """

    calls: float = 4.0
    call_bins: tuple[int, int] = (4, 12)
    call_most: float = 4.0
    shows: float = 0.5
    show_bins: tuple[int, int] = (4, 24)
    show_most: float = 3.0
    waves: float = 1.0
    wave_bins: tuple[int, int] = (24, 72)
    wave_most: float = 1.8
    lost: float = 0.1
    outages: float = 1.0
    outage_bins: tuple[int, int] = (6, 24)
    least_share: float = 0.8
    by_item: bool = True
    per_hour: int = 720
    """Bins in an hour."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A bin of all rooms: viewers and comments (rooms,), clicks (rooms, items), and where a sample came at all (rooms,)."""

    viewers: Floats
    talk: Floats
    clicks: Floats
    came: Flags


class Onlookers:
    """The crowds of many equal rooms, bin by bin.

    Parameters
    ----------
    interest
        How they behave.
    usual
        Orders per bin that each item of a room usually sells.
    rooms
        How many rooms.
    rng
        Chance of their own, so that orders are the same whether or not anybody listens.
    """

    def __init__(self, interest: Interest, usual: Floats, rooms: int, rng: np.random.Generator) -> None:
        self.interest, self.rng = interest, rng
        self.mean = max(VIEWERS_PER_ORDER * float(usual.sum()), LEAST_VIEWERS)
        self.share = usual / usual.sum()
        self._wander = np.zeros(rooms)
        self._call = _Episodes((rooms,), interest.calls / interest.per_hour, interest.call_bins)
        self._show = _Episodes((rooms, len(usual)), interest.shows / interest.per_hour, interest.show_bins)
        self._wave = _Episodes((rooms,), interest.waves / interest.per_hour, interest.wave_bins)
        self._outage = _Episodes((rooms,), interest.outages / interest.per_hour, interest.outage_bins)

    def draw(self, expected: Floats, clumped: Floats, bought: Floats) -> Shown:
        """Draw a bin.

        Parameters
        ----------
        expected, clumped, bought
            Orders to be expected, the same with what makes them clump, and orders that came; shape (rooms, items).
        """
        interest, rng = self.interest, self.rng
        size = len(self._wander)
        self._wander = 0.97 * self._wander + rng.normal(0.0, 0.012, size)
        viewers = self.mean * np.exp(self._wander) * self._wave.factor(rng, interest.wave_most)
        lookers = 0.5 * (expected + clumped)
        told = rng.uniform(interest.least_share, 1.0, size)
        talk = IDLE_TALK * viewers + LOOKERS_TALK * lookers.sum(axis=1) + BUYERS_TALK * bought.sum(axis=1)
        talk *= told * self._call.factor(rng, interest.call_most)
        clicks = IDLE_CLICKS * viewers[:, None] * self.share + LOOKERS_CLICKS * lookers + BUYERS_CLICKS * bought
        clicks *= told[:, None] * self._show.factor(rng, interest.show_most)
        came = (rng.random(size) >= interest.lost) & ~self._outage.running(rng)
        return Shown(
            rng.poisson(viewers).astype(np.float64),
            _clumped(talk, CLUMPING_TALK, rng),
            _clumped(clicks, CLUMPING_CLICKS, rng),
            came,
        )


def _clumped(mean: Floats, clumping: float, rng: np.random.Generator) -> Floats:
    counts: Floats = rng.poisson(mean * rng.gamma(1.0 / clumping, clumping, mean.shape)).astype(np.float64)
    return counts


class _Episodes:
    """Episodes that begin by chance in each place, last some bins, and have a size."""

    def __init__(self, shape: tuple[int, ...], chance: float, length: tuple[int, int]) -> None:
        self.chance, self.length = chance, length
        self._left = np.zeros(shape, dtype=np.int64)
        self._size = np.zeros(shape)

    def running(self, rng: np.random.Generator) -> Flags:
        """Go on by one bin and return where an episode runs."""
        self._left = np.maximum(self._left - 1, 0)
        begin = np.unravel_index(np.flatnonzero(rng.random(self._left.shape) < self.chance), self._left.shape)
        count = len(begin[0])
        self._left[begin] = rng.integers(self.length[0], self.length[1] + 1, count)
        self._size[begin] = rng.random(count)
        running: Flags = self._left > 0
        return running

    def factor(self, rng: np.random.Generator, most: float) -> Floats:
        """Go on by one bin and return 1, or what the running episode multiplies by: up to `most`."""
        return np.where(self.running(rng), 1.0 + self._size * (most - 1.0), 1.0)
