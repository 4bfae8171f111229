"""Warehouse location on instances of our own in the size classes of the OR-Library, beside the strong formulation in one run.

`python tests/bench/warehouse_location.py [--large]` prints a JSON row per instance: 16, 25 and 50 sites with 50 customers at four
capacities each (the classes of cap71-74, cap101-104 and cap131-134), and with `--large` 100 sites with 1,000 customers (capa,
capb, capc), where the strong formulation is left out because it finds nothing in that time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from optimizers.budget import Budget
from optimizers.instances import Location, read_location
from optimizers.milp import solve_integer
from optimizers.network import open_warehouses, strong_formulation

CAPACITIES = (1.6, 2.5, 4.0, 8.0)
"""Capacity of all sites together over all demand."""


def written(sites: int, customers: int, roominess: float, seed: int) -> str:
    """Return an instance as text in the library's order: sizes, sites, then each customer's demand and costs."""
    rng = np.random.default_rng([seed, sites, customers])
    here, there = rng.uniform(0, 1000, (sites, 2)), rng.uniform(0, 1000, (customers, 2))
    demand = rng.integers(100, 5_000, customers) if customers <= 100 else rng.integers(5, 120, customers)
    unit = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1)) / 100
    capacity = np.ceil(roominess * demand.sum() / sites)
    opening = rng.uniform(0.6, 1.4, sites) * 0.35 * unit.mean() * demand.sum() / sites
    rows = [f"{sites} {customers}", *(f"{capacity:.0f} {each:.3f}" for each in opening)]
    for k in range(customers):
        rows += [str(demand[k]), " ".join(f"{cost * demand[k]:.5f}" for cost in unit[:, k])]
    return "\n".join(rows)


def measured(instance: Location, seconds: float, *, beside: bool) -> dict[str, float | bool | None]:
    """Solve by the library and, when asked, by the strong formulation in HiGHS."""
    started = time.monotonic()
    found = open_warehouses(instance, Budget(time.monotonic, started, seconds, lambda: False))
    ours = time.monotonic() - started
    row: dict[str, float | bool | None] = {"objective": found.objective, "gap": found.gap, "seconds": round(ours, 3)}
    if beside:
        started = time.monotonic()
        exact = solve_integer(strong_formulation(instance), node_limit=None, gap=1e-6, seed=0, seconds=seconds)
        row |= {"strong": exact.objective, "strong_seconds": round(time.monotonic() - started, 3)}
        row["equal"] = bool(abs(found.objective - exact.objective) <= 1e-5 * abs(exact.objective))
    return row


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    for sites, customers in [(100, 1_000)] if large else [(16, 50), (25, 50), (50, 50)]:
        for roominess in CAPACITIES:
            instance = read_location(written(sites, customers, roominess, 1))
            row = measured(instance, 60.0, beside=not large)
            sys.stdout.write(json.dumps({"sites": sites, "customers": customers, "roominess": roominess, **row}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
