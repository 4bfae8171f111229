"""The planning problem: every fact of the trade the optimizer knows, as validated integer arrays.

Order of events inside a period: supply and transfers arriving in it are there first, then releases on lanes, then what
is left is stock at the end, which pays holding. A piece that arrives at a region in period e serves a demand line whose
``opens <= e <= last``. Nothing in here can make a problem infeasible: demand may stay short at its price, storage may
overflow at its price, and pins count even where they break a limit.

Source: multi-item capacitated lot sizing with set-up cost and lost sales (Pochet and Wolsey, Production Planning by Mixed
Integer Programming, chapters 9 to 12), joined to a time-expanded distribution network.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizers.columns import NO_ROWS, SPECIAL, Amount, Index, ProblemError, complete
from optimizers.consistency import check
from optimizers.tables import (
    DAY_MS,
    Demand,
    Expiring,
    Goods,
    Groups,
    Inflow,
    Lanes,
    Modes,
    MoveLines,
    Offers,
    OrderLines,
    Places,
    SaleCaps,
    Stock,
    Suppliers,
    TimeAxis,
)

__all__ = ["Problem", "ProblemError", "grouped"]


@dataclass(frozen=True)
class Problem:
    """One planning problem; building it validates it.

    Only `time`, `goods`, `places` and `regions` must be given; every other table is empty when left out. A table's
    columns with a default may be left out too (see `optimizers.tables` for units and defaults).

    Attributes
    ----------
    regions : number of regions R.
    pins : planner-fixed orders, counted as they are. pinned_moves : planner-fixed transfers.
    published : the last published plan, for change cost and the frozen horizon.

    Raises
    ------
    ProblemError
        For a wrong shape, a negative or overflowing number, an unknown reference, an empty axis, contradictory pins.

    Examples
    --------
    >>> import numpy as np
    >>> small = Problem(TimeAxis(np.arange(3) * 86_400_000), Goods(np.array([0])), Places(np.array([-1])), regions=1)
    >>> small.sizes["T"], small.stock.on_hand.shape
    (2, (1, 1))
    """

    time: TimeAxis
    goods: Goods
    places: Places
    regions: int
    stock: Stock = field(default_factory=Stock)
    lanes: Lanes = field(default_factory=lambda: Lanes(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS))
    suppliers: Suppliers = field(default_factory=lambda: Suppliers(NO_ROWS))
    groups: Groups = field(default_factory=lambda: Groups(NO_ROWS))
    offers: Offers = field(default_factory=lambda: Offers(NO_ROWS, NO_ROWS))
    modes: Modes = field(default_factory=lambda: Modes(NO_ROWS, NO_ROWS, NO_ROWS))
    demand: Demand = field(default_factory=lambda: Demand(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS))
    caps: SaleCaps = field(default_factory=lambda: SaleCaps(NO_ROWS))
    inflow: Inflow = field(default_factory=lambda: Inflow(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS))
    expiring: Expiring = field(default_factory=lambda: Expiring(NO_ROWS, NO_ROWS, NO_ROWS))
    pins: OrderLines = field(default_factory=lambda: OrderLines(NO_ROWS, NO_ROWS, NO_ROWS))
    pinned_moves: MoveLines = field(default_factory=lambda: MoveLines(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS))
    published: OrderLines = field(default_factory=lambda: OrderLines(NO_ROWS, NO_ROWS, NO_ROWS))

    def __post_init__(self) -> None:
        """Complete every table and refuse what cannot be right."""
        sizes = self._lengths
        for axis, what in (
            ("T", "time.boundaries"),
            ("N", "goods.receiving"),
            ("W", "places.storage"),
            ("R", "regions"),
        ):
            if sizes[axis] < 1:
                raise ProblemError(what, "is empty")
        for name, axis in _ROWS:
            own = {**sizes, axis: _length(self, name), "U": sizes["T"] + 1}
            table = complete(name, getattr(self, name), own)
            if name == "time":
                table = _dated(table)
                own["B"] = sizes["B"] = int(table.bucket[-1]) + 1
            elif name == "demand":
                table = _windowed(table, sizes["T"])
            object.__setattr__(self, name, table)
        check(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis by its letter."""
        return dict(self._lengths)

    @cached_property
    def _lengths(self) -> dict[str, int]:
        found = {axis: _length(self, name) for name, axis in _ROWS if axis in "NWSGOMLKC"}
        periods = max(_length(self, "time") - 1, 0)
        return {**found, "T": periods, "R": int(self.regions), "B": _buckets(self.time, periods)}

    @cached_property
    def period_ms(self) -> Amount:
        """(T,) length of each period in milliseconds."""
        return np.diff(self.time.boundaries)

    @cached_property
    def mode_item(self) -> Index:
        """(M,) item of each mode."""
        return self.offers.item[self.modes.offer]

    @cached_property
    def mode_supplier(self) -> Index:
        """(M,) supplier of each mode."""
        return self.offers.supplier[self.modes.offer]

    @cached_property
    def items_of_demand(self) -> tuple[Index, Index]:
        """Demand rows grouped by item: rows in item order, and (N+1,) where each item's rows start."""
        return grouped(self.demand.item, len(self.goods.receiving))

    @cached_property
    def items_of_modes(self) -> tuple[Index, Index]:
        """Mode rows grouped by item: rows in item order, and (N+1,) where each item's rows start."""
        return grouped(self.mode_item, len(self.goods.receiving))

    def lane_unit_cost(self, item: int) -> npt.NDArray[np.float64]:
        """(L,) minor units to send one piece of the item over each lane."""
        return self.lanes.cost + self.lanes.volume_cost * (int(self.goods.volume[item]) / 1000.0)

    def days_late(self, due: npt.ArrayLike, arrival: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Days from the end of the period `due` to the end of the period `arrival`, 0 when not late."""
        ends = self.time.boundaries[1:]
        return np.asarray(np.maximum(ends[np.asarray(arrival)] - ends[np.asarray(due)], 0) / DAY_MS)


_ROWS = (
    ("time", "U"),
    ("places", "W"),
    ("goods", "N"),
    ("stock", "N"),
    ("lanes", "L"),
    ("suppliers", "S"),
    ("groups", "G"),
    ("offers", "O"),
    ("modes", "M"),
    ("caps", "C"),
    ("demand", "K"),
    ("inflow", "I"),
    ("expiring", "X"),
    ("pins", "Y"),
    ("pinned_moves", "V"),
    ("published", "Y"),
)
_LEADING = {"stock": ("goods", "receiving")}


def grouped(keys: Index, count: int) -> tuple[Index, Index]:
    """Row numbers sorted by key (stable), and where each key's rows start."""
    order = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[order], np.arange(count + 1))
    return order, starts


