"""Readers and network design on instances of our own: known optima, equal answers from both ways, bad files named."""

from __future__ import annotations

import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizers import ProblemError, network
from optimizers.__main__ import main
from optimizers.budget import Budget
from optimizers.instances import Location, read_location, read_lot_sizing
from optimizers.network import open_warehouses, size_lots

TINY = "2 3\n10 5\n20 9\n4 1 8\n5 9 2\n3 6 3\n"


def budget() -> Budget:
    return Budget(time.monotonic, time.monotonic(), None, lambda: False)


def drawn(seed: int, sites: int, customers: int) -> Location:
    rng = np.random.default_rng(seed)
    demand = rng.integers(1, 10, customers).astype(float)
    capacity = rng.integers(15, 40, sites).astype(float) * max(1.0, demand.sum() / (8 * sites))
    capacity *= max(1.0, 1.3 * demand.sum() / capacity.sum())
    cost = rng.integers(1, 40, (sites, customers)) * demand
    return Location(capacity, rng.integers(20, 150, sites).astype(float), demand, cost.astype(float))


def test_a_location_file_is_read_in_the_order_of_the_library() -> None:
    found = read_location(TINY)
    assert found.capacity.tolist() == [10, 20]
    assert found.opening.tolist() == [5, 9]
    assert found.demand.tolist() == [4, 5, 3]
    assert found.cost.tolist() == [[1, 9, 6], [8, 2, 3]]


def test_the_optimum_of_a_small_network_by_trying_every_choice() -> None:
    instance = drawn(3, 5, 8)
    choices = [np.array(choice, dtype=bool) for choice in itertools.product([False, True], repeat=5)]
    roomy = [choice for choice in choices if instance.capacity[choice].sum() >= instance.demand.sum()]
    best = min(network._transport(instance, choice) for choice in roomy)
    assert open_warehouses(instance, budget()).objective == pytest.approx(best)


def test_prices_prove_what_the_strong_formulation_finds() -> None:
    instance = drawn(11, 12, 30)
    exact = open_warehouses(instance, budget())
    priced = network._by_prices(instance, budget(), 0.01, 800)
    assert priced.bound <= exact.objective + 1e-6
    assert priced.objective >= exact.objective - 1e-6
    assert priced.gap < 0.05


def test_lot_sizing_by_hand() -> None:
    text = "1 3\n100\n1 1 5 20\n10\n10\n10\n"
    found = read_lot_sizing(text)
    assert found.demand.tolist() == [[10, 10, 10]]
    assert size_lots(found, budget()).objective == pytest.approx(50.0)
    tight = replace(found, capacity=np.array([20.0, 20.0, 20.0]))
    assert size_lots(tight, budget()).objective == pytest.approx(55.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "number of warehouses"), ("2 3 10", "holds 3 numbers"), ("2 x", "'x' where a number"), ("1 1 -5 2 3 4", "at least 0"),
     ("1 1 5 2 9 4", "hold less than is asked"), ("1 1 capacity 2 3 4", "--capacity")],
)  # fmt: skip
def test_a_bad_file_is_named(text: str, reason: str) -> None:
    with pytest.raises(ProblemError, match=reason):
        read_location(text)


def test_the_command_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.txt"
    path.write_text(TINY)
    assert main(["solve", str(path), "--format", "orlib-cap", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["status"] == "optimal"
    assert set(row) == {"status", "objective", "bound", "gap", "seconds"}
    assert main(["solve", str(tmp_path / "none"), "--format", "orlib-cap"]) == 2


LIBRARY = {
    "cap41": 1_040_444.375,
    "cap71": 932_615.750,
    "cap101": 796_648.437,
    "cap131": 793_439.562,
}
"""Optima published with the OR-Library."""


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_published_optimum(name: str) -> None:
    folder = os.environ.get("ORLIB_DIR")
    if not folder or not (Path(folder) / f"{name}.txt").is_file():
        pytest.skip(f"ORLIB_DIR names no folder with {name}.txt: the library's files are not part of the project")
    found = open_warehouses(read_location((Path(folder) / f"{name}.txt").read_text()), budget())
    assert found.objective == pytest.approx(LIBRARY[name], rel=1e-5)
