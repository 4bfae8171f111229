"""One order candidate in the item program: the best multiple between least and most pieces, for every stock level at once."""

from __future__ import annotations

from optimizers.kernel import inlined, kernel
from optimizers.milp import Floats
from optimizers.scratch import Choices
from optimizers.solution import Ints


@kernel
def extend(value: Floats, top: int, until: int, slope: float) -> None:
    """Continue the value function linearly: beyond the demand to come a piece is worth what leftover is worth."""
    for x in range(top + 1, until + 1):
        value[x] = value[top] + (x - top) * slope


@kernel
def place_order(
    value: Floats, other: Floats, queue: Ints, choice: Choices, low: int, top: int, least: int, step: int, most: int,
    unit: float, fixed: float, change: float, published: int, slope: float,
) -> bool:  # fmt: skip
    """value(x) = max of not ordering and ordering q pieces, q a multiple between least and most.

    change : cost per piece by which q differs from `published`. slope : of the value above `top`.

    Returns whether ordering is better for any x; `choice` is filled only then.
    """
    extend(value, top, top + least + step, slope)
    kept = change * published
    if kept > 0.0 and published >= least:
        _start(value, other, choice, low, top, kept)
        below = min(most, published // step * step)
        if below >= least:
            window(value, other, queue, low, top, least, step, below, unit - change, fixed + kept, choice)
        above = max(least, -(-published // step) * step)
        if above <= most:
            window(value, other, queue, low, top, above, step, most, unit + change, fixed - kept, choice)
    elif most < top - low + least + step:
        _start(value, other, choice, low, top, kept)
        window(value, other, queue, low, top, least, step, most, unit + change, fixed - kept, choice)
    else:
        return _any_quantity(value, other, queue, choice, low, top, least, step, unit + change, fixed - kept, kept)
    for x in range(low, top + 1):
        value[x] = other[x]
    return True


@inlined
def _any_quantity(
    value: Floats, best: Floats, arg: Ints, choice: Choices, low: int, top: int, least: int, step: int, unit: float,
    fixed: float, kept: float,
) -> bool:  # fmt: skip
    """Without a most: the best quantity is a suffix maximum over the multiples."""
    for y in range(low + least, top + least + step + 1):
        best[y] = value[y] - unit * y
        arg[y] = y
    for y in range(top + least, low + least - 1, -1):
        better = best[y + step] > best[y]
        best[y] = best[y + step] if better else best[y]
        arg[y] = arg[y + step] if better else arg[y]
    found = kept > 0.0
    for x in range(low, top + 1):
        found |= best[x + least] + unit * x - fixed > value[x]
    if found:
        for x in range(low, top + 1):
            gain = best[x + least] + unit * x - fixed
            better = gain > value[x] - kept
            value[x] = gain if better else value[x] - kept
            choice[x] = arg[x + least] - x if better else 0
    return found


@inlined
def _start(value: Floats, other: Floats, choice: Choices, low: int, top: int, kept: float) -> None:
    """Not ordering, for every x."""
    for x in range(low, top + 1):
        other[x] = value[x] - kept
        choice[x] = 0


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
    choice: Choices,
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
