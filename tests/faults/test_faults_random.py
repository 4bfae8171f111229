"""Rows 1, 2, 4, 5 and 6 mixed: twenty random faults on each broker with each database; lost 0, twice 0, the same bytes.

The seed is in the test's name: the same seed hurts in the same order, whatever the machine's timing makes of it.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import pytest

from supplychain.domain.errors import UnavailableError
from tests.faults.conftest import MakeStage
from tests.faults.history import Written
from tests.faults.stage import Role, Stage, rows, until
from tests.faults.verifier import verify

pytestmark = pytest.mark.deep
FAULTS = 20
COMBINATIONS = [(broker, database) for broker in ("embedded", "kafka") for database in ("sqlite", "postgres")]


class Crew:
    """One or two workers on a stage, and the ways to hurt them."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.stage = stage
        self.chance = chance
        self.workers: list[Role] = [stage.role()]
        self.zombies: list[Role] = []
        self.done: list[str] = []

    def hurt(self) -> None:
        """Do one fault to somebody."""
        fault = self.chance.choice(("kill", "kill", "terminate", "pause", "join", "leave", "broker"))
        self.done.append(fault)
        getattr(self, fault)()

    def kill(self) -> None:
        """End a worker with -9; another takes its place."""
        self._replace(signal.SIGKILL)

    def terminate(self) -> None:
        """End a worker in order; another takes its place."""
        self._replace(signal.SIGTERM)

    def pause(self) -> None:
        """Stop a worker until another has its partitions, and let it go on as a zombie."""
        zombie = self.workers.pop(self.chance.randrange(len(self.workers)))
        self.zombies.append(zombie)
        until(lambda: self._is_stopped(zombie), "a worker to be stopped outside of a transaction")
        self.workers.append(self.stage.role())
        self._until_owned()
        zombie.send(signal.SIGCONT)
        self.workers.append(self.zombies.pop())
        self._prune()

    def _is_stopped(self, zombie: Role) -> bool:
        """Stop a worker; one that holds SQLite's only write lock goes on, since nobody else could work then."""
        zombie.send(signal.SIGSTOP)
        try:
            with self.stage.services.database.write():
                return True
        except UnavailableError:
            zombie.send(signal.SIGCONT)
            return False

    def join(self) -> None:
        """Start another worker beside."""
        self.workers.append(self.stage.role())
        self._until_owned()
        self._prune()

    def leave(self) -> None:
        """Let a worker go, another if it was the only one."""
        if len(self.workers) == 1:
            self.join()
        self.workers.pop(0).end(signal.SIGTERM)

    def broker(self) -> None:
        """Take the broker away and bring it back: killed with -9 where it keeps its data, cut off where it does not."""
        self.stage.broker.down()
        self.stage.broker.up()

    def _replace(self, number: signal.Signals) -> None:
        self.workers.pop(self.chance.randrange(len(self.workers))).end(number)
        self.workers.append(self.stage.role())

    def _prune(self) -> None:
        while len(self.workers) > 2:
            self.workers.pop(0).end(signal.SIGKILL)

    def _until_owned(self) -> None:
        """Wait until partitions were dealt out anew."""
        before = self._epochs()
        until(lambda: self._epochs() > before, "partitions to be dealt out")

    def _epochs(self) -> int:
        return int(rows(self.stage.services, "SELECT SUM(epoch) AS epochs FROM partitions")[0].epochs or 0)

    def mend(self) -> None:
        """Start those again that ended by themselves (fenced ones do), as the parent does."""
        self.workers = [worker for worker in self.workers if worker.runs] or [self.stage.role()]

    def has_read_all(self) -> bool:
        """Mend, and tell whether everything is read."""
        self.mend()
        return self.stage.is_read()

    def close(self) -> None:
        """End everybody."""
        for worker in (*self.workers, *self.zombies):
            worker.__exit__(None, None, None)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [7])
@pytest.mark.parametrize(("broker", "database"), COMBINATIONS)
def test_twenty_random_faults_lose_and_double_nothing(
    make_stage: MakeStage,
    history: list[Written],
    assert_undisturbed: Callable[[Stage], None],
    broker: str,
    database: str,
    seed: int,
) -> None:
    stage = make_stage(broker, database, broker_settings={"session_timeout_seconds": 2.0})
    size = len(history) // FAULTS + 1
    crew = Crew(stage, random.Random(f"{seed} {broker} {database}"))
    try:
        for number in range(FAULTS):
            stage.publish(history[number * size : (number + 1) * size])
            crew.mend()
            crew.hurt()
        crew.mend()
        until(crew.has_read_all, "all records to be read")
    except AssertionError as found:
        logs = "\n".join(worker.tail() for worker in crew.workers)
        raise AssertionError(f"{found}; faults so far: {crew.done}\n{logs}") from found
    finally:
        crew.close()
    verify(stage)
    assert_undisturbed(stage)
