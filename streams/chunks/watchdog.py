"""A thread that ends a stuck worker.

A worker can hang and look alive: its event loop blocked, or a rebalance that never finishes. Kafka does not notice, since
heartbeats come from a thread of their own, so neither the loop nor the broker can be asked to help. This thread looks from
outside and ends the process when it owns partitions, has records waiting, and nothing has been finished for a while; the
parent starts it again, and the stored offsets make that safe.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

STUCK_EXIT: Final = 75
"""Exit code of a worker ended by its watchdog (the sysexits code for a temporary failure)."""


@dataclass(frozen=True)
class Sight:
    """What can be seen of a worker: whether it owns partitions, whether records wait, and a mark that changes with work."""

    assigned: bool
    behind: bool
    progress: object


def _end_process(sight: Sight) -> None:
    os._exit(STUCK_EXIT)


class Watchdog:
    """Looks at a worker now and then, and calls `give_up` once when it is stuck.

    Parameters
    ----------
    look
        Returns the present sight; called in the watchdog's thread. An exception counts as nothing seen.
    patience
        Seconds without progress, while assigned and behind, that are too many.
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
        self._last: object = object()
        self._since = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def check(self) -> bool:
        """Look once; return whether the worker is stuck."""
        now = self._clock()
        sight = self._look()
        if sight.progress != self._last or not (sight.assigned and sight.behind):
            self._last = sight.progress
            self._since = now
            return False
        if now - self._since < self._patience:
            return False
        self._give_up(sight)
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
