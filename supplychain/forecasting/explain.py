"""Why a forecast is what it is, as numbers that multiply or add up to it.

A session's forecast is one product: rate, exposure ahead, audience, appeal, pieces per order. An item's is a sum of effects on its
recent level. Both say from when they are, what data are missing, and how well this segment has been forecast lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from supplychain.forecasting.backtest import Score
from supplychain.forecasting.exposure import ExposureEffects, RunOfShow, SpikeLift, exposure_curve
from supplychain.forecasting.frames import DailyFrame
from supplychain.forecasting.intervals import volume_segments
from supplychain.forecasting.item_record import ItemModel
from supplychain.forecasting.items import drivers, predict_items
from supplychain.forecasting.prior_record import RARELY_OPEN, open_weekdays
from supplychain.forecasting.session import SessionForecaster


@dataclass(frozen=True, slots=True)
class SessionExplanation:
    """Remaining pieces = rate x exposure x audience x appeal x pieces_per_order.

    Parameters
    ----------
    rate
        Prior orders per unit of exposure.
    exposure
        Units still ahead: `calm` minutes, plus what pitches, offers and a running spike add.
    audience
        Expected over planned audience effect.
    appeal
        How this item sells in this session against its prior, as far as the sales so far are trusted.
    """

    rate: float
    exposure: float
    calm: float
    by_pitches: float
    by_offers: float
    by_spike: float
    audience: float
    appeal: float
    pieces_per_order: float
    pieces: float
    orders_so_far: int
    in_stock: bool


def explain_session(
    item: SessionForecaster,
    show: RunOfShow,
    sku: str,
    effects: ExposureEffects,
    at_ms: int,
    pace_ahead: float = 1.0,
    lifts: Sequence[SpikeLift] = (),
) -> SessionExplanation:
    """Take a session forecast apart; pitches are counted before offers where both run."""
    end = show.end_ms
    calm = exposure_curve(replace(show, pitches=(), offers=()), sku, effects).between(at_ms, end)
    pitched = exposure_curve(replace(show, offers=()), sku, effects).between(at_ms, end)
    planned = item.curve.between(at_ms, end)
    spike = sum(lift.ahead(item.curve, at_ms, end, at_ms) for lift in lifts)
    forecast = item.forecast(at_ms, pace_ahead, lifts)
    expected = item.prior.rate * pace_ahead * (planned + spike)
    return SessionExplanation(
        rate=item.prior.rate,
        exposure=planned + spike,
        calm=calm,
        by_pitches=pitched - calm,
        by_offers=planned - pitched,
        by_spike=spike,
        audience=pace_ahead,
        appeal=forecast.orders.mean / expected if expected > 0.0 else 1.0,
        pieces_per_order=forecast.units.mean / forecast.orders.mean if forecast.orders.mean > 0.0 else 1.0,
        pieces=forecast.units.mean,
        orders_so_far=item.orders,
        in_stock=item.in_stock,
    )


@dataclass(frozen=True, slots=True)
class ItemExplanation:
    """A day's forecast of one item with what drives its median.

    Parameters
    ----------
    drivers
        Feature and effect in pieces, adding up to the median before rearrangement.
    gaps
        First and last day of spells without data in the last eight weeks, regular closing days left out.
    segment, wql, bias
        Recent accuracy of series like this one; NaN when it has not been measured.
    """

    key: str
    day: int
    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    mean: float
    low: float
    high: float
    method: str
    degraded: str
    trained_until: int
    drivers: tuple[tuple[str, float], ...]
    gaps: tuple[tuple[int, int], ...]
    segment: str
    wql: float
    bias: float


def explain_item(
    model: ItemModel, frame: DailyFrame, key: str, step: int, scores: Sequence[Score] = ()
) -> ItemExplanation:
    """Explain the forecast of one series `step` days after the frame.

    Raises
    ------
    ValueError
        When the frame has no such series.
    """
    if key not in frame.keys:
        raise ValueError(f"no such series: {key}")
    row = frame.keys.index(key)
    forecast = predict_items(model, frame, [step])
    recent = frame.pieces[row : row + 1, -56:]
    segment = volume_segments(recent.mean(axis=1), (recent > 0.0).mean(axis=1))[0]
    found = [score for score in scores if score.segment == segment]
    return ItemExplanation(
        key=key,
        day=frame.first_day + frame.pieces.shape[1] + step,
        levels=forecast.levels,
        quantiles=tuple(float(value) for value in forecast.quantiles[row, 0]),
        mean=float(forecast.mean[row, 0]),
        low=float(forecast.low[row, 0]),
        high=float(forecast.high[row, 0]),
        method=model.method,
        degraded=forecast.degraded[row],
        trained_until=model.trained_until,
        drivers=tuple(drivers(model, frame, key, step)),
        gaps=data_gaps(frame),
        segment=segment,
        wql=found[0].wql if found else float("nan"),
        bias=found[0].bias if found else float("nan"),
    )


def data_gaps(frame: DailyFrame) -> tuple[tuple[int, int], ...]:
    """Spells of missing days in the last eight weeks, first and last day each; regular closing days are no gap."""
    shares = np.asarray(open_weekdays(frame.days, frame.open_days))
    days, missing = frame.days[-56:], ~frame.open_days[-56:]
    spells: list[tuple[int, int]] = []
    for day, gone in zip(days.tolist(), missing.tolist(), strict=True):
        regular = shares[(day + 3) % 7] < RARELY_OPEN
        if gone and not regular:
            joins = bool(spells) and spells[-1][1] >= day - 1
            spells[-1:] = [(spells[-1][0], day)] if joins else [*spells[-1:], (day, day)]
        elif gone and spells and spells[-1][1] == day - 1:
            spells[-1] = (spells[-1][0], day)
    return tuple(spells)
