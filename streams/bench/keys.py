"""Numbers for combinations of room, SKU and region, without a tuple and a look-up in a large dictionary for each sale.

With hundreds of thousands of combinations such a dictionary is nowhere near the processor, and each look-up follows five
pointers into it. The three names alone are few: they are looked up one by one, and combinations are a sorted array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from supplychain.watching.intake import Flags, Ints

Name = tuple[str, str, str]
_BITS = 21
"""Of each of the three numbers."""


class Numbered(dict[str, int]):
    """Names in the order in which they came; asked for the number of a new one, it has one."""

    def __missing__(self, name: str) -> int:
        """Return the number of a new name."""
        number = self[name] = len(self)
        return number

    def of(self, names: Iterable[str], count: int) -> Ints:
        """Return the numbers of `count` names."""
        return np.fromiter(map(self.__getitem__, names), np.int64, count)


class Keys:
    """Combinations of room, SKU and region, numbered in the order in which they came."""

    def __init__(self, names: Sequence[Name] = ()) -> None:
        self.parts = (Numbered(), Numbered(), Numbered())
        self._sorted = np.zeros(0, dtype=np.int64)
        self._numbers = np.zeros(0, dtype=np.int64)
        if names:
            rooms, skus, regions = (
                part.of(column, len(names)) for part, column in zip(self.parts, zip(*names, strict=True), strict=True)
            )
            packed = _packed(rooms, skus, regions)
            self._numbers = np.argsort(packed)
            self._sorted = packed[self._numbers]

    def __len__(self) -> int:
        """Return how many combinations there are."""
        return self._sorted.size

    def number(self, rooms: Ints, skus: Ints, regions: Ints) -> tuple[Ints, list[Name]]:
        """Return the numbers of combinations, and the names of those that are new, in the order of their numbers."""
        packed = _packed(rooms, skus, regions)
        new = np.unique(packed[~self._known(packed)])
        names: list[Name] = []
        if new.size:
            at = np.searchsorted(self._sorted, new)
            self._numbers = np.insert(self._numbers, at, np.arange(len(self), len(self) + new.size))
            self._sorted = np.insert(self._sorted, at, new)
            spelled = [list(part) for part in self.parts]
            mask = (1 << _BITS) - 1
            codes = (new >> 2 * _BITS, new >> _BITS & mask, new & mask)
            columns = ([names[code] for code in column.tolist()] for names, column in zip(spelled, codes, strict=True))
            names = list(zip(*columns, strict=True))
        return self._numbers[np.searchsorted(self._sorted, packed)], names

    def _known(self, packed: Ints) -> Flags:
        if not len(self):
            return np.zeros(packed.size, dtype=np.bool_)
        at = np.minimum(np.searchsorted(self._sorted, packed), len(self) - 1)
        return np.equal(self._sorted[at], packed)


def _packed(rooms: Ints, skus: Ints, regions: Ints) -> Ints:
    return rooms << 2 * _BITS | skus << _BITS | regions
