"""The door: every kind of bad input is refused with field, reason and position."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizers import Problem, ProblemError
from optimizers.layout import lay_out
from optimizers.markets import market
from optimizers.samples import small_problem
from optimizers.supply_lists import ordered
from optimizers.tables import Goods, OrderLines, Places, TimeAxis


@pytest.fixture
def problem() -> Problem:
    return small_problem(3)


def changed(problem: Problem, table: str, **columns: Any) -> Problem:
    return replace(problem, **{table: replace(getattr(problem, table), **columns)})


def test_every_column_has_its_declared_shape_and_is_read_only(problem: Problem) -> None:
    assert problem.modes.arrival.shape == (problem.sizes["M"], problem.sizes["T"])
    assert problem.lanes.capacity.shape == (problem.sizes["L"], problem.sizes["B"])
    with pytest.raises(ValueError, match="read-only"):
        problem.demand.pieces[0] = 1


def test_accepted_lines_may_be_served_any_time_and_future_ones_when_due(problem: Problem) -> None:
    demand = problem.demand
    assert (demand.opens[demand.accepted] == 0).all()
    assert (demand.last[demand.accepted] == problem.sizes["T"] - 1).all()
    assert (demand.opens[~demand.accepted] == demand.due[~demand.accepted]).all()


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("modes", "moq", np.array([1]), "has shape"),
        ("demand", "pieces", -1, "is -1"),
        ("demand", "pieces", 10**13, "expected 0 to"),
        ("goods", "receiving", np.array([0, 99]), "expected 0 to"),
        ("offers", "supplier", 99, "expected 0 to"),
        ("lanes", "cost", np.nan, "expected whole numbers"),
        ("lanes", "cost", 1.5, "expected whole numbers"),
        ("stock", "live", 10**6, "fences hold more"),
        ("modes", "maximum", 0, "no multiple lies between"),
        ("goods", "salvage", 10**6, "free money"),
        ("demand", "opens", 0, ""),
    ],
)
def test_a_wrong_column_is_named(problem: Problem, table: str, column: str, value: Any, reason: str) -> None:
    if column == "opens":
        value, reason = problem.demand.due + 1, ""
    with pytest.raises(ProblemError) as caught:
        changed(problem, table, **{column: value})
    assert caught.value.field.startswith(table) or caught.value.field in {"modes.unit_cost", "time.bucket"}
    assert reason in caught.value.reason


def test_contradictory_pins_are_refused(problem: Problem) -> None:
    mode, period = (int(k) for k in np.argwhere(problem.modes.arrival >= 0)[-1])
    twice = OrderLines(np.array([mode, mode]), np.array([period, period]), np.array([1, 2]))
    with pytest.raises(ProblemError, match=r"pins.mode\[1\]: contradictory"):
        replace(problem, pins=twice)


def test_a_pin_on_a_day_without_release_is_refused(problem: Problem) -> None:
    mode, period = np.argwhere(problem.modes.arrival < 0)[0]
    pin = OrderLines(np.array([mode]), np.array([period]), np.array([3]))
    with pytest.raises(ProblemError, match="cannot be released"):
        replace(problem, pins=pin)


def test_a_time_axis_that_falls_is_refused() -> None:
    with pytest.raises(ProblemError, match="does not rise"):
        Problem(TimeAxis(np.array([0, 5, 5])), Goods(np.array([0])), Places(np.array([-1])), 1)


@pytest.mark.parametrize(("boundaries", "items"), [([0], [0]), ([0, 1], [])])
def test_an_empty_problem_is_refused(boundaries: list[int], items: list[int]) -> None:
    with pytest.raises(ProblemError, match="is empty"):
        Problem(TimeAxis(np.array(boundaries)), Goods(np.array(items, dtype=int)), Places(np.array([-1])), 1)


def test_money_that_a_double_cannot_hold_is_refused(problem: Problem) -> None:
    with pytest.raises(ProblemError, match="overflows"):
        changed(problem, "demand", pieces=10**9, shortage_cost=10**9)


def test_errors_and_problems_survive_a_process_boundary(problem: Problem) -> None:
    error = pickle.loads(pickle.dumps(ProblemError("modes.moq", "is 0", (3,))))  # noqa: S301 -- our own bytes
    assert (error.field, error.reason, error.index) == ("modes.moq", "is 0", (3,))
    twin = pickle.loads(pickle.dumps(problem))  # noqa: S301 -- our own bytes
    assert (twin.demand.pieces == problem.demand.pieces).all()


def test_rows_are_ordered_as_by_their_columns_whatever_fits_into_one_number() -> None:
    rng = np.random.default_rng(5)
    small = [rng.integers(-3, 4, 200) for _ in range(4)]
    large = [*small[:2], rng.integers(-(2**61), 2**61, 200), *small[2:]]
    for columns in (small, large):
        assert ordered(*columns).tolist() == np.lexsort(columns[::-1]).tolist()


def test_a_quantity_that_does_not_fit_the_price_engine_is_named() -> None:
    problem = market(5, 0)
    modes = replace(problem.modes, moq=np.full_like(problem.modes.moq, 2**31))
    with pytest.raises(ProblemError, match=r"modes\.moq"):
        lay_out(replace(problem, modes=modes))
