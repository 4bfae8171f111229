"""`bench session`: what a running session will still sell, and keep, forecast with learned effects.

On synthetic sessions against prior-only and pro-rata, on a shop's real trading days as a safety check, and the speed of one
update. Rows are plain dictionaries, ready for `--json`.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supplychain.cli.bench.session_generator import (
    AFTERGLOW_MINUTES,
    MINUTES,
    NAMES,
    START_MS,
    TRUE_LOG,
    Evenings,
    evenings,
)
from supplychain.cli.bench.session_net import net_moments
from supplychain.cli.bench.session_service import Progress, service_forecasts, silent, taught_by
from supplychain.cli.bench.shop_days import CHECKPOINTS, day_checkpoints
from supplychain.forecasting.exposure import MINUTE_MS, RoomPace, exposure_curve
from supplychain.forecasting.exposure_learning import LearnedEffects, learn_rates
from supplychain.forecasting.losses import coverage, weighted_quantile_loss
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.session import SessionForecaster, SessionPrior
from supplychain.forecasting.session_lessons import ALL, SessionLessons
from supplychain.forecasting.tempering import Tempering, learn_shape, learn_tempering

Floats = NDArray[np.float64]
Row = dict[str, Any]
ELAPSED = CHECKPOINTS
LEVELS = (0.1, 0.5, 0.9)


def run(
    sessions: int = 1_000,
    training: int = 1_500,
    seed: int = 7,
    data: Path | None = None,
    kind: str = "online-retail",
    progress: Progress = silent,
) -> list[Row]:
    """All rows: synthetic remaining demand, net demand, speed, and the safety check when a file is given.

    Parameters
    ----------
    progress
        Is told the share done.

    Returns
    -------
    list of dict
        `model, elapsed, wql, coverage80, data`; speed rows carry `microseconds` and `state_bytes` instead.
    """
    past, test = evenings(training, seed), evenings(sessions, seed + 1)
    progress(0.05)
    lessons = taught_by(past)
    progress(0.25)
    forecasts = service_forecasts(test, lessons, ELAPSED, progress=lambda share: progress(0.25 + 0.3 * share))
    rows = remaining_rows(lessons, forecasts, test, past, lambda share: progress(0.55 + 0.3 * share))
    rows += net_rows(forecasts[ELAPSED.index(0.5)], past, test, seed)
    rows += speed_rows()
    progress(0.9)
    if data is not None:
        rows += intraday_rows(data, kind)
    progress(1.0)
    return rows


def remaining_rows(
    lessons: SessionLessons,
    forecasts: list[tuple[Floats, Floats]],
    test: Evenings,
    past: Evenings,
    progress: Progress = silent,
) -> list[Row]:
    """Remaining orders as the service forecasts them, against given effects, the prior on the mean curve, and pro-rata."""
    told = _given(test, lessons.tempering.get(ALL, Tempering()))
    deaf = service_forecasts(test, lessons, ELAPSED, heard=False, progress=progress)
    mean_curve = past.orders.mean(axis=0) / past.orders.sum(axis=1).mean()
    totals = past.orders.sum(axis=1).astype(np.float64)
    rates, hosts = learn_rates(past.products, past.hosts, totals, np.ones(len(totals)))
    usual = np.array(
        [rates.get(p, rates[""]) * hosts.get(h, 1.0) for p, h in zip(test.products, test.hosts, strict=True)]
    )
    shape = learn_shape(np.full(len(totals), totals.mean()), totals)
    rows = []
    for i, share in enumerate(ELAPSED):
        cut = round(share * MINUTES)
        actual = test.orders[:, cut:].sum(axis=1).astype(np.float64)
        sold = test.orders[:, :cut].sum(axis=1).astype(np.float64)
        left = float(mean_curve[cut:].sum())
        prior = usual * left
        plain = sold * left / max(1.0 - left, 1e-9)
        rows += [
            _row("learned effects", share, actual, *forecasts[i]),
            _row("learned effects, audience not heard", share, actual, *deaf[i]),
            _row("given effects", share, actual, *told[i]),
            _row("prior only", share, actual, prior, prior + prior**2 / shape),
            _row("pro-rata", share, actual, plain, plain + plain**2 / np.maximum(sold, 1.0)),
        ]
    return rows


def _given(of: Evenings, chosen: Tempering) -> list[tuple[Floats, Floats]]:
    """Mean and variance of the remaining orders with the true effects, rates and planned audience given."""
    effects = LearnedEffects(NAMES, tuple(TRUE_LOG), (0.0,) * len(NAMES), 1.0).effects(AFTERGLOW_MINUTES * MINUTE_MS)
    out = np.zeros((len(ELAPSED), 2, len(of.shows)))
    cuts = [round(share * MINUTES) for share in ELAPSED]
    for s, show in enumerate(of.shows):
        spread = (chosen.shape, chosen.kappa, chosen.dispersion, chosen.future_cv, chosen.widths)
        prior = SessionPrior(float(of.true_rate[s]), *spread, regions=("all",), shares=(1.0,))
        item, room = SessionForecaster(prior, exposure_curve(show, "item", effects)), RoomPace(5 * MINUTE_MS)
        for minute in range(max(cuts) + 1):
            now = START_MS + minute * MINUTE_MS
            if minute in cuts:
                left = item.forecast(now, room.ahead(effects.audience_power, 1.0)).orders
                out[cuts.index(minute), :, s] = left.mean, left.variance
            viewers = float(of.viewers[s, minute])
            room.observe(now, viewers, 1.0)
            item.advance(now + MINUTE_MS, viewers**effects.audience_power)
            item.observe("all", int(of.orders[s, minute]), int(of.orders[s, minute]))
    return [(out[i, 0], out[i, 1]) for i in range(len(ELAPSED))]


def _row(model: str, elapsed: float, actual: Floats, mean: Floats, variance: Floats, data: str = "synthetic") -> Row:
    grid = {level: quantiles(mean, variance, level) for level in LEVELS}
    return {
        "model": model,
        "elapsed": elapsed,
        "wql": weighted_quantile_loss(actual, grid),
        "coverage80": coverage(actual, grid[0.1], grid[0.9]),
        "data": data,
    }


def net_rows(gross: tuple[Floats, Floats], past: Evenings, test: Evenings, seed: int) -> list[Row]:
    """Pieces kept at last, forecast half way: learned hazards against a flat rate per category with its own spread."""
    actual, ours, plain = net_moments(gross, past, test, seed)
    return [
        _row("net: learned hazards", 0.5, actual, *ours),
        _row("net: flat rate per category", 0.5, actual, *plain),
    ]


def speed_rows(counts: tuple[int, ...] = (1, 10, 31), rounds: int = 2_000) -> list[Row]:
    """Microseconds (of processor time) of one update and forecast of an item per region, and the bytes of its state.

    An update takes in the time that has passed and the orders of every region, and gives the moments of every region.
    """
    rows: list[Row] = []
    show = evenings(1, 1).shows[0]
    curve = exposure_curve(
        show, "item", LearnedEffects(NAMES, tuple(TRUE_LOG), (0.0,) * len(NAMES), 1.0).effects(120_000)
    )
    for regions in counts:
        names = tuple(f"region{i}" for i in range(regions))
        item = SessionForecaster(SessionPrior(1.0, regions=names, shares=(1.0,) * regions), curve)
        start = time.process_time()
        for i in range(rounds):
            item.advance(START_MS + i * 1_000, 1.1)
            for name in names:
                item.observe(name, 2, 3)
            item.forecast(START_MS + i * 1_000).regions()
        spent = (time.process_time() - start) / rounds
        rows.append(
            {
                "model": "session update",
                "regions": regions,
                "microseconds": 1e6 * spent / regions,
                "item_microseconds": 1e6 * spent,
                "state_bytes": len(pickle.dumps(item.snapshot())),
            }
        )
    return rows


def intraday_rows(data: Path, kind: str = "online-retail", series: int = 100, test_days: int = 39) -> list[Row]:
    """A shop's trading days as sessions without any show: updating must not lose to the prior.

    Tempering is learned on the days before the test days.
    """
    training, test = day_checkpoints(data, kind, series, test_days)
    shape = learn_shape(training.past[:, -1] + training.rest[:, -1], training.sold[:, -1] + training.remaining[:, -1])
    tempered = learn_tempering(training, shape)
    alone = learn_tempering(replace(training, sold=training.past), shape)
    models = {"tempered": tempered, "prior only": replace(alone, kappa=0.0, widths=())}
    models["untempered"] = replace(tempered, kappa=1.0)
    rows = []
    for i, elapsed in enumerate(ELAPSED):
        for name, model in models.items():
            mean, variance = model.moments(test.past[:, i], test.rest[:, i], test.sold[:, i], elapsed)
            rows.append(_row(name, elapsed, test.remaining[:, i], mean, variance, "real"))
        plain = test.sold[:, i] * test.rest[:, i] / np.maximum(test.past[:, i], 1e-9)
        rows.append(_row("pro-rata", elapsed, test.remaining[:, i], plain, plain + plain**2, "real"))
    return rows
