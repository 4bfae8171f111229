"""`bench session`: what a running session will still sell, and keep, forecast with learned effects.

On synthetic sessions against prior-only and pro-rata, on a shop's real trading days as a safety check, and the speed of one
update. Rows are plain dictionaries, ready for `--json`.
"""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from supplychain.cli.bench.session_generator import (
    AFTERGLOW_MINUTES,
    MINUTES,
    NAMES,
    START_MS,
    TRUE_LOG,
    Evenings,
    evenings,
    lines_of,
)
from supplychain.forecasting.exposure import MINUTE_MS, ExposureEffects, RoomPace, exposure_curve
from supplychain.forecasting.exposure_learning import (
    LearnedEffects,
    SessionLog,
    cross_fitted_rates,
    learn_effects,
    learn_rates,
)
from supplychain.forecasting.losses import coverage, weighted_quantile_loss
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.returns import DAY_MS, NEVER, LossHistory, LossModel, learn_losses
from supplychain.forecasting.session import SessionForecaster, SessionPrior
from supplychain.forecasting.tempering import Checkpoints, Tempering, learn_shape, learn_tempering

Floats = NDArray[np.float64]
Row = dict[str, Any]
ELAPSED = (0.1, 0.25, 0.5, 0.75)
LEVELS = (0.1, 0.5, 0.9)
TRUST = 0.7  # how far the audience so far is trusted for the rest


def run(sessions: int = 1_000, training: int = 600, seed: int = 7, data: Path | None = None) -> list[Row]:
    """All rows: synthetic remaining demand, net demand, speed, and the safety check when a file is given.

    Returns
    -------
    list of dict
        `model, elapsed, wql, coverage80, data`; speed rows carry `microseconds` and `state_bytes` instead.
    """
    past, test = evenings(training, seed), evenings(sessions, seed + 1)
    learned = Lessons.learn(past)
    rows = remaining_rows(learned, test, past)
    rows += net_rows(learned, past, test, seed)
    rows += speed_rows(learned)
    if data is not None:
        rows += intraday_rows(data)
    return rows


class Lessons:
    """What past synthetic sessions teach: effects, rates, tempering."""

    def __init__(
        self, effects: LearnedEffects, rates: dict[str, float], hosts: dict[str, float], tempering: Tempering
    ) -> None:
        self.effects = effects
        self.rates = rates
        self.hosts = hosts
        self.tempering = tempering

    @classmethod
    def learn(cls, past: Evenings) -> Lessons:
        """Effects by regression, rates by product and host, tempering by the loss it would have had."""
        orders = past.orders.astype(np.float64)
        effects = learn_effects(SessionLog(orders, past.covariates, np.ones(orders.shape, dtype=bool), NAMES))
        exposure = effects.exposure(past.covariates)
        rates, hosts = learn_rates(past.products, past.hosts, orders.sum(axis=1), exposure.sum(axis=1))
        lessons = cls(effects, rates, hosts, Tempering())
        rate = cross_fitted_rates(past.products, past.hosts, orders.sum(axis=1), exposure.sum(axis=1))
        ahead = effects.exposure(past.planned)
        power = dict(zip(NAMES, effects.log_effects, strict=True))["audience"]
        seen = _checkpoints(past, exposure * rate[:, None], ahead * rate[:, None], power)
        expected = exposure.sum(axis=1) * rate
        lessons.tempering = learn_tempering(seen, learn_shape(expected, orders.sum(axis=1)), effects.dispersion)
        return lessons

    def rate(self, of: Evenings) -> Floats:
        """Expected orders per exposure of each session."""
        return np.array(
            [
                self.rates.get(product, self.rates[""]) * self.hosts.get(host, 1.0)
                for product, host in zip(of.products, of.hosts, strict=True)
            ]
        )


def _checkpoints(of: Evenings, past: Floats, ahead: Floats, power: float) -> Checkpoints:
    cuts = [round(share * MINUTES) for share in ELAPSED]
    pace = np.stack([_paces(of, cut, power) for cut in cuts], axis=1)
    orders = of.orders.astype(np.float64)
    return Checkpoints(
        np.stack([past[:, :cut].sum(axis=1) for cut in cuts], axis=1),
        np.stack([ahead[:, cut:].sum(axis=1) for cut in cuts], axis=1) * pace,
        np.stack([orders[:, :cut].sum(axis=1) for cut in cuts], axis=1),
        np.stack([orders[:, cut:].sum(axis=1) for cut in cuts], axis=1),
    )


def _paces(of: Evenings, cut: int, power: float) -> Floats:
    out = np.empty(len(of.products))
    for s in range(len(out)):
        room = RoomPace()
        for minute in range(cut):
            room.observe(START_MS + minute * MINUTE_MS, float(of.viewers[s, minute]), 1.0)
        out[s] = room.ahead(power, TRUST)
    return out


