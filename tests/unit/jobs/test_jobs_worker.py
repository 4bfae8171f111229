"""The plan role answers what is asked, tries again what failed, and ends with the error what cannot be answered."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from supplychain.compute import InlineCompute
from supplychain.domain.errors import UnavailableError
from supplychain.domain.events import PlanRequest
from supplychain.jobs.worker import ATTEMPTS, PlanWorker
from supplychain.planning.ports import Compute, Store, WallClock
from supplychain.settings import PlanSettings
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore


@dataclass
class Made:
    plan: str | None = "P1"
    new: bool = True
    note: str = ""


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Planner:
    """Stands for planning: fails as its script says, else answers."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.asked: list[str] = []
        self.cuts = 0
        self.stop: threading.Event | None = None

    def advance(self, store: Store, wall: WallClock) -> bool:
        if self.cuts:
            self.cuts -= 1
            return True
        return False

    def propose(self, store: Store, compute: Compute, request: PlanRequest, wall: WallClock) -> Made:
        self.asked.append(request.request)
        if self.stop is not None:
            self.stop.set()
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        with store.write() as tx:
            tx.signals.finish_request(request.request, "P1", wall())
        return Made()


@pytest.fixture(scope="module")
def file_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('jobs')}/test.db")
    upgrade(database)
    yield SqlStore(database)
    database.close()


@pytest.fixture
def store(file_store: SqlStore) -> SqlStore:
    with file_store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM requests")
    return file_store


def _ask(store: SqlStore, *names: str) -> None:
    with store.write() as tx:
        for cut, name in enumerate(names):
            tx.signals.add_request(PlanRequest(name, cut, ("G1",), ("spike",)), 1)


def _row(store: SqlStore, name: str) -> dict[str, Any]:
    with store.read() as tx:
        found = tx.connection.exec_driver_sql("SELECT * FROM requests WHERE request = ?", (name,)).mappings().one()
        return dict(found)


def _worker(store: Any, planner: Planner, clock: Clock) -> PlanWorker:
    return PlanWorker(store, InlineCompute(), PlanSettings(), planner.advance, planner.propose, clock, holder="here")


def test_requests_are_answered_in_the_order_of_their_cuts(store: SqlStore) -> None:
    planner = Planner()
    _ask(store, "R1", "R2")
    worker = _worker(store, planner, Clock())
    assert [worker.step() for _ in range(3)] == [True, True, False]
    assert planner.asked == ["R1", "R2"]
    assert _row(store, "R1")["state"] == "done"


def test_a_cut_without_a_request_keeps_the_worker_busy(store: SqlStore) -> None:
    planner = Planner()
    planner.cuts = 2
    worker = _worker(store, planner, Clock())
    assert [worker.step() for _ in range(3)] == [True, True, False]


def test_what_failed_is_tried_again_a_little_later(store: SqlStore) -> None:
    planner, clock = Planner(UnavailableError("the solver did not end")), Clock()
    _ask(store, "R1")
    worker = _worker(store, planner, clock)
    worker.step()
    row = _row(store, "R1")
    assert (row["state"], row["error"]) == ("pending", "the solver did not end")
    assert worker.step() is False
    clock.now += 200
    assert worker.step() is True
    assert planner.asked == ["R1", "R1"]
    assert _row(store, "R1")["state"] == "done"


def test_after_its_attempts_a_request_ends_with_its_error_and_the_next_has_its_turn(store: SqlStore) -> None:
    planner, clock = Planner(*[ZeroDivisionError("oh")] * ATTEMPTS), Clock()
    _ask(store, "R1", "R2")
    worker = _worker(store, planner, clock)
    for _ in range(ATTEMPTS + 1):
        worker.step()
        clock.now += 1_000
    assert planner.asked == ["R1"] * ATTEMPTS + ["R2"]
    row = _row(store, "R1")
    assert (row["state"], row["error"]) == ("failed", "ZeroDivisionError: oh")
    assert _row(store, "R2")["state"] == "done"


def test_a_dead_workers_request_is_claimed_after_its_lease(store: SqlStore) -> None:
    planner, clock = Planner(), Clock()
    _ask(store, "R1")
    with store.write() as tx:
        assert tx.signals.claim_request("dead", clock.now, 60_000) is not None
    worker = _worker(store, planner, clock)
    assert worker.step() is False
    clock.now += 60_000
    assert worker.step() is True
    assert planner.asked == ["R1"]


def test_the_loop_survives_faults_and_stops_when_told(store: SqlStore) -> None:
    planner, clock = Planner(), Clock()
    planner.stop = threading.Event()
    _ask(store, "R1")

    class Flaky:
        failures = 1

        def read(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise UnavailableError("database is away")
            return store.read()

        def write(self) -> Any:
            return store.write()

    thread = threading.Thread(target=_worker(Flaky(), planner, clock).run, args=(planner.stop,))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert planner.asked == ["R1"]


def test_a_failure_while_the_database_is_away_is_written_down_when_it_is_back(store: SqlStore) -> None:
    planner, clock = Planner(UnavailableError("database is away")), Clock()
    _ask(store, "R1")

    class Away:
        writes = 0

        def read(self) -> Any:
            return store.read()

        def write(self) -> Any:
            self.writes += 1
            if self.writes == 2:
                raise UnavailableError("database is away")
            return store.write()

    worker = _worker(Away(), planner, clock)
    with pytest.raises(UnavailableError):
        worker.step()
    assert _row(store, "R1")["state"] == "claimed"
    worker.step()
    assert _row(store, "R1")["state"] == "pending"
    clock.now += 200
    worker.step()
    assert _row(store, "R1")["state"] == "done"


def test_an_idle_step_writes_nothing(store: SqlStore) -> None:
    class ReadOnly:
        def read(self) -> Any:
            return store.read()

        def write(self) -> Any:
            pytest.fail("an idle worker disturbs the writers")

    assert _worker(ReadOnly(), Planner(), Clock()).step() is False


def test_a_named_point_can_end_the_process(store: SqlStore) -> None:
    class Ended(BaseException):
        pass

    def crash(point: str) -> None:
        assert point == "plan-claimed"
        raise Ended

    planner = Planner()
    _ask(store, "R1")
    worker = PlanWorker(store, InlineCompute(), PlanSettings(), planner.advance, planner.propose, Clock(), crash=crash)
    with pytest.raises(Ended):
        worker.step()
    assert _row(store, "R1")["state"] == "claimed"
    assert planner.asked == []
