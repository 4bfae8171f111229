"""The place for heavy work: solves and fits run here, outside every transaction and event loop, under a deadline.

A worker is a process of its own that can be killed at any instruction, which no thread and no solver time limit offers.
Each worker leads a process group, so that what it started itself (a Stan binary, for example) ends with it, and watches
its parent, so that it ends when the parent does, however that ends.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from supplychain import telemetry
from supplychain.domain.errors import SupplyChainError, UnavailableError

Result = TypeVar("Result")

_LOG = telemetry.log("supplychain.compute")
_FIRST_RESTART_SECONDS: Final = 0.5
_LAST_RESTART_SECONDS: Final = 30.0


class InlineCompute:
    """Runs the call in the calling thread: for tests and single commands.

    Arguments, result and errors cross the same border as in the pool (they are pickled), so whatever works here works
    there. A thread cannot be cut off, so the deadline is not applied.
    """

    def __init__(self) -> None:
        self._closed = False

    def run(self, call: Callable[..., Result], *arguments: Any, deadline_seconds: float) -> Result:
        """Run `call(*arguments)` here; raises what the call raises, `UnavailableError` when closed."""
        _positive(deadline_seconds)
        if self._closed:
            raise _closed()
        return _unpack(_answer(_pack(call, arguments)))  # type: ignore[no-any-return]  # the answer of `call`

    def close(self) -> None:
        """Refuse further calls."""
        self._closed = True


class PoolCompute:
    """A pool of spawned worker processes; may be shared by threads.

    Parameters
    ----------
    workers
        How many processes, each for one call at a time.
    warm_up
        Called in every new worker before its first call: imports and compiles what the first call should not wait for.
    start_seconds
        How long a call waits for a free worker, the start and warm-up of a fresh one included. The deadline of a call
        begins when a worker takes it.
    """

    def __init__(
        self, workers: int, *, warm_up: Callable[[], object] | None = None, start_seconds: float = 120.0
    ) -> None:
        if workers < 1:
            message = f"a pool needs at least one worker, not {workers}"
            raise ValueError(message)
        self._start_seconds = start_seconds
        self._closing = threading.Event()
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._living: set[_Worker] = set()
        self._lock = threading.Lock()
        self._warm_up = _pack(warm_up, ()) if warm_up else None
        self._last_fault = ""
        self._keepers = [
            threading.Thread(target=self._keep, name=f"compute-keeper-{number}", daemon=True)
            for number in range(workers)
        ]
        for keeper in self._keepers:
            keeper.start()
        atexit.register(self.close)

    def run(self, call: Callable[..., Result], *arguments: Any, deadline_seconds: float) -> Result:
        """Run `call(*arguments)` in a worker and return what it returns.

        Parameters
        ----------
        call
            Importable at top level.
        deadline_seconds
            When a running call is cut off: its worker is killed and replaced.

        Raises
        ------
        UnavailableError
            If the deadline passes, the worker dies, none becomes free in time, or the pool is closed.
        Exception
            Whatever the call raises, with the worker's traceback as a note.
        """
        _positive(deadline_seconds)
        request = _pack(call, arguments)
        worker = self._take()
        answer = worker.ask(request, deadline_seconds)
        if answer is None:
            if self._closing.is_set():
                raise _closed()
            telemetry.COMPUTE_CUT_OFF.labels("deadline" if worker.expired else "died").inc()
            name = getattr(call, "__qualname__", str(call))
            detail = (
                f"{name} did not end within {deadline_seconds:g} s"
                if worker.expired
                else f"the worker died while it ran {name}"
            )
            raise UnavailableError(
                detail, way_out="retry, or allow more time or memory", call=name, expired=worker.expired
            )
        self._idle.put(worker)
        return _unpack(answer)  # type: ignore[no-any-return]  # the answer of `call`

    def close(self) -> None:
        """Kill every worker, running calls included, and wait until they are gone."""
        self._closing.set()
        atexit.unregister(self.close)
        with self._lock:
            for worker in self._living:
                worker.kill()
        for keeper in self._keepers:
            keeper.join()

    def pids(self) -> list[int]:
        """Return the process ids of the living workers."""
        with self._lock:
            return [worker.pid for worker in self._living]

    def _take(self) -> _Worker:
        until = time.monotonic() + self._start_seconds
        while not self._closing.is_set():
            try:
                worker = self._idle.get(timeout=max(0.0, min(0.2, until - time.monotonic())))
            except Empty:
                if time.monotonic() < until:
                    continue
                fault = f"; the last one ended with: {self._last_fault}" if self._last_fault else ""
                raise UnavailableError(
                    f"no compute worker became free within {self._start_seconds:g} s{fault}",
                    way_out="raise plan.workers, or see why the workers do not start",
                ) from None
            if not worker.gone.is_set():
                return worker
        raise _closed()

    def _keep(self) -> None:
        """Keep one worker alive: start, warm up, offer, wait for its end, start again."""
        pause = _FIRST_RESTART_SECONDS
        while not self._closing.is_set():
            fault = self._one_life()
            if self._closing.is_set():
                return
            telemetry.COMPUTE_RESTARTS.inc()
            if fault is None:
                pause = _FIRST_RESTART_SECONDS
                continue
            self._last_fault = fault
            _LOG.error("compute worker does not start", fault=fault, retry_seconds=pause)
            self._closing.wait(pause)
            pause = min(2 * pause, _LAST_RESTART_SECONDS)

    def _one_life(self) -> str | None:
        """Start a worker, offer it and wait for its end; return why it never came into use, or None."""
        try:
            worker = _Worker()
        except OSError as refused:
            return f"no process to be had: {refused}"
        with self._lock:
            self._living.add(worker)
            if self._closing.is_set():
                worker.kill()
        fault = worker.greet(self._warm_up, self._start_seconds)
        if fault is None:
            self._idle.put(worker)
        else:
            worker.kill()
        worker.bury()
        with self._lock:
            self._living.discard(worker)
        if fault is None and not self._closing.is_set():
            _LOG.warning("compute worker ended", pid=worker.pid, exit_code=worker.exit_code)
        return fault


class _Worker:
    """The parent's end of one worker process. Only its keeper waits for it; anybody may kill it."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_serve, args=(theirs,), name="supplychain-compute", daemon=True
        )
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid or 0
        self.gone = threading.Event()
        self.expired = False
        self.exit_code: int | None = None
        self._lock = threading.Lock()
        self._talk = threading.Lock()

    def greet(self, warm_up: bytes | None, seconds: float) -> str | None:
        """Let the child warm up; return why it could not, or None."""
        answer = self.ask(warm_up or _pack(_nothing, ()), seconds)
        if answer is None:
            return "no answer in time" if self.expired else "it died"
        try:
            _unpack(answer)
        except Exception as error:  # noqa: BLE001 - rim: whatever the warm-up raised is reported by the keeper
            return f"{type(error).__name__}: {error}"
        return None

    def ask(self, request: bytes, seconds: float) -> bytes | None:
        """Send a request and return the answer, or None when the child died or was killed at the deadline."""
        settled = False

        def expire() -> None:
            with self._lock:
                if not settled:
                    self.expired = True
                    self._kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        answer: bytes | None = None
        with self._talk, suppress(EOFError, OSError):
            self._pipe.send_bytes(request)
            answer = self._pipe.recv_bytes()
        with self._lock:
            settled = True
            timer.cancel()
            return None if self.expired else answer

    def kill(self) -> None:
        """End the child and everything in its process group at once."""
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        if self.gone.is_set():
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Wait for the child's end, clear what is left of its process group, and release the pipe."""
        wait([self._process.sentinel])
        with self._lock:
            self._kill()
            self.gone.set()
        self._process.join()
        self.exit_code = self._process.exitcode
        with self._talk:  # a caller may not have noticed the end yet
            self._pipe.close()


