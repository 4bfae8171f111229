"""Demand as rows of the optimizer: integer pieces, each with what it costs to miss it.

Accepted orders and the mean of the future are rows at full cost; what lies between the mean and the service quantile is
cut into tranches whose cost falls with the chance that they are wanted. So risk is priced, not padded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import floor

import numpy as np

from optimizers.tables import LIVE, SHELF, Demand
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.quantiles import quantiles
from supplychain.planning.calendar import Axis
from supplychain.planning.demand_path import DemandPath, Key
from supplychain.planning.view import View

_SHELF_SAFETY_DAYS = 3
"""Days of shelf demand whose joint uncertainty is covered: the usual time between a look and a delivery."""


@dataclass(slots=True)
class _Rows:
    """Rows under construction; `end` is the last period: what a room has sold is shipped late rather than lost."""

    end: int
    item: list[int] = field(default_factory=list)
    region: list[int] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    shortage: list[int] = field(default_factory=list)
    accepted: list[bool] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    channel: list[int] = field(default_factory=list)
    safety: list[bool] = field(default_factory=list)

    def add(
        self,
        place: tuple[int, int, int],
        pieces: int,
        cost: float,
        *,
        opens: int,
        channel: int,
        accepted: bool,
        safety: bool,
    ) -> None:
        if pieces <= 0:
            return
        self.item.append(place[0])
        self.region.append(place[1])
        self.due.append(place[2])
        self.pieces.append(pieces)
        self.shortage.append(max(1, round(cost)))
        self.accepted.append(accepted)
        self.opens.append(opens)
        self.last.append(place[2] if channel == SHELF else self.end)
        self.channel.append(channel)
        self.safety.append(safety)


class _Whole:
    """Turns a run of fractions into whole pieces that add up: what one row loses the next one gets."""

    def __init__(self) -> None:
        self._carry: dict[tuple[str, str], float] = defaultdict(float)

    def pieces(self, key: tuple[str, str], amount: float) -> int:
        exact = self._carry[key] + amount
        whole = max(0, floor(exact + 0.5))
        self._carry[key] = exact - whole
        return whole


def demand_rows(
    view: View, grid: Axis, path: DemandPath, items: dict[str, int], regions: dict[str, int]
) -> tuple[Demand, tuple[bool, ...]]:
    """Return the demand table, and for each row whether it is safety beyond the mean."""
    rows, whole = _Rows(grid.periods - 1), _Whole()
    penalty = {sku: view.catalogue.skus[sku].penalty_minor * view.tuning.planning.shortage_factor for sku in items}
    last = grid.periods - 1
    for key in sorted(path.accepted):
        sku, region, due = key
        if region in regions:
            place = (items[sku], regions[region], min(due, last))
            pieces = whole.pieces((sku, "accepted"), path.accepted[key])
            rows.add(place, pieces, 3 * penalty[sku], opens=0, channel=LIVE, accepted=True, safety=False)
    for key, moments in sorted(path.live.items()):
        sku, region, due = key
        if region in regions:
            place = (items[sku], regions[region], min(due, last))
            _future(rows, whole, place, (sku, region), moments, penalty[sku], view, opens=min(due, last), channel=LIVE)
    for sku, region, due, opens, moments in _shelf_days(grid, path):
        if region in regions:
            place = (items[sku], regions[region], due)
            pieces = whole.pieces((sku, region), moments.mean)
            rows.add(place, pieces, penalty[sku], opens=opens, channel=SHELF, accepted=False, safety=False)
    for sku, region, due, moments in _shelf_safety(grid, path):
        if region in regions:
            place = (items[sku], regions[region], due)
            _tranches(rows, place, moments, penalty[sku], view, opens=0, channel=SHELF)
    return _table(rows, view), tuple(rows.safety)


def _future(
    rows: _Rows,
    whole: _Whole,
    place: tuple[int, int, int],
    key: tuple[str, str],
    moments: Moments,
    cost: float,
    view: View,
    *,
    opens: int,
    channel: int,
) -> None:
    rows.add(place, whole.pieces(key, moments.mean), cost, opens=opens, channel=channel, accepted=False, safety=False)
    _tranches(rows, place, moments, cost, view, opens=opens, channel=channel)


def _tranches(
    rows: _Rows, place: tuple[int, int, int], moments: Moments, cost: float, view: View, *, opens: int, channel: int
) -> None:
    """Two slices between the mean and the service quantile, priced by the chance that they are wanted."""
    if moments.mean <= 0 or moments.variance <= 0:
        return
    top = view.tuning.planning.service_quantile
    levels = (0.5 + top) / 2, top
    variance = max(moments.variance, moments.mean)
    cuts = [round(moments.mean), *(int(q) for q in quantiles(moments.mean, variance, np.array(levels)))]
    for low, high, chance in (
        (cuts[0], cuts[1], 1 - (0.5 + levels[0]) / 2),
        (max(cuts[0], cuts[1]), cuts[2], 1 - sum(levels) / 2),
    ):
        rows.add(place, high - low, cost * chance, opens=opens, channel=channel, accepted=False, safety=True)


def _shelf_days(grid: Axis, path: DemandPath) -> list[tuple[str, str, int, int, Moments]]:
    """Shelf demand summed over each business day, due in its last period."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for period, day in enumerate(grid.day):
        first.setdefault(day, period)
        last[day] = period
    days: dict[Key, Moments] = {}
    for (sku, region, period), moments in path.shelf.items():
        key = (sku, region, grid.day[period])
        days[key] = days.get(key, Moments(0.0, 0.0)) + moments
    return [(sku, region, last[day], first[day], moments) for (sku, region, day), moments in sorted(days.items())]


def _shelf_safety(grid: Axis, path: DemandPath) -> list[tuple[str, str, int, Moments]]:
    """Joint moments of the first days of the shelf, due at the end of them."""
    due = max((p for p, day in enumerate(grid.day) if day < _SHELF_SAFETY_DAYS), default=0)
    joint: dict[tuple[str, str], Moments] = {}
    for (sku, region, period), moments in path.shelf.items():
        if grid.day[period] < _SHELF_SAFETY_DAYS:
            joint[sku, region] = joint.get((sku, region), Moments(0.0, 0.0)) + moments
    return [(sku, region, due, moments) for (sku, region), moments in sorted(joint.items())]


def _table(rows: _Rows, view: View) -> Demand:
    accepted = np.array(rows.accepted, dtype=bool)
    due = np.array(rows.due, dtype=np.int64)
    last = np.array(rows.last, dtype=np.int64)
    return Demand(
        item=np.array(rows.item, dtype=np.int64),
        region=np.array(rows.region, dtype=np.int64),
        due=due,
        pieces=np.array(rows.pieces, dtype=np.int64),
        shortage_cost=np.array(rows.shortage, dtype=np.int64),
        accepted=accepted,
        late_cost=np.where(last > due, view.tuning.planning.lateness_minor_per_day, 0).astype(np.int64),
        opens=np.array(rows.opens, dtype=np.int64),
        last=last,
        channel=np.array(rows.channel, dtype=np.int64),
    )
