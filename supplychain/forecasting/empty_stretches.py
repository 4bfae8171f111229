"""When an item of a session could not be bought although the session ran: its stock was sold, and sales had stopped until more came.

Those stretches teach nothing about demand, neither while they last nor after a restock.
"""

from __future__ import annotations

from collections.abc import Sequence

from supplychain.domain.units import MINUTE

Stretch = tuple[int, int]
"""From the first millisecond to the one after the last."""


def empty_stretches(
    opening: int, receipts: Sequence[tuple[int, int]], sold: Sequence[tuple[int, int]]
) -> tuple[Stretch, ...]:
    """Return the stretches that a receipt ended, in order of time.

    An item that goes on selling beyond its stock was not sold out, nor was one that has sold nothing yet.

    Parameters
    ----------
    opening
        Pieces at the start.
    receipts
        (when, pieces) that came since.
    sold
        (start of a minute, pieces), in order of time.

    >>> empty_stretches(5, [(1_200_000, 3)], [(0, 2), (60_000, 3)])
    ((120000, 1200000),)
    """
    found: list[Stretch] = []
    supply, gone, place, last = opening, 0, 0, 0
    for when, pieces in sorted(receipts):
        while place < len(sold) and sold[place][0] < when:
            last, gone = sold[place][0] + MINUTE, gone + sold[place][1]
            place += 1
        if gone and gone >= supply and when - last > MINUTE:
            found.append((last, when))
        supply += pieces
    return tuple(found)
