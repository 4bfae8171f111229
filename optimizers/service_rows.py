"""Columns and rows of what one item delivers: ways to doors, terms, lines, sale caps, service target and fair share."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizers.program import Formulation, Served
from optimizers.solution import Ints
from optimizers.tables import DAY_MS
from optimizers.terms import BEHIND, WINDOW, DoorArcs, Doors, Terms, door_arcs, doors_of, terms_of


def add_deliveries(form: Formulation, item: int, pools: tuple[int, ...], row: Ints) -> Served:
    """Write the deliveries of an item; `row` (pool, W, T) are the balance rows of its stock."""
    problem, model, demand = form.problem, form.model, form.problem.demand
    order, starts = problem.items_of_demand
    lines = order[starts[item] : starts[item + 1]]
    model.offset += float((demand.pieces[lines] * demand.shortage_cost[lines]).sum())
    terms = terms_of(problem, item)
    doors = doors_of(terms, pools)
    arcs = door_arcs(problem, item, terms, doors)
    release = _releases(form, item, pools, terms, doors, arcs, row)
    node = _nodes(form, terms)
    sent = _enter(form, terms, doors, arcs, release, node)
    # Whole pieces: with these given the rest is a flow, but sale caps and fair shares would have half pieces.
    line = model.add_columns(
        len(terms.line), upper=demand.pieces[terms.line], cost=-demand.shortage_cost[terms.line], integer=True
    )
    model.add(node[terms.of_line, np.where(terms.kind[terms.of_line] == WINDOW, 0, terms.due)], line, -1.0)
    for cap in (demand.session_cap, demand.run_cap):
        capped = np.flatnonzero(cap[terms.line] >= 0)
        model.add(form.cap_rows[cap[terms.line[capped]]], line[capped], 1.0)
    _service(form, item, line)
    _fair_share(form, item, terms, line)
    return Served(terms, arcs, release, *sent, line)


def _releases(
    form: Formulation, item: int, pools: tuple[int, ...], terms: Terms, doors: Doors, arcs: DoorArcs, row: Ints
) -> Ints:
    problem, model = form.problem, form.model
    upper = _most(problem.demand.pieces, terms, doors, arcs)
    cost = problem.lane_unit_cost(item)[arcs.lane]
    release = model.add_columns(len(arcs.lane), upper=upper, cost=cost, integer=True)
    slot = np.zeros(3, dtype=np.int64)
    slot[list(pools)] = np.arange(len(pools))
    origin = problem.lanes.origin[arcs.lane]
    model.add(row[slot[arcs.pool], origin, arcs.period], release, 1.0)
    use_lane(form, item, arcs.lane, arcs.period, release)
    gate(form, origin, release, upper)
    return release


def _most(pieces: Ints, terms: Terms, doors: Doors, arcs: DoorArcs) -> Ints:
    """Most pieces worth releasing on each arc: all that its door's open terms ask for."""
    asked = np.bincount(terms.of_line, pieces[terms.line], len(terms.kind)).astype(np.int64)
    open_ = (terms.opens <= arcs.arrival[:, None]) & (arcs.arrival[:, None] <= terms.last)
    return np.asarray((doors.feeds[arcs.door] & open_) @ asked, dtype=np.int64)


def _nodes(form: Formulation, terms: Terms) -> Ints:
    """Balance rows (m, T): what comes in is taken by lines or counts for another period of the chain; -1 = no node."""
    problem, model = form.problem, form.model
    node = np.full((len(terms.kind), problem.sizes["T"]), -1, dtype=np.int64)
    days = np.diff(problem.time.boundaries[1:]) / DAY_MS
    for term in range(len(terms.kind)):
        if terms.kind[term] == WINDOW:
            node[term, :] = model.add_rows(1, lower=0, upper=0)[0]
            continue
        first, last = int(terms.opens[term]), int(terms.last[term])
        node[term, first : last + 1] = model.add_rows(last + 1 - first, lower=0, upper=0)
        later, sooner = node[term, first + 1 : last + 1], node[term, first:last]
        back = model.add_columns(last - first, cost=float(terms.late[term]) * days[first:last])
        model.add(later, back, -1.0)
        model.add(sooner, back, 1.0)
        if terms.kind[term] != BEHIND:
            wait = model.add_columns(last - first)
            model.add(sooner, wait, -1.0)
            model.add(later, wait, 1.0)
    return node


