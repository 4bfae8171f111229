"""The shelf baseline of a view: the prior's pieces per day by SKU and region, sessions taken out."""

from __future__ import annotations

import msgspec

from supplychain.planning.view import View


class PriorBody(msgspec.Struct, frozen=True):
    """A stored prior: expected gross pieces per day on the shelf, by SKU and region, and how it was made.

    `aggregates` keeps the fitted models of the aggregates for explanation; `share` says which part of its aggregate a
    SKU and region is.
    """

    per_day: dict[str, dict[str, float]]
    fitted_through: str
    degraded: bool
    aggregates: dict[str, dict[str, object]] = {}


def encode_prior(body: PriorBody) -> bytes:
    """Return the bytes under which a prior is stored; equal priors give equal bytes."""
    return msgspec.json.encode(body, order="deterministic")


def shelf_baseline(view: View) -> dict[tuple[str, str], float]:
    """Return expected gross pieces per day on the shelf by (SKU, region); empty without a prior."""
    if view.prior is None:
        return {}
    body = msgspec.json.decode(view.prior, type=PriorBody)
    lift = 1.0 + view.tuning.planning.shelf_live_lift * any(
        session.starts_at <= view.cut < session.ends_at for session in view.catalogue.sessions.values()
    )
    return {
        (sku, region): per_day * lift
        for sku in view.skus
        for region, per_day in sorted(body.per_day.get(sku, {}).items())
    }
