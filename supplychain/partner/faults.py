"""Faults on demand: how the stand-in's order endpoint misbehaves while a test asks it to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One fault of `POST /orders`.

    `down` answers 503, `gone` 410, `busy` 429 with Retry-After of `seconds`, `slow` waits `seconds` before it looks at the
    order, `late` takes the order and answers only `seconds` later (the sender has given up by then), `garbage` takes the
    order, answers nonsense and sends nonsense to the service before its real answer. `times` requests are hit, all when null;
    `suppliers` limits it to some.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["down", "gone", "busy", "slow", "late", "garbage"]
    seconds: float = Field(default=1.0, ge=0, le=120)
    times: int | None = Field(default=None, ge=1)
    suppliers: tuple[str, ...] = ()


class Faults:
    """The faults that are set, in order; the first that fits a request hits it and is used up by one."""

    def __init__(self) -> None:
        self._set: list[tuple[Fault, int | None]] = []

    def put(self, faults: list[Fault]) -> None:
        """Replace all faults; an empty list ends them."""
        self._set = [(fault, fault.times) for fault in faults]

    def listed(self) -> list[Fault]:
        """Return the faults still set, with the number of requests they will still hit."""
        return [fault.model_copy(update={"times": left}) for fault, left in self._set]

    def take(self, supplier: str) -> Fault | None:
        """Return the fault that hits an order for a supplier now, if any."""
        for place, (fault, left) in enumerate(self._set):
            if fault.suppliers and supplier not in fault.suppliers:
                continue
            if left is not None:
                self._set[place] = (fault, left - 1)
                if left == 1:
                    del self._set[place]
            return fault
        return None
