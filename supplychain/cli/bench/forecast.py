"""`bench forecast`: our forecasts against Prophet alone, seasonal naive and a window average, on the same rows of a file.

Rows of the table are plain dictionaries, ready for `--json`. The file is the caller's; nothing of it is kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supplychain.forecasting.backtest import Backtest, judge, rolling_origin
from supplychain.forecasting.baselines import (
    LEVELS,
    Forecaster,
    GlobalItems,
    ProphetAlone,
    SeasonalNaive,
    WindowAverage,
)
from supplychain.forecasting.frames import DailyFrame, daily_frame
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.items import fit_items, predict_items
from supplychain.forecasting.losses import coverage, wape, weighted_quantile_loss
from supplychain.forecasting.prior import prophet_as_it_comes
from supplychain.forecasting.trade_calendar import TradeCalendar

LARGEST_LINE = 10_000  # pieces; above it a line of the shop is a typing error that is cancelled minutes later
COUNTRIES = {"online-retail": "GB-ENG"}  # whose holidays the trade's calendar names, as an operator would
Row = dict[str, Any]
Progress = Callable[[float], None]


def run(
    data: Path,
    form: str = "online-retail",
    horizon: int = 7,
    origins: int = 4,
    series: int = 200,
    models: Sequence[str] = ("items", "prophet", "seasonal naive", "window average"),
    settings: ItemSettings | None = None,
    known_days: int | None = None,
    hindsight: bool = False,
    progress: Progress = lambda _: None,
) -> tuple[list[Row], list[Row]]:
    """Rolling weekly origins at the end of the file.

    Parameters
    ----------
    data, form
        File and its format: "online-retail" (the shop's transactions, parquet or csv) or "long" (columns series, day, pieces
        and, if known, price and group).
    horizon, origins
        Days ahead, and how many weekly origins.
    series
        How many of the largest series are scored; all of them teach.
    models
        Which forecasters run.
    known_days
        Hide the history of the scored series but for their last days (cold start); the others teach.
    hindsight
        Add what no forecast is, see `hindsight_rows`.
    progress
        Is told the share done.

    Returns
    -------
    tuple of two lists
        Scores `model, segment, wql, wape, mase, bias, coverage80, series_per_second`, and our model's gain over each rival:
        `model, gain, low, high` of a paired bootstrap over series.

    Raises
    ------
    ValueError
        On an unknown format or model, or a file with too few days.
    """
    frame = read(data, form)
    rows = _largest(frame, series)
    chosen = _chosen(models, settings or ItemSettings(horizon=horizon), COUNTRIES.get(form, ""))
    every = _origins(frame, horizon, origins)
    result = rolling_origin(frame, rows, every, horizon, chosen, time.perf_counter, known_days, progress)
    scores = [asdict(score) for score in result.scores()]
    return scores + (hindsight_rows(result, frame, every) if hindsight else []), _gains(result)


def hindsight_rows(result: Backtest, frame: DailyFrame, origins: Sequence[int]) -> list[Row]:
    """Score each series' own quantiles over the open scored days: who knows level and spread of days to come, but no single day.

    Two rows tell noise from lack of skill. "hindsight" has seen the very day it is scored on, so even its loss is too low to be reached;
    "hindsight, day left out" has seen all the scored days but that one, later ones too.
    """
    actual = np.concatenate(result.actual, axis=1)
    width = result.actual[0].shape[1]
    opens = np.flatnonzero(np.concatenate([frame.open_days[origin : origin + width] for origin in origins]))
    seen = {
        "hindsight": dict.fromkeys(opens.tolist(), opens),
        "hindsight, day left out": {day: opens[opens != day] for day in opens.tolist()},
    }
    rows = []
    for model, days in seen.items():
        spread = {level: np.zeros(actual.shape) for level in LEVELS}
        for day, others in days.items():
            for level, values in spread.items():
                values[:, day] = np.quantile(actual[:, others], level, axis=1, method="inverted_cdf")
        low, middle, high = (spread[level] for level in LEVELS)
        scored = {"model": model, "segment": "all", "wql": weighted_quantile_loss(actual, spread)}
        rows.append({**scored, "wape": wape(actual, middle), "coverage80": coverage(actual, low, high)})
    return rows


def refresh(
    series: int = 10_000,
    days: int = 365,
    timed: int = 100,
    seed: int = 7,
    settings: ItemSettings | None = None,
    progress: Progress = lambda _: None,
) -> list[Row]:
    """Train and predict all of a synthetic assortment, against one Prophet fit and prediction per series on two cores.

    Prophet is timed on `timed` series in this run and scaled up, with perfect use of both cores granted to it. `cpu_seconds` is
    processor time with all children: on a busy machine it says more than the clock, and `times_less_cpu` is its ratio.
    """
    frame = synthetic_frame(series, days, seed)
    start, spent = time.perf_counter(), _processor_seconds()
    model = fit_items(frame, settings or ItemSettings(seed=seed))
    forecast = predict_items(model, frame, range(7))
    ours, our_cpu = time.perf_counter() - start, _processor_seconds() - spent
    peak, chosen = _peak(), min(timed, series)
    prophet_as_it_comes(frame.days, frame.pieces[0], np.arange(frame.days[-1] + 1, frame.days[-1] + 8))  # imports, once
    start, spent = time.perf_counter(), _processor_seconds()
    for row in range(chosen):
        prophet_as_it_comes(frame.days, frame.pieces[row], np.arange(frame.days[-1] + 1, frame.days[-1] + 8))
        progress((row + 1) / chosen)
    theirs = (time.perf_counter() - start) / chosen * series / 2.0
    their_cpu = (_processor_seconds() - spent) / chosen * series
    sound = bool(np.all(np.isfinite(forecast.quantiles)) and np.all(np.diff(forecast.quantiles, axis=-1) >= 0.0))
    shared = {"series": series}
    return [
        {"model": "items", **shared, "seconds": ours, "cpu_seconds": our_cpu, "times_faster": theirs / ours}
        | {"times_less_cpu": their_cpu / our_cpu, "sound": sound, "peak_rss_mb": peak},
        {"model": "prophet", **shared, "seconds": theirs, "cpu_seconds": their_cpu, "times_faster": 1.0}
        | {"times_less_cpu": 1.0},
    ]


def read(data: Path, form: str) -> DailyFrame:
    """A frame of the file's sales."""
    table = pd.read_parquet(data) if data.suffix == ".parquet" else pd.read_csv(data)
    readers: dict[str, Callable[[pd.DataFrame], DailyFrame]] = {"online-retail": _online_retail, "long": _long}
    if form not in readers:
        raise ValueError(f"unknown format {form!r}: one of {sorted(readers)}")
    return readers[form](table)


