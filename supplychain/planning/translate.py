"""From the trade to arrays: the only place that turns a view into an optimizer problem, and the only one that scales.

Bundles are exploded to components, calendars become arrival tables, supplier offers become order modes, demand moments
become tranches, decided supply becomes dated inflow, a planner's edits become pins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizers.problem import Problem
from optimizers.tables import (
    Goods,
    Groups,
    Inflow,
    Lanes,
    Modes,
    MoveLines,
    Offers,
    OrderLines,
    Places,
    Stock,
    Suppliers,
    TimeAxis,
)
from supplychain.domain.network import Lane, LaneKind, Offer, PriceTier
from supplychain.domain.plan import LineKind, PlanLine
from supplychain.domain.units import MINUTE
from supplychain.planning.baseline import Baseline
from supplychain.planning.calendar import Axis, axis, lane_arrivals, periods_of, supply_arrivals
from supplychain.planning.demand_path import DemandPath, demand_path
from supplychain.planning.demand_rows import demand_rows
from supplychain.planning.draft import Draft, Mode
from supplychain.planning.view import View


@dataclass(slots=True)
class _Build:
    """Rows under construction."""

    view: View
    grid: Axis
    items: dict[str, int]
    warehouses: dict[str, int]
    regions: dict[str, int]
    suppliers: dict[str, int]
    receiving: dict[str, str]
    notes: list[str] = field(default_factory=list)


def translate(view: View, baseline: Baseline) -> Draft | None:
    """Return the problem of a view with its names, or None when there is nothing to plan.

    Parameters
    ----------
    baseline
        Expected gross pieces per day on the shelf by (SKU, region).
    """
    if not view.items:
        return None
    planning, catalogue = view.tuning.planning, view.catalogue
    grid = axis(view.cut, catalogue.zone, hourly_days=planning.hourly_days, horizon_days=planning.horizon_days)
    path = demand_path(view, grid, baseline)
    suppliers = sorted({offer.supplier for item in view.items for offer in catalogue.offers_of.get(item, ())})
    build = _Build(
        view=view,
        grid=grid,
        items={sku: n for n, sku in enumerate(view.items)},
        warehouses={name: n for n, name in enumerate(sorted(catalogue.warehouses))},
        regions={name: n for n, name in enumerate(sorted(catalogue.regions))},
        suppliers={name: n for n, name in enumerate(suppliers)},
        receiving={},
    )
    build.receiving = {sku: _receiving(build, path, sku) for sku in view.items}
    lanes, lane_table, lane_times = _lanes(build)
    modes, offers_table, modes_table, mode_times = _modes(build)
    demand, safety = demand_rows(view, grid, path, build.items, build.regions)
    on_hand, inflow = _given(build, path)
    problem = Problem(
        time=TimeAxis(
            boundaries=np.array(grid.boundaries, dtype=np.int64), day=np.array(grid.day), bucket=np.array(grid.day)
        ),
        goods=_goods(build),
        places=_places(build),
        regions=len(build.regions),
        stock=_stock(build, on_hand),
        lanes=lane_table,
        suppliers=Suppliers(np.array([catalogue.suppliers[s].minimum_order_minor for s in suppliers], dtype=np.int64)),
        groups=_groups(build),
        offers=offers_table,
        modes=modes_table,
        demand=demand,
        inflow=inflow,
        pins=_order_lines(build, modes, [line for line in view.open_own if line.override is not None]),
        pinned_moves=_move_lines(build, lanes),
        published=_order_lines(build, modes, [line for line in view.open_own if line.override is None]),
    )
    return Draft(
        view=view,
        grid=grid,
        path=path,
        problem=problem,
        items=view.items,
        warehouses=tuple(build.warehouses),
        regions=tuple(build.regions),
        lanes=lanes,
        modes=modes,
        mode_arrivals=mode_times,
        lane_arrivals=lane_times,
        receiving=build.receiving,
        safety_row=safety,
        notes=tuple(build.notes),
    )


def _supply_lane(build: _Build, supplier: str, warehouse: str) -> Lane | None:
    lanes = [
        lane
        for lane in build.view.catalogue.lanes.values()
        if lane.kind is LaneKind.SUPPLY and lane.origin == supplier and lane.destination == warehouse
    ]
    return min(lanes, key=lambda lane: (lane.minutes, lane.lane), default=None)


def _receiving(build: _Build, path: DemandPath, sku: str) -> str:
    """The warehouse that most suppliers reach and that serves the item's demand cheapest and fastest."""
    catalogue = build.view.catalogue
    wanted: dict[str, float] = defaultdict(float)
    for (item, region, _), pieces in path.gross.items():
        if item == sku:
            wanted[region] += pieces
    suppliers = {offer.supplier for offer in catalogue.offers_of.get(sku, ())}

    def score(warehouse: str) -> tuple[int, float, str]:
        reached = sum(_supply_lane(build, supplier, warehouse) is not None for supplier in suppliers)
        effort = 0.0
        for region, pieces in wanted.items():
            costs = [
                lane.cost_minor / 1_000 + lane.minutes / 10
                for lane in catalogue.lanes.values()
                if lane.kind is LaneKind.DELIVERY and lane.origin == warehouse and lane.destination == region
            ]
            effort += pieces * min(costs, default=1e6)
        return -reached, effort, warehouse

    return min(build.warehouses, key=score)


