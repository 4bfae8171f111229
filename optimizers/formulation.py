"""The whole problem as one mixed-integer program: columns and rows for every rule that `problem.py` states.

It is the reference for everything faster: each rule appears here once, in its plainest form. `item_rows` writes what
belongs to one item; this module writes what couples items: supplier and lane capacity, storage, minimum order value,
open warehouses.

Source: the formulation in Pochet and Wolsey, Production Planning by Mixed Integer Programming (2006), chapter 12, with a
time-expanded network instead of lead-time offsets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizers.given import Decided, decided, most_pieces
from optimizers.item_rows import add_item
from optimizers.milp import UNLIMITED, Model
from optimizers.problem import Problem
from optimizers.program import Formulation, ItemColumns
from optimizers.restrict import Taken
from optimizers.solution import Ints
from optimizers.tables import DAY_MS


def formulate(problem: Problem, taken: Taken | None = None) -> Formulation:
    """Write the program of all items of `problem`, given what other items have `taken` of the shared limits."""
    given = decided(problem)
    taken = taken or Taken.nothing(problem)
    model = Model()
    opened = _opened(problem, given, taken, model)
    mode, period, batches, placed = _orders(problem, given, model)
    form = Formulation(
        problem,
        given,
        model,
        mode,
        period,
        batches,
        placed,
        _group_rows(problem, given, taken, model),
        _lane_rows(problem, taken, model),
        _storage_rows(problem, taken, model),
        model.add_rows(len(problem.caps.pieces), upper=np.maximum(problem.caps.pieces - taken.caps, 0)),
        opened,
    )
    _use_capacity(form)
    _spacing(form)
    _minimum_value(form, taken)
    _change(form)
    for item in range(problem.sizes["N"]):
        form.items.append(add_item(form, item))
    return form


def _orders(problem: Problem, given: Decided, model: Model) -> tuple[Ints, Ints, Ints, Ints]:
    modes = problem.modes
    mode, period = (np.asarray(each, dtype=np.int64) for each in np.nonzero(given.open))
    multiple, moq = modes.multiple[mode], modes.moq[mode]
    every = np.arange(len(modes.offer))
    most = most_pieces(problem, every, given.published)[mode, period]
    batches = model.add_columns(len(mode), upper=most // multiple, cost=modes.unit_cost[mode] * multiple, integer=True)
    placed = model.add_columns(len(mode), upper=1, cost=modes.order_cost[mode], integer=True)
    least = model.add_rows(len(mode), lower=0)
    model.add(least, batches, 1.0)
    model.add(least, placed, -(-moq // multiple) * -1.0)
    above = model.add_rows(len(mode), upper=0)
    model.add(above, batches, 1.0)
    model.add(above, placed, -(most // multiple).astype(float))
    pieces = given.pieces
    model.offset += float((pieces * modes.unit_cost[:, None]).sum() + ((pieces > 0) * modes.order_cost[:, None]).sum())
    return mode, period, batches, placed


def _opened(problem: Problem, given: Decided, taken: Taken, model: Model) -> Ints:
    """A column per warehouse whose use costs something; given orders and pinned moves use theirs."""
    cost = problem.places.opening_cost
    used = np.zeros(len(cost), dtype=bool)
    hubs = problem.goods.receiving[problem.mode_item]
    used[hubs[(given.pieces > 0).any(axis=1)]] = True
    dear = np.flatnonzero((cost > 0) & ~taken.opened)
    opened = np.full(len(cost), -1, dtype=np.int64)
    opened[dear] = model.add_columns(len(dear), lower=used[dear], upper=1, cost=cost[dear], integer=True)
    return opened


def _group_rows(problem: Problem, given: Decided, taken: Taken, model: Model) -> Ints:
    """Capacity left after given orders; where a price is named, more can be had at that price."""
    groups, bucket = problem.groups, problem.time.bucket
    rows = np.full(groups.capacity.shape, -1, dtype=np.int64)
    own = np.zeros(groups.capacity.shape)
    for mode in np.flatnonzero(problem.modes.group >= 0):
        usage = float(problem.modes.usage[mode])
        np.add.at(own[problem.modes.group[mode]], bucket, given.pieces[mode] * usage)
    group, at = np.nonzero(groups.capacity >= 0)
    left = groups.capacity[group, at] - taken.group[group, at] - own[group, at]
    price = groups.overflow_price[group]
    rows[group, at] = model.add_rows(len(group), upper=np.where(price < 0, np.maximum(left, 0), left))
    _overflow(model, rows[group, at], left, price)
    return rows


def _lane_rows(problem: Problem, taken: Taken, model: Model) -> Ints:
    lanes, moves = problem.lanes, problem.pinned_moves
    rows = np.full(lanes.capacity.shape, -1, dtype=np.int64)
    pinned = np.zeros(lanes.capacity.shape)
    np.add.at(pinned, (moves.lane, problem.time.bucket[moves.period]), moves.pieces * problem.goods.volume[moves.item])
    lane, at = np.nonzero(lanes.capacity >= 0)
    price = lanes.overflow_price[lane]
    room = (lanes.capacity - taken.lane)[lane, at].astype(float)
    rows[lane, at] = model.add_rows(len(lane), upper=np.where(price < 0, np.maximum(room, pinned[lane, at]), room))
    _overflow(model, rows[lane, at], room, price)
    return rows


def _overflow(model: Model, rows: Ints, left: Any, price: Any) -> None:
    """Where a price is named more can be had; what others are above the limit already is theirs to pay."""
    soft = np.flatnonzero(np.asarray(price) >= 0)
    model.add(rows[soft], model.add_columns(len(soft), cost=price[soft]), -1.0)


def _storage_rows(problem: Problem, taken: Taken, model: Model) -> Ints:
    places, periods = problem.places, problem.sizes["T"]
    rows = np.full((len(places.storage), periods), -1, dtype=np.int64)
    limited = np.flatnonzero(places.storage >= 0)
    count = len(limited) * periods
    rows[limited] = model.add_rows(count, upper=(places.storage[:, None] - taken.storage)[limited].ravel()).reshape(
        -1, periods
    )
    price = places.overflow_price[limited][:, None] / 1000.0 * (problem.period_ms / DAY_MS)
    model.add(rows[limited].ravel(), model.add_columns(count, cost=price.ravel()), -1.0)
    return rows


def _use_capacity(form: Formulation) -> None:
    problem, modes = form.problem, form.problem.modes
    grouped = np.flatnonzero(modes.group[form.order_mode] >= 0)
    bucket = problem.time.bucket[form.order_period[grouped]]
    row = form.group_rows[modes.group[form.order_mode[grouped]], bucket]
    limited = np.flatnonzero(row >= 0)
    kept = grouped[limited]
    units = (modes.usage * modes.multiple)[form.order_mode[kept]]
    form.model.add(row[limited], form.batches[kept], units)
    hub = problem.goods.receiving[problem.mode_item[form.order_mode]]
    gated = np.flatnonzero(form.opened[hub] >= 0)
    rows = form.model.add_rows(len(gated), upper=0)
    form.model.add(rows, form.placed[gated], 1.0)
    form.model.add(rows, form.opened[hub[gated]], -1.0)


def _spacing(form: Formulation) -> None:
    """Batches per day and the gap between batches; given orders count and may already use them up."""
    problem, offers, model = form.problem, form.problem.offers, form.model
    starts = problem.time.boundaries[:-1]
    offer = problem.modes.offer[form.order_mode]
    for each in np.flatnonzero((offers.batches_per_day > 0) | (offers.gap > 0)):
        mine = np.flatnonzero(offer == each)
        counts = (form.given.pieces[problem.modes.offer == each] > 0).sum(axis=0)
        windows = []
        if offers.batches_per_day[each] > 0:
            days = np.unique(problem.time.day)
            windows += [(problem.time.day == day, int(offers.batches_per_day[each])) for day in days]
        if offers.gap[each] > 0:
            later = (starts >= starts[:, None]) & (starts < starts[:, None] + offers.gap[each])
            windows += [(within, 1) for within in later]
        for within, limit in windows:
            row = model.add_rows(1, upper=max(limit - int(counts[within].sum()), 0))
            model.add(row, form.placed[mine[within[form.order_period[mine]]]], 1.0)


def _minimum_value(form: Formulation, taken: Taken) -> None:
    """Orders to a supplier in a period reach its minimum together, or there are none."""
    problem, model = form.problem, form.model
    supplier = problem.mode_supplier[form.order_mode]
    wanted = problem.suppliers.minimum_value
    value = form.given.pieces * problem.modes.unit_cost[:, None]
    for s in np.flatnonzero(wanted > 0):
        already = value[problem.mode_supplier == s].sum(axis=0) + taken.value[s]
        for t in np.unique(form.order_period[supplier == s]):
            mine = np.flatnonzero((supplier == s) & (form.order_period == t))
            if already[t] >= wanted[s]:
                continue
            any_order = model.add_columns(1, lower=float(taken.waiting[s, t]), upper=1, integer=True)
            row = model.add_rows(1, lower=-float(already[t]))
            mode = form.order_mode[mine]
            model.add(row, form.batches[mine], problem.modes.unit_cost[mode] * problem.modes.multiple[mode])
            model.add(row, any_order, -float(wanted[s]))
            gate = model.add_rows(len(mine), upper=0)
            model.add(gate, form.placed[mine], 1.0)
            model.add(gate, any_order, -1.0)


def _change(form: Formulation) -> None:
    """Pieces by which open orders differ from the published plan; for given and impossible ones it is a constant."""
    problem, model, given = form.problem, form.model, form.given
    price = problem.goods.change_cost[problem.mode_item]
    fixed = np.where(given.open, 0, np.abs(given.pieces - given.published))
    model.offset += float((fixed * price[:, None]).sum())
    published = given.published[form.order_mode, form.order_period]
    here = np.flatnonzero(price[form.order_mode] > 0)
    differs = model.add_columns(len(here), cost=price[form.order_mode[here]])
    multiple = problem.modes.multiple[form.order_mode[here]].astype(float)
    for sign in (1.0, -1.0):
        rows = model.add_rows(len(here), lower=-sign * published[here])
        model.add(rows, differs, 1.0)
        model.add(rows, form.batches[here], -sign * multiple)


__all__ = ["UNLIMITED", "Formulation", "ItemColumns", "formulate"]
