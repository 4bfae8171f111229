"""What the crowds of rooms showed, for the watcher of sales: waited for, within reason, and read from the database.

Sales and engagement are partitions of two topics, and which is read first is chance. So before the bins up to a tick are
judged, the watcher waits until the engagement partitions have passed that tick; samples that come later are not kept, and
what is read is the same in every replay. Against a wall clock nothing waits long: engagement is lossy, and spikes are not to
wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

import msgspec

from supplychain.bootstrap import Services
from supplychain.domain.errors import UnavailableError
from supplychain.domain.units import EARLIEST, LATEST
from supplychain.messages.codec import SALES_DECODER
from supplychain.messages.topics import ENGAGEMENT
from supplychain.messages.v1 import Tick
from supplychain.telemetry import log

_log = log(__name__)
_LOOK_SECONDS: Final = 0.005
_LIVE_SECONDS: Final = 0.25
_REPLAY_SECONDS: Final = 600.0
"""A replay is to find the same spikes on the busiest machine, and its clock waits for this."""
_TICK_BYTES: Final = 128


def last_tick(values: Sequence[bytes | None]) -> int:
    """Return the time of the last possible tick among records, -1 without one."""
    short = [value for value in values if value is not None and len(value) <= _TICK_BYTES]
    for value in reversed(short):
        if b"tick" not in value:
            continue
        try:
            payload = SALES_DECODER.decode(value)
        except msgspec.DecodeError:
            continue
        if isinstance(payload, Tick) and EARLIEST <= payload.at <= LATEST:
            return payload.at
    return -1


class Hearing:
    """Waits for the engagement partitions; one for all partitions of sales of a worker."""

    def __init__(self, services: Services, executor: Executor) -> None:
        self._services = services
        self._executor = executor
        self._replay = services.settings.clock == "ticks"
        self._patience = _REPLAY_SECONDS if self._replay else _LIVE_SECONDS
        self._passed = -1
        self._given_up: int | None = None

    async def wait(self, until: int, halted: Callable[[], bool] = lambda: False) -> bool:
        """Return when every engagement partition that is in use has passed `until`, or patience is at its end.

        One that is behind is not waited for again before it has moved.

        Returns
        -------
        bool
            False when delivery was halted meanwhile: what is waited for cannot come, and the chunk must not be judged.
        """
        deadline = time.monotonic() + self._patience
        while self._passed < until:
            try:
                passed = await asyncio.get_running_loop().run_in_executor(self._executor, self._look)
            except UnavailableError:
                return True
            if passed is None or passed >= until or passed == self._given_up:
                return True
            if halted():
                return False
            if time.monotonic() > deadline:
                self._given_up = passed
                _log.warning("engagement is behind, spikes do without", until=until, passed=passed)
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    def _look(self) -> int | None:
        """Return how far all partitions in use are; a replay writes its ticks into every one, so it uses them all."""
        marks = self._services.partitions.watermarks(ENGAGEMENT.name)
        if not marks and not self._replay:
            return None
        late = self._replay and len(marks) < ENGAGEMENT.partitions
        self._passed = -1 if late else min(marks)
        return self._passed
