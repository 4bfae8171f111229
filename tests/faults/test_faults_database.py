"""Rows 9, 10 and 11: the database is down, locked by another writer, or full; the worker waits and nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from supplychain.domain.errors import UnavailableError
from tests.faults.conftest import MakeStage
from tests.faults.history import Written, sales_in
from tests.faults.stage import Stage, until
from tests.faults.verifier import verify

pytestmark = pytest.mark.deep


def test_dropped_connections_are_made_again(
    make_stage: MakeStage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    stage = make_stage(database="postgres")
    stage.publish(history)
    with stage.role() as worker:
        for share in (0.1, 0.3, 0.5, 0.7):
            stage.until_applied(int(share * sales_in(history)), worker)
            _drop_connections(stage)
        until(lambda: stage.stored_or_none() is not None, "our own connection to be made again")
        stage.until_all_read()
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def _drop_connections(stage: Stage) -> None:
    url = make_url(stage.settings.database_url)
    engine = create_engine(url.set(database="postgres"))
    with engine.connect() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(text(query), {"name": url.database})
    engine.dispose()


def test_database_that_is_down_for_a_while_is_waited_for(
    make_stage: MakeStage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    """No connection is let in for seconds: the worker lives, its offsets stand still, and then it goes on."""
    stage = make_stage(database="postgres")
    stage.publish(history)
    with stage.role() as worker:
        stage.until_applied(sales_in(history) // 3, worker)
        _let_in(stage, 0)
        _drop_connections(stage)
        with pytest.raises(AssertionError, match="waited"):
            until(lambda: not worker.runs, "the worker to die", seconds=6)
        with pytest.raises(UnavailableError):
            stage.stored()
        _let_in(stage, -1)
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


def _let_in(stage: Stage, connections: int) -> None:
    url = make_url(stage.settings.database_url)
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS {'true' if connections else 'false'}")
        )
    engine.dispose()


def test_locked_database_is_waited_for(
    make_stage: MakeStage, history: list[Written], assert_undisturbed: Callable[[Stage], None]
) -> None:
    stage = make_stage(busy_seconds=1.0)
    stage.publish(history)
    with stage.role() as worker:
        stage.until_applied(sales_in(history) // 3, worker)
        other = sqlite3.connect(stage.folder / "supplychain.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        before = stage.stored()
        with pytest.raises(AssertionError, match="waited"):
            until(lambda: not worker.runs or stage.stored() != before, "a write beside the lock", seconds=6)
        other.execute("ROLLBACK")
        other.close()
        stage.until_all_read(worker)
        assert "database away, trying again" in worker.log.read_text(encoding="utf-8")
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_stops_the_worker_and_room_lets_it_go_on(
    make_stage: MakeStage, history: list[Written], assert_undisturbed: Callable[[Stage], None], small_disk: Path
) -> None:
    stage = make_stage(database_url=f"sqlite:///{small_disk}/supplychain.db")
    stage.publish(history)
    ballast = small_disk / "ballast"
    with ballast.open("wb") as filling:
        while _fits(filling.fileno()):
            pass
        filling.truncate(filling.tell() - ENOUGH_TO_START)
    with stage.role() as worker:
        until(lambda: "trying again" in worker.log.read_text(encoding="utf-8"), "the worker to notice")
        assert worker.runs, worker.tail()
        ballast.unlink()
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    verify(stage)
    assert_undisturbed(stage)


ENOUGH_TO_START = 800_000


def _fits(file: int) -> bool:
    try:
        return os.write(file, b"\0" * 16_384) > 0
    except OSError:
        return False
