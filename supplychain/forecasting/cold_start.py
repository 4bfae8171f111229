"""Forecasts of SKUs that have never sold: what the SKU they are said to be like sells, or what similar ones sell.

Similar is the same category and a price within a factor of two, else the category. How much such SKUs differ among each other is part
of the variance: a guess is a wide one, and it is flagged.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from supplychain.domain.forecast import RegionOutlook
from supplychain.forecasting.shares import interval, outlook_of
from supplychain.forecasting.shelf_frame import Goods

Outlooks = Mapping[str, Mapping[str, RegionOutlook]]
BAND = 2.0  # factor within which prices are similar
FEWEST = 3  # similar SKUs below which the whole category is pooled


def like_others(known: Outlooks, goods: Mapping[str, Goods]) -> dict[str, dict[str, RegionOutlook]]:
    """Outlooks of the goods that are not in `known`, pooled from those that are; goods without anything similar get none."""
    out: dict[str, dict[str, RegionOutlook]] = {}
    for sku in sorted(set(goods) - set(known)):
        like = goods[sku].similar_to
        peers = [like] if like in known else _similar(goods[sku], known, goods)
        if peers:
            reason = f"no sale yet: like {like}" if like in known else f"no sale yet: pooled over {len(peers)} similar"
            out[sku] = _pooled([known[peer] for peer in peers if peer is not None], reason)
    return out


def _similar(record: Goods, known: Outlooks, goods: Mapping[str, Goods]) -> list[str]:
    category = [sku for sku in sorted(known) if goods[sku].category == record.category]
    near = [sku for sku in category if 1.0 / BAND <= (goods[sku].price + 0.01) / (record.price + 0.01) <= BAND]
    return near if len(near) >= FEWEST else category


def _pooled(peers: list[Mapping[str, RegionOutlook]], reason: str) -> dict[str, RegionOutlook]:
    """Moments of a SKU drawn at random from its peers.

    Source
    ------
    Law of total variance: the mean of the variances and the variance of the means, over peers.
    """
    out = {}
    for region in sorted(set.intersection(*(set(peer) for peer in peers))):
        mean = np.array([peer[region].mean for peer in peers])
        variance = np.array([peer[region].variance for peer in peers])
        middle = mean.mean(axis=0)
        # a single peer says nothing of how peers differ: as much as their mean, then
        spread = mean.var(axis=0) if len(peers) > 1 else middle**2
        whole = variance.mean(axis=0) + spread
        low, high = interval(middle[None, :], whole[None, :])
        out[region] = outlook_of((middle, whole, low[0], high[0]), "new", reason)
    return out
