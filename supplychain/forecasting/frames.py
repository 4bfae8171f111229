"""Daily frames: the rectangle of series by days that priors, item models and backtests read.

A frame separates "nothing was sold" (zero) from "nobody could have sold" (closed or missing days, masked), and cuts off at an
origin, so that no model sees its own future. Repeated lines are kept: two equal lines are two sales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.ahead import Ahead

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_MS = 86_400_000
DEAREST = 1e9  # a higher price of one piece is a fault of its source


@dataclass(frozen=True, slots=True)
class DailyFrame:
    """Daily sales of many series.

    Parameters
    ----------
    keys
        N distinct series names, `SKU` or `(SKU, region)` joined by the caller.
    first_day
        Day of the first column, counted from 1970-01-01 in the business zone.
    pieces
        N x D gross pieces, finite and not negative.
    price
        N x D mean unit price of the day's lines; NaN on days without sales.
    orders
        N x D order lines; steadier than pieces where single orders are large.
    open_days
        D flags: the trade was open and data arrived.
    group
        N names of what the series is pooled with (category, price band).
    ahead
        What the schedule says of the same days and of later ones, if there is one; an origin does not cut it.
    """

    keys: tuple[str, ...]
    first_day: int
    pieces: Floats
    price: Floats
    orders: Floats
    open_days: Flags
    group: tuple[str, ...]
    ahead: Ahead | None = None

    def __post_init__(self) -> None:
        rows, columns = self.pieces.shape
        if len(self.keys) != rows or len(self.group) != rows or len(set(self.keys)) != rows:
            raise ValueError("a frame has one distinct key and one group per row")
        if {self.price.shape, self.orders.shape} != {(rows, columns)} or self.open_days.shape != (columns,):
            raise ValueError("pieces, prices and open days do not match")
        if not bool(np.all(np.isfinite(self.pieces) & (self.pieces >= 0.0))):
            raise ValueError("pieces are finite and not negative")
        if self.ahead is not None and (len(self.ahead.place) != rows or self.ahead.days < columns):
            raise ValueError("a schedule has a row per series and no day less than the frame")

    @property
    def days(self) -> Ints:
        """Days of the columns, counted from 1970-01-01."""
        return np.arange(self.first_day, self.first_day + self.pieces.shape[1], dtype=np.int64)

    def until(self, day: int) -> DailyFrame:
        """The frame as it was known at the start of `day`."""
        width = min(max(0, day - self.first_day), self.pieces.shape[1])
        return replace(
            self,
            pieces=self.pieces[:, :width],
            price=self.price[:, :width],
            orders=self.orders[:, :width],
            open_days=self.open_days[:width],
        )

    def rows(self, index: Sequence[int] | Ints) -> DailyFrame:
        """The frame of some series, in the given order."""
        picked = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            keys=tuple(self.keys[i] for i in picked),
            group=tuple(self.group[i] for i in picked),
            pieces=self.pieces[picked],
            price=self.price[picked],
            orders=self.orders[picked],
            ahead=None if self.ahead is None else self.ahead.rows(picked),
        )

    def by_group(self) -> DailyFrame:
        """Sums over the groups: the aggregates a prior is fitted on; price and schedule are piece-weighted means."""
        names = sorted(set(self.group))
        place = {name: i for i, name in enumerate(names)}
        member = np.zeros((len(names), len(self.keys)))
        member[[place[name] for name in self.group], np.arange(len(self.keys))] = 1.0
        pieces = member @ self.pieces
        turnover = member @ (self.pieces * np.nan_to_num(self.price))
        price = np.divide(turnover, pieces, out=np.full_like(pieces, np.nan), where=pieces > 0.0)
        orders = member @ self.orders
        weight = member * (self.pieces.sum(axis=1) + 1e-9)
        ahead = None if self.ahead is None else self.ahead.mixed(weight / weight.sum(axis=1, keepdims=True))
        return DailyFrame(tuple(names), self.first_day, pieces, price, orders, self.open_days, tuple(names), ahead)

    def age(self) -> Ints:
        """Days from each series' first sale to the end of the frame; zero for a series that never sold."""
        sold = self.pieces > 0.0
        if not sold.shape[1]:
            return np.zeros(len(self.keys), dtype=np.int64)
        first = np.where(sold.any(axis=1), sold.argmax(axis=1), self.pieces.shape[1])
        return np.asarray(self.pieces.shape[1] - first, dtype=np.int64)


def days_of(at_ms: Ints, zone_offset_ms: int = 0) -> Ints:
    """Business days of UTC times; the offset of Asia/Shanghai, eight hours, never changes."""
    return np.asarray((np.asarray(at_ms, dtype=np.int64) + zone_offset_ms) // DAY_MS)


def daily_frame(
    keys: Sequence[str] | NDArray[np.object_],
    days: Ints,
    pieces: Floats | Ints,
    prices: Floats,
    *,
    first_day: int,
    end_day: int,
    groups: dict[str, str] | None = None,
    weekly_closed: bool = True,
) -> DailyFrame:
    """Sum sale lines into a frame over `[first_day, end_day)`.

    Parameters
    ----------
    keys, days, pieces, prices
        One entry per line. Lines outside the span, with pieces that are not positive and finite, are left out: returns and
        corrections are learned in `returns`, future stamps are faults of a source.
    groups
        Key to pooling group; missing keys pool under "".
    weekly_closed
        Treat days on which no series sold at all as closed or missing, not as zero demand.

    Returns
    -------
    DailyFrame
        Rows sorted by key; no rows when there is no line.
    """
    import pandas as pd  # here alone: a stream worker reads no frames and need not wait for it

    lines = pd.DataFrame(
        {
            "key": np.asarray(keys, dtype=object),
            "day": np.asarray(days, dtype=np.int64),
            "pieces": np.asarray(pieces, dtype=np.float64),
            "price": np.asarray(prices, dtype=np.float64),
        }
    )
    usable = np.isfinite(lines["pieces"]) & (lines["pieces"] > 0.0) & lines["day"].between(first_day, end_day - 1)
    lines = lines[usable]
    codes, names = pd.factorize(lines["key"], sort=True)
    shape = (len(names), max(0, end_day - first_day))
    cell = (codes, (lines["day"] - first_day).to_numpy())
    total, turnover, orders = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    amount = lines["pieces"].to_numpy()
    np.add.at(total, cell, amount)
    np.add.at(orders, cell, 1.0)
    paid = lines["price"].to_numpy()
    np.add.at(turnover, cell, amount * np.where((paid > 0.0) & (paid < DEAREST), paid, 0.0))
    price = np.divide(turnover, total, out=np.full(shape, np.nan), where=turnover > 0.0)
    open_days = total.any(axis=0) if weekly_closed and shape[0] else np.ones(shape[1], dtype=bool)
    group = tuple((groups or {}).get(str(name), "") for name in names)
    return DailyFrame(tuple(str(name) for name in names), first_day, total, price, orders, np.asarray(open_days), group)
