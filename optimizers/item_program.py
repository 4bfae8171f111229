"""Exact dynamic program of one item under prices: which batches to order when, and which demand they serve.

State: pieces at the receiving warehouse at the end of a period, below zero as far as accepted orders wait. Each demand
line is a class at the last period in which its pieces can leave the warehouse in time; its gain is what a piece saves
there (shortage cost, or the way from stock elsewhere) less the cheapest way to it. Within a period the value function is
convolved with one concave piece per class (a sliding-window maximum, O(states)) and with one batch choice per order
candidate (a window per residue class of the multiple, O(states)). Above the demand still to come the value is linear, so
the number of states never exceeds the item's demand.

The program relaxes, never tightens: pieces may leave early without being there yet, waiting orders pay the least
lateness of the item, shelf life caps each order by what can still be sold. So its value is a lower bound.

Source: Lagrangian decomposition of multi-item lot sizing (Trigeiro, Thomas and McClain, Management Science 35, 1989), with
the state recursion of Wagner and Whitin (1958) carried over units for MOQ and multiples; sliding-window maximum by a
monotone queue.
"""

from __future__ import annotations

from optimizers import positions as at
from optimizers.batches import extend, place_order
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.routes import Rates
from optimizers.scratch import Choices, Scratch
from optimizers.solution import Ints

END, CLASS, ORDER, SUPPLY, SCRAP = 0, 1, 2, 3, 4
NEVER = -1e17
FEW = 4
"""Up to so many pieces a class is compared choice by choice rather than by a queue."""


