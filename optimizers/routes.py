"""Cheapest way of one piece from a warehouse and period to every place and period, on the time-expanded network, under prices.

One forward pass per source of supply (the receiving warehouse, and each place where stock is) prices the ways to all regions
and periods at once, so that a demand line costs one look-up however many lines an item has.

Source: Bellman's recursion on an acyclic time-expanded network; legs that arrive within their own period are relaxed until
nothing changes (Bellman-Ford over at most W warehouses).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Layout, Net, Tables
from optimizers.milp import Floats
from optimizers.scratch import Scratch
from optimizers.solution import Ints

WAIT, NOWHERE = -1, -2
INFINITE = 1e15
LEG = 65536
"""A step of a way is its lane times LEG plus the period of its release."""


class Rates(NamedTuple):
    """Prices of shared limits, minor units per capacity unit, volume unit, volume unit at the end of a period, piece.

    group : (G*B,). lane : (L, B). storage : (W, T). cap : (C,). lot : one per lot, of pieces outside the hub's free stock.
    service : (N,) extra worth of every piece served.
    """

    group: Floats
    lane: Floats
    storage: Floats
    cap: Floats
    lot: Floats
    service: Floats


@kernel
def fill_costs(lay: Tables, item: int, rates: Rates, room: Floats, closed: Ints, work: Scratch) -> None:
    """Cost of each leg (L, T), of staying over each period (W, T) and of staying since the start (W, T+1) for one piece.

    room : (L, B) volume left on each lane; no room = infinite. closed : (W,) 1 where a warehouse must not be used.
    """
    volume = lay.item_money[at.ITEM_VOLUME, item]
    for lane in range(lay.net.lane.shape[1]):
        shut = closed[lay.net.lane[at.LANE_ORIGIN, lane]] == 1 or (
            lay.net.lane[at.LANE_TO, lane] >= 0 and closed[lay.net.lane[at.LANE_TO, lane]] == 1
        )
        flat = lay.lane_money[at.LANE_COST, lane] + volume * lay.lane_money[at.LANE_VOLUME_COST, lane] / 1000.0
        for t in range(lay.periods):
            b = lay.bucket[t]
            if shut or room[lane, b] < volume:
                work.leg[lane, t] = INFINITE
            else:
                work.leg[lane, t] = flat + volume * rates.lane[lane, b]
    for w in range(lay.warehouses):
        held, rate = 0.0, lay.holding[item, w]
        work.held[w, 0] = 0.0
        for t in range(lay.periods):
            work.stay[w, t] = rate * lay.days[t] + volume * rates.storage[w, t]
            held += work.stay[w, t]
            work.held[w, t + 1] = held


@kernel
def spread(lay: Tables, origin: int, start: int, free: bool, slot: int, work: Scratch) -> None:
    """Least cost from (origin, start) to every warehouse and period, the step that reaches it, and the doors behind them.

    free : staying costs nothing anywhere. Fills `label`, `step`, `door` and `knock` of the slot.
    """
    net, cost, step = lay.net, work.label[slot], work.step[slot]
    W, T = net.warehouses, net.periods
    for w in range(W):
        for t in range(start, T):
            cost[w, t] = INFINITE
            step[w, t] = NOWHERE
    cost[origin, start] = 0.0
    for t in range(start, T):
        for w in range(W):
            if t > start and cost[w, t - 1] < INFINITE:
                c = cost[w, t - 1] + (0.0 if free else work.stay[w, t - 1])
                if c < cost[w, t]:
                    cost[w, t] = c
                    step[w, t] = WAIT
        if net.instant[t] == 1:
            _within_period(net, t, work.leg, cost, step)
        for w in range(W):
            if cost[w, t] >= INFINITE:
                continue
            for k in range(net.out_start[w], net.out_start[w + 1]):
                lane = net.out_lane[k]
                a = net.arrival[lane, t]
                if t < a < T:
                    c = work.leg[lane, t] + cost[w, t]
                    if c < cost[net.lane[at.LANE_TO, lane], a]:
                        cost[net.lane[at.LANE_TO, lane], a] = c
                        step[net.lane[at.LANE_TO, lane], a] = lane * LEG + t
    _open_doors(lay, start, slot, work)


@kernel
def _within_period(net: Net, t: int, leg: Floats, cost: Floats, step: Ints) -> None:
    for _ in range(net.warehouses):
        better = False
        for w in range(net.warehouses):
            if cost[w, t] >= INFINITE:
                continue
            for k in range(net.out_start[w], net.out_start[w + 1]):
                lane = net.out_lane[k]
                if net.arrival[lane, t] == t:
                    c = leg[lane, t] + cost[w, t]
                    if c < cost[net.lane[at.LANE_TO, lane], t] - 1e-9:
                        cost[net.lane[at.LANE_TO, lane], t] = c
                        step[net.lane[at.LANE_TO, lane], t] = lane * LEG + t
                        better = True
        if not better:
            return


@inlined
def _open_doors(lay: Tables, start: int, slot: int, work: Scratch) -> None:
    """Least cost of an arrival at each (tier, region) in each period, and the last leg of it."""
    net, door, knock = lay.net, work.door[slot], work.knock[slot]
    for d in range(door.shape[0]):
        for t in range(net.periods):
            door[d, t] = INFINITE
    for w in range(net.warehouses):
        for r in range(net.regions):
            for k in range(net.door_start[w * net.regions + r], net.door_start[w * net.regions + r + 1]):
                lane = net.door_lane[k]
                for t in range(start, net.periods):
                    a = net.arrival[lane, t]
                    if a < 0 or a >= net.periods or work.label[slot, w, t] >= INFINITE:
                        continue
                    c = work.leg[lane, t] + work.label[slot, w, t]
                    for tier in range(len(lay.tiers)):
                        d = tier * net.regions + r
                        if lay.tiers[tier] <= net.lane[at.LANE_TIER, lane] and c < door[d, a]:
                            door[d, a] = c
                            knock[d, a] = lane * LEG + t


@kernel
def departures(lay: Tables, hub: int, work: Scratch) -> None:
    """Last release from the hub that still arrives at each (tier, region) in each period, -1 when none does."""
    net, leave = lay.net, work.leave
    W, T = net.warehouses, net.periods
    leave[:, :] = -1
    work.depart[:, :] = -1
    for t in range(T):
        leave[hub, t] = t
        for w in range(W):
            if t > 0:
                leave[w, t] = max(leave[w, t], leave[w, t - 1])
        for _ in range(W if net.instant[t] == 1 else 1):
            for w in range(W):
                if leave[w, t] < 0:
                    continue
                for k in range(net.out_start[w], net.out_start[w + 1]):
                    lane = net.out_lane[k]
                    a = net.arrival[lane, t]
                    if t <= a < T and work.leg[lane, t] < INFINITE:
                        to = net.lane[at.LANE_TO, lane]
                        leave[to, a] = max(leave[to, a], leave[w, t])
        for w in range(W):
            for k in range(net.door_start[w * net.regions], net.door_start[(w + 1) * net.regions]):
                lane = net.door_lane[k]
                a = net.arrival[lane, t]
                if leave[w, t] < 0 or a < 0 or a >= T or work.leg[lane, t] >= INFINITE:
                    continue
                for tier in range(len(lay.tiers)):
                    d = tier * net.regions + net.lane[at.LANE_REGION, lane]
                    if lay.tiers[tier] <= net.lane[at.LANE_TIER, lane]:
                        work.depart[d, a] = max(work.depart[d, a], leave[w, t])


@inlined
def best_arrival(lay: Tables, k: int, slot: int, start: int, late: bool, work: Scratch) -> int:
    """Period in which line k is reached at least cost from the source in `slot`, -1 when it cannot be reached."""
    d, due = lay.line[at.LINE_DOOR, k], lay.line[at.LINE_DUE, k]
    found, least = -1, INFINITE
    for a in range(max(lay.line[at.LINE_OPENS, k], start), lay.line[at.LINE_LAST, k] + 1):
        c = work.door[slot, d, a]
        if a > due and late:
            c += lay.line_money[at.LINE_LATE, k] * (lay.net.ends[a] - lay.net.ends[due])
        if c < least:
            found, least = a, c
    return found


@inlined
def way_cost(lay: Tables, k: int, slot: int, a: int, late: bool, work: Scratch) -> float:
    """Cost of the way to line k that arrives in period a, lateness included when asked; infinite for a = -1."""
    c, due = INFINITE, lay.line[at.LINE_DUE, k]
    if a >= 0:
        c = work.door[slot, lay.line[at.LINE_DOOR, k], a]
        if a > due and late:
            c += lay.line_money[at.LINE_LATE, k] * (lay.net.ends[a] - lay.net.ends[due])
    return c


def no_limits(lay: Layout) -> tuple[Floats, Ints]:
    """Room and closed arrays for the relaxed problem: endless room, every warehouse open."""
    buckets = int(lay.bucket[-1]) + 1
    return np.full((len(lay.lane_origin), buckets), np.inf), np.zeros(lay.warehouses, dtype=np.int64)
