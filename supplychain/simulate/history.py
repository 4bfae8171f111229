"""A seeded past of the shelf: daily pieces by SKU and region, so that the first prior has something to learn from.

Labelled synthetic wherever it is stored. Weekly rhythm, a slow trend, overdispersed noise; no campaigns, so that the prior's
holiday terms stay what the calendar says.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import numpy as np

from supplychain.domain.network import Catalogue, Channel
from supplychain.simulate.purchases import regional_shares

_WEEK = np.array([0.9, 0.88, 0.92, 0.98, 1.1, 1.2, 1.02])
_SIZE = 6.0


def shelf_history(
    catalogue: Catalogue, last_day: datetime.date, *, days: int, seed: int, live_share: float = 0.05
) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield rows of day (ISO), SKU, region, channel, pieces for the days up to and including `last_day`.

    Parameters
    ----------
    live_share
        Daily shelf demand of a SKU as a share of what one live session expects of it; live-exclusive SKUs have none.
    """
    expected: dict[str, float] = {}
    for session in catalogue.sessions.values():
        for item in session.items:
            expected[item.sku] = expected.get(item.sku, 0.0) + item.expected_orders * item.basket
    codes = sorted(catalogue.regions)
    weights = regional_shares(catalogue)
    skus = [sku for sku in sorted(catalogue.skus) if not catalogue.skus[sku].live_exclusive]
    random = np.random.Generator(np.random.PCG64(seed))
    for back in range(days - 1, -1, -1):
        day = last_day - datetime.timedelta(days=back)
        rhythm = _WEEK[day.weekday()] * (1.0 + 0.1 * (days - back) / days)
        for sku in skus:
            mean = np.maximum(expected.get(sku, 20.0) * live_share * rhythm * weights, 1e-6)
            pieces = random.poisson(random.gamma(_SIZE, mean / _SIZE))
            for code, count in zip(codes, pieces, strict=True):
                if count:
                    yield day.isoformat(), sku, code, Channel.SHELF.value, int(count)
