"""The tables a problem is made of: time, goods, places, lanes, offers, demand and what is already given.

Struct of arrays: one column per property, one row per thing. Axis letters: T periods, N items, W warehouses, R regions,
S suppliers, G capacity groups, O offers, M order modes, L lanes, B capacity buckets, K demand lines, C sale caps and a
private row letter for each list. Columns with a default may be left out; a plain number fills a column. Money is in minor
units, -1 in a limit means unlimited, -1 in a reference means none.
"""

# ruff: noqa: RUF009 -- amount, index and flag return dataclass fields; the rule knows only dataclasses.field
from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from optimizers.columns import STAMP_LIMIT, Amount, Flag, Index, amount, flag, index

DAY_MS: Final = 86_400_000
FREE, LIVE, SHELF = 0, 1, 2
"""Pools of stock, and channels of demand: free stock serves every channel, fenced stock its own."""


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Periods of any length.

    boundaries : (T+1,) UTC milliseconds, strictly rising; period t lasts from boundaries[t] to boundaries[t+1].
    day : (T,) business day of each period, 0 upwards, for batches per day. Left out: the UTC day.
    bucket : (T,) capacity bucket of each period, 0 upwards without holes: supplier and lane capacity is per bucket, so
        that a daily capacity can be shared by the hours of the day. Left out: each period is a bucket of its own.
    """

    boundaries: Amount = amount("U", high=STAMP_LIMIT)
    day: Index = index("T", "T", default="special")
    bucket: Index = index("T", "T", default="special")


@dataclass(frozen=True, slots=True)
class Goods:
    """Items (components: bundles are exploded before).

    receiving : warehouse that receives what is ordered of the item.
    volume : volume units per piece, the unit of lane capacity and storage.
    salvage : minor units that a piece left at the end of the horizon is still worth; below every unit cost of the item.
    scrap_cost : minor units to get rid of one expired piece.
    shelf_life : milliseconds from arrival until a piece cannot be sold any more; 0 = does not perish.
    end_of_run : last period in which the item may be delivered to a region.
    fence_lifts : period at whose start ring-fenced stock becomes free; T = never.
    change_cost : minor units per piece by which an order differs from the published plan.
    service_permille, service_price : wanted share of all demand pieces served; minor units per piece below it.
    fair_price : minor units per piece by which a region gets less than its fair share (its part of the item's future
        demand times what all regions get); 0 = shortage cost alone decides.
    """

    receiving: Index = index("N", "W")
    volume: Amount = amount("N", default=1)
    salvage: Amount = amount("N", default=0)
    scrap_cost: Amount = amount("N", default=0)
    shelf_life: Amount = amount("N", default=0)
    end_of_run: Index = index("N", "T", default="last")
    fence_lifts: Index = index("N", "T", default="last", beyond=1)
    change_cost: Amount = amount("N", default=0)
    service_permille: Amount = amount("N", default=0, high=1000)
    service_price: Amount = amount("N", default=0)
    fair_price: Amount = amount("N", default=0)


@dataclass(frozen=True, slots=True)
class Places:
    """Warehouses: central, regional or live-dedicated.

    storage : volume units that fit at the end of a period; -1 = unlimited. Always soft: what is already on its way may
        not fit, so each volume unit above costs `overflow_price`.
    overflow_price : minor units per 1,000 volume units above `storage` and day.
    opening_cost : minor units for using the warehouse at all in this plan; 0 = it is open.
    """

    storage: Amount = amount("W", low=-1)
    overflow_price: Amount = amount("W", default=1_000_000)
    opening_cost: Amount = amount("W", default=0)


@dataclass(frozen=True, slots=True)
class Stock:
    """What is there at the first boundary.

    on_hand : (N, W) sellable pieces before reservations (accepted orders come as demand), fenced pieces included.
    live, shelf : (N, W) the part of `on_hand` that only live or only shelf demand may take.
    holding : (N, W) minor units per 1,000 pieces and day, paid on the stock at the end of each period times its length.
    """

    on_hand: Amount = amount("NW", default=0)
    live: Amount = amount("NW", default=0)
    shelf: Amount = amount("NW", default=0)
    holding: Amount = amount("NW", default=0)


@dataclass(frozen=True, slots=True)
class Lanes:
    """Ways from a warehouse to another warehouse or to a region; two tiers of one way are two lanes.

    origin : warehouse. to_warehouse, to_region : exactly one of them is given, the other is -1.
    arrival : (L, T) period of arrival when released in period t, at least t; T = after the horizon, -1 = not that period.
        For demand due at its ship-by (parcels) use the identity where parcels leave.
    cost : minor units per piece. volume_cost : minor units per 1,000 volume units.
    capacity : (L, B) volume units released per bucket; -1 = unlimited.
    overflow_price : minor units per volume unit above capacity; -1 = hard (only pinned moves may exceed it).
    tier : service tier; serves demand lines of the same or a lower tier.
    """

    origin: Index = index("L", "W")
    to_warehouse: Index = index("L", "W", low=-1)
    to_region: Index = index("L", "R", low=-1)
    arrival: Index = index("LT", "T", low=-1, beyond=1)
    cost: Amount = amount("L", default=0)
    volume_cost: Amount = amount("L", default=0)
    capacity: Amount = amount("LB", default=-1, low=-1)
    overflow_price: Amount = amount("L", default=-1, low=-1)
    tier: Amount = amount("L", default=0)


@dataclass(frozen=True, slots=True)
class Suppliers:
    """minimum_value : (S,) goods value that all orders released to the supplier in one period must reach together."""

    minimum_value: Amount = amount("S")


@dataclass(frozen=True, slots=True)
class Groups:
    """Capacity shared by modes, for instance by the normal and the expedited mode of all items of a supplier.

    capacity : (G, B) capacity units (pieces times `modes.usage`) released per bucket; -1 = unlimited.
    overflow_price : minor units per capacity unit above; -1 = hard (only pinned orders may exceed it).
    """

    capacity: Amount = amount("GB", low=-1)
    overflow_price: Amount = amount("G", default=-1, low=-1)


@dataclass(frozen=True, slots=True)
class Offers:
    """One row per (item, supplier): limits that all its modes share.

    batches_per_day : orders of the offer per business day; 0 = unlimited.
    gap : milliseconds between the starts of the release periods of two orders of the offer; 0 = none. At most one order
        per period in any case when a gap is given.
    """

    item: Index = index("O", "N")
    supplier: Index = index("O", "S")
    batches_per_day: Amount = amount("O", default=0)
    gap: Amount = amount("O", default=0, high=STAMP_LIMIT)


@dataclass(frozen=True, slots=True)
class Modes:
    """Ways to order an item: each all-units price tier (moq = break quantity) and each expedite option is a mode.

    offer : row of `Offers`. group : row of `Groups` or -1.
    arrival : (M, T) period in which an order released in period t can be used at the receiving warehouse; T or -1 = it
        cannot be ordered in t. Lead times, cut-offs and working hours are in here.
    moq, multiple, maximum : pieces of one order; it is 0 or a multiple of `multiple` from moq to maximum (-1 = no maximum).
    order_cost : minor units per order. unit_cost : minor units per piece. usage : capacity units per piece.
    tier, expedite : labels for explanations.
    frozen_until : release periods before this one repeat the published plan.
    """

    offer: Index = index("M", "O")
    arrival: Index = index("MT", "T", low=-1, beyond=1)
    unit_cost: Amount = amount("M")
    group: Index = index("M", "G", default=-1, low=-1)
    moq: Amount = amount("M", default=1, low=1)
    multiple: Amount = amount("M", default=1, low=1)
    maximum: Amount = amount("M", default=-1, low=-1)
    order_cost: Amount = amount("M", default=0)
    usage: Amount = amount("M", default=1)
    tier: Amount = amount("M", default=0)
    expedite: Flag = flag("M")
    frozen_until: Index = index("M", "T", default=0, beyond=1)


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand lines; several lines of one (item, region, due) are shortage tranches of falling value.

    due : period by which a piece should arrive over its lane. accepted : sold already, late at a cost; else future.
    opens, last : first and last period in which the line can be served. Left out: accepted 0 and T-1, future due and due.
    shortage_cost : minor units per piece never served within the horizon (lost sale, or an accepted order left open).
    late_cost : minor units per piece and day between the ends of the due period and of the period of arrival.
    channel : LIVE or SHELF, decides which ring-fenced stock may serve it. tier : least service tier of the lane.
    session_cap, run_cap : rows of `SaleCaps`, -1 = none.
    """

    item: Index = index("K", "N")
    region: Index = index("K", "R")
    due: Index = index("K", "T")
    pieces: Amount = amount("K")
    shortage_cost: Amount = amount("K")
    accepted: Flag = flag("K")
    late_cost: Amount = amount("K", default=0)
    opens: Index = index("K", "T", default="special")
    last: Index = index("K", "T", default="special")
    channel: Amount = amount("K", default=SHELF, low=LIVE, high=SHELF)
    tier: Amount = amount("K", default=0)
    session_cap: Index = index("K", "C", default=-1, low=-1)
    run_cap: Index = index("K", "C", default=-1, low=-1)


