"""Which warehouses to open: capacitated facility location, exactly for small networks, with a certified gap for large ones.

Small: the strong formulation (a customer's share needs its warehouse open) in OR-Tools HiGHS. Large: Lagrangian relaxation
of "every customer is served", whose warehouse problems are continuous knapsacks; each multiplier set proposes warehouses to
open, and a transport problem in GLOP prices the proposal. The bound holds over all choices of open and closed.

Source: Beasley, European Journal of Operational Research 33 (1988); Cornuejols, Sridharan and Thizy, EJOR 50 (1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizers.budget import Budget
from optimizers.columns import Flag
from optimizers.instances import Location, LotSizing
from optimizers.milp import Arrays, Floats, Model, solve_integer, solve_linear
from optimizers.solution import StopReason

SMALL = 6_000


@dataclass(frozen=True, slots=True)
class Design:
    """Objective and bound in the instance's own money; opened (m,) warehouses, empty for lot sizing."""

    objective: float
    bound: float
    opened: Flag
    stop: StopReason

    @property
    def gap(self) -> float:
        """Relative gap."""
        return max(self.objective - self.bound, 0.0) / max(abs(self.objective), 1e-9)


def open_warehouses(instance: Location, budget: Budget, gap: float = 1e-6) -> Design:
    """Choose warehouses to open and who serves whom."""
    if instance.cost.size <= SMALL:
        program = strong_formulation(instance)
        found = solve_integer(program, node_limit=None, gap=gap, seed=0, seconds=budget.left())
        m = len(instance.capacity)
        opened = np.ones(m, dtype=bool) if found.values is None else found.values[:m] > 0.5
        return Design(found.objective, found.bound, opened, StopReason.PROVEN if found.proven else StopReason.TIME)
    return _by_prices(instance, budget, gap)


def strong_formulation(instance: Location) -> Arrays:
    """Return the program in which a customer's share needs its warehouse open."""
    m, n = instance.cost.shape
    model = Model()
    opened = model.add_columns(m, upper=1, cost=instance.opening, integer=True)
    share = model.add_columns(m * n, upper=1, cost=instance.cost.ravel()).reshape(m, n)
    served = model.add_rows(n, lower=1, upper=1)
    model.add(served[None, :], share, 1.0)
    within = model.add_rows(m, upper=0)
    model.add(within[:, None], share, instance.demand[None, :])
    model.add(within, opened, -instance.capacity)
    gate = model.add_rows(m * n, upper=0).reshape(m, n)
    model.add(gate, share, 1.0)
    model.add(gate, opened[:, None], -1.0)
    model.add(model.add_rows(1, lower=instance.demand.sum()), opened, instance.capacity)
    return model.arrays()


def _by_prices(instance: Location, budget: Budget, gap: float, rounds: int = 2000) -> Design:
    """Subgradient on the customers' prices with Polyak steps; transport problems for the best proposals."""
    price = np.sort(instance.cost, axis=0)[1].copy()
    best, bound = np.inf, -np.inf
    opened = np.ones(len(instance.capacity), dtype=bool)
    pace, stale, tried = 1.5, 0, set[bytes]()
    stop: StopReason | None = None
    for turn in range(rounds):
        share, worth = _knapsacks(instance, price)
        chosen, value = _cover(instance, worth)
        total = float(price.sum()) + value
        stale = 0 if total > bound + 1e-6 * abs(bound) else stale + 1
        bound = max(bound, total)
        if turn % 25 == 0 or stale == 10:
            candidate = _enough_capacity(instance, chosen, worth)
            if candidate.tobytes() not in tried:
                tried.add(candidate.tobytes())
                cost = _transport(instance, candidate)
                if cost < best:
                    best, opened = cost, candidate
        stop = StopReason.GAP if best - bound <= gap * abs(best) else budget.exhausted()
        if stop is not None or pace < 1e-4:
            break
        if stale > 20:
            pace, stale = pace / 1.6, 0
        slack = 1.0 - share[chosen].sum(axis=0)
        target = best if np.isfinite(best) else bound * 1.05
        price += pace * max(target - total, 1e-9) / max(float(slack @ slack), 1e-9) * slack
    return Design(best, bound, opened, stop or StopReason.WORK)


