"""What other orders of one item would cost: answers for explanations, exact by a linear program or quick under prices.

With its orders given an item is a flow. A linear program deals it out exactly, started from the one before; the item's
program under the plan's prices deals it out in a fraction of a millisecond, as plans of many items are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from optimizers.branching import Relaxation, Tree
from optimizers.columns import Flag
from optimizers.given import decided
from optimizers.milp import Relaxed
from optimizers.problem import Problem
from optimizers.restrict import Taken
from optimizers.solution import Ints

if TYPE_CHECKING:
    from optimizers.beside import Beside

_BRANCHES: Final = 4
"""Steps of the search for the plan without an offer."""


class Found(NamedTuple):
    """Extra cost in minor units, and all orders (M, T)."""

    extra: int
    orders: Ints


class Instead(Protocol):
    """An item beside the rest of the plan, with the orders it has."""

    def dearer(self, orders: Ints) -> int | None:
        """What the item costs more with `orders` (M, T), minor units; None when no plan with them exists."""

    def without(self, mode: int, period: int) -> Found | None:
        """Best orders without the offer of the order in (mode, period); None when there is no plan without it."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """By linear programs; `now` is the one of the orders there are."""

    problem: Problem
    orders: Ints
    relaxation: Relaxation
    now: Relaxed

    @classmethod
    def of(cls, problem: Problem, rest: Taken, orders: Ints) -> Exactly:
        """Write the linear program of the only item of `problem`."""
        relaxation = Relaxation.of(problem, rest)
        return cls(problem, orders, relaxation, relaxation.deal(orders))

    def dearer(self, orders: Ints) -> int | None:
        """See `Instead`."""
        found = self.relaxation.deal(orders, self.now)
        return None if found.values is None else round(found.cost - self.now.cost)

    def without(self, mode: int, period: int) -> Found | None:
        """Search from its pieces moved to each other offer, and a few branches on."""
        modes = self.problem.modes
        barred = modes.offer == modes.offer[mode]
        search = Tree(self.relaxation, barred, self.now)
        search.try_orders(np.where(barred[:, None], 0, self.orders))
        for other in np.flatnonzero(~barred & decided(self.problem).open[:, period]).tolist():
            search.try_orders(self._moved(barred, mode, period, other))
        for _ in range(_BRANCHES):
            if search.settled:
                break
            search.step()
        return Found(round(search.best - self.now.cost), search.orders()) if np.isfinite(search.best) else None

    def _moved(self, barred: Flag, mode: int, period: int, other: int) -> Ints:
        """The orders with those of the barred modes left out, but for the line's own pieces, given to another mode."""
        modes = self.problem.modes
        orders = np.where(barred[:, None], 0, self.orders)
        multiple, most = int(modes.multiple[other]), int(modes.maximum[other])
        wanted = max(int(self.orders[mode, period]), int(modes.moq[other]))
        pieces = -(-wanted // multiple) * multiple
        orders[other, period] = max(
            int(orders[other, period]), pieces if most < 0 else min(pieces, most // multiple * multiple)
        )
        return orders


class Quickly:
    """By the item's program under the prices of the plan."""

    def __init__(self, beside: Beside, problem: Problem, orders: Ints) -> None:
        self._beside, self._problem, self._orders = beside, problem, orders
        self._everywhere = np.ones(orders.shape, dtype=bool)
        self._open = decided(problem).open
        self._without: dict[int, Found | None] = {}
        now = self._beside.cost_with(orders, self._everywhere)
        self._cost = None if now is None else now[0]

    def dearer(self, orders: Ints) -> int | None:
        """See `Instead`."""
        found = self._beside.cost_with(orders, self._everywhere)
        return None if found is None or self._cost is None else round(found[0] - self._cost)

    def without(self, mode: int, period: int) -> Found | None:
        """Plan anew without the offer, everything else free; once for all lines of the offer."""
        offer = int(self._problem.modes.offer[mode])
        if offer not in self._without:
            self._without[offer] = self._barred(offer)
        return self._without[offer]

    def _barred(self, offer: int) -> Found | None:
        fixed = np.broadcast_to((self._problem.modes.offer == offer)[:, None], self._orders.shape)
        found = self._beside.cost_with(np.where(fixed & self._open, 0, self._orders), fixed)
        if found is None or self._cost is None:
            return None
        return Found(round(found[0] - self._cost), np.where(self._open, found[1], 0))


__all__ = ["Exactly", "Found", "Instead", "Quickly"]
