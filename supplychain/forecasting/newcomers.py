"""What items that no past session sold are expected to sell: what sessions taught about items like them.

Like an item are those of its category and price band (each band twice the one below), else of its category, else all. Live-exclusive goods
are new by nature: they have no shelf and often one session, so this is all that is known of them beside the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log2

import numpy as np

from supplychain.forecasting.frames import Floats

LEAST_EFFORT = 1e-6
"""A plan of fewer orders said nothing: orders over next to nothing are no rate."""
LEAST_SEEN = 0.05  # an item that could be bought for less than that tells little of a whole session
POOLING = 3.0  # items of a usual size that the wider pool counts for


@dataclass(frozen=True, slots=True)
class Pool:
    """Items of a kind in past sessions: realised over planned orders, and orders per item and session, host effects taken out."""

    rate: float = 1.0
    orders: float = 0.0


def price_band(price_minor: int) -> str:
    """Name of a price's band, "x-9" for a price that is not known.

    >>> price_band(4_000), price_band(8_000), price_band(0)
    ('x5', 'x6', 'x-9')
    """
    return f"x{floor(log2(price_minor / 100.0)) if price_minor > 0 else -9}"


def pool_names(category: str, price_minor: int) -> tuple[str, str, str]:
    """Names of the pools of an item, the narrowest first.

    >>> pool_names("tea", 1_000)
    ('tea|x3', 'tea', '')
    """
    return f"{category}|{price_band(price_minor)}", category, ""


def learn_pools(
    names: Sequence[tuple[str, str, str]], orders: Floats, planned: Floats, seen: Floats, hosts: Floats
) -> dict[str, Pool]:
    """Learn the pools of past items, each drawn to the wider one.

    Parameters
    ----------
    names
        Per item and session, see `pool_names`.
    orders, planned
        Realised and planned orders, per item and session; a plan of zero said nothing.
    seen
        Share of the plan's exposure in which the item could be bought.
    hosts
        The host's factor on the plan, per item and session.

    Source
    ------
    Empirical Bayes of a Poisson rate with a gamma prior: the wider pool counts for `POOLING` items of a usual size.
    """
    if not len(names):
        return {}
    told = planned > 0.0
    effort = planned * hosts * seen
    whole = orders / (hosts * np.clip(seen, LEAST_SEEN, None))
    found: dict[str, Pool] = {}
    told &= effort > LEAST_EFFORT
    usual = Pool(float(orders[told].sum()) / float(effort[told].sum()) if told.any() else 1.0, float(whole.mean()))
    size = float(effort[told].mean()) if told.any() else 1.0
    for level in (2, 1, 0):
        for name in sorted({row[level] for row in names}):
            mine = np.array([row[level] == name for row in names], dtype=bool)
            wider = (
                found.get(next(row for row in names if row[level] == name)[level + 1], usual) if level < 2 else usual
            )
            rate = (orders[mine & told].sum() + POOLING * size * wider.rate) / (effort[mine].sum() + POOLING * size)
            each = (float(whole[mine].sum()) + POOLING * wider.orders) / (mine.sum() + POOLING)
            found[name] = Pool(float(rate), float(each))
    return found