def _knapsacks(instance: Location, price: Floats) -> tuple[Floats, Floats]:
    """Best shares of each open warehouse, (m, n), and what opening it is worth, (m,)."""
    reduced = instance.cost - price
    ratio = reduced / np.maximum(instance.demand, 1e-12)
    order = np.argsort(ratio, axis=1)
    demand = instance.demand[order]
    before = np.cumsum(demand, axis=1) - demand
    part = np.clip((instance.capacity[:, None] - before) / np.maximum(demand, 1e-12), 0.0, 1.0)
    part = np.where(np.take_along_axis(reduced, order, axis=1) < 0, part, 0.0)
    share = np.zeros_like(part)
    np.put_along_axis(share, order, part, axis=1)
    return share, (share * reduced).sum(axis=1) + instance.opening


def _cover(instance: Location, worth: Floats) -> tuple[Flag, float]:
    """Open what pays, and the cheapest fraction of the rest that total capacity still needs: a valid relaxation."""
    chosen = worth < 0
    value = float(worth[chosen].sum())
    lacking = float(instance.demand.sum() - instance.capacity[chosen].sum())
    for site in np.argsort(np.where(chosen, np.inf, worth / instance.capacity)):
        if lacking <= 0 or chosen[site]:
            break
        value += worth[site] * min(lacking / instance.capacity[site], 1.0)
        chosen[site] = True
        lacking -= instance.capacity[site]
    return chosen, value


def _enough_capacity(instance: Location, chosen: Flag, worth: Floats) -> Flag:
    found = chosen.copy()
    for site in np.argsort(worth):
        if instance.capacity[found].sum() >= instance.demand.sum():
            break
        found[site] = True
    return found


def _transport(instance: Location, opened: Flag) -> float:
    """Cost with exactly these warehouses open."""
    sites = np.flatnonzero(opened)
    n = len(instance.demand)
    model = Model()
    share = model.add_columns(len(sites) * n, upper=1, cost=instance.cost[sites].ravel()).reshape(len(sites), n)
    model.add(model.add_rows(n, lower=1, upper=1)[None, :], share, 1.0)
    model.add(model.add_rows(len(sites), upper=instance.capacity[sites])[:, None], share, instance.demand[None, :])
    found = solve_linear(model.arrays(), "glop")
    return found.objective + float(instance.opening[opened].sum()) if found.proven else np.inf


def size_lots(instance: LotSizing, budget: Budget, gap: float = 1e-4) -> Design:
    """Multi-item lot sizing in the facility-location reformulation: demand of period t made in period s."""
    items, periods = instance.demand.shape
    model = Model()
    capacity = model.add_rows(periods, upper=instance.capacity)
    for item in range(items):
        setup = model.add_columns(periods, upper=1, cost=instance.setup_cost[item], integer=True)
        model.add(capacity, setup, instance.setup_time[item])
        made, due = np.triu_indices(periods)
        asked = instance.demand[item, due]
        made, due, asked = made[asked > 0], due[asked > 0], asked[asked > 0]
        share = model.add_columns(len(made), upper=1, cost=instance.holding[item] * asked * (due - made))
        wanted = np.unique(due)
        model.add(model.add_rows(len(wanted), lower=1, upper=1)[np.searchsorted(wanted, due)], share, 1.0)
        model.add(capacity[made], share, instance.unit_time[item] * asked)
        gate = model.add_rows(len(made), upper=0)
        model.add(gate, share, 1.0)
        model.add(gate, setup[made], -1.0)
    found = solve_integer(model.arrays(), node_limit=None, gap=gap, seed=0, seconds=budget.left())
    stop = StopReason.PROVEN if found.proven else StopReason.TIME
    return Design(found.objective, found.bound, np.zeros(0, dtype=bool), stop)
