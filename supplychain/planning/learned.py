"""The stored form of what a refit has learned: priors, item model, which method answers and why, and how well it did."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from supplychain.forecasting.item_record import ItemModel, item_model_from_json
from supplychain.forecasting.prior_record import FittedPrior, from_json
from supplychain.forecasting.rooms import of_room
from supplychain.forecasting.shares import SHARES
from supplychain.forecasting.shelf_learning import Learned


class ModelBody(msgspec.Struct, frozen=True):
    """A stored model.

    `degraded` says that a prior of the shelf stepped down; a young room or host does not count. `aggregates` are the fitted priors, `items` is the JSON of the item model, `verdict` the outcome of champion against
    challenger (empty when there was too little past), `scores` the backtest of both per segment.
    """

    fitted_through: str
    degraded: bool
    tuning_version: int = 0
    digest: str = ""
    method: str = SHARES
    aggregates: dict[str, dict[str, Any]] = {}
    items: str = ""
    verdict: dict[str, Any] = {}
    scores: list[dict[str, Any]] = []

    def priors(self) -> dict[str, FittedPrior]:
        """Return the fitted priors by group."""
        return {key: from_json(json.dumps(record)) for key, record in self.aggregates.items()}

    def item_model(self) -> ItemModel | None:
        """Return the item model, None when the stored one is not of this code's version."""
        try:
            return item_model_from_json(self.items) if self.items else None
        except ValueError:
            return None


def model_body(learned: Learned, fitted_through: str, tuning_version: int, champion: str) -> ModelBody:
    """Return the stored form; nothing in it depends on the wall clock, so equal learning has equal bytes."""
    verdict = learned.verdict
    told = (
        {"champion": champion, "promoted": verdict.promoted, "gain": verdict.gain, "low": verdict.low}
        | {"high": verdict.high}
        if verdict
        else {}
    )
    rows = [
        {"model": s.model, "segment": s.segment, "wql": s.wql, "wape": s.wape, "mase": s.mase, "bias": s.bias}
        | {"coverage80": s.coverage80}
        for s in learned.scores
    ]
    return ModelBody(
        fitted_through=fitted_through,
        degraded=any(not of_room(key) for key in learned.model.degraded),
        tuning_version=tuning_version,
        digest=learned.model.version,
        method=learned.method,
        aggregates={key: json.loads(prior.to_json()) for key, prior in sorted(learned.model.priors.items())},
        items=learned.model.items.to_json(),
        verdict=told,
        scores=rows,
    )


def encode_model(body: ModelBody) -> bytes:
    """Return the bytes under which a model is stored; equal models give equal bytes."""
    return msgspec.json.encode(body, order="deterministic")


def decode_model(data: bytes) -> ModelBody:
    """Read a stored model."""
    return msgspec.json.decode(data, type=ModelBody)
