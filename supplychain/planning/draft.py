"""Names beside the arrays: which SKU, warehouse, lane and offer each row of an optimizer problem stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizers.problem import Problem
from supplychain.domain.network import Lane, Offer
from supplychain.planning.calendar import Axis
from supplychain.planning.demand_path import DemandPath
from supplychain.planning.view import View


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to order: an offer at a price tier, normal or expedited; unit cost in minor units."""

    offer: Offer
    expedite: bool
    unit_cost_minor: int
    moq: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A problem with its names.

    `mode_arrivals` and `lane_arrivals` give the moment of arrival (UTC ms) by row and release period; `receiving` the
    receiving warehouse of each item; `mean_pieces` how many pieces of each demand row stand for the mean (the rest is
    safety).
    """

    view: View
    grid: Axis
    path: DemandPath
    problem: Problem
    items: tuple[str, ...]
    warehouses: tuple[str, ...]
    regions: tuple[str, ...]
    lanes: tuple[Lane, ...]
    modes: tuple[Mode, ...]
    mode_arrivals: tuple[tuple[int, ...], ...]
    lane_arrivals: tuple[tuple[int, ...], ...]
    receiving: Mapping[str, str]
    safety_row: tuple[bool, ...]
    notes: tuple[str, ...]
