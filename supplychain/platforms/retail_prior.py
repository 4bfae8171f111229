"""What a shop usually sells in a trading day, from the lines before a moment: the prior that seeds detector and forecast.

Half the mean of the same weekday, half the mean of the last twelve trading days: measured as the best simple prior on this
set. Orders are counted, not pieces: wholesale lines of 6 to 24 pieces make pieces clump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import SECOND, millis
from supplychain.platforms.retail_lines import ZONE, RetailLines

RECENT_DAYS = 12
WEEKDAY_WEEKS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DailyPrior:
    """Usual trading days.

    Parameters
    ----------
    skus
        Products, sorted.
    orders
        Expected paid lines of a day, shape (7, products), by weekday (0 is Monday); a weekday without trade is all zero.
    basket
        Mean pieces per line, shape (products,), the largest 2 % of the shop's lines cut to their bound.
    opens, closes
        Local hours between which the shop sells.
    """

    skus: tuple[str, ...]
    orders: Floats
    basket: Floats
    opens: int
    closes: int

    def days(self, starts_at: int, ends_at: int) -> Iterator[tuple[date, int, int]]:
        """Yield each trading day that touches [starts_at, ends_at), with its opening and closing in UTC milliseconds."""
        day = datetime.fromtimestamp(starts_at / SECOND, ZONE).date()
        while True:
            opening = _local(day, self.opens)
            if opening >= ends_at:
                return
            if self.orders[day.weekday()].any() and _local(day, self.closes) > starts_at:
                yield day, opening, _local(day, self.closes)
            day += timedelta(days=1)


def daily_prior(before: RetailLines) -> DailyPrior:
    """Return the usual day of a shop, fitted on lines that all lie before the replay.

    Raises
    ------
    InvalidInputError
        If there are no paid lines to fit it on.
    """
    paid = before.sound.only(~before.sound.cancelled)
    if not len(paid):
        detail = "there are no sales before the start, so nothing is known about a usual day"
        raise InvalidInputError(detail, way_out="start the replay later", field="from")
    local = pd.DatetimeIndex(paid.at.astype("datetime64[ms]")).tz_localize(UTC).tz_convert(ZONE)
    days = (
        np.asarray(local.normalize().tz_localize(None).astype("datetime64[s]").astype("int64"), dtype=np.int64)
        // 86_400
    )
    skus, product = np.unique(paid.sku.astype(str), return_inverse=True)
    traded = np.unique(days)
    counts = np.zeros((len(traded), len(skus)))
    np.add.at(counts, (np.searchsorted(traded, days), product), 1)
    recent = counts[-RECENT_DAYS:].mean(axis=0)
    weekdays = (traded + 3) % 7  # 1970-01-01 was a Thursday
    orders = np.zeros((7, len(skus)))
    regular = traded > traded[-1] - 7 * WEEKDAY_WEEKS
    for weekday in range(7):
        same = counts[regular & (weekdays == weekday)]
        if len(same) * 2 >= min(WEEKDAY_WEEKS, (traded[-1] - traded[0]) // 7 + 1):
            orders[weekday] = 0.5 * same.mean(axis=0) + 0.5 * recent
    if not orders.any():
        orders[:] = recent
    bound = float(np.quantile(paid.pieces, 0.98))
    pieces = np.bincount(product, weights=np.minimum(paid.pieces, bound), minlength=len(skus))
    basket = np.maximum(1.0, pieces / np.bincount(product, minlength=len(skus)))
    minutes = np.asarray(local.hour * 60 + local.minute)
    opens, closes = (int(np.quantile(minutes, 0.005)) // 60, -(-int(np.quantile(minutes, 0.995) + 1) // 60))
    return DailyPrior(tuple(str(sku) for sku in skus), orders, basket, opens, max(opens + 1, closes))


def _local(day: date, hour: int) -> int:
    # hours are added as the clock on the wall shows them; 24 is the next midnight
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return millis(midnight + timedelta(hours=hour))
