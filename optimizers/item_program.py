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

import numpy as np

from optimizers import positions as at
from optimizers.batches import extend, place_order
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.routes import Rates
from optimizers.scratch import Scratch
from optimizers.solution import Ints

END, CLASS, ORDER, SUPPLY, SCRAP = 0, 1, 2, 3, 4
NEVER = -1e17


@kernel
def run_program(lay: Tables, item: int, rates: Rates, work: Scratch) -> float:
    """Run the recursion and trace it: fills orders, pieces taken by line and stock in `work`; returns the gain.

    `W_HIGH` of a candidate holds its most pieces (below its least = not to be used).
    """
    T, hub, first = lay.periods, lay.item[at.ITEM_HUB, item], lay.start[at.LINE_START, item]
    off, value, left = work.time[at.W_FLOOR, T - 1], work.value, work.time_money[at.W_LEFT]
    scrap = lay.item_money[at.ITEM_SCRAP, item]
    _order_classes(lay, item, work)
    spoils = _leftover_worth(lay, item, work)
    value[:off] = NEVER
    value[off] = 0.0
    top, stage = off, 0
    cand, rank = lay.start[at.CAND_START, item + 1] - 1, 0
    lines = lay.start[at.LINE_START, item + 1] - first
    for t in range(T - 1, -1, -1):
        low = off - work.time[at.W_FLOOR, t]
        for x in range(top + 1):
            value[x] -= work.time_money[at.W_BACKLOG, t] * (off - x) if x < off else work.stay[hub, t] * (x - off)
        stage = _note(work.stage, stage, END, t, top)
        if spoils:
            _throw_away(value, work.choice[stage], off, top, scrap)
            stage = _note(work.stage, stage, SCRAP, t, top)
        value[:low] = NEVER
        while rank < lines and work.line[at.W_LINE_TIME, work.line[at.W_RANK, rank]] == t:
            i = work.line[at.W_RANK, rank]
            rank += 1
            pieces, gain = work.line[at.W_WANT, i], work.line_money[at.W_LINE_GAIN, i]
            if pieces == 0 or gain + max(0.0, -left[t]) <= 0.0:
                continue
            extend(value, top, top + pieces, left[t])
            top += pieces
            serve_class(value, work.other, work.queue, work.choice[stage], low, top, gain, pieces)
            stage = _note(work.stage, stage, CLASS, i, top)
        while cand >= lay.start[at.CAND_START, item] and lay.cand[at.CAND_ARRIVAL, cand] == t:
            c = cand - lay.start[at.CAND_START, item]
            if work.cand[at.W_HIGH, c] >= lay.cand[at.CAND_LOW, cand]:
                place_order(lay, item, cand, rates, work, low, top, left[t], work.choice[stage])
                stage = _note(work.stage, stage, ORDER, c, top)
            cand -= 1
        if work.time[at.W_SUPPLY, t] > 0:
            _shift(value, top, work.time[at.W_SUPPLY, t], left[t])
            stage = _note(work.stage, stage, SUPPLY, t, top)
    found = value[off]
    _trace(lay, item, work, stage, off)
    return float(found)


@inlined
def _note(stages: Ints, stage: int, kind: int, ref: int, top: int) -> int:
    """Write down a stage for the way back; returns the number of the next one."""
    stages[at.W_STAGE_KIND, stage], stages[at.W_STAGE_REF, stage], stages[at.W_STAGE_TOP, stage] = kind, ref, top
    return stage + 1


@inlined
def _leftover_worth(lay: Tables, item: int, work: Scratch) -> bool:
    """Worth of a piece nobody will take, from each period on; returns whether pieces of the item can expire."""
    T, hub = lay.periods, lay.item[at.ITEM_HUB, item]
    spoils = lay.item[at.ITEM_PERISHABLE, item] == 1
    for j in range(lay.start[at.LOT_START, item], lay.start[at.LOT_START, item + 1]):
        spoils = spoils or lay.lot[at.LOT_EXPIRES, j] < T - 1
    left = work.time_money[at.W_LEFT]
    left[T] = lay.item_money[at.ITEM_SALVAGE, item]
    for t in range(T - 1, -1, -1):
        left[t] = left[t + 1] - work.stay[hub, t]
        if spoils:
            left[t] = max(left[t], -lay.item_money[at.ITEM_SCRAP, item])
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
def _order_classes(lay: Tables, item: int, work: Scratch) -> None:
    """Lines by class period, latest first; those without a way last."""
    lines = lay.start[at.LINE_START, item + 1] - lay.start[at.LINE_START, item]
    key = np.argsort(-work.line[at.W_LINE_TIME, :lines], kind="mergesort")
    for i in range(lines):
        work.line[at.W_RANK, i] = key[i]


@kernel
def _shift(value: Floats, top: int, pieces: int, slope: float) -> None:
    for x in range(top + 1):
        y = x + pieces
        value[x] = value[y] if y <= top else value[top] + (y - top) * slope


@kernel
def serve_class(
    value: Floats, other: Floats, queue: Ints, choice: Ints, low: int, top: int, gain: float, pieces: int
) -> None:
    """value(x) = max over 0 <= u <= pieces of gain u + value(x - u)."""
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
    for x in range(low, top + 1):
        value[x] = other[x]


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
