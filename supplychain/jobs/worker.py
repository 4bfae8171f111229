"""The plan role: looks whether a plan is worth while, claims the request, has it answered.

A request is a leased row: when this process dies, another claims it again after the lease, and a plan that was stored
already is found by its input. What fails is tried again a little later, and after a few attempts ends with its error where
a person can see it, so that one bad request never stops the next.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from supplychain import telemetry
from supplychain.domain.errors import SupplyChainError
from supplychain.domain.events import PlanRequest
from supplychain.domain.units import SECOND
from supplychain.planning.ports import Compute, Store, WallClock
from supplychain.settings import PlanSettings

ATTEMPTS: Final = 3
_PAUSES_MS: Final = (200, 1_000)
"""Before the second and the third attempt."""
_FAULT_SECONDS: Final = 0.5
_LOG: Final = telemetry.log(__name__)


class Answer(Protocol):
    """What a request led to: a plan, new or found, or the reason why none was needed."""

    @property
    def plan(self) -> str | None:
        """Id of the plan, None when none was needed."""

    @property
    def new(self) -> bool:
        """Whether the plan was made now."""

    @property
    def note(self) -> str:
        """Why there is no plan, or no new one."""


Advance = Callable[[Store, WallClock], bool]
"""Looks at the next cut; tells whether something was done."""
Propose = Callable[[Store, Compute, PlanRequest, WallClock], Answer]
"""Answers a request and marks it as done in the transaction that stores the answer."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed attempt to write down; without a pause it was the last."""

    request: str
    error: str
    pause_ms: int | None


class PlanWorker:
    """The loop of the plan role.

    Parameters
    ----------
    advance, propose
        `planning.request.advance` and `planning.propose.propose`.
    holder
        Name in the leases; this machine and process when None.
    crash
        Called at named points, so that tests can end the process there.
    """

    def __init__(
        self,
        store: Store,
        compute: Compute,
        settings: PlanSettings,
        advance: Advance,
        propose: Propose,
        wall: WallClock,
        *,
        holder: str | None = None,
        crash: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._store = store
        self._compute = compute
        self._settings = settings
        self._advance = advance
        self._propose = propose
        self._wall = wall
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._crash = crash
        self._failures: dict[str, int] = {}
        self._owed: deque[_Failure] = deque()

    def run(self, stop: threading.Event) -> None:
        """Answer requests until `stop` is set."""
        while not stop.is_set():
            try:
                busy = self.step()
            except Exception as fault:  # noqa: BLE001 - rim of the role: rows and leases keep what was not finished
                telemetry.LOOP_FAULTS.labels("plan").inc()
                _LOG.warning("planning is held up", fault=str(fault), exc_info=not isinstance(fault, SupplyChainError))
                stop.wait(_FAULT_SECONDS)
                continue
            if not busy:
                stop.wait(self._settings.poll_milliseconds / SECOND)

    def step(self) -> bool:
        """Look at one cut and answer at most one request; tell whether there was anything to do."""
        self._write_failures()
        moved = self._advance(self._store, self._wall)
        request = self._claim()
        if request is None:
            return moved
        self._crash("plan-claimed")
        with telemetry.trace(request=request.request, cut=request.cut):
            self._answer(request)
        return True

    def _claim(self) -> PlanRequest | None:
        with self._store.read() as tx:
            if not tx.signals.pending_request():
                return None
        lease = int(self._settings.lease_seconds * SECOND)
        with self._store.write() as tx:
            return tx.signals.claim_request(self._holder, self._wall(), lease)

    def _answer(self, request: PlanRequest) -> None:
        try:
            answer = self._propose(self._store, self._compute, request, self._wall)
        except Exception as fault:  # noqa: BLE001 - rim: whatever failed is tried again or told to a person
            self._failed(request, fault)
            return
        self._failures.pop(request.request, None)
        telemetry.PLAN_ATTEMPTS.labels("plan" if answer.new else "known" if answer.plan else "none").inc()
        _LOG.info("plan request answered", plan=answer.plan, new=answer.new, note=answer.note, reasons=request.reasons)

    def _failed(self, request: PlanRequest, fault: Exception) -> None:
        """Give the request back for another attempt, or end it with the error."""
        failures = self._failures.get(request.request, 0) + 1
        last = failures >= ATTEMPTS
        telemetry.PLAN_ATTEMPTS.labels("failed" if last else "retried").inc()
        _LOG.error("plan request failed", attempt=failures, last=last, exc_info=fault)
        error = str(fault) if isinstance(fault, SupplyChainError) else f"{type(fault).__name__}: {fault}"
        if last:
            self._failures.pop(request.request, None)
        else:
            self._failures[request.request] = failures
        pause = None if last else _PAUSES_MS[failures - 1]
        self._owed.append(_Failure(request.request, error, pause))
        self._write_failures()

    def _write_failures(self) -> None:
        """Write down what failed; what failed because the database is away is owed until it is back."""
        while self._owed:
            failure = self._owed[0]
            with self._store.write() as tx:
                if failure.pause_ms is None:
                    tx.signals.finish_request(failure.request, None, self._wall(), error=failure.error)
                else:
                    tx.signals.retry_request(failure.request, self._wall() + failure.pause_ms, failure.error)
            self._owed.popleft()
