"""One order candidate in the item program: the best multiple between least and most pieces, for every stock level at once."""

from __future__ import annotations

from optimizers import positions as at
from optimizers.kernel import inlined, kernel
from optimizers.layout import Tables
from optimizers.milp import Floats
from optimizers.routes import Rates
from optimizers.scratch import Scratch
from optimizers.solution import Ints


@kernel
def extend(value: Floats, top: int, until: int, slope: float) -> None:
    """Continue the value function linearly: beyond the demand to come a piece is worth what leftover is worth."""
    for x in range(top + 1, until + 1):
        value[x] = value[top] + (x - top) * slope


@inlined
def place_order(
    lay: Tables, item: int, cand: int, rates: Rates, work: Scratch, low: int, top: int, slope: float, choice: Ints
) -> None:
    """value(x) = max of not ordering and ordering q pieces, q a multiple between least and most."""
    value, other = work.value, work.other
    step, least, most = (
        lay.cand[at.CAND_STEP, cand],
        lay.cand[at.CAND_LOW, cand],
        work.cand[at.W_HIGH, cand - lay.start[at.CAND_START, item]],
    )
    unit = lay.cand_money[at.CAND_UNIT, cand]
    if lay.cand[at.CAND_CELL, cand] >= 0:
        unit += lay.cand[at.CAND_USAGE, cand] * rates.group[lay.cand[at.CAND_CELL, cand]]
    change, published = lay.item_money[at.ITEM_CHANGE, item], lay.cand[at.CAND_PUBLISHED, cand]
    fixed, queue = lay.cand_money[at.CAND_ORDER, cand], work.queue
    extend(value, top, top + least + step, slope)
    for x in range(low, top + 1):
        other[x] = value[x] - change * published
        choice[x] = 0
    paid, kept = fixed - change * published, fixed + change * published
    if change > 0.0 and published >= least:
        below = min(most, published // step * step)
        if below >= least:
            window(value, other, queue, low, top, least, step, below, unit - change, kept, choice)
        above = max(least, -(-published // step) * step)
        if above <= most:
            window(value, other, queue, low, top, above, step, most, unit + change, paid, choice)
    else:
        window(value, other, queue, low, top, least, step, most, unit + change, paid, choice)
    for x in range(low, top + 1):
        value[x] = other[x]


@kernel
def window(
    value: Floats,
    other: Floats,
    queue: Ints,
    low: int,
    top: int,
    least: int,
    step: int,
    most: int,
    unit: float,
    fixed: float,
    choice: Ints,
) -> None:
    """other(x) = max(other(x), value(x + q) - unit q - fixed) over the multiples least <= q <= most, with the best q.

    Beyond `top` the value is linear and less than the unit cost per piece, so one step above it is enough, unless keeping
    to the published plan makes pieces cheaper than leftover; `most` is the published quantity then.
    """
    reach = top + least + step
    slope = value[reach] - value[reach - 1]
    for residue in range(step):
        head, tail = 0, 0
        y = reach - (reach - residue) % step
        while y - least >= low:
            x = y - least
            f = value[y] - unit * y
            while tail > head and value[queue[tail - 1]] - unit * queue[tail - 1] <= f:
                tail -= 1
            queue[tail] = y
            tail += 1
            while queue[head] > x + most:
                head += 1
            if x <= top:
                best = queue[head]
                gain = value[best] - unit * (best - x) - fixed
                q = best - x
                if slope > unit and x + most > reach:
                    far = most
                    distant = value[reach] + (x + far - reach) * slope - unit * far - fixed
                    if distant > gain:
                        gain, q = distant, far
                if gain > other[x]:
                    other[x] = gain
                    choice[x] = q
            y -= step
