"""Readers of published benchmark formats: free-form numbers in the order the collections define.

A fault in a file is a `ProblemError` that names what was expected and at which number of the file it was missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizers.columns import ProblemError
from optimizers.milp import Floats


@dataclass(frozen=True, slots=True)
class Location:
    """Capacitated warehouse location.

    capacity, opening : (m,) per warehouse. demand : (n,) per customer. cost : (m, n) to serve all demand of a customer.
    """

    capacity: Floats
    opening: Floats
    demand: Floats
    cost: Floats


@dataclass(frozen=True, slots=True)
class LotSizing:
    """Multi-item capacitated lot sizing with set-up times, no backlog.

    capacity : (T,) time per period. unit_time, holding, setup_time, setup_cost : (N,). demand : (N, T).
    """

    capacity: Floats
    unit_time: Floats
    holding: Floats
    setup_time: Floats
    setup_cost: Floats
    demand: Floats


def read_location(text: str, capacity: float | None = None) -> Location:
    """Read an OR-Library warehouse location file.

    Order: number of warehouses and customers; capacity and opening cost of each warehouse; then for each customer its demand
    and the cost of serving all of it from each warehouse. Large files write the word ``capacity``: `capacity` replaces it.

    Source: OR-Library, Beasley, Journal of the Operational Research Society 41 (1990).
    """
    numbers = _numbers(text, capacity)
    m, n = _count(numbers, 0, "warehouses"), _count(numbers, 1, "customers")
    _enough(numbers, 2 + 2 * m + n * (m + 1))
    sites = numbers[2 : 2 + 2 * m].reshape(m, 2)
    rows = numbers[2 + 2 * m :].reshape(n, m + 1)
    if sites[:, 0].sum() < rows[:, 0].sum():
        raise ProblemError("location.capacity", "all warehouses together hold less than is asked")
    return Location(sites[:, 0], sites[:, 1], rows[:, 0], np.ascontiguousarray(rows[:, 1:].T))


def read_lot_sizing(text: str) -> LotSizing:
    """Read a multi-item capacitated lot-sizing file.

    Order: number of items and periods; capacity per period (one number for all); per item time per piece, holding cost,
    set-up time and set-up cost; then demand, one row of all items per period.

    Source: the test sets of Trigeiro, Thomas and McClain, Management Science 35 (1989).
    """
    numbers = _numbers(text, None)
    items, periods = _count(numbers, 0, "items"), _count(numbers, 1, "periods")
    _enough(numbers, 3 + 4 * items + items * periods)
    each = numbers[3 : 3 + 4 * items].reshape(items, 4)
    demand = numbers[3 + 4 * items :].reshape(periods, items).T
    unit_time, holding, setup_time, setup_cost = each.T.copy()
    capacity = np.full(periods, numbers[2])
    return LotSizing(capacity, unit_time, holding, setup_time, setup_cost, np.ascontiguousarray(demand))


def _numbers(text: str, capacity: float | None) -> Floats:
    found = []
    for place, word in enumerate(text.split()):
        if word.lower().startswith("capac"):
            if capacity is None:
                raise ProblemError("file", "writes the word capacity: pass its value with --capacity", (place,))
            found.append(capacity)
            continue
        try:
            number = float(word)
        except ValueError:
            raise ProblemError("file", f"has {word[:20]!r} where a number was expected", (place,)) from None
        if not np.isfinite(number) or number < 0:
            raise ProblemError("file", f"has {word[:20]!r}, expected a finite number of at least 0", (place,))
        found.append(number)
    return np.array(found)


def _count(numbers: Floats, place: int, what: str) -> int:
    if len(numbers) <= place or numbers[place] != int(numbers[place]) or not 1 <= numbers[place] <= 10**6:
        raise ProblemError("file", f"does not give the number of {what}", (place,))
    return int(numbers[place])


def _enough(numbers: Floats, wanted: int) -> None:
    if len(numbers) != wanted:
        raise ProblemError("file", f"holds {len(numbers)} numbers, expected {wanted}")
