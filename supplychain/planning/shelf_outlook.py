"""The stored forecasts of the shelf as anybody may read them at any time: days with intervals, models, and how true they came."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from supplychain.domain.errors import NotFoundError
from supplychain.domain.forecast import RegionOutlook, ShelfForecast, ShelfScore
from supplychain.forecasting.trade_calendar import date_of
from supplychain.planning.ports import Store

MEASURED_DAYS = 28


def outlook(store: Store, sku: str) -> dict[str, Any]:
    """Return the forecast of a SKU in every region: pieces a day, what stands in for a model, and the version stamps.

    Raises
    ------
    NotFoundError
        If nothing is forecast for it.
    """
    with store.read() as tx:
        found = tx.learning.shelf([sku])
    if not found:
        raise NotFoundError(
            f"nothing is forecast for {sku} on the shelf",
            way_out="live-exclusive goods are forecast by session; `supplychain forecast refit` learns from the history",
            sku=sku,
        )
    (forecast,) = found
    return {
        "sku": sku,
        "model": forecast.model_version,
        "method": forecast.method,
        "tuning_version": forecast.tuning_version,
        "regions": [
            {
                "region": region,
                "segment": mine.segment,
                "degraded": mine.degraded,
                "days": day_rows(forecast, mine),
            }
            for region, mine in sorted(forecast.regions.items())
        ],
    }


def day_rows(forecast: ShelfForecast, mine: RegionOutlook) -> list[dict[str, Any]]:
    """Rows of one region, a day each."""
    return [
        {
            "day": date_of(forecast.first_day + place).isoformat(),
            "mean": mine.mean[place],
            "low": mine.low[place],
            "high": mine.high[place],
            "variance": mine.variance[place],
        }
        for place in range(len(mine.mean))
    ]


def models(store: Store) -> list[dict[str, Any]]:
    """Return the stored models, newest first: `version, degraded, fitted_through, created_wall, active`."""
    with store.read() as tx:
        return [asdict(model) for model in tx.learning.models()]


def measured(store: Store, days: int = MEASURED_DAYS) -> list[dict[str, Any]]:
    """Return coverage, bias and error of the forecasts that were in use, per segment over the last finished days."""
    with store.read() as tx:
        last = tx.learning.last_day()
        scores = tx.learning.scores("") if last else []
    kept = sorted({score.day for score in scores})[-days:]
    found: dict[str, list[ShelfScore]] = defaultdict(list)
    for score in scores:
        if score.day in kept:
            found[score.segment].append(score)
    return [_measured(segment, rows) for segment, rows in sorted(found.items())]


def _measured(segment: str, rows: list[ShelfScore]) -> dict[str, Any]:
    pieces = sum(row.pieces for row in rows)
    series = sum(row.series for row in rows)
    return {
        "segment": segment,
        "days": len({row.day for row in rows}),
        "series_days": series,
        "coverage80": sum(row.inside for row in rows) / series if series else None,
        "bias": (sum(row.expected for row in rows) - pieces) / pieces if pieces else None,
        "wape": sum(row.error for row in rows) / pieces if pieces else None,
        "interval_loss": 2.0 * sum(row.loss for row in rows) / pieces if pieces else None,
    }
