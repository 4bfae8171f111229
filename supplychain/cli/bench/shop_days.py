"""A shop's trading days as sessions without a show: the real data of `bench session`.

Prior of a day: half the same-weekday mean, half the mean of the last twelve trading days; intraday curve pooled over products
and training days; order lines, not pieces.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from supplychain.domain.errors import InvalidInputError
from supplychain.forecasting.tempering import Checkpoints

Floats = NDArray[np.float64]
CHECKPOINTS = (0.1, 0.25, 0.5, 0.75)


def day_checkpoints(data: Path, kind: str, series: int, test_days: int) -> tuple[Checkpoints, Checkpoints]:
    """Return training and test days as they stood at `CHECKPOINTS`, a row per day and product.

    Raises
    ------
    InvalidInputError
        If the format is unknown or a column is missing.
    """
    if kind != "online-retail":
        raise InvalidInputError(f"unknown format {kind!r}", way_out="use online-retail", field="format")
    counts, weekday = _trading_days(data, series)
    days = counts.shape[0]
    first = max(24, days - test_days - 80)
    prior = np.stack([_day_prior(counts.sum(axis=2), weekday, day) for day in range(first, days)])
    split = days - test_days - first
    curve = counts[first : days - test_days].sum(axis=(0, 1))
    share = np.cumsum(curve) / curve.sum()
    parts = []
    for block in (slice(first, days - test_days), slice(days - test_days, days)):
        part = counts[block].reshape(-1, counts.shape[2]).astype(np.float64)
        mean = (prior[:split] if block.start == first else prior[split:]).reshape(-1)
        cuts = [round(elapsed * counts.shape[2]) for elapsed in CHECKPOINTS]
        done = np.array([share[cut - 1] for cut in cuts])
        sold = np.stack([part[:, :cut].sum(axis=1) for cut in cuts], axis=1)
        rest = part.sum(axis=1)[:, None] - sold
        parts.append(Checkpoints(mean[:, None] * done, mean[:, None] * (1.0 - done), sold, rest, CHECKPOINTS))
    return parts[0], parts[1]


def _trading_days(data: Path, series: int) -> tuple[Floats, NDArray[np.int64]]:
    """Order lines, days x series x quarter hours of the trading day, and the weekday of each day."""
    table = pd.read_parquet(data) if data.suffix == ".parquet" else pd.read_csv(data)
    missing = sorted({"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice"} - set(table.columns))
    if missing:
        raise InvalidInputError(
            f"{data}: columns missing: {', '.join(missing)}", way_out="give the Online Retail table"
        )
    sale = (
        ~table["InvoiceNo"].astype(str).str.startswith(("C", "A")) & (table["Quantity"] > 0) & (table["UnitPrice"] > 0)
    )
    lines = table[sale & table["StockCode"].astype(str).str.match(r"^\d{5}")]
    at = pd.to_datetime(lines["InvoiceDate"]).to_numpy().astype("datetime64[m]").astype(np.int64)
    code, _ = pd.factorize(lines["StockCode"].astype(str))
    largest = np.argsort(-np.bincount(code), kind="stable")[:series]
    place = np.full(int(code.max()) + 1, -1)
    place[largest] = np.arange(len(largest))
    day, quarter = at // 1_440, (at % 1_440) // 15
    opening, closing = int(np.quantile(quarter, 0.01)), int(np.quantile(quarter, 0.99)) + 1
    names, index = np.unique(day, return_inverse=True)
    use = (place[code] >= 0) & (quarter >= opening) & (quarter < closing)
    counts = np.zeros((len(names), len(largest), closing - opening))
    np.add.at(counts, (index[use], place[code][use], quarter[use] - opening), 1.0)
    return counts, (names + 3) % 7


def _day_prior(totals: Floats, weekday: NDArray[np.int64], day: int) -> Floats:
    recent = totals[max(0, day - 12) : day].mean(axis=0)
    same = np.flatnonzero(weekday[:day] == weekday[day])[-4:]
    return np.asarray(0.5 * recent + 0.5 * (totals[same].mean(axis=0) if len(same) else recent)) + 0.05
