"""A worker that hangs, dies or loses its parent leaves neither a stuck caller nor an orphan."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supplychain.compute import PoolCompute
from supplychain.domain.errors import UnavailableError


@pytest.fixture
def pool() -> Iterator[PoolCompute]:
    made = PoolCompute(1)
    yield made
    made.close()


def hang(mark: str) -> None:
    Path(mark).write_text(str(os.getpid()))
    threading.Event().wait()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    raise SystemExit(3)


def hang_with_child(mark: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    Path(mark).write_text(str(child.pid))
    child.wait()


def interrupt_self() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def broken_warm_up() -> None:
    message = "no licence for this solver"
    raise RuntimeError(message)


def leave_mark() -> None:
    Path(os.environ["COMPUTE_WARM_MARK"]).write_text("warm")


def read_mark() -> str:
    return Path(os.environ["COMPUTE_WARM_MARK"]).read_text()


def test_a_hanging_call_is_cut_off_and_the_worker_replaced(pool: PoolCompute, tmp_path: Path) -> None:
    before = pool.run(os.getpid, deadline_seconds=60)
    mark = tmp_path / "pid"
    with pytest.raises(UnavailableError, match="did not end within") as caught:
        pool.run(hang, str(mark), deadline_seconds=0.3)
    assert caught.value.fields["expired"] is True
    after = pool.run(os.getpid, deadline_seconds=60)
    assert after != before
    assert _gone(before)


def test_what_the_call_started_ends_with_it(pool: PoolCompute, tmp_path: Path) -> None:
    mark = tmp_path / "grandchild"
    caught: list[BaseException] = []

    def run() -> None:
        try:
            pool.run(hang_with_child, str(mark), deadline_seconds=60)
        except UnavailableError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    _until(lambda: mark.exists() and mark.read_text() != "")
    grandchild = int(mark.read_text())
    pool.close()
    thread.join(30)
    assert caught
    _until(lambda: _gone(grandchild))


@pytest.mark.parametrize("end", [die, leave])
def test_a_worker_that_dies_is_named_and_replaced(pool: PoolCompute, end: Callable[[], None]) -> None:
    with pytest.raises(UnavailableError, match=f"died while it ran {end.__name__}") as caught:
        pool.run(end, deadline_seconds=60)
    assert caught.value.fields["expired"] is False
    assert pool.run(abs, -2, deadline_seconds=60) == 2


def test_a_worker_killed_while_idle_is_replaced(pool: PoolCompute) -> None:
    first = pool.run(os.getpid, deadline_seconds=60)
    os.kill(first, signal.SIGKILL)
    _until(lambda: first not in pool.pids() and pool.pids() != [])
    assert pool.run(os.getpid, deadline_seconds=60) != first


def test_an_interrupt_at_the_terminal_is_not_for_the_workers(pool: PoolCompute) -> None:
    assert pool.run(interrupt_self, deadline_seconds=60) == "still here"


def test_the_warm_up_runs_before_the_first_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPUTE_WARM_MARK", str(tmp_path / "warm"))
    warm = PoolCompute(1, warm_up=leave_mark)
    try:
        assert warm.run(read_mark, deadline_seconds=60) == "warm"
    finally:
        warm.close()


def test_a_worker_that_cannot_start_says_why() -> None:
    broken = PoolCompute(1, warm_up=broken_warm_up, start_seconds=3)
    try:
        with pytest.raises(UnavailableError, match="no licence for this solver"):
            broken.run(abs, 1, deadline_seconds=1)
    finally:
        broken.close()


def test_workers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from supplychain.compute import PoolCompute\n"
        "from tests_hang import hang\n"
        "if __name__ == '__main__':\n"
        "    PoolCompute(1).run(hang, sys.argv[1], deadline_seconds=600)\n"
    )
    (tmp_path / "tests_hang.py").write_text(
        "import os, time\n"
        "def hang(mark):\n"
        "    open(mark, 'w').write(str(os.getpid()))\n"
        "    while True:\n"
        "        time.sleep(60)\n"
    )
    mark = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, str(script), str(mark)])
    try:
        _until(lambda: mark.exists() and mark.read_text() != "")
        worker = int(mark.read_text())
        assert not _gone(worker)
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: _gone(worker))


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        PoolCompute(0)


def _gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def _until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        threading.Event().wait(0.02)
