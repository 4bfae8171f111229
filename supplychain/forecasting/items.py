"""One global LightGBM model for every item and region: quantiles, mean and variance per day, in minutes for ten thousand.

Each head learns the ratio of a day's pieces to the item's own recent level; large items weigh more, but far from as much as they
sell. New items share what was learned from histories cut short. Intervals are conformalised on series the
heads have not seen. Where there is too little to learn from, `item_fallback` answers, and every item says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.intervals import (
    horizon_classes,
    learn_conformal,
    shortest_interval,
    sorted_quantiles,
    volume_segments,
)
from supplychain.forecasting.item_fallback import pooled_forecast, quantile_grid
from supplychain.forecasting.item_features import History, history
from supplychain.forecasting.item_record import FEATURES, ItemForecast, ItemModel, ItemSettings
from supplychain.forecasting.item_rows import (
    Rows,
    prediction_features,
    training_origins,
    training_rows,
    training_series,
)
from supplychain.forecasting.prior_record import RARELY_OPEN, open_weekdays
from supplychain.forecasting.weekday_quantiles import own_quantiles

MEAN = "mean"
OWN_DAYS = "its own past days"
VOLUME_POWER = 0.5  # large series have few rows: weighed by their volume alone, their single large orders are learned
FEWEST_ROWS = 2_000  # below it a tree model learns noise
LIMITS: dict[str, Any] = {"max_bin": 63, "verbose": -1, "num_threads": 1, "feature_pre_filter": False}


def fit_items(frame: DailyFrame, settings: ItemSettings | None = None, outlook: Floats | None = None) -> ItemModel:
    """Train on a frame; never fails on thin or hostile data, but falls back to pooling.

    Parameters
    ----------
    frame
        Series with what is known until the last column.
    outlook
        G x (D + horizon) calendar factors of the groups, from the priors of the aggregates.
    """
    chosen = settings or ItemSettings()
    until = frame.first_day + frame.pieces.shape[1]
    origins = training_origins(frame.pieces.shape[1], chosen.horizon, chosen.most_origins, chosen.origin_step)
    places = _group_places(frame)
    sample = frame.rows(training_series(frame, chosen.most_series))
    rows = (
        training_rows(sample, chosen.horizon, origins, chosen.cut_share, _rows_of(outlook, places, sample), chosen.seed)
        if len(origins) and len(sample.keys)
        else None
    )
    if rows is None or len(rows.ratio) < FEWEST_ROWS or not float(rows.ratio.sum()):
        return ItemModel(chosen, "pooled", until)
    held = _held_out(len(sample.keys), chosen.seed)
    heads = _train(rows, ~held[rows.series], chosen)
    model = ItemModel(chosen, "lightgbm", until, heads)
    return _calibrate(
        model, sample.rows(np.flatnonzero(held)), _rows_of(outlook, places, sample.rows(np.flatnonzero(held)))
    )


def predict_items(
    model: ItemModel,
    frame: DailyFrame,
    steps: Sequence[int],
    known_from: Ints | None = None,
    outlook: Floats | None = None,
) -> ItemForecast:
    """Forecast every series of a frame for the days after its last column.

    Parameters
    ----------
    steps
        0 is the first day after the frame. Steps past the trained horizon are answered as its last one, on their own weekday.
    known_from
        First known column of each series; by default its first sale.
    """
    wanted = np.asarray(steps, dtype=np.int64)
    if model.method != "lightgbm" or not len(frame.keys):
        return _pooled(model, frame, wanted, known_from)
    places = _group_places(frame)
    past = history(frame, known_from, _rows_of(outlook, places, frame))
    values, mean = _heads_at(model, past, wanted)
    grid = sorted_quantiles(values)
    low, high = shortest_interval(model.settings.levels, grid, model.settings.coverage)
    level, segments = _segments(past)
    low, high = model.conformal.apply(low, high, level, segments, horizon_classes(wanted))
    mean = mean * model.mean_correction
    sells = np.asarray(frame.pieces.any(axis=1)).tolist()
    reasons = tuple("" if sold else "no sale yet: pooled level" for sold in sells)
    variance = mean + model.lumpiness * mean**2
    return ItemForecast(model.settings.levels, grid, mean, variance, low, high, reasons)


def drivers(
    model: ItemModel, frame: DailyFrame, key: str, step: int, most: int = 8, outlook: Floats | None = None
) -> list[tuple[str, float]]:
    """Why the median of one series and day is what it is: features with their effect in pieces, largest first.

    Source
    ------
    TreeSHAP (Lundberg et al. 2020) of the median head, times the series' level, and what its own past days add; the rest is in
    "everything else".
    """
    if model.method != "lightgbm":
        return []
    past = history(frame, None, outlook)
    parts, scale = prediction_features(past, np.array([step]))
    row = frame.keys.index(key)
    middle = min(model.settings.levels, key=lambda value: abs(value - 0.5))
    seen = parts[0][row : row + 1, [FEATURES.index(name) for name in model.features]]
    raw = _load(model.heads[str(middle)]).predict(seen, pred_contrib=True)
    own, share = own_quantiles(
        past.frame.pieces, past.counts, np.array([step]), model.settings.levels, model.settings.own_share
    )
    weight = float(share[row, 0, 0])
    effects = [(1.0 - weight) * float(value) * float(scale[0, row]) for value in np.asarray(raw).ravel().tolist()]
    effects.append(weight * float(own[row, 0, model.settings.levels.index(middle)]))
    named = sorted(zip((*model.features, "base", OWN_DAYS), effects, strict=True), key=lambda pair: -abs(pair[1]))
    shown = [pair for pair in named if pair[0] != "base"][:most]
    return [*shown, ("everything else", sum(effects) - sum(effect for _, effect in shown))]


def _train(rows: Rows, use: NDArray[np.bool_], chosen: ItemSettings) -> dict[str, str]:
    """Train the heads abreast, each on one thread: threads inside a head wait for each other more than they win."""
    import lightgbm

    weight = rows.level**VOLUME_POWER * np.exp2(-rows.age / chosen.half_life_days)
    features, target, weight = rows.features[use], rows.ratio[use], weight[use]
    data = lightgbm.Dataset(features, target, weight=weight, params=LIMITS, free_raw_data=False).construct()

    def head(name: str) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LightGBM repeats parameters it was given twice
            return str(lightgbm.train(_head_params(name, chosen), data, chosen.trees).model_to_string())

    names = (*(str(level) for level in chosen.levels), MEAN)
    with ThreadPoolExecutor(chosen.threads, thread_name_prefix="head") as threads:
        return dict(zip(names, threads.map(head, names), strict=True))


def _head_params(name: str, chosen: ItemSettings) -> dict[str, Any]:
    aim = {"objective": "tweedie", "tweedie_variance_power": 1.5}
    return {
        **LIMITS,
        **(aim if name == MEAN else {"objective": "quantile", "alpha": float(name)}),
        "learning_rate": chosen.learning_rate,
        "num_leaves": chosen.leaves,
        "min_data_in_leaf": chosen.least_rows,
        "extra_trees": True,  # cuts at random: many weak trees, averaged, follow single large orders less
        "feature_fraction": 0.4,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": chosen.seed,
        "deterministic": True,
        "force_col_wise": True,
    }


def _load(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)


def _heads_at(model: ItemModel, past: History, steps: Ints) -> tuple[Floats, Floats]:
    """Raw quantiles N x S x L and means N x S, in pieces."""
    parts, scale = prediction_features(past, steps)
    stacked = np.vstack(parts)[:, [FEATURES.index(name) for name in model.features]]

    def pieces(text: str) -> Floats:
        ratio = np.asarray(_load(text).predict(stacked, num_threads=1)).reshape(scale.shape)
        return np.asarray((np.maximum(ratio, 0.0) * scale).T)

    with ThreadPoolExecutor(model.settings.threads, thread_name_prefix="head") as threads:
        out = dict(zip(model.heads, threads.map(pieces, model.heads.values()), strict=True))
    opens = _opens(past.frame, steps)[None, :]
    grid = np.stack([out[str(level_)] * opens for level_ in model.settings.levels], axis=-1)
    return _blended(model.settings, past, steps, grid, opens), out[MEAN] * opens


def _blended(settings: ItemSettings, past: History, steps: Ints, grid: Floats, opens: Floats) -> Floats:
    """Quantiles of the heads averaged with what each series has shown itself, less so where little of it is known.

    Source
    ------
    Averaging quantiles of two forecasters (Lichtendahl, Grushka-Cockayne and Winkler 2013) is sharper than averaging distributions.
    """
    own, share = own_quantiles(past.frame.pieces, past.counts, steps, settings.levels, settings.own_share)
    return np.asarray((1.0 - share) * grid + share * own * opens[..., None])


def _opens(frame: DailyFrame, steps: Ints) -> Floats:
    """0 for a day on whose weekday the trade is as good as never open, else 1."""
    shares = np.asarray(open_weekdays(frame.days, frame.open_days))
    target = frame.first_day + frame.pieces.shape[1] + steps
    return np.where(shares[(target + 3) % 7] < RARELY_OPEN, 0.0, 1.0)


def _calibrate(model: ItemModel, unseen: DailyFrame, outlook: Floats | None) -> ItemModel:
    """Correct intervals, bias of the mean and lumpiness on series the heads have not seen, over the last four weeks."""
    horizon = model.settings.horizon
    columns = unseen.pieces.shape[1]
    actual, low, high, scale, mean = [], [], [], [], []
    names: list[str] = []
    for origin in training_origins(columns, horizon, 4, 7):
        cut = unseen.until(unseen.first_day + int(origin))
        past = history(cut, None, outlook)
        values, expected = _heads_at(model, past, np.arange(horizon))
        ends = shortest_interval(model.settings.levels, sorted_quantiles(values), model.settings.coverage)
        level, segments = _segments(past)
        actual.append(unseen.pieces[:, origin : origin + horizon])
        low.append(ends[0])
        high.append(ends[1])
        scale.append(level)
        mean.append(expected)
        names.extend(segments)
    if not actual:
        return model
    observed, expected = np.vstack(actual), np.vstack(mean)
    classes = horizon_classes(np.arange(horizon))
    conformal = learn_conformal(
        observed, np.vstack(low), np.vstack(high), np.concatenate(scale), names, classes, model.settings.coverage
    )
    bounded = np.minimum(observed, 20.0 * np.maximum(expected, 1.0))  # one giant order is not a bias
    whole = float(expected.sum())
    correction = float(np.clip(bounded.sum() / whole, 0.7, 1.4)) if whole > 0.0 else 1.0
    excess = float(np.sum((observed - expected * correction) ** 2 - expected * correction))
    square = float(np.sum((expected * correction) ** 2))
    lumpiness = min(25.0, max(0.05, excess / square)) if square > 0.0 else 1.0
    return replace(model, conformal=conformal, mean_correction=correction, lumpiness=lumpiness)


def _segments(past: History) -> tuple[Floats, tuple[str, ...]]:
    origin = past.frame.pieces.shape[1]
    start = max(0, origin - 56)
    days = np.maximum(past.counts[:, origin] - past.counts[:, start], 1.0)
    amount = (past.sums[:, origin] - past.sums[:, start]) / days
    often = (past.sold[:, origin] - past.sold[:, start]) / days
    return np.maximum(amount, 0.1), volume_segments(amount, often)


def _held_out(rows: int, seed: int) -> NDArray[np.bool_]:
    """A seventh of the series, for calibration alone."""
    held = np.zeros(rows, dtype=bool)
    held[np.random.default_rng(seed).permutation(rows)[: rows // 7]] = True
    return held


def _group_places(frame: DailyFrame) -> dict[str, int]:
    return {name: i for i, name in enumerate(sorted(set(frame.group)))}


def _rows_of(outlook: Floats | None, places: Mapping[str, int], frame: DailyFrame) -> Floats | None:
    """The outlook of the groups that occur in a part of the frame."""
    return None if outlook is None else outlook[[places[name] for name in sorted(set(frame.group))]]


def _pooled(model: ItemModel, frame: DailyFrame, steps: Ints, known_from: Ints | None) -> ItemForecast:
    mean, variance = pooled_forecast(frame, steps, known_from)
    grid = quantile_grid(mean, variance, model.settings.levels)
    low, high = shortest_interval(model.settings.levels, grid, model.settings.coverage)
    reasons = ("too little to learn from: pooled",) * len(frame.keys)
    return ItemForecast(model.settings.levels, grid, mean, variance, low, high, reasons)