def remaining_rows(learned: Lessons, test: Evenings, past: Evenings) -> list[Row]:
    """Remaining orders by the stream's own forecaster, against the prior on the mean curve, pro-rata, and given effects."""
    rate = learned.rate(test)
    effects = learned.effects.effects(AFTERGLOW_MINUTES * MINUTE_MS)
    moments = _forecasts(test, rate, effects, learned.tempering)
    given = LearnedEffects(NAMES, tuple(TRUE_LOG), (0.0,) * len(NAMES), 1.0).effects(AFTERGLOW_MINUTES * MINUTE_MS)
    told = _forecasts(test, test.true_rate, given, learned.tempering)
    mean_curve = past.orders.mean(axis=0) / past.orders.sum(axis=1).mean()
    totals = past.orders.sum(axis=1).astype(np.float64)
    expected = learned.effects.exposure(past.covariates).mean(axis=0).sum() * rate
    shape = learn_shape(np.full(len(totals), totals.mean()), totals)
    rows = []
    for i, share in enumerate(ELAPSED):
        cut = round(share * MINUTES)
        actual = test.orders[:, cut:].sum(axis=1).astype(np.float64)
        sold = test.orders[:, :cut].sum(axis=1).astype(np.float64)
        left = float(mean_curve[cut:].sum())
        prior = expected * left
        plain = sold * left / max(1.0 - left, 1e-9)
        rows += [
            _row("learned effects", share, actual, *moments[i]),
            _row("given effects", share, actual, *told[i]),
            _row("prior only", share, actual, prior, prior + prior**2 / shape),
            _row("pro-rata", share, actual, plain, plain + plain**2 / np.maximum(sold, 1.0)),
        ]
    return rows


def _forecasts(of: Evenings, rate: Floats, effects: ExposureEffects, chosen: Tempering) -> list[tuple[Floats, Floats]]:
    """Mean and variance of the remaining orders at each checkpoint, minute by minute through `SessionForecaster`."""
    out = np.zeros((len(ELAPSED), 2, len(rate)))
    cuts = [round(share * MINUTES) for share in ELAPSED]
    for s, show in enumerate(of.shows):
        prior = SessionPrior(
            float(rate[s]),
            chosen.shape,
            chosen.kappa,
            chosen.dispersion,
            chosen.future_cv,
            regions=("all",),
            shares=(1.0,),
        )
        item, room = SessionForecaster(prior, exposure_curve(show, "item", effects)), RoomPace()
        for minute in range(max(cuts) + 1):
            now = START_MS + minute * MINUTE_MS
            if minute in cuts:
                left = item.forecast(now, room.ahead(effects.audience_power, TRUST)).orders
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


def net_rows(learned: Lessons, past: Evenings, test: Evenings, seed: int) -> list[Row]:
    """Pieces kept at last, forecast half way: learned hazards against a flat rate per category with its own spread."""
    model, flat = _learn_losses(past, seed + 2)
    lines = lines_of(test, seed + 3)
    half = MINUTES // 2
    rate = learned.rate(test)
    gross = _forecasts(test, rate, learned.effects.effects(AFTERGLOW_MINUTES * MINUTE_MS), learned.tempering)[
        ELAPSED.index(0.5)
    ]
    kept = (lines.cancelled_after < 0) & (lines.returned_after < 0)
    actual = np.bincount(lines.session[kept], minlength=len(rate)).astype(np.float64)
    ours, plain = np.zeros((2, len(rate))), np.zeros((2, len(rate)))
    for s in range(len(rate)):
        mine = (lines.session == s) & (lines.minute < half)
        ages = (half - lines.minute[mine]) * MINUTE_MS
        gone = (lines.cancelled_after[mine] >= 0) & (lines.cancelled_after[mine] * MINUTE_MS <= ages)
        remaining = Moments(float(gross[0][s]), float(gross[1][s]))
        ones = np.ones(len(ages), dtype=np.int64)
        net = model.net_session(test.cells[s], remaining, ages, ones, gone.astype(np.int64))
        ours[:, s] = net.mean, net.variance
        share, spread = flat[test.cells[s][0]]
        crude = Moments(remaining.mean + len(ages), remaining.variance).thinned(share, spread)
        plain[:, s] = crude.mean, crude.variance
    return [
        _row("net: learned hazards", 0.5, actual, ours[0], ours[1]),
        _row("net: flat rate per category", 0.5, actual, plain[0], plain[1]),
    ]