def _enter(
    form: Formulation, terms: Terms, doors: Doors, arcs: DoorArcs, release: Ints, node: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Flows from doors to terms; returns door, term, period and column of each."""
    problem, model = form.problem, form.model
    periods = problem.sizes["T"]
    reached = np.zeros((len(doors.region), periods), dtype=bool)
    reached[arcs.door, arcs.arrival] = True
    rows = np.full(reached.shape, -1, dtype=np.int64)
    rows[reached] = model.add_rows(int(reached.sum()), lower=0, upper=0)
    model.add(rows[arcs.door, arcs.arrival], release, 1.0)
    time = np.arange(periods)
    open_ = (terms.opens[:, None] <= time) & (time <= terms.last[:, None])
    door, term, at = np.nonzero(doors.feeds[:, :, None] & open_[None] & reached[:, None, :])
    window = terms.kind[term] == WINDOW
    late = problem.days_late(np.where(window, terms.window_due[term], at), at) * terms.late[term]
    sent = model.add_columns(len(door), cost=late)
    model.add(rows[door, at], sent, -1.0)
    model.add(node[term, at], sent, 1.0)
    return door, term, at, sent


def use_lane(form: Formulation, item: int, lane: Ints, period: Ints, columns: Ints) -> None:
    """Releases take lane capacity."""
    row = form.lane_rows[lane, form.problem.time.bucket[period]]
    kept = row >= 0
    form.model.add(row[kept], columns[kept], float(form.problem.goods.volume[item]))


def gate(form: Formulation, warehouse: Any, columns: Ints, upper: Any) -> None:
    """A flow needs its warehouse open; one row per flow keeps the linear relaxation strong."""
    opened = form.opened[warehouse]
    kept = np.flatnonzero((opened >= 0) & (upper > 0))
    rows = form.model.add_rows(len(kept), upper=0)
    form.model.add(rows, columns[kept], 1.0)
    form.model.add(rows, opened[kept], -np.asarray(upper, dtype=float)[kept])


def _service(form: Formulation, item: int, line: Ints) -> None:
    problem, goods = form.problem, form.problem.goods
    wanted = float(goods.service_permille[item] * problem.demand.pieces[problem.demand.item == item].sum())
    if wanted == 0 or goods.service_price[item] == 0:
        return
    below = form.model.add_columns(1, cost=goods.service_price[item] / 1000.0)
    row = form.model.add_rows(1, lower=wanted)
    form.model.add(row, below, 1.0)
    form.model.add(row, line, 1000.0)


def _fair_share(form: Formulation, item: int, terms: Terms, line: Ints) -> None:
    problem, demand = form.problem, form.problem.demand
    price = float(problem.goods.fair_price[item])
    future = (demand.item == item) & ~demand.accepted
    asked = np.bincount(demand.region[future], demand.pieces[future], problem.regions).astype(float)
    if price == 0 or np.count_nonzero(asked) < 2:
        return
    kept = np.flatnonzero(~demand.accepted[terms.line])
    region = demand.region[terms.line[kept]]
    total = asked.sum()
    less = form.model.add_columns(problem.regions, cost=price)
    row = form.model.add_rows(problem.regions, lower=0)
    form.model.add(row, less, 1.0)
    form.model.add(row[region], line[kept], 1.0)
    for each in range(problem.regions):
        form.model.add(row[each], line[kept], -asked[each] / total)
