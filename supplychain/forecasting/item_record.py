"""A trained item model as our own record: settings, heads and what corrects them, as versioned JSON, and what it answers.

The stored form outlives the code: `item_model_from_json` reads every version ever written whose features the code still knows; a
fixture of each is kept in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from supplychain.forecasting.frames import Floats
from supplychain.forecasting.intervals import Conformal
from supplychain.forecasting.item_features import HORIZON_FEATURES, ORIGIN_FEATURES

VERSION = 1
FEATURES = ORIGIN_FEATURES + HORIZON_FEATURES


@dataclass(frozen=True, slots=True)
class ItemSettings:
    """Size and stiffness of the global model.

    Parameters
    ----------
    levels
        Growing quantile levels, one head each.
    horizon
        Days ahead that are learned.
    most_series, most_origins, origin_step
        Size of the training set.
    cut_share
        Share of origins repeated with histories cut short.
    half_life_days
        Age at which a training day counts half.
    trees, learning_rate, leaves, least_rows
        Of each head.
    own_share
        Share of a series' own past quantiles in the forecast, in [0, 1].
    seed, threads
        Heads are trained so many abreast; the result depends on the seed alone.
    coverage
        Promise of the interval.
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.8, 0.9)
    horizon: int = 7
    most_series: int = 1_000
    most_origins: int = 40
    origin_step: int = 7
    cut_share: float = 0.2
    half_life_days: float = 80.0
    trees: int = 140
    learning_rate: float = 0.06
    leaves: int = 31
    least_rows: int = 100
    own_share: float = 0.3
    seed: int = 1
    threads: int = 2
    coverage: float = 0.8

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)) or not all(0.0 < level < 1.0 for level in self.levels):
            raise ValueError("levels grow inside (0, 1)")


@dataclass(frozen=True, slots=True)
class ItemModel:
    """A trained model in plain data: head name to LightGBM text, the intervals' correction, and how lumpy demand is.

    `method` is "lightgbm" or "pooled"; `trained_until` is the day after the last one seen; `features` are those the heads know, in
    their order.
    """

    settings: ItemSettings
    method: str
    trained_until: int
    heads: Mapping[str, str] = field(default_factory=dict)
    conformal: Conformal = field(default_factory=lambda: Conformal(0.8, {}))
    lumpiness: float = 1.0
    mean_correction: float = 1.0
    features: tuple[str, ...] = FEATURES

    def to_json(self) -> str:
        """Canonical JSON with its version."""
        margins = [[segment, horizon, margin] for (segment, horizon), margin in sorted(self.conformal.margins.items())]
        data = {
            "version": VERSION,
            "features": list(self.features),
            "settings": asdict(self.settings),
            "method": self.method,
            "trained_until": self.trained_until,
            "heads": dict(self.heads),
            "coverage": self.conformal.coverage,
            "margins": margins,
            "lumpiness": self.lumpiness,
            "mean_correction": self.mean_correction,
        }
        return json.dumps(data, sort_keys=True, allow_nan=False)


@dataclass(frozen=True, slots=True)
class ItemForecast:
    """Forecast of N series over S steps.

    Parameters
    ----------
    quantiles
        N x S x L, growing, not negative, finite.
    mean, variance
        N x S.
    low, high
        Conformal interval, N x S.
    degraded
        N reasons; empty where the learned model answered.
    """

    levels: tuple[float, ...]
    quantiles: Floats
    mean: Floats
    variance: Floats
    low: Floats
    high: Floats
    degraded: tuple[str, ...]


def item_model_from_json(text: str) -> ItemModel:
    """Read a stored model.

    Raises
    ------
    ValueError
        When the text is no item model of a version and with features that this code knows.
    """
    data: Any = json.loads(text)
    if (
        not isinstance(data, dict)
        or data.get("version") != VERSION
        or not set(data.get("features", ())) <= set(FEATURES)
    ):
        raise ValueError("not an item model this code can use")
    settings = ItemSettings(**{**data["settings"], "levels": tuple(data["settings"]["levels"])})
    margins = {(str(segment), int(horizon)): float(margin) for segment, horizon, margin in data["margins"]}
    return ItemModel(
        settings,
        data["method"],
        data["trained_until"],
        data["heads"],
        Conformal(data["coverage"], margins),
        data["lumpiness"],
        data["mean_correction"],
        tuple(data["features"]),
    )
