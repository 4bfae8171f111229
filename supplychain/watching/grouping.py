"""Sums of many columns by many keys: the one grouping that windows, detector counts and cues share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from supplychain.watching.intake import FAR, Ints

_GRAINS: Final = 2.0**24
"""In one unit."""


@dataclass(slots=True)
class Groups:
    """Rows sorted into groups of equal keys.

    `order` sorts the rows by key, within a group in no particular order; `starts` are the positions in `order` at which a
    group begins; `first` is one row of each group.
    """

    order: Ints
    starts: Ints
    first: Ints

    def sums(self, column: Ints) -> Ints:
        """Return the sum of a column per group, in exact 64-bit integers."""
        return np.add.reduceat(column[self.order], self.starts) if self.starts.size else column[:0]


def group(*keys: Ints) -> Groups:
    """Group rows by equal keys; groups come in the order of the keys, the first key counting most.

    Keys are packed into one integer by mixed radix, and renumbered densely whenever the radix would not fit.
    """
    packed = np.zeros(keys[0].size, dtype=np.int64)
    if not packed.size:
        return Groups(packed, packed, packed)
    top = 1
    for key in keys:
        low = int(key.min())
        width = int(key.max()) - low + 1
        if width > 1 << 31:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)  # noqa: PLW2901  # a denser name for the same key
            low, width = 0, int(key.max()) + 1
        if top * width >= FAR:
            packed = np.unique(packed, return_inverse=True)[1].astype(np.int64)
            top = int(packed.max()) + 1
        packed = packed * width + (key - low)
        top *= width
    order = np.argsort(packed)
    in_order = packed[order]
    starts = np.flatnonzero(np.concatenate(([True], in_order[1:] != in_order[:-1])))
    return Groups(order, starts, order[starts])


def exact_sums(at: Ints, values: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Return the sums of fractions by number, the same in any order.

    A sum of fractions depends on their order in its last digits, and a restart numbers rows anew. Whole numbers of grains are
    added exactly, up to 2**29 units in a sum.
    """
    return np.bincount(at, np.rint(values * _GRAINS), minlength=size).astype(np.float64) / _GRAINS
