"""One clock for the whole call: set-up, search and proof share the same deadline and the same cancel switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from optimizers.solution import StopReason


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a call.

    clock : seconds, only ever rising. started : when the call began. limit : seconds for the whole call, None = no limit.
    cancel : says whether the caller has given up.
    """

    clock: Callable[[], float]
    started: float
    limit: float | None
    cancel: Callable[[], bool]

    def left(self) -> float | None:
        """Seconds left, None without a limit."""
        return None if self.limit is None else max(self.limit - self.spent(), 0.0)

    def spent(self) -> float:
        """Seconds since the call began."""
        return self.clock() - self.started

    def exhausted(self) -> StopReason | None:
        """Why to stop now, or None to go on."""
        if self.cancel():
            return StopReason.CANCELLED
        if self.limit is not None and self.spent() >= self.limit:
            return StopReason.TIME
        return None
