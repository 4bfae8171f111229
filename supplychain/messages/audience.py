"""When samples of the audience count: the grid they are kept on, and until when they are in time."""

from __future__ import annotations

from typing import Final

from supplychain.domain.units import SECOND, ceil_to

BIN: Final = 5 * SECOND
"""Samples are added up in bins of this width; a sample belongs to the bin that ends with it."""
GRACE: Final = SECOND
"""So long after the end of a bin its samples may still come."""


def bin_of(at: int) -> int:
    """Return the start of the bin that a sample at `at` belongs to.

    >>> bin_of(10_000), bin_of(10_001)
    (5000, 10000)
    """
    return ceil_to(at, BIN) - BIN


def is_late(at: int, watermark: int) -> bool:
    """Whether a sample comes after its bin was closed: whoever reads up to a watermark must find all there will be.

    >>> is_late(10_000, 10_999), is_late(10_000, 11_000)
    (False, True)
    """
    return bin_of(at) + BIN + GRACE <= watermark