def _length(problem: Problem, name: str) -> int:
    table, column = _LEADING.get(name, (name, ""))
    found: Any = getattr(problem, table)
    leading = getattr(found, column) if column else getattr(found, fields(found)[0].name)
    shape = np.shape(leading)
    if len(shape) == 0:
        raise ProblemError(
            f"{name}.{column or fields(found)[0].name}", "must be an array: its length is the number of rows"
        )
    return int(shape[0])


def _buckets(time: TimeAxis, periods: int) -> int:
    bucket = time.bucket
    return periods if np.shape(bucket) == () or bucket is SPECIAL else int(np.max(bucket)) + 1


def _dated(time: TimeAxis) -> TimeAxis:
    """Defaults of the calendar: the UTC day, and a bucket per period."""
    starts = time.boundaries[:-1]
    day = np.unique(starts // DAY_MS, return_inverse=True)[1] if time.day is SPECIAL else time.day
    bucket = np.arange(len(starts)) if time.bucket is SPECIAL else time.bucket
    return replace(time, day=day, bucket=bucket)


def _windowed(demand: Demand, periods: int) -> Demand:
    """Defaults of the service window: any time for accepted orders, the due period alone for future demand."""
    opens = np.where(demand.accepted, 0, demand.due) if demand.opens is SPECIAL else demand.opens
    last = np.where(demand.accepted, periods - 1, demand.due) if demand.last is SPECIAL else demand.last
    return replace(demand, opens=opens, last=last)