def _serve(pipe: Connection) -> None:
    """Answer requests until the parent goes away: the body of a worker process."""
    with suppress(PermissionError):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), name="parent-watch", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _die_with(sentinel: int) -> None:
    wait([sentinel])
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(137)


def _pack(call: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    return pickle.dumps((call, arguments), pickle.HIGHEST_PROTOCOL)


def _answer(request: bytes) -> bytes:
    """Run a packed request and pack what came of it."""
    try:
        call, arguments = pickle.loads(request)  # noqa: S301 - our own parent wrote it
        return pickle.dumps((True, call(*arguments)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - rim of the process: every error crosses to the caller
        return _pack_error(error)


def _pack_error(error: Exception) -> bytes:
    note = "in the compute worker:\n" + "".join(traceback.format_exception(error))
    if not isinstance(error, SupplyChainError):  # ours say what is wrong and travel unchanged
        error.add_note(note)
    try:
        packed = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(packed)  # noqa: S301 - written one line above: an error may refuse only on its way back
    except Exception:  # noqa: BLE001 - an error that cannot travel is told in words
        told = SupplyChainError(f"{type(error).__name__}: {error}", error=type(error).__name__)
        told.add_note(note)
        return pickle.dumps((False, told), pickle.HIGHEST_PROTOCOL)
    return packed


def _unpack(answer: bytes) -> Any:
    worked, value = pickle.loads(answer)  # noqa: S301 - our own child wrote it
    if worked:
        return value
    raise value


def _nothing() -> None:
    """Prove that the worker listens."""


def _positive(deadline_seconds: float) -> None:
    if not deadline_seconds > 0:
        message = f"a deadline is a positive number of seconds, not {deadline_seconds}"
        raise ValueError(message)


def _closed() -> UnavailableError:
    return UnavailableError("the compute pool is closed", way_out="start the service again")
