"""Time cut into steps: fixed steps while something happens, longer ones over nights and closed days.

A step never ends before what happens in it, and its edges lie on one grid, so that skipping idle time changes no step that
holds a record.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import HOUR

IDLE = 6 * HOUR


def stretches(
    times: Sequence[int], starts_at: int, ends_at: int, step_ms: int, idle_ms: int = IDLE
) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, end, and the first and last place (exclusive) of the sorted `times` in [start, end), without a gap.

    Parameters
    ----------
    times
        UTC milliseconds in [starts_at, ends_at), sorted.
    step_ms
        Length of a step in which something happens.
    idle_ms
        Longest step in which nothing happens.

    Raises
    ------
    InvalidInputError
        If the step is shorter than a millisecond.
    """
    if step_ms < 1:
        detail = f"a step of {step_ms} ms"
        raise InvalidInputError(detail, way_out="give at least 1 ms", field="step_ms")
    longest = max(1, idle_ms // step_ms)
    at, first = starts_at, 0
    while at < ends_at:
        coming = times[first] if first < len(times) else ends_at
        idle = min((coming - at) // step_ms, longest)
        end = min(at + max(1, idle) * step_ms, ends_at)
        last = bisect_left(times, end, first)
        yield at, end, first, last
        at, first = end, last
