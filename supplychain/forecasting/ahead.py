"""What is known ahead of each series beside the calendar: the sessions that list it, its flash offers, its price on the shelf.

It reaches past the last day of a frame as far as the schedule does, and what it was in the past is kept beside it, so that effects
are learned from one and applied to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SESSION_HOURS, OFFER_HOURS, PRICE_CHANGE = "session_hours", "offer_hours", "price_change"
LEAST_DAYS = 5
"""Fewer days that differ from the usual one teach no effect."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """S schedules by W days from the frame's first day on, and which of them each of N series has: the regions of a SKU share one.

    Parameters
    ----------
    on_air
        Hours on the air of the sessions that list the item.
    offers
        Hours of its flash offers.
    price
        Price on the shelf against the list price: -0.2 is a fifth off, 0 without a change.
    pull
        Hours on the air weighted by what room and host are expected to sell an hour, against the mean of all.
    place
        N rows of the above.
    """

    on_air: Floats
    offers: Floats
    price: Floats
    pull: Floats
    place: Ints

    def __post_init__(self) -> None:
        if len({self.on_air.shape, self.offers.shape, self.price.shape, self.pull.shape}) != 1:
            raise ValueError("hours, offers, prices and pull of a schedule do not match")

    @property
    def days(self) -> int:
        """W."""
        return int(self.on_air.shape[1])

    def rows(self, index: Ints) -> Ahead:
        """The schedule of some series."""
        return replace(self, place=self.place[index])

    def mixed(self, weights: Floats) -> Ahead:
        """Means over series, G x N weights with rows that add up to one; each mean has a schedule of its own."""
        share = np.zeros((len(weights), len(self.on_air)))
        np.add.at(share.T, self.place, weights.T)
        each = np.arange(len(weights), dtype=np.int64)
        return Ahead(share @ self.on_air, share @ self.offers, share @ self.price, share @ self.pull, each)

    def on(self, day: int) -> list[Floats]:
        """What is announced for one day, N values each: hours, offers, price, pull."""
        return [part[self.place, day] for part in (self.on_air, self.offers, self.price, self.pull)]

    def usual(self, start: int, end: int) -> Floats:
        """Mean hours on the air of some days, N values."""
        return np.asarray(self.on_air[:, start:end].mean(axis=1)[self.place])

    def regressors(self, series: int, known: int) -> dict[str, Floats]:
        """What a prior of one series learns from, W values each; ahead of the `known` days it stays in the range that they had.

        An effect was learned inside that range: twice the longest session, or half the lowest price, would be a guess.
        """
        row = self.place[series]
        found = {SESSION_HOURS: self.on_air[row], OFFER_HOURS: self.offers[row], PRICE_CHANGE: self.price[row]}
        return {
            name: np.clip(values, values[:known].min(), values[:known].max()) if known else np.zeros(len(values))
            for name, values in found.items()
        }


def taught(values: Floats, open_days: NDArray[np.bool_]) -> bool:
    """Whether enough open days differ from the usual one to learn an effect from.

    >>> taught(np.array([0.0, 3.0] * 5), np.ones(10, dtype=bool)), taught(np.eye(10)[0], np.ones(10, dtype=bool))
    (True, False)
    """
    seen = values[open_days]
    return bool(len(seen)) and int(np.sum(np.abs(seen - np.median(seen)) > 1e-9)) >= LEAST_DAYS


def on_days(told: Mapping[str, Floats], first_day: int, days: Ints) -> dict[str, Floats]:
    """Regressors that begin on `first_day`, on any days; outside of what is known they are zero."""
    place = days - first_day
    return {
        name: np.where((place >= 0) & (place < len(values)), values[np.clip(place, 0, max(len(values) - 1, 0))], 0.0)
        if len(values)
        else np.zeros(len(days))
        for name, values in told.items()
    }
