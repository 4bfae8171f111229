"""What a plan is made from: everything known about some planning groups up to the cut, read in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from supplychain.domain.forecast import SessionForecast, ShelfForecast
from supplychain.domain.network import Catalogue
from supplychain.domain.plan import OPEN, SUPPLY, PlanLine
from supplychain.domain.position import StockLevel
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import DAY, SECOND
from supplychain.forecasting.session_lessons import Lessons
from supplychain.planning.lessons import learned
from supplychain.planning.ports import Accepted, Tx


@dataclass(frozen=True, slots=True)
class View:
    """The world of some groups at a cut.

    `items` are the stocked SKUs (bundles exploded), `skus` these and the bundles that are sold. `supply` are lines of the
    items in a supply state, `open_own` open proposals of these groups, `others` lines of other SKUs that take the same
    suppliers' capacity.
    """

    cut: int
    groups: tuple[str, ...]
    skus: tuple[str, ...]
    items: tuple[str, ...]
    catalogue: Catalogue
    network_version: int
    tuning: Tuning
    tuning_version: int
    model_version: str
    shelf: tuple[ShelfForecast, ...]
    stock: tuple[StockLevel, ...]
    accepted: tuple[Accepted, ...]
    shipped: dict[tuple[str, str], int]
    forecasts: tuple[SessionForecast, ...]
    supply: tuple[PlanLine, ...]
    open_own: tuple[PlanLine, ...]
    others: tuple[PlanLine, ...]
    spikes: tuple[dict[str, Any], ...]
    lessons: Lessons | None = None


def load(tx: Tx, groups: Sequence[str], cut: int) -> View:
    """Read the view of some groups at a cut."""
    network_version, catalogue = tx.versions.network()
    tuning_version, tuning = tx.versions.tuning()
    model = tx.learning.model()
    lessons_version, lessons = learned(tx)
    known = [group for group in groups if group in catalogue.groups]
    skus = sorted(sku for group in known for sku in catalogue.groups[group])
    items = sorted({part.sku for sku in skus for part in catalogue.exploded(sku)})
    supply = tx.plans.lines(states=SUPPLY, skus=items)
    suppliers = {offer.supplier for item in items for offer in catalogue.offers_of.get(item, ())}
    others = [
        line
        for line in tx.plans.lines(states=SUPPLY | OPEN)
        if line.sku not in items and line.supplier in suppliers and line.release_at > cut - 2 * DAY
    ]
    return View(
        cut=cut,
        groups=tuple(known),
        skus=tuple(skus),
        items=tuple(items),
        catalogue=catalogue,
        network_version=network_version,
        tuning=tuning,
        tuning_version=tuning_version,
        model_version=("prior-none" if model is None else f"prior-{model}")
        + (f"/lessons-{lessons_version}" if lessons else ""),
        shelf=tuple(tx.learning.shelf(skus)),
        stock=tuple(tx.world.stock(catalogue, items, cut)),
        accepted=tuple(tx.world.accepted(skus, cut, tuning.detector.bin_seconds * SECOND)),
        shipped=tx.world.shipped(items, cut),
        forecasts=tuple(tx.world.forecasts(skus, cut)),
        supply=tuple(supply),
        open_own=tuple(tx.plans.lines(states=OPEN, groups=known)),
        others=tuple(others),
        spikes=tuple(tx.world.spikes(skus, cut - DAY, cut)),
        lessons=lessons,
    )
