"""Orders of one item, change by change as long as one makes its plan cheaper.

A change is a batch more or less of an order, or all of it placed with another offer or in another period that arrives about then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from optimizers.layout import Layout
from optimizers.solution import Ints

_NEAR: Final = 2
"""Periods by which an order that is placed elsewhere may arrive earlier or later."""
_LEAST: Final = 1.0
"""Minor units that a change must save."""


class _Change(NamedTuple):
    """All pieces of candidate `source` to candidate `to`; of one candidate, a batch more or less."""

    source: int
    to: int
    sign: int


def climb(cost_of: Callable[[Ints], float], cost: float, wanted: Ints, lay: Layout, most: int) -> tuple[float, Ints]:
    """Cost and pieces by candidate after changes to `wanted`, which costs `cost`; at most `most` of them are tried.

    cost_of : of pieces by candidate; endless when they cannot stand.
    """
    chosen, tries = np.flatnonzero(wanted).tolist(), 0
    changes = [each for c in chosen for each in _batches(c)] + [each for c in chosen for each in _elsewhere(lay, c)]
    while changes and tries < most:
        change = changes.pop(0)
        other = _after(lay, wanted, change)
        if other is None:
            continue
        found, tries = cost_of(other), tries + 1
        if found < cost - _LEAST:
            cost, wanted = found, other
            changes = [change, *_batches(change.to), *changes, *_elsewhere(lay, change.to)]
    return cost, wanted


def _batches(c: int) -> list[_Change]:
    return [_Change(c, c, 1), _Change(c, c, -1)]


def _elsewhere(lay: Layout, c: int) -> list[_Change]:
    """Other candidates for an order, nearest arrival first."""
    away = np.abs(lay.cand_arrival - lay.cand_arrival[c])
    return [_Change(c, int(d), 0) for d in np.argsort(away, kind="stable") if d != c and away[d] <= _NEAR]


def _after(lay: Layout, wanted: Ints, change: _Change) -> Ints | None:
    """Pieces by candidate after a change; None when there is nothing to change or the offer does not allow it."""
    source, to, sign = change
    if wanted[source] == 0:
        return None
    step, least = int(lay.cand_step[to]), int(lay.cand_low[to])
    other, alone = wanted.copy(), source == to
    other[source] = 0
    pieces = int(wanted[to]) + (sign * step if alone else -(-int(wanted[source]) // step) * step)
    other[to] = pieces if pieces >= least else 0 if alone else least
    return None if other[to] > lay.cand_high[to] else other
