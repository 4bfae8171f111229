"""Rows 4 and 5: workers are paused, join, leave and die while others work; every partition has one owner that writes."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults.history import Written, sales_in
from tests.faults.stage import Stage, rows, until
from tests.faults.verifier import verify

pytestmark = pytest.mark.deep


def test_worker_paused_beyond_its_session_is_fenced(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    """It is stopped with a judged chunk in hand; another owns its partitions when it goes on."""
    stage.publish(history)
    pause = {"PAUSE_AT": "chunk-judged:5"}
    with stage.role(environment=pause) as zombie:
        until(lambda: zombie.is_stopped or not zombie.runs, "the worker to stop in the middle of a chunk")
        assert zombie.runs, zombie.tail()
        with stage.role() as heir:
            stage.until_all_read(heir)
            zombie.send(signal.SIGCONT)
            assert zombie.ended() != 0, "a fenced worker ends, and the parent starts it again"
            fenced = rows(stage.services, "SELECT subject FROM incidents WHERE kind = 'worker-fenced'")
            assert fenced, "its write was refused"
            heir.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def test_second_worker_joins_and_leaves_under_load(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    parts = [history[start : start + len(history) // 4 + 1] for start in range(0, len(history), len(history) // 4 + 1)]
    stage.publish(parts[0])
    with stage.role() as first:
        stage.until_applied(sales_in(parts[0]) // 2, first)
        for part, number in zip(parts[1:], (signal.SIGKILL, signal.SIGTERM, signal.SIGTERM), strict=True):
            epochs = _epochs(stage)
            with stage.role() as second:
                stage.publish(part)
                until(lambda before=epochs: _epochs(stage) > before, "the partitions to be dealt out again")  # type: ignore[misc]
                second.end(number)
        stage.until_all_read(first)
        first.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def _epochs(stage: Stage) -> int:
    return int(rows(stage.services, "SELECT SUM(epoch) AS epochs FROM partitions")[0].epochs or 0)