def _learn_losses(past: Evenings, seed: int) -> tuple[LossModel, dict[str, tuple[float, float]]]:
    """Hazards by age from past lines, and per category the kept share with its variance between sessions."""
    lines = lines_of(past, seed)
    paid = lines.session * DAY_MS + lines.minute * MINUTE_MS
    cancelled = np.where(lines.cancelled_after < 0, NEVER, paid + (lines.cancelled_after * MINUTE_MS).astype(np.int64))
    shipped = np.where(lines.cancelled_after < 0, paid + DAY_MS, NEVER)
    returned = np.where(lines.returned_after < 0, NEVER, shipped + (lines.returned_after * DAY_MS).astype(np.int64))
    count = len(paid)
    history = LossHistory(
        tuple(past.cells[s] for s in lines.session),
        np.ones(count, dtype=np.int64),
        paid,
        cancelled,
        shipped,
        np.full(count, NEVER),
        returned,
        np.zeros(count, dtype=bool),
        int(paid.max()) + 60 * DAY_MS,
    )
    model = learn_losses(history, sessions=[str(s) for s in lines.session])
    kept = (lines.cancelled_after < 0) & (lines.returned_after < 0)
    sold = np.bincount(lines.session, minlength=len(past.cells))
    share = np.bincount(lines.session, kept, len(past.cells)) / np.maximum(sold, 1)
    flat = {}
    for category in sorted({cell[0] for cell in past.cells}):
        mine = np.array([cell[0] == category for cell in past.cells]) & (sold > 0)
        mean = float(np.average(share[mine], weights=sold[mine]))
        flat[category] = mean, float(np.average((share[mine] - mean) ** 2, weights=sold[mine]))
    return model, flat


def speed_rows(learned: Lessons, regions: int = 31, rounds: int = 2_000) -> list[Row]:
    """Microseconds of one chunk's update and forecast per item and region, and the bytes of its state."""
    names = tuple(f"region{i}" for i in range(regions))
    prior = SessionPrior(1.0, regions=names, shares=(1.0,) * regions)
    show = evenings(1, 1).shows[0]
    curve = exposure_curve(show, "item", learned.effects.effects(AFTERGLOW_MINUTES * MINUTE_MS))
    item = SessionForecaster(prior, curve)
    start = time.perf_counter()
    for i in range(rounds):
        item.advance(START_MS + i * 1_000, 1.1)
        item.observe(names[i % regions], 2, 3)
        item.forecast(START_MS + i * 1_000).regions()
    spent = (time.perf_counter() - start) / rounds
    size = len(pickle.dumps(item.snapshot()))
    return [
        {
            "model": "session update",
            "microseconds": 1e6 * spent / regions,
            "item_microseconds": 1e6 * spent,
            "state_bytes": size,
        }
    ]


def intraday_rows(data: Path, series: int = 100, test_days: int = 39) -> list[Row]:
    """A shop's trading days as sessions without any show: updating must not lose to the prior.

    Prior: half the same-weekday mean, half the mean of the last twelve trading days; intraday curve pooled over products and
    training days; order lines. Tempering is learned on the days before the test days.
    """
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
        cuts = [round(elapsed * counts.shape[2]) for elapsed in ELAPSED]
        done = np.array([share[cut - 1] for cut in cuts])
        sold = np.stack([part[:, :cut].sum(axis=1) for cut in cuts], axis=1)
        rest = part.sum(axis=1)[:, None] - sold
        parts.append(Checkpoints(mean[:, None] * done, mean[:, None] * (1.0 - done), sold, rest))
    training, test = parts
    shape = learn_shape(training.past[:, -1] + training.rest[:, -1], training.sold[:, -1] + training.remaining[:, -1])
    tempered = learn_tempering(training, shape)
    alone = learn_tempering(Checkpoints(training.past, training.rest, training.past, training.remaining), shape)
    models = {"tempered": tempered, "prior only": Tempering(alone.shape, 0.0, alone.dispersion, alone.future_cv)}
    models["untempered"] = Tempering(tempered.shape, 1.0, tempered.dispersion, tempered.future_cv)
    rows = []
    for i, elapsed in enumerate(ELAPSED):
        for name, model in models.items():
            mean, variance = model.moments(test.past[:, i], test.rest[:, i], test.sold[:, i])
            rows.append(_row(name, elapsed, test.remaining[:, i], mean, variance, "real"))
        plain = test.sold[:, i] * test.rest[:, i] / np.maximum(test.past[:, i], 1e-9)
        rows.append(_row("pro-rata", elapsed, test.remaining[:, i], plain, plain + plain**2, "real"))
    return rows


def _trading_days(data: Path, series: int) -> tuple[Floats, NDArray[np.int64]]:
    """Order lines, days x series x quarter hours of the trading day, and the weekday of each day."""
    table = pd.read_parquet(data) if data.suffix == ".parquet" else pd.read_csv(data)
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
