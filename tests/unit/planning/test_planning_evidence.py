"""Why something stays short, and what became of the last plan's proposals."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from optimizers import Engine, Params, Problem, solve
from optimizers.tables import Demand, Goods, Groups, Lanes, Modes, Offers, Places, Suppliers, TimeAxis
from supplychain.domain.plan import LineKind, PlanLine, Zone
from supplychain.planning.draft import Draft
from supplychain.planning.evidence import Short, before, dropped, why_short

HOUR = 3_600_000


def short_of(moq: int, capacity: int, arrival: int, worth: int) -> Problem:
    """Ten pieces asked for in the second of four hours, and one offer."""
    return Problem(
        TimeAxis(np.arange(5) * HOUR), Goods(np.array([0])), Places(np.array([-1])), 1,
        lanes=Lanes(np.array([0]), np.array([-1]), np.array([0]), np.array([range(4)])),
        suppliers=Suppliers(np.array([0])),
        groups=Groups(np.full((1, 4), capacity)),
        offers=Offers(np.array([0]), np.array([0])),
        modes=Modes(
            np.array([0]), np.where(np.arange(4) <= arrival, arrival, -1)[None], np.array([100]), group=np.array([0]), moq=np.array([moq])
        ),
        demand=Demand(np.array([0]), np.array([0]), np.array([1]), np.array([10]), np.array([worth])),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (short_of(5, 100, -1, 900), Short.NO_OFFER),
        (short_of(5, 100, 3, 900), Short.TOO_LATE),
        (short_of(5, 4, 1, 900), Short.CAPACITY),
        (short_of(90, 100, 1, 900), Short.COST),
        (short_of(5, 100, 1, 90), Short.COST),
    ],
)
def test_a_shortage_names_its_reason(problem: Problem, reason: Short) -> None:
    solution = solve(problem, Params(engine=Engine.EXACT))
    assert solution.shortage.tolist() == [10]
    assert why_short(cast("Draft", SimpleNamespace(problem=problem)), solution, 0) is reason


def line(number: str, quantity: int, **other: Any) -> PlanLine:
    made = PlanLine(
        line=number, plan="before", group="A", kind=LineKind.ORDER, sku="A", destination="W", release_at=HOUR,
        arrive_at=2 * HOUR, recommended=quantity, zone=Zone.FIRM, supplier="S", offer="O", mode="normal",
    )  # fmt: skip
    return replace(made, **other)


def test_a_line_tells_what_the_nearest_proposal_before_it_said() -> None:
    earlier = [line("far", 40, release_at=9 * HOUR), line("near", 70), line("other", 10, offer="P")]
    assert before(line("new", 100), earlier) == {"plan": "before", "pieces": 70, "change": 30, "release_at": HOUR}
    assert before(line("new", 100, sku="B"), earlier) is None


def test_a_proposal_that_is_not_made_again_is_named() -> None:
    said = list(dropped([line("new", 100)], [line("near", 70), line("gone", 10, offer="P")]))
    assert len(said) == 1
    assert said[0].startswith("no longer proposed: 10 A from S to W")
