"""Waiting for the readers: the embedded broker drops what it cannot hold, so a producer that can wait has to.

Simulator, replay and platforms produce as fast as they can. Their publisher tells this gate what it sends; now and then it
looks how full the fullest partition is, and the gate holds it while the readers catch up.
"""

import time
from collections.abc import Callable
from typing import Final

from supplychain.domain.errors import UnavailableError

_PAUSE_SECONDS: Final = 0.05


class BacklogError(UnavailableError):
    """The readers do not catch up: going on would lose events."""

    code = "backlog"


class Backpressure:
    """Holds a producer while the backlog is too large.

    Parameters
    ----------
    share
        Returns the fullest partition's backlog as a share of what the broker holds; see `Topics.backlog_share`.
    most
        Largest share that lets the producer go on.
    every
        Records between two looks; must be well below what a partition holds.
    patience
        Seconds without any progress of the readers after which waiting is given up.
    clock, sleep
        Monotonic seconds, and waiting.
    """

    def __init__(
        self,
        share: Callable[[], float],
        *,
        most: float = 0.5,
        every: int = 2_000,
        patience: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._share = share
        self._most = most
        self._every = every
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._unseen = 0
        self.waited: float = 0.0

    def due(self, records: int = 1) -> bool:
        """Count records as about to be sent, and tell whether it is time to look."""
        self._unseen += records
        if self._unseen < self._every:
            return False
        self._unseen = 0
        return True

    def wait(self) -> None:
        """Wait until the backlog is small enough; adds to `waited` (seconds).

        Raises
        ------
        BacklogError
            If it does not shrink for `patience` seconds.
        """
        began = moved = self._clock()
        least = share = self._share()
        while share > self._most:
            if self._clock() - moved >= self._patience:
                raise BacklogError(
                    f"the backlog is {share:.0%} of what the broker holds and does not shrink",
                    way_out="start the streams role, or send more slowly",
                )
            self._sleep(_PAUSE_SECONDS)
            share = self._share()
            if share < least:
                least, moved = share, self._clock()
        self.waited += self._clock() - began
