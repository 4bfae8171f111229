"""The threshold of the burst statistic for a wanted number of false alarms, read off a calibrated table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from supplychain.watching.detector import Floats, Rows

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

    _axes: tuple[Floats, Floats, Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shape = (len(self.rates), len(self.clumpings), len(self.alarms))
        values = np.asarray(self.nats)
        if values.shape != shape:
            message = f"thresholds of shape {values.shape} for axes of {shape}"
            raise ValueError(message)
        axes = (values, np.log(self.rates), np.asarray(self.clumpings), -np.log(self.alarms))
        object.__setattr__(self, "_axes", axes)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ThresholdTable:
        """Return the table that `document` describes, the inverse of `document`.

        Raises
        ------
        ValueError
            If axes and values do not fit.
        """
        rates, clumpings, alarms = (tuple(map(float, document[name])) for name in ("rates", "clumpings", "alarms"))
        nats = tuple(tuple(tuple(map(float, line)) for line in plane) for plane in document["nats"])
        return cls(rates, clumpings, alarms, nats)

    def document(self) -> dict[str, Any]:
        """Return the table as nested lists."""
        axes = {"rates": list(self.rates), "clumpings": list(self.clumpings), "alarms": list(self.alarms)}
        return axes | {"nats": [[list(line) for line in plane] for plane in self.nats]}

    def bound(self, alarms: float) -> tuple[Floats, Floats]:
        """Return log rates and, for each, a threshold that no overdispersion goes below: for a first, cheap look."""
        lines = [[self.at(rate, clumping, alarms) for clumping in self.clumpings] for rate in self.rates]
        return np.log(np.asarray(self.rates)), np.asarray(lines).min(axis=1)

    def at(self, rate: float, clumping: float, alarms: float) -> float:
        """Return the threshold in nats of one stream; see `many`."""
        return float(self.many(np.array([rate]), np.array([clumping]), np.array([alarms]))[0])

    def many(self, rates: Floats, clumpings: Floats, alarms: Floats) -> Floats:
        """Return the threshold in nats of each stream, interpolated; along false alarms it is extended in a straight line.

        Parameters
        ----------
        rates
            Expected orders per bin, clipped to the table.
        clumpings
            Overdispersion c, clipped to the table.
        alarms
            Wanted false alarms per bin of this stream.
        """
        values, rate_axis, clumping_axis, alarm_axis = self._axes
        row, row_part = _place(rate_axis, np.log(np.maximum(rates, 1e-9)))
        column, column_part = _place(clumping_axis, clumpings)
        wanted = -np.log(alarms)
        left = np.clip(np.searchsorted(alarm_axis, wanted), 1, len(alarm_axis) - 1) - 1

        def edge(at: Rows) -> Floats:
            low = values[row, column, at] * (1.0 - row_part) + values[row + 1, column, at] * row_part
            high = values[row, column + 1, at] * (1.0 - row_part) + values[row + 1, column + 1, at] * row_part
            return low * (1.0 - column_part) + high * column_part

        near, far = edge(left), edge(left + 1)
        slope = (far - near) / (alarm_axis[left + 1] - alarm_axis[left])
        return np.maximum(near + slope * (wanted - alarm_axis[left]), LEAST_NATS)


def _place(axis: Floats, values: Floats) -> tuple[Rows, Floats]:
    """Return the left neighbours of values on an axis and their shares of the way to the right ones, clipped to the axis."""
    left = np.clip(np.searchsorted(axis, values), 1, len(axis) - 1) - 1
    share = (values - axis[left]) / (axis[left + 1] - axis[left])
    return left, np.clip(share, 0.0, 1.0)
