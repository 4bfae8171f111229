"""Which jobs run by which clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from supplychain.bootstrap import build
from supplychain.processes.wiring import scheduler
from supplychain.settings import Settings


@pytest.mark.parametrize(("clock", "learns"), [("wall", True), ("ticks", False)])
def test_the_night_of_the_wall_teaches_nothing_to_a_replay(tmp_path: Path, clock: str, learns: bool) -> None:
    services = build(Settings(data_dir=tmp_path, clock=clock))  # type: ignore[arg-type]  # one of the two literals
    try:
        clockwork = scheduler(services)
        clockwork._add_jobs()
        names = {job.id for job in clockwork._scheduler.get_jobs()}
    finally:
        services.close()
    assert ({"refit-prior", "learn-sessions"} <= names) == learns
    assert {"replan", "expire", "prune"} <= names