def _goods(build: _Build) -> Goods:
    view = build.view
    skus = [view.catalogue.skus[sku] for sku in view.items]
    cheapest = [_cheapest(view.catalogue.offers_of.get(s.sku, ()), s.unit_cost_minor) for s in skus]
    last = build.grid.periods - 1
    run_end = [last if s.run_ends_at is None else min(build.grid.period(s.run_ends_at), last) for s in skus]
    return Goods(
        receiving=np.array([build.warehouses[build.receiving[s.sku]] for s in skus]),
        volume=np.array([s.volume_ml for s in skus]),
        salvage=np.array([max(0, min(s.salvage_minor, low - 1)) for s, low in zip(skus, cheapest, strict=True)]),
        shelf_life=np.array([(s.shelf_life_days or 0) * 1_440 * MINUTE for s in skus]),
        end_of_run=np.array(run_end),
        change_cost=np.array([view.tuning.planning.change_minor // _usual_batch(view, s.sku) for s in skus]),
    )


def _usual_batch(view: View, sku: str) -> int:
    return max(1, min((offer.moq for offer in view.catalogue.offers_of.get(sku, ())), default=1))


def _cheapest(offers: Sequence[Offer], fallback: int) -> int:
    return min((tier.unit_cost_minor for offer in offers for tier in _tiers(offer, fallback)), default=fallback)


def _tiers(offer: Offer, unit_cost: int) -> tuple[PriceTier, ...]:
    return offer.tiers or (PriceTier(1, unit_cost),)


def _places(build: _Build) -> Places:
    warehouses = [build.view.catalogue.warehouses[name] for name in build.warehouses]
    # Activation is decided by network design for a season, not by the plan of one group: what exists is open here.
    return Places(storage=np.array([-1 if w.capacity_ml is None else w.capacity_ml for w in warehouses]))


def _given(build: _Build, path: DemandPath) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int64]], Inflow]:
    """Stock before reservations with what planned movements will take, and dated supply that is decided."""
    on_hand = np.zeros((len(build.items), len(build.warehouses)), dtype=np.int64)
    for level in build.view.stock:
        if level.warehouse in build.warehouses:
            on_hand[build.items[level.sku], build.warehouses[level.warehouse]] = max(0, level.on_hand)
    rows: dict[tuple[int, int, int], int] = defaultdict(int)
    last = build.grid.periods - 1
    for line in build.view.supply:
        item, place = build.items[line.sku], build.warehouses[line.destination]
        pieces = line.open_pieces
        if line.kind is LineKind.MOVE:
            origin = build.warehouses[line.origin or line.destination]
            on_hand[item, origin] = max(0, on_hand[item, origin] - (line.quantity - line.shipped))
        rows[item, place, min(build.grid.period(line.arrive_at), last)] += pieces
    for (sku, period), returned in sorted(path.whole_returns().items()):
        rows[build.items[sku], build.warehouses[build.receiving[sku]], period] += returned
    kept = [(*key, pieces) for key, pieces in sorted(rows.items()) if pieces > 0]
    columns = np.array(kept, dtype=np.int64).reshape(-1, 4)
    return on_hand, Inflow(item=columns[:, 0], warehouse=columns[:, 1], period=columns[:, 2], pieces=columns[:, 3])


