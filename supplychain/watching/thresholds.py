"""The threshold of the burst statistic for a wanted number of false alarms, read off a calibrated table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from supplychain.watching.detector import Floats

LEAST_NATS = 0.3
"""No threshold is lower: a single order of a slow item is no burst."""


@dataclass(frozen=True)
class ThresholdTable:
    """Thresholds in nats over rate, overdispersion and wanted false alarms.

    Attributes
    ----------
    rates
        Expected orders per bin, increasing.
    clumpings
        Overdispersion c of the counts, increasing.
    alarms
        False alarms per bin of one stream, decreasing.
    nats
        Threshold, shape (rates, clumpings, alarms).
    """

    rates: tuple[float, ...]
    clumpings: tuple[float, ...]
    alarms: tuple[float, ...]
    nats: tuple[tuple[tuple[float, ...], ...], ...]

    def __post_init__(self) -> None:
        shape = (len(self.rates), len(self.clumpings), len(self.alarms))
        values = np.asarray(self.nats)
        if values.shape != shape:
            message = f"thresholds of shape {values.shape} for axes of {shape}"
            raise ValueError(message)
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_rate_axis", np.log(np.asarray(self.rates)))
        object.__setattr__(self, "_clumping_axis", np.asarray(self.clumpings))
        object.__setattr__(self, "_alarm_axis", -np.log(np.asarray(self.alarms)))

    def bound(self, alarms: float) -> tuple[Floats, Floats]:
        """Return log rates and, for each, a threshold that no overdispersion goes below: for a first, cheap look."""
        lines = [[self.at(rate, clumping, alarms) for clumping in self.clumpings] for rate in self.rates]
        return np.log(np.asarray(self.rates)), np.asarray(lines).min(axis=1)

    def at(self, rate: float, clumping: float, alarms: float) -> float:
        """Return the threshold in nats, interpolated; along false alarms it is extended in a straight line.

        Parameters
        ----------
        rate
            Expected orders per bin, clipped to the table.
        clumping
            Overdispersion c, clipped to the table.
        alarms
            Wanted false alarms per bin of this stream.
        """
        values: Floats = self._values  # type: ignore[attr-defined]  # set once in __post_init__
        low, high, part = _place(self._rate_axis, math.log(max(rate, 1e-9)))  # type: ignore[attr-defined]  # as above
        plane = values[low] * (1.0 - part) + values[high] * part
        low, high, part = _place(self._clumping_axis, clumping)  # type: ignore[attr-defined]  # as above
        line = plane[low] * (1.0 - part) + plane[high] * part
        axis: Floats = self._alarm_axis  # type: ignore[attr-defined]  # as above
        wanted = -math.log(alarms)
        left = int(np.clip(np.searchsorted(axis, wanted) - 1, 0, len(axis) - 2))
        slope = (line[left + 1] - line[left]) / (axis[left + 1] - axis[left])
        return max(float(line[left] + slope * (wanted - axis[left])), LEAST_NATS)


def _place(axis: Floats, value: float) -> tuple[int, int, float]:
    """Return the neighbours of a value on an axis and its share of the way between them, clipped to the axis."""
    right = int(np.clip(np.searchsorted(axis, value), 1, len(axis) - 1))
    share = (value - axis[right - 1]) / (axis[right] - axis[right - 1])
    return right - 1, right, float(min(max(share, 0.0), 1.0))