def synthetic_frame(series: int, days: int, seed: int) -> DailyFrame:
    """Lumpy daily counts with weekly shape, trend and many slow movers, labelled synthetic by their keys."""
    rng = np.random.default_rng(seed)
    level = rng.lognormal(0.5, 1.4, series)
    week = 1.0 + 0.3 * np.sin(2.0 * np.pi * (np.arange(days) % 7) / 7.0)
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.01, (series, days)), axis=1))
    pieces = rng.poisson(
        np.minimum(level[:, None] * week * drift, 1e5) * rng.gamma(0.7, 1.0 / 0.7, (series, days))
    ).astype(float)
    price = np.where(pieces > 0.0, rng.lognormal(2.0, 0.8, series)[:, None], np.nan)
    keys = tuple(f"synthetic-{i:05d}" for i in range(series))
    groups = tuple(f"group-{i % 40:02d}" for i in range(series))
    return DailyFrame(keys, 20_000, pieces, price, np.ceil(pieces / 2.0), np.ones(days, dtype=bool), groups)


def _online_retail(table: pd.DataFrame) -> DailyFrame:
    """Sales lines of products: no cancellations, corrections, postage or typing errors. The pool is the price band."""
    missing = {"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice"} - set(table.columns)
    if missing:
        raise ValueError(f"columns missing: {sorted(missing)}")
    code = table["StockCode"].astype(str)
    sale = (
        ~table["InvoiceNo"].astype(str).str.startswith(("C", "A")) & (table["Quantity"] > 0) & (table["UnitPrice"] > 0)
    )
    lines = table[sale & (table["Quantity"] <= LARGEST_LINE) & code.str.match(r"^\d{5}")]
    day = pd.to_datetime(lines["InvoiceDate"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    price = lines["UnitPrice"].to_numpy(dtype=np.float64)
    keys = lines["StockCode"].astype(str).to_numpy(dtype=object)
    bands = pd.Series(price).groupby(pd.Series(keys)).median()
    groups = {str(key): f"price {round(float(np.log2(max(value, 0.01))))}" for key, value in bands.items()}
    pieces = lines["Quantity"].to_numpy(dtype=np.float64)
    return _frame(keys, day, pieces, price, groups)


def _long(table: pd.DataFrame) -> DailyFrame:
    missing = {"series", "day", "pieces"} - set(table.columns)
    if missing:
        raise ValueError(f"columns missing: {sorted(missing)}")
    day = pd.to_datetime(table["day"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    keys = table["series"].astype(str).to_numpy(dtype=object)
    price = table["price"].to_numpy(dtype=np.float64) if "price" in table else np.ones(len(table))
    groups = dict(zip(keys, table["group"].astype(str), strict=True)) if "group" in table else {}
    return _frame(keys, day, table["pieces"].to_numpy(dtype=np.float64), price, groups)


def _frame(keys: Any, day: Any, pieces: Any, price: Any, groups: dict[str, str]) -> DailyFrame:
    if not len(day):
        raise ValueError("the file has no sale")
    return daily_frame(keys, day, pieces, price, first_day=int(day.min()), end_day=int(day.max()) + 1, groups=groups)


def _largest(frame: DailyFrame, series: int) -> Any:
    order = np.argsort(-frame.pieces.sum(axis=1), kind="stable")
    return np.sort(order[:series]).astype(np.int64)


def _origins(frame: DailyFrame, horizon: int, count: int) -> list[int]:
    width = frame.pieces.shape[1]
    origins = [width - horizon - 7 * back for back in range(count - 1, -1, -1)]
    if not origins or origins[0] < 28:
        raise ValueError("the file has too few days for these origins")
    return origins


def _chosen(models: Sequence[str], settings: ItemSettings, country: str) -> list[Forecaster]:
    known: list[Forecaster] = [
        GlobalItems(settings, calendar=TradeCalendar(country)),
        ProphetAlone(),
        SeasonalNaive(),
        WindowAverage(),
    ]
    by_name = {forecaster.name: forecaster for forecaster in known}
    unknown = set(models) - set(by_name)
    if unknown:
        raise ValueError(f"unknown models {sorted(unknown)}: some of {sorted(by_name)}")
    return [by_name[name] for name in models]


def _gains(result: Backtest) -> list[Row]:
    """How much less our model loses than each rival."""
    if "items" not in result.models:
        return []
    ours = result.losses("items")
    rows = []
    for rival in result.models:
        if rival != "items":
            verdict = judge(result.losses(rival), ours, seed=1)
            rows.append({"model": rival, "gain": verdict.gain, "low": verdict.low, "high": verdict.high})
    return rows


def _processor_seconds() -> float:
    """Processor time of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