def _stock(build: _Build, on_hand: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Stock:
    live, shelf, holding = np.zeros_like(on_hand), np.zeros_like(on_hand), np.zeros_like(on_hand)
    for level in build.view.stock:
        if level.warehouse in build.warehouses:
            place = build.items[level.sku], build.warehouses[level.warehouse]
            live[place] = min(level.fenced_live, on_hand[place])
            shelf[place] = min(level.fenced_shelf, on_hand[place] - live[place])
    for sku, item in build.items.items():
        holding[item, :] = build.view.catalogue.skus[sku].holding_minor
    return Stock(on_hand=on_hand, live=live, shelf=shelf, holding=holding)


def _lanes(build: _Build) -> tuple[tuple[Lane, ...], Lanes, tuple[tuple[int, ...], ...]]:
    catalogue, grid = build.view.catalogue, build.grid
    lanes = tuple(
        lane
        for _, lane in sorted(catalogue.lanes.items())
        if lane.kind is not LaneKind.SUPPLY
        and (lane.destination in build.warehouses or lane.destination in build.regions)
    )
    times = tuple(tuple(lane_arrivals(grid, lane)) for lane in lanes)
    delivery = [lane.kind is LaneKind.DELIVERY for lane in lanes]
    # What is due at its ship-by has done its duty when the parcel leaves: delivery lanes arrive in the period of release.
    own = list(range(grid.periods))
    arrival = [own if is_parcel else periods_of(grid, row) for is_parcel, row in zip(delivery, times, strict=True)]
    days = grid.day[-1] + 1
    table = Lanes(
        origin=np.array([build.warehouses[lane.origin] for lane in lanes], dtype=np.int64),
        to_warehouse=np.array(
            [-1 if d else build.warehouses[lane.destination] for lane, d in zip(lanes, delivery, strict=True)],
            dtype=np.int64,
        ),
        to_region=np.array(
            [build.regions[lane.destination] if d else -1 for lane, d in zip(lanes, delivery, strict=True)],
            dtype=np.int64,
        ),
        arrival=np.array(arrival, dtype=np.int64).reshape(len(lanes), grid.periods),
        cost=np.array([round(lane.cost_minor / 1_000) for lane in lanes], dtype=np.int64),
        capacity=np.array(
            [[-1 if lane.capacity_ml is None else lane.capacity_ml] * days for lane in lanes], dtype=np.int64
        ).reshape(len(lanes), days),
        tier=np.array([lane.tier for lane in lanes], dtype=np.int64),
    )
    return lanes, table, times


def _modes(build: _Build) -> tuple[tuple[Mode, ...], Offers, Modes, tuple[tuple[int, ...], ...]]:
    """Order modes: each price tier, normal and expedited, of each offer whose supplier reaches the receiving warehouse."""
    catalogue, grid = build.view.catalogue, build.grid
    offers: list[Offer] = []
    modes: list[Mode] = []
    rows: list[int] = []
    times: list[tuple[int, ...]] = []
    for sku in build.view.items:
        for offer in catalogue.offers_of.get(sku, ()):
            lane = _supply_lane(build, offer.supplier, build.receiving[sku])
            if lane is None:
                build.notes.append(f"no supply lane {offer.supplier} -> {build.receiving[sku]} for {sku}")
                continue
            supplier = catalogue.suppliers[offer.supplier]
            ways = [(False, offer.lead_time_minutes, 0)]
            if offer.expedite:
                ways.append((True, offer.expedite.lead_time_minutes, offer.expedite.surcharge_minor))
            safety = build.view.tuning.planning.safety_lead_minutes
            for expedite, lead, surcharge in ways:
                arrivals = tuple(supply_arrivals(grid, supplier.hours, lead + safety, lane))
                for tier in _tiers(offer, catalogue.skus[sku].unit_cost_minor):
                    moq = -(-max(offer.moq, tier.from_pieces) // offer.multiple) * offer.multiple
                    modes.append(Mode(offer, expedite, tier.unit_cost_minor + surcharge, moq))
                    rows.append(len(offers))
                    times.append(arrivals)
            offers.append(offer)
    suppliers = [catalogue.suppliers[offer.supplier] for offer in offers]
    daily = [offer.batches_per_day or s.batches_per_day or 0 for offer, s in zip(offers, suppliers, strict=True)]
    gaps = [
        max(offer.batch_gap_minutes, s.batch_gap_minutes) * MINUTE for offer, s in zip(offers, suppliers, strict=True)
    ]
    offers_table = Offers(
        item=np.array([build.items[offer.sku] for offer in offers], dtype=np.int64),
        supplier=np.array([build.suppliers[offer.supplier] for offer in offers], dtype=np.int64),
        batches_per_day=np.array(daily, dtype=np.int64),
        gap=np.array(gaps, dtype=np.int64),
    )
    modes_table = Modes(
        offer=np.array(rows, dtype=np.int64),
        arrival=np.array([periods_of(grid, row) for row in times], dtype=np.int64).reshape(len(modes), grid.periods),
        unit_cost=np.array([mode.unit_cost_minor for mode in modes], dtype=np.int64),
        group=np.array([build.suppliers[mode.offer.supplier] for mode in modes], dtype=np.int64),
        moq=np.array([mode.moq for mode in modes], dtype=np.int64),
        multiple=np.array([mode.offer.multiple for mode in modes], dtype=np.int64),
        maximum=np.array([_maximum(mode) for mode in modes], dtype=np.int64),
        order_cost=np.array([mode.offer.order_cost_minor for mode in modes], dtype=np.int64),
        expedite=np.array([mode.expedite for mode in modes], dtype=bool),
    )
    return tuple(modes), offers_table, modes_table, tuple(times)


def _maximum(mode: Mode) -> int:
    limit = mode.offer.capacity_per_day
    return -1 if limit is None else max(mode.moq, limit // mode.offer.multiple * mode.offer.multiple)


def _groups(build: _Build) -> Groups:
    """Daily capacity of each supplier less what was ordered of it already, by this and every other group."""
    days = build.grid.day[-1] + 1
    capacity = np.full((len(build.suppliers), days), -1, dtype=np.int64)
    for name, row in build.suppliers.items():
        per_day = build.view.catalogue.suppliers[name].capacity_per_day
        if per_day is not None:
            capacity[row, :] = per_day
    for line in (*build.view.supply, *build.view.others):
        row = build.suppliers.get(line.supplier or "", -1)
        period = build.grid.period(line.release_at)
        today = line.release_at >= build.grid.start - 1_440 * MINUTE and period == 0
        if row >= 0 and period < build.grid.periods and (today or period > 0) and capacity[row, 0] >= 0:
            day = build.grid.day[period]
            capacity[row, day] = max(0, capacity[row, day] - line.quantity)
    return Groups(capacity=capacity)


def _order_lines(build: _Build, modes: Sequence[Mode], lines: Sequence[PlanLine]) -> OrderLines:
    """Order lines by mode and release period; lines of an offer that is gone are left out."""
    rows: dict[tuple[int, int], int] = defaultdict(int)
    for line in lines:
        if line.kind is not LineKind.ORDER:
            continue
        fitting = [
            (mode.moq, number)
            for number, mode in enumerate(modes)
            if mode.offer.offer == line.offer
            and mode.expedite == (line.mode == "expedite")
            and mode.moq <= max(line.quantity, mode.offer.moq)
        ]
        period = build.grid.period(line.release_at)
        if not fitting or period >= build.grid.periods:
            continue
        if line.quantity:
            rows[max(fitting)[1], period] += line.quantity
        else:  # "none of this": no other price tier and no other hour of that day instead
            same_day = [p for p, day in enumerate(build.grid.day) if day == build.grid.day[period]]
            rows.update({(n, p): 0 for _, n in fitting for p in same_day if (n, p) not in rows})
    columns = np.array([(*key, pieces) for key, pieces in sorted(rows.items())], dtype=np.int64).reshape(-1, 3)
    return OrderLines(mode=columns[:, 0], period=columns[:, 1], pieces=columns[:, 2])


def _move_lines(build: _Build, lanes: Sequence[Lane]) -> MoveLines:
    """A planner's edits of movements as pins."""
    rows = []
    for line in build.view.open_own:
        if line.kind is LineKind.MOVE and line.override:
            ways = [
                n for n, lane in enumerate(lanes) if lane.origin == line.origin and lane.destination == line.destination
            ]
            period = build.grid.period(line.release_at)
            if ways and period < build.grid.periods:
                rows.append((ways[0], build.items[line.sku], period, line.override))
    columns = np.array(sorted(rows), dtype=np.int64).reshape(-1, 4)
    return MoveLines(lane=columns[:, 0], item=columns[:, 1], period=columns[:, 2], pieces=columns[:, 3])
