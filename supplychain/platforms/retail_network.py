"""A supply network for the products of a real shop: the set has sales and no suppliers, so these are made, from a seed.

Products, prices, pack sizes and demand come from the lines before the replay. Suppliers, offers, warehouses, lanes and opening
stock are invented around them, in proportions of a gift wholesaler; names say that they are generated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from supplychain.domain.network import (
    Catalogue,
    Expedite,
    Lane,
    LaneKind,
    Offer,
    OpeningStock,
    PriceTier,
    Region,
    Session,
    SessionItem,
    Sku,
    Supplier,
    Warehouse,
    WarehouseKind,
    WorkingHours,
)
from supplychain.domain.units import DAY
from supplychain.platforms.retail import PLATFORM, SHOP, countries_of, day_session
from supplychain.platforms.retail_lines import CURRENCY, ZONE, RetailLines
from supplychain.platforms.retail_prior import DailyPrior, daily_prior

_ZONE: Final = ZONE.key
LEAST_ORDERS: Final = 0.2
"""Products expected less often than this per day are not on a day's list: the detector's floor knows them well enough."""

_NEAR: Final = frozenset({"AT", "BE", "CH", "CZ", "DE", "DK", "FR", "IT", "LT", "NL", "NO", "PL", "SE", "FI", "EU"})
_SUPPLIERS: Final = (
    # name, lead days, batches per day, weekdays, warehouses by lane minutes
    ("gen-midlands", 1, 8, (0, 1, 2, 3, 4, 5, 6), {"gen-gb": 180}),
    ("gen-north", 2, 6, (0, 1, 2, 3, 4, 5, 6), {"gen-gb": 300}),
    ("gen-rhine", 3, 6, (0, 1, 2, 3, 4), {"gen-gb": 1_500, "gen-de": 240}),
    ("gen-lombardy", 4, 4, (0, 1, 2, 3, 4), {"gen-gb": 2_400, "gen-de": 900}),
    ("gen-overseas", 9, 2, (0, 1, 2, 3, 4), {"gen-gb": 1_440, "gen-de": 1_440}),
)


@dataclass(frozen=True, slots=True)
class _Product:
    """One product as the lines before show it; `draw` are four numbers in [0, 1) that only its code and the seed decide."""

    sku: str
    name: str
    category: str
    price: int
    pack: int
    daily_pieces: float
    draw: tuple[float, float, float, float]


def retail_catalogue(
    before: RetailLines,
    countries: Sequence[str],
    seed: int,
    *,
    starts_at: int,
    ends_at: int,
    shop: str = SHOP,
    horizon_days: int = 14,
) -> Catalogue:
    """Return the catalogue of a replay of [starts_at, ends_at).

    Parameters
    ----------
    before
        Lines before `starts_at`; a product that is not in them is unknown to the shop.
    countries
        Codes of the regions served; regions of the lines before are always among them.
    seed
        Decides what the set does not tell; two seeds differ in costs, suppliers and stock, never in demand.
    horizon_days
        Trading days are announced for so long after `ends_at`, so that the last plans see demand to plan for.

    Raises
    ------
    InvalidInputError
        If there is no sale before the start.
    """
    known = before.only(before.at < starts_at)
    prior = daily_prior(known)
    shares = countries_of(known)
    regions = {code: Region(code, code, shares.get(code, 0.0)) for code in sorted({*countries, *shares})}
    products = _products(known, prior, seed)
    suppliers = {name: _supplier(name, lead, batches, days) for name, lead, batches, days, _ in _SUPPLIERS}
    offers = {f"offer-{one.sku}": _offer(one) for one in products}
    warehouses = {
        "gen-gb": Warehouse("gen-gb", "generated central warehouse", WarehouseKind.CENTRAL, "GB", hours=_hours()),
        "gen-de": Warehouse("gen-de", "generated regional warehouse", WarehouseKind.REGIONAL, "DE", hours=_hours()),
    }
    for home in ("GB", "DE"):
        regions.setdefault(home, Region(home, home, 0.0))
    continental = sum(shares.get(code, 0.0) for code in _NEAR)
    return Catalogue(
        skus={one.sku: _sku(one) for one in products},
        suppliers=suppliers,
        offers=offers,
        warehouses=warehouses,
        lanes={lane.lane: lane for lane in _lanes(sorted(regions))},
        regions=regions,
        sessions={one.session: one for one in _sessions(prior, starts_at, ends_at + horizon_days * DAY, shop)},
        stock=tuple(row for one in products for row in _stock(one, continental)),
        zone=_ZONE,
        currency=CURRENCY,
    )


def _products(known: RetailLines, prior: DailyPrior, seed: int) -> list[_Product]:
    paid = known.sound.only(~known.sound.cancelled)
    order = np.argsort(paid.sku.astype(str), kind="stable")
    edges = np.searchsorted(paid.sku[order].astype(str), [*prior.skus, "\U0010ffff"])
    daily = prior.orders[prior.orders.any(axis=1)].mean(axis=0) * prior.basket
    names, found = [], []
    for place in range(len(prior.skus)):
        rows = order[edges[place] : edges[place + 1]]
        names.append(Counter(str(name) for name in paid.name[rows] if name).most_common(1))
    words = Counter(name[0][0].split()[-1] for name in names if name)
    for place, sku in enumerate(prior.skus):
        rows = order[edges[place] : edges[place + 1]]
        name = names[place][0][0] if names[place] else f"product {sku}"
        last = name.split()[-1]
        pack = Counter(paid.pieces[rows].tolist()).most_common(1)[0][0]
        found.append(
            _Product(
                sku,
                name[:200],
                last.lower() if words[last] >= 15 else "other",
                int(np.median(paid.price[rows[-20:]])),
                int(min(max(pack, 1), 48)),
                float(daily[place]),
                _draw(seed, sku),
            )
        )
    return found


def _draw(seed: int, sku: str) -> tuple[float, float, float, float]:
    digest = blake2b(f"{seed}\x1f{sku}".encode(), digest_size=16).digest()
    one, two, three, four = (int.from_bytes(digest[place : place + 4], "little") / 2**32 for place in range(0, 16, 4))
    return one, two, three, four


def _hours(opens: int = 6, closes: int = 22, days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)) -> WorkingHours:
    return WorkingHours(opens * 60, closes * 60, days, _ZONE)


def _supplier(name: str, lead_days: int, batches: int, days: tuple[int, ...]) -> Supplier:
    fence = (lead_days + 3) * 24 * 60
    return Supplier(
        name,
        f"generated supplier, {name.removeprefix('gen-')}",
        _hours(8, 18, days),
        batches_per_day=None,
        capacity_per_day=60_000,
        batch_gap_minutes=(10 * 60) // batches,
        minimum_order_minor=0,
        firm_fence_minutes=fence,
        commit_fence_minutes=2 * fence,
        answer_minutes=60,
    )


def _sku(one: _Product) -> Sku:
    cost = max(1, round(one.price * (0.35 + 0.2 * one.draw[1])))
    volume = int(150 + 2_500 * one.draw[2] ** 2 + one.price * 0.8)
    return Sku(
        one.sku,
        one.name,
        one.category,
        max(1, one.price),
        cost,
        volume_ml=volume,
        holding_minor=max(1, round(cost * 0.55)),
        salvage_minor=cost // 2,
    )


def _offer(one: _Product) -> Offer:
    supplier, lead_days, batches, *_ = _SUPPLIERS[int(one.draw[0] ** 1.5 * len(_SUPPLIERS))]
    cost = _sku(one).unit_cost_minor
    # a batch is about four days of demand, in whole packs
    moq = max(1, round(one.daily_pieces * 4 / one.pack)) * one.pack
    lead = lead_days * 24 * 60
    return Offer(
        f"offer-{one.sku}",
        supplier,
        one.sku,
        lead,
        moq,
        one.pack,
        order_cost_minor=400 + 300 * lead_days,
        tiers=(PriceTier(1, cost), PriceTier(moq * 5, max(1, cost * 95 // 100))),
        batches_per_day=batches,
        cancel_window_minutes=120,
        expedite=Expedite(lead // 2, max(1, cost // 8)),
    )


def _lanes(regions: Sequence[str]) -> list[Lane]:
    supply, delivery = LaneKind.SUPPLY, LaneKind.DELIVERY
    lanes = [
        Lane(f"{name}-{to}", supply, name, to, minutes, 12_000 + 20 * minutes, zone=_ZONE)
        for name, _, _, _, ways in _SUPPLIERS
        for to, minutes in ways.items()
    ]
    lanes.append(Lane("gen-gb-gen-de", LaneKind.TRANSFER, "gen-gb", "gen-de", 2 * 24 * 60, 45_000, 16 * 60, zone=_ZONE))
    for code in regions:
        days = 1 if code in {"GB", "IE", "GB-CHA"} else 3 if code in _NEAR else 6
        lanes.append(Lane(f"gen-gb-{code}", delivery, "gen-gb", code, days * 1_440, 60_000 * days, 17 * 60, zone=_ZONE))
        if code in _NEAR:
            lanes.append(Lane(f"gen-de-{code}", delivery, "gen-de", code, 1_440, 70_000, 17 * 60, zone=_ZONE))
    return lanes


def _stock(one: _Product, continental: float) -> list[OpeningStock]:
    """Return opening stock: two to sixteen days of demand, so that some products are short in the first week."""
    pieces = round(one.daily_pieces * (2 + 14 * one.draw[3]))
    away = round(pieces * continental)
    rows = [OpeningStock("gen-gb", one.sku, pieces - away), OpeningStock("gen-de", one.sku, away)]
    return [row for row in rows if row.on_hand > 0]


def _sessions(prior: DailyPrior, starts_at: int, ends_at: int, shop: str) -> list[Session]:
    lists: dict[int, tuple[SessionItem, ...]] = {}
    for weekday in range(7):
        lists[weekday] = tuple(
            SessionItem(sku, round(float(orders), 4), round(float(basket), 3))
            for sku, orders, basket in zip(prior.skus, prior.orders[weekday], prior.basket, strict=True)
            if orders >= LEAST_ORDERS
        )
    return [
        Session(day_session(shop, day), f"shop:{shop}", shop, PLATFORM, shop, opens, closes, 0, lists[day.weekday()])
        for day, opens, closes in prior.days(starts_at, ends_at)
    ]
