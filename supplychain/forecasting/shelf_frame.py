"""The sales history of the shelf as a frame of SKU by region, sessions left out and tagged spikes taken out.

A spike raises what its day sold; were it left in, next week's baseline would swallow it. It stays in the history under a channel
of its own, so that nothing is lost, and is subtracted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from supplychain.forecasting.frames import DailyFrame, Ints
from supplychain.forecasting.shelf import without_sessions
from supplychain.forecasting.trade_calendar import day_of_iso

History = Sequence[tuple[str, str, str, str, int]]
"""Rows of day (ISO), SKU, region, channel, units."""

SHELF, SPIKE = "shelf", "spike"
SEPARATOR = "\t"
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Goods:
    """What is known of a SKU before it sells: category, shelf price in major units, and the SKU it is said to be like."""

    category: str
    price: float
    similar_to: str | None = None


def key_of(sku: str, region: str) -> str:
    """Name of a series."""
    return f"{sku}{SEPARATOR}{region}"


def place_of(key: str) -> tuple[str, str]:
    """SKU and region of a series.

    >>> place_of(key_of("A", "CN-ZJ"))
    ('A', 'CN-ZJ')
    """
    sku, _, region = key.partition(SEPARATOR)
    return sku, region


def region_of(key: str) -> str:
    """Name of the aggregate over all SKUs of a series' region.

    >>> region_of(key_of("A", "CN-ZJ"))
    'region:CN-ZJ'
    """
    return f"region:{place_of(key)[1]}"


def by_region(frame: DailyFrame) -> DailyFrame:
    """Return the frame with regions as its groups."""
    return replace(frame, group=tuple(region_of(key) for key in frame.keys))


def shelf_frame(rows: History, goods: Mapping[str, Goods], regions: Sequence[str]) -> tuple[DailyFrame, Ints] | None:
    """Sum the history into a frame: every SKU that has sold, in every region.

    Returns
    -------
    tuple or None
        The frame, and the column from which each series is known: the first sale of its SKU anywhere. None without a sale.
    """
    known = set(regions)
    usable = [row for row in rows if row[1] in goods and row[2] in known and row[3] in {SHELF, SPIKE} and row[4] > 0]
    if not any(row[3] == SHELF for row in usable):
        return None
    number = {day: day_of_iso(day) for day in {row[0] for row in usable}}
    last = _last_day(sorted(set(number.values())))
    first = max(min(number.values()), last - MOST_DAYS + 1)
    usable = [row for row in usable if first <= number[row[0]] <= last]
    if not any(row[3] == SHELF for row in usable):
        return None
    skus = sorted({row[1] for row in usable})
    keys = tuple(key_of(sku, region) for sku in skus for region in sorted(known))
    place = {key: i for i, key in enumerate(keys)}
    sums = {channel: np.zeros((len(keys), last - first + 1)) for channel in (SHELF, SPIKE)}
    for channel, total in sums.items():
        mine = [row for row in usable if row[3] == channel]
        cells = [place[key_of(row[1], row[2])] for row in mine], [number[row[0]] - first for row in mine]
        np.add.at(total, cells, [float(row[4]) for row in mine])
    pieces = without_sessions(sums[SHELF], np.zeros_like(sums[SHELF]), sums[SPIKE])
    price = np.repeat([[goods[place_of(key)[0]].price] for key in keys], last - first + 1, axis=1)
    open_days = np.asarray(sums[SHELF].any(axis=0))
    group = tuple(goods[place_of(key)[0]].category for key in keys)
    frame = DailyFrame(keys, first, pieces, price, np.minimum(pieces, 1.0), open_days, group)
    return frame, _known_from(sums[SHELF] > 0.0, len(known))


def _last_day(days: Sequence[int]) -> int:
    """End of the longest spell of days without a hole of `MOST_DAYS`: a stamp years ahead of all others is a fault of its source."""
    cuts = [place for place in range(1, len(days)) if days[place] - days[place - 1] > MOST_DAYS]
    spells = [days[low:high] for low, high in zip([0, *cuts], [*cuts, len(days)], strict=True)]
    return max(spells, key=lambda spell: (len(spell), spell[-1]))[-1]


def _known_from(sold: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], regions: int) -> Ints:
    """First column on which the SKU of each series sold anywhere; series of one SKU lie together."""
    anywhere = sold.reshape(-1, regions, sold.shape[1]).any(axis=1)
    return np.repeat(anywhere.argmax(axis=1).astype(np.int64), regions)