@dataclass(frozen=True, slots=True)
class SaleCaps:
    """pieces : (C,) most pieces that all demand lines under the cap may get together."""

    pieces: Amount = amount("C")


@dataclass(frozen=True, slots=True)
class Inflow:
    """Dated supply that is decided: in transit, released, confirmed, sellable returns. pool : FREE, LIVE or SHELF."""

    item: Index = index("I", "N")
    warehouse: Index = index("I", "W")
    period: Index = index("I", "T")
    pieces: Amount = amount("I")
    pool: Amount = amount("I", default=FREE, high=SHELF)


@dataclass(frozen=True, slots=True)
class Expiring:
    """Pieces of the opening stock of an item (any warehouse) that cannot be delivered after period `last`."""

    item: Index = index("X", "N")
    last: Index = index("X", "T")
    pieces: Amount = amount("X")


@dataclass(frozen=True, slots=True)
class OrderLines:
    """Orders by mode and release period: planners' pins (0 pieces = no order there), or the published plan."""

    mode: Index = index("Y", "M")
    period: Index = index("Y", "T")
    pieces: Amount = amount("Y")


@dataclass(frozen=True, slots=True)
class MoveLines:
    """Pinned moves between warehouses by lane and release period: exactly so many free pieces leave.

    shortfall_price : minor units per piece that is not there to be moved; the move shrinks rather than fail.
    """

    lane: Index = index("V", "L")
    item: Index = index("V", "N")
    period: Index = index("V", "T")
    pieces: Amount = amount("V")
    shortfall_price: Amount = amount("V", default=1_000_000)
