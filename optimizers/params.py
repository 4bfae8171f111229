"""How hard to work: limits, seed and gap. Work limits make a plan repeatable; the time limit covers the whole call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from optimizers.columns import ProblemError


class Engine(StrEnum):
    """Which model plans: all in one piece, prices with a search per item behind them, or prices alone.

    AUTO takes the first up to `Params.exact_items`, the second up to `Params.close_items`, the third above; CLOSE
    takes the third above `close_items` too.
    """

    AUTO = "auto"
    EXACT = "exact"
    CLOSE = "close"
    PRICES = "prices"


@dataclass(frozen=True, slots=True)
class Params:
    """Limits of one call of `solve`.

    Attributes
    ----------
    time_limit_seconds : wall time of the whole call, set-up included; None = work limits alone, which makes the result a
        function of problem, params and seed.
    sweeps : price sweeps over all items at most.
    node_limit : branch-and-bound nodes at most, of each exact model or of all searches together.
    gap : relative gap (cost minus bound, over cost) at which to stop.
    seed : of the solvers and of every tie that chance breaks.
    threads : threads of the item programs; the result does not depend on it.
    engine : model to use. exact_items, close_items : most items that AUTO gives to the first and the second model.
    """

    time_limit_seconds: float | None = None
    sweeps: int = 120
    node_limit: int = 200
    gap: float = 0.001
    seed: int = 0
    threads: int = 1
    engine: Engine = Engine.AUTO
    exact_items: int = 3
    close_items: int = 40

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if self.time_limit_seconds is not None and not 0 < self.time_limit_seconds < 1e9:
            raise ProblemError("params.time_limit_seconds", f"is {self.time_limit_seconds}, expected above 0")
        if not 0 <= self.gap < 1:
            raise ProblemError("params.gap", f"is {self.gap}, expected 0 to below 1")
        for name in ("sweeps", "node_limit", "threads"):
            if getattr(self, name) < 1:
                raise ProblemError(f"params.{name}", f"is {getattr(self, name)}, expected at least 1")
        if not 0 <= self.seed < 2**31:
            raise ProblemError("params.seed", f"is {self.seed}, expected 0 to 2**31 - 1")
