"""What a solve gives back: orders, moves, deliveries, what stays short, what it costs and how good it provably is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Shorts: TypeAlias = npt.NDArray[np.int32]
"""Columns with a row per demand line, order candidate or flow: half the memory."""


class Status(StrEnum):
    """How good the plan is. There is no "infeasible": shortage and overflow have prices."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


class StopReason(StrEnum):
    """Why the engine stopped."""

    PROVEN = "proven"
    GAP = "gap"
    WORK = "work"
    TIME = "time"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders, sorted by release period and mode; pinned and frozen ones included.

    mode, period : release. pieces : ordered. arrival : period of arrival at the item's receiving warehouse, T = later.
    """

    mode: Ints
    period: Ints
    pieces: Ints
    arrival: Ints


@dataclass(frozen=True, slots=True)
class Moves:
    """Pieces released on lanes between warehouses, sorted by period, lane and item; pool as in `tables.FREE`."""

    lane: Ints
    item: Ints
    period: Ints
    pieces: Ints
    arrival: Ints
    pool: Ints


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Pieces released on lanes to regions for a demand line, sorted by period, lane and demand line."""

    demand: Ints
    lane: Ints
    period: Ints
    pieces: Ints
    arrival: Ints
    pool: Ints


@dataclass(frozen=True, slots=True)
class Scrap:
    """Expired pieces taken out of stock at the end of a period."""

    item: Ints
    warehouse: Ints
    period: Ints
    pieces: Ints
    pool: Ints


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions alone: what a planner could carry out, before anybody has counted what it costs."""

    orders: Orders
    moves: Moves
    deliveries: Deliveries
    scrap: Scrap


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost of a plan by cause, in minor units, each rounded once; salvage is what leftover stock is worth (subtracted)."""

    purchase: int
    ordering: int
    transport: int
    holding: int
    shortage: int
    lateness: int
    opening: int
    scrap: int
    overflow: int
    service: int
    unfairness: int
    change: int
    salvage: int

    @property
    def total(self) -> int:
        """Objective: all costs minus salvage."""
        everything: int = sum(getattr(self, each.name) for each in fields(self))
        return everything - 2 * self.salvage


@dataclass(frozen=True, slots=True)
class Violation:
    """A soft limit that the plan exceeds.

    limit : storage, supplier-capacity, lane-capacity, service-target, minimum-order-value, order-size, order-spacing or
        pinned-move. where : indices that name it: (warehouse, period), (group, bucket), (lane, bucket), (item,),
        (supplier, period), (mode, period), (offer, period), (pinned move row,).
    amount : by how much, in the limit's unit. price : minor units the plan pays for it in all (0 = given by pins).
    """

    limit: str
    where: tuple[int, ...]
    amount: int
    price: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Shadow prices in minor units per unit of capacity, 0 where a limit does not bind.

    group : (G, B) supplier capacity. lane : (L, B) lane capacity. storage : (W, T) stock volume.
    """

    group: npt.NDArray[np.float64]
    lane: npt.NDArray[np.float64]
    storage: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Solution:
    """A verified plan.

    Attributes
    ----------
    shortage : (K,) pieces of each demand line never served. late : (K,) pieces served after the due period.
    opened : (W,) warehouses the plan uses and pays for.
    bound : no plan costs less, in minor units. gap : (total - bound) / |total|, 0 when both are equal.
    sweeps, nodes : work done. seconds : wall time of the call (not part of `digest`).
    """

    orders: Orders
    moves: Moves
    deliveries: Deliveries
    scrap: Scrap
    shortage: Ints
    late: Ints
    opened: npt.NDArray[np.bool_]
    costs: Costs
    violations: tuple[Violation, ...]
    prices: Prices
    bound: int
    status: Status
    stop: StopReason
    sweeps: int
    nodes: int
    seconds: float

    @property
    def objective(self) -> int:
        """Total cost in minor units."""
        return self.costs.total

    @property
    def gap(self) -> float:
        """Relative distance between cost and bound."""
        total = self.costs.total
        return 0.0 if total <= self.bound else (total - self.bound) / max(abs(total), 1)

    @property
    def plan(self) -> Plan:
        """The decisions alone."""
        return Plan(self.orders, self.moves, self.deliveries, self.scrap)

    @property
    def digest(self) -> str:
        """SHA-256 over every decision: equal for equal plans."""
        parts = sha256()
        for table in (self.orders, self.moves, self.deliveries, self.scrap):
            for each in fields(table):
                parts.update(np.ascontiguousarray(getattr(table, each.name), dtype="<i8").tobytes())
                parts.update(b"|")
        return parts.hexdigest()
