"""A thread that ends a stuck worker.

A worker can hang and look alive: its event loop blocked, or a rebalance that never finishes. Kafka does not notice, since
heartbeats come from a thread of their own, so neither the loop nor the broker can be asked to help. This thread looks from
outside and ends the process when records wait, or the group does not come together, and nothing has been finished for a
while; the parent starts it again, and the stored offsets make that safe.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

_log = logging.getLogger(__name__)

STUCK_EXIT: Final = 75
"""Exit code of a worker ended by its watchdog (the sysexits code for a temporary failure)."""


@dataclass(frozen=True)
class Sight:
    """What can be seen of a worker.

    Attributes
    ----------
    state
        "idle" when nothing is waiting, "joining" while the group decides who reads what, "behind" when partitions are
        owned and records wait.
    progress
        A mark that changes with finished work.
    """

    state: Literal["idle", "joining", "behind"]
    progress: object


def _end_process(sight: Sight) -> None:
    _log.critical("no progress while %s at %s: ending the process", sight.state, sight.progress)
    logging.shutdown()
    os._exit(STUCK_EXIT)


class Watchdog:
    """Looks at a worker now and then, and calls `give_up` once when it is stuck.

    Parameters
    ----------
    look
        Returns the present sight; called in the watchdog's thread. When it raises, nothing new was seen.
    patience
        Seconds without progress, while joining or behind, that are too many.
    give_up
        What to do then; ends the process by default.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        look: Callable[[], Sight],
        *,
        patience: float = 60.0,
        give_up: Callable[[Sight], None] = _end_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._patience = patience
        self._give_up = give_up
        self._clock = clock
        self._seen = Sight("joining", None)
        self._last: object = None
        self._since = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def check(self) -> bool:
        """Look once; return whether the worker is stuck."""
        now = self._clock()
        try:
            self._seen = self._look()
        except Exception:  # noqa: BLE001  # the rim of a thread that must not die of what it looks at
            _log.exception("the watchdog could not see the worker")
        if self._seen.progress != self._last or self._seen.state == "idle":
            self._last = self._seen.progress
            self._since = now
            return False
        if now - self._since < self._patience:
            return False
        self._give_up(self._seen)
        return True

    def start(self) -> None:
        """Begin to look, about twelve times per patience."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.wait(self._patience / 12):
            if self.check():
                return
