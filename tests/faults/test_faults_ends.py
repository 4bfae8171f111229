"""Rows 1 and 2: a worker ends in every way and at every point; nothing is lost, nothing counted twice (I1, I2, I5, I6)."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import pytest

from tests.faults.history import Written, sales_in
from tests.faults.stage import Stage
from tests.faults.verifier import verify

pytestmark = pytest.mark.deep
CRASHED = 137
POINTS = ("chunk-fetched", "chunk-judged", "chunk-written", "chunk-committed")


@pytest.mark.parametrize("point", POINTS)
def test_crash_at_a_named_point_changes_nothing(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None], point: str
) -> None:
    stage.publish(history)
    for nth in (1, 7):
        with stage.role(crash_at=f"{point}:{nth}") as worker:
            assert worker.ended() == CRASHED, worker.tail()
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def test_random_kills_change_nothing(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    chance = random.Random(4)
    stage.publish(history)
    for share in sorted(chance.random() for _ in range(4)):
        with stage.role() as worker:
            stage.until_applied(int(share * sales_in(history)), worker)
            worker.end(signal.SIGKILL)
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def test_sigterm_ends_a_worker_soon_and_in_order(
    stage: Stage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    third = len(history) // 3
    for part in (history[:third], history[third : 2 * third], history[2 * third :]):
        stage.publish(part)
        with stage.role() as worker:
            stage.until_applied(stage.applied() + 1, worker)  # this one has begun, and is at it
            assert worker.end(signal.SIGTERM) < 20
            assert worker.process.returncode == 0, worker.tail()
        # what was done was committed on the way out: nobody has to repeat it
        assert _begun(stage.committed()) == _begun(stage.stored())
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def _begun(offsets: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Leave out partitions of which nothing was read: an offset of zero may be committed or not."""
    return {place: offset for place, offset in offsets.items() if offset}
