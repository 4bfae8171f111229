"""Cheapest way of one piece from any warehouse and period to a region, on the time-expanded network, under prices.

One backward pass per way (region, time window, tier) gives the cost from every place and period at once, so the hub's
stock and stock in the wrong place are compared on the same footing.

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
from optimizers.solution import Ints

WAIT, NOWHERE = -1, -2
INFINITE = 1e15


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
def fill_costs(lay: Tables, item: int, rates: Rates, room: Floats, closed: Ints, leg: Floats, stay: Floats) -> None:
    """Cost of each leg (L, T) and of staying over each period (W, T) for one piece; no room or closed = infinite.

    room : (L, B) volume left on each lane. closed : (W,) 1 where a warehouse must not be used.
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
                leg[lane, t] = INFINITE
            else:
                leg[lane, t] = flat + volume * rates.lane[lane, b]
    for w in range(lay.warehouses):
        for t in range(lay.periods):
            stay[w, t] = lay.holding[item, w] * lay.days[t] + volume * rates.storage[w, t]


@kernel
def cost_to_go(
    net: Net, region: int, opens: int, last: int, due: int, late: float, tier: int, leg: Floats, stay: Floats,
    free_wait: int, cost: Floats, step: Ints,
) -> None:  # fmt: skip
    """Fill `cost` (W, T) and the first step of the way (lane, WAIT or NOWHERE) for arrival in opens..last.

    late : minor units per piece and day after `due`. free_wait : 1 = staying costs nothing anywhere.
    """
    W, T = net.warehouses, net.periods
    for w in range(W):
        for t in range(T):
            cost[w, t] = INFINITE
            step[w, t] = NOWHERE
    for t in range(last, -1, -1):
        for w in range(W):
            if t < last and cost[w, t + 1] < INFINITE:
                cost[w, t] = cost[w, t + 1] + (0.0 if free_wait == 1 else stay[w, t])
                step[w, t] = WAIT
            for k in range(net.door_start[w * net.regions + region], net.door_start[w * net.regions + region + 1]):
                lane = net.door_lane[k]
                a = net.arrival[lane, t]
                if a < opens or a > last or net.lane[at.LANE_TIER, lane] < tier:
                    continue
                c = leg[lane, t]
                if late > 0.0 and a > due:
                    c += late * (net.ends[a] - net.ends[due])
                if c < cost[w, t]:
                    cost[w, t] = c
                    step[w, t] = lane
            for k in range(net.out_start[w], net.out_start[w + 1]):
                lane = net.out_lane[k]
                a = net.arrival[lane, t]
                if a > t and a <= last:
                    c = leg[lane, t] + cost[net.lane[at.LANE_TO, lane], a]
                    if c < cost[w, t]:
                        cost[w, t] = c
                        step[w, t] = lane
        _same_period(net, t, leg, cost, step)


@inlined
def _same_period(net: Net, t: int, leg: Floats, cost: Floats, step: Ints) -> None:
    for _ in range(net.warehouses):
        better = False
        for w in range(net.warehouses):
            for k in range(net.out_start[w], net.out_start[w + 1]):
                lane = net.out_lane[k]
                if net.arrival[lane, t] == t:
                    c = leg[lane, t] + cost[net.lane[at.LANE_TO, lane], t]
                    if c < cost[w, t] - 1e-9:
                        cost[w, t] = c
                        step[w, t] = lane
                        better = True
        if not better:
            return


@kernel
def latest_release(cost: Floats, hub: int, periods: int) -> int:
    """Last period in which a piece at the hub can still set out, -1 when there is no way at all."""
    for t in range(periods - 1, -1, -1):
        if cost[hub, t] < INFINITE:
            return t
    return -1


def no_limits(lay: Layout) -> tuple[Floats, Ints]:
    """Room and closed arrays for the relaxed problem: endless room, every warehouse open."""
    buckets = int(lay.bucket[-1]) + 1
    return np.full((len(lay.lane_origin), buckets), np.inf), np.zeros(lay.warehouses, dtype=np.int64)