@kernel
def run_program(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """Run the recursion and trace it: fills orders, pieces taken by line and stock in `work`; returns the gain.

    `W_HIGH` of a candidate holds its most pieces (below its least = not to be used).
    """
    T, hub, bottom = lay.periods, lay.item[at.ITEM_HUB, item], lay.start[at.CAND_START, item]
    off, value, left = work.time[at.W_FLOOR, T - 1], work.value, work.time_money[at.W_LEFT]
    choice, stages, ranked, arrival = work.choice, work.stage, work.line[at.W_RANK], lay.cand[at.CAND_ARRIVAL]
    order_classes(lay, item, work)
    spoils = _leftover_worth(lay, item, work)
    value[:off] = NEVER
    value[off] = 0.0
    top, stage, cand, rank = off, 0, lay.start[at.CAND_START, item + 1] - 1, 0
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    for t in range(T - 1, -1, -1):
        low = off - work.time[at.W_FLOOR, t]
        _end_period(value, off, top, work.time_money[at.W_BACKLOG, t], work.stay[hub, t])
        stage = _note(stages, stage, END, t, top)
        if spoils:
            _throw_away(value, choice[stage], off, top, lay.item_money[at.ITEM_SCRAP, item])
            stage = _note(stages, stage, SCRAP, t, top)
        value[:low] = NEVER
        while rank < lines and work.line[at.W_LINE_TIME, ranked[rank]] == t:
            i = ranked[rank]
            rank += 1
            pieces, gain = work.line[at.W_WANT, i], work.line_money[at.W_LINE_GAIN, i]
            if pieces == 0 or gain + max(0.0, -left[t]) <= 0.0:
                continue
            extend(value, top, top + pieces, left[t])
            top += pieces
            serve_class(value, work.other, work.queue, choice[stage], low, top, gain, pieces)
            stage = _note(stages, stage, CLASS, i, top)
        while cand >= bottom and arrival[cand] == t:
            usable = work.cand[at.W_HIGH, cand - bottom] >= lay.cand[at.CAND_LOW, cand]
            if usable and _order(lay, item, cand, rates, work, low, top, left[t], choice[stage]):
                stage = _note(stages, stage, ORDER, cand - bottom, top)
            cand -= 1
        if work.time[at.W_SUPPLY, t] > 0:
            _shift(value, top, work.time[at.W_SUPPLY, t], left[t])
            stage = _note(stages, stage, SUPPLY, t, top)
    found = value[off]
    _trace(lay, item, work, stage, off)
    return float(found)


@inlined
def _order(
    lay: Tables, item: int, cand: int, rates: Rates, work: Scratch, low: int, top: int, slope: float, choice: Choices
) -> bool:
    """One order candidate at the price of its capacity."""
    unit, cell = lay.cand_money[at.CAND_UNIT, cand], lay.cand[at.CAND_CELL, cand]
    if cell >= 0:
        unit += lay.cand[at.CAND_USAGE, cand] * rates.group[cell]
    return place_order(
        work.value, work.other, work.queue, choice, low, top, lay.cand[at.CAND_LOW, cand], lay.cand[at.CAND_STEP, cand],
        work.cand[at.W_HIGH, cand - lay.start[at.CAND_START, item]], unit, lay.cand_money[at.CAND_ORDER, cand],
        lay.item_money[at.ITEM_CHANGE, item], lay.cand[at.CAND_PUBLISHED, cand], slope,
    )  # fmt: skip


@inlined
def _end_period(value: Floats, off: int, top: int, wait: float, stay: float) -> None:
    """Pay for pieces that wait and for stock at the end of a period."""
    for x in range(off):
        value[x] -= wait * (off - x)
    for x in range(off, top + 1):
        value[x] -= stay * (x - off)


@inlined
def _note(stages: Ints, stage: int, kind: int, ref: int, top: int) -> int:
    """Write down a stage for the way back; returns the number of the next one."""
    stages[at.W_STAGE_KIND, stage], stages[at.W_STAGE_REF, stage], stages[at.W_STAGE_TOP, stage] = kind, ref, top
    return stage + 1


@inlined
def _leftover_worth(lay: Tables, item: int, work: Scratch) -> bool:
    """Worth of a piece nobody will take, from each period on; returns whether pieces of the item can expire."""
    T, hub, spoils = lay.periods, lay.item[at.ITEM_HUB, item], may_spoil(lay, item)
    left = work.time_money[at.W_LEFT]
    left[T] = lay.item_money[at.ITEM_SALVAGE, item]
    for t in range(T - 1, -1, -1):
        left[t] = left[t + 1] - work.stay[hub, t]
        if spoils:
            left[t] = max(left[t], -lay.item_money[at.ITEM_SCRAP, item])
    return spoils


@inlined
def may_spoil(lay: Tables, item: int) -> bool:
    """Whether pieces of the item can expire."""
    spoils = lay.item[at.ITEM_PERISHABLE, item] == 1
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        spoils = spoils or lay.lot[at.LOT_EXPIRES, j] < lay.periods - 1
    return bool(spoils)


@kernel
def _throw_away(value: Floats, choice: Ints, off: int, top: int, price: float) -> None:
    """value(x) = max over scrapping some pieces; the program may scrap any, a plan only what has expired."""
    for x in range(top + 1):
        choice[x] = 0
    for x in range(off + 1, top + 1):
        if value[x - 1] - price > value[x]:
            value[x] = value[x - 1] - price
            choice[x] = choice[x - 1] + 1


@inlined
def order_classes(lay: Tables, item: int, work: Scratch) -> None:
    """Lines by class period, latest first, by counting; those without a way last."""
    T, lines = lay.periods, lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    place = work.time[at.W_FIRST]
    for t in range(T + 2):
        place[t] = 0
    for i in range(lines):
        place[T - work.line[at.W_LINE_TIME, i]] += 1
    for t in range(1, T + 2):
        place[t] += place[t - 1]
    for i in range(lines):
        t = T - work.line[at.W_LINE_TIME, i] - 1
        work.line[at.W_RANK, place[t]] = i
        place[t] += 1


@kernel
def _shift(value: Floats, top: int, pieces: int, slope: float) -> None:
    for x in range(top + 1):
        y = x + pieces
        value[x] = value[y] if y <= top else value[top] + (y - top) * slope


@kernel
def serve_class(
    value: Floats, other: Floats, queue: Ints, choice: Choices, low: int, top: int, gain: float, pieces: int
) -> None:
    """value(x) = max over 0 <= u <= pieces of gain u + value(x - u)."""
    if pieces <= FEW:
        _serve_few(value, other, choice, low, top, gain, pieces)
    else:
        _serve_many(value, other, queue, choice, low, top, gain, pieces)
    for x in range(low, top + 1):
        value[x] = other[x]


@inlined
def _serve_few(value: Floats, other: Floats, choice: Choices, low: int, top: int, gain: float, pieces: int) -> None:
    """By comparing every u: without branches, so that several states are done at once."""
    for x in range(low, top + 1):
        other[x] = value[x]
        choice[x] = 0
    for u in range(1, pieces + 1):
        more = gain * u
        for x in range(low + u, top + 1):
            c = value[x - u] + more
            better = c > other[x]
            other[x] = c if better else other[x]
            choice[x] = u if better else choice[x]


@inlined
def _serve_many(
    value: Floats, other: Floats, queue: Ints, choice: Choices, low: int, top: int, gain: float, pieces: int
) -> None:
    """By a sliding-window maximum."""
    head, tail = 0, 0
    for x in range(low, top + 1):
        f = value[x] - gain * x
        while tail > head and value[queue[tail - 1]] - gain * queue[tail - 1] <= f:
            tail -= 1
        queue[tail] = x
        tail += 1
        while queue[head] < x - pieces:
            head += 1
        y = queue[head]
        other[x] = value[y] + gain * (x - y)
        choice[x] = x - y


@kernel
def _trace(lay: Tables, item: int, work: Scratch, stages: int, off: int) -> None:
    for c in range(lay.start[at.CAND_START, item + 1] - lay.start[at.CAND_START, item]):
        work.cand[at.W_ORDER, c] = 0
    for i in range(lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]):
        work.line[at.W_TAKE, i] = 0
    x = off
    for s in range(stages - 1, -1, -1):
        kind, ref = work.stage[at.W_STAGE_KIND, s], work.stage[at.W_STAGE_REF, s]
        level = min(x, work.stage[at.W_STAGE_TOP, s])
        if kind == SUPPLY:
            x += work.time[at.W_SUPPLY, ref]
        elif kind == ORDER:
            work.cand[at.W_ORDER, ref] = work.choice[s, level]
            x += work.choice[s, level]
        elif kind == SCRAP:
            x -= work.choice[s, level] + max(x - work.stage[at.W_STAGE_TOP, s], 0) * (work.choice[s, level] > 0)
        elif kind == CLASS:
            work.line[at.W_TAKE, ref] = work.choice[s, level]
            x -= work.choice[s, level]
        else:
            work.time[at.W_STOCK, ref] = x - off
