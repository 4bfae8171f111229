"""Other solvers beside the engine: what they find is checked, a limit ends them, and the log tells what they had by then."""

from __future__ import annotations

import multiprocessing

import pytest

from supplychain.cli.bench import peers
from supplychain.cli.bench.peers import Case, ask, read_log

HIGHS = """
        Nodes      |    B&B Tree     |            Objective Bounds              |  Dynamic Constraints |       Work
Src  Proc. InQueue |  Leaves   Expl. | BestBound       BestSol              Gap |   Cuts   InLp Confl. | LpIters     Time

 J       0       0         0   0.00%   -inf            2500                 Large        0      0      0         0     0.3s
         0       0         0   0.00%   950.25          2500              62.00%        0      0      1     60187    47.0s
 L       3       1         1   0.39%   990.5           1200              17.46%     2149    624      3     66494    61.4s
"""
CBC = """
Continuous objective value is 92.8236 - 0.10 seconds
Cbc0012I Integer solution of 144.5 found by DiveCoefficient after 10 iterations and 0 nodes (0.35 seconds)
Cbc0010I After 0 nodes, 1 on tree, 1e+50 best solution, best possible 95.5 (0.54 seconds)
Cbc0010I After 100 nodes, 30 on tree, 1.2e+02 best solution, best possible 98.25 (39.20 seconds)
"""


@pytest.mark.parametrize(
    ("log", "told"),
    [(HIGHS, (1200.0, 990.5)), (CBC, (120.0, 98.25)), (CBC[:60], (None, 92.8236)), ("", (None, None))],
    ids=["highs", "cbc", "before a plan", "nothing"],
)
def test_the_last_objective_and_bound_of_a_log_are_read(log: str, told: tuple[float | None, float | None]) -> None:
    assert read_log(log) == told


@pytest.mark.parametrize("peer", ["highs", "cbc"])
def test_a_plan_of_a_peer_is_proven_and_checked(peer: str) -> None:
    row = ask(peer, Case(1, 0, 1.25, "base"), 60.0)
    assert row["stop"] == "proven"
    assert row["faults"] == 0
    assert 0 <= row["gap"] <= peers.GAP


def test_a_peer_that_does_not_keep_its_limit_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LEAST_MARGIN", 0.0)
    row = ask("highs", Case(30, 0, 1.25, "base"), 0.001)
    assert row["stop"] == "ended"
    assert row["objective"] is None
    assert not multiprocessing.active_children()


def test_cp_sat_is_asked_only_about_integers() -> None:
    assert "continuous" in ask("cp-sat", Case(1, 0, 1.25, "base"), 5.0)["skipped"]
