"""Forecasts anybody could make: seasonal naive, window averages, and Prophet alone, as yardsticks with the same interface.

A learned model that does not beat these on the same rows is not worth its keep. Their quantiles come from their own errors on
the training days, as they would in a careful spreadsheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from supplychain.forecasting.closing_days import shut_ahead
from supplychain.forecasting.frames import DailyFrame, Flags, Floats, Ints
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.items import fit_items, predict_items
from supplychain.forecasting.prior import prophet_as_it_comes
from supplychain.forecasting.trade_calendar import TradeCalendar

LEVELS = (0.1, 0.5, 0.9)
RESIDUAL_DAYS = 112


@dataclass(frozen=True, slots=True)
class Answer:
    """What a forecaster says of R series over S steps: quantiles R x S x 3 at `LEVELS`, and its 80 % interval, R x S each."""

    quantiles: Floats
    low: Floats
    high: Floats

    def when(self, opens: Flags) -> Answer:
        """The same with nothing on the days that are not open."""
        return Answer(self.quantiles * opens[:, None], self.low * opens, self.high * opens)


class Forecaster(Protocol):
    """Anything that can be compared: it sees a frame cut at an origin and forecasts some of its rows."""

    @property
    def name(self) -> str:
        """Name in the tables."""
        ...

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """Forecast `horizon` days after the frame; `known_from` hides the older history of every series of the frame."""
        ...


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """The same weekday of last week."""

    name: str = "seasonal naive"

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `Forecaster`."""
        pieces = _known(frame, rows, known_from)
        week = pieces[:, -7:]
        steps = np.arange(horizon) % 7
        errors = pieces[:, 7:] - pieces[:, :-7]
        return _around(week[:, steps], errors[:, -RESIDUAL_DAYS:])


@dataclass(frozen=True, slots=True)
class WindowAverage:
    """The mean of the last `days` days, every day the same."""

    days: int = 28
    name: str = "window average"

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `Forecaster`."""
        pieces = _known(frame, rows, known_from)
        first = np.zeros(len(rows), dtype=np.int64) if known_from is None else known_from[rows]
        known = np.minimum(pieces.shape[1] - first, self.days)
        mean = pieces[:, -self.days :].sum(axis=1) / np.maximum(known, 1)
        errors = pieces[:, -RESIDUAL_DAYS:] - mean[:, None]
        if known_from is not None:
            hidden = np.arange(pieces.shape[1])[None, :] < first[:, None]
            errors = np.where(hidden[:, -RESIDUAL_DAYS:], np.nan, errors)
        return _around(np.repeat(mean[:, None], horizon, axis=1), errors)


@dataclass(frozen=True, slots=True)
class ProphetAlone:
    """One Prophet per series, as it comes."""

    name: str = "prophet"

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `Forecaster`; a series without two days is forecast as zero."""
        ahead = np.arange(frame.days[-1] + 1, frame.days[-1] + 1 + horizon)
        out = np.zeros((len(rows), horizon, 3))
        for place, row in enumerate(rows):
            sold = np.flatnonzero(frame.pieces[row] > 0.0)
            first = int(sold[0]) if len(sold) else frame.pieces.shape[1]
            first = first if known_from is None else max(first, int(known_from[row]))
            if frame.pieces.shape[1] - first >= 2:
                ends = prophet_as_it_comes(frame.days[first:], frame.pieces[row, first:], ahead)
                out[place] = np.stack(ends, axis=1)
        return Answer(out, out[..., 0], out[..., 2])


@dataclass(frozen=True, slots=True)
class GlobalItems:
    """Our global item model, trained on every series of the frame."""

    settings: ItemSettings
    name: str = "items"
    calendar: TradeCalendar = field(default_factory=lambda: TradeCalendar(""))

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        """See `Forecaster`. Rows whose history is hidden are left out of training."""
        shown = frame if known_from is None else frame.rows(np.flatnonzero(known_from <= 0))
        model = fit_items(shown, self.settings)
        known = None if known_from is None else np.maximum(known_from[rows], 0)
        forecast = predict_items(model, frame.rows(rows), range(horizon), known)
        places = [self.settings.levels.index(level) for level in LEVELS]
        days = frame.first_day + frame.pieces.shape[1] + np.arange(horizon)
        opens = ~shut_ahead(frame, self.calendar, days)
        return Answer(forecast.quantiles[..., places], forecast.low, forecast.high).when(opens)


def _known(frame: DailyFrame, rows: Ints, known_from: Ints | None) -> Floats:
    pieces = frame.pieces[rows]
    if known_from is None:
        return pieces
    return np.asarray(np.where(np.arange(pieces.shape[1])[None, :] >= known_from[rows][:, None], pieces, 0.0))


def _around(middle: Floats, errors: Floats) -> Answer:
    """A point forecast with the quantiles of its past errors around it."""
    low, high = np.nanquantile(errors, [LEVELS[0], LEVELS[2]], axis=1)
    grid = np.stack([middle + low[:, None], middle, middle + high[:, None]], axis=-1)
    grid = np.sort(np.maximum(grid, 0.0), axis=-1)
    return Answer(grid, grid[..., 0], grid[..., 2])
