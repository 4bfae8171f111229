"""What holds an approved line back from its release, said in words; `release` lifts it."""

from __future__ import annotations

from supplychain.domain.plan import PlanLine
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import MINUTE
from supplychain.planning.ports import Tx


def fence(tx: Tx, line: PlanLine, tuning: Tuning, at: int) -> str:
    """Return why a line may not be released at `at`, or nothing."""
    if not tuning.approval.release_enabled:
        return "releases are switched off (approval.release_enabled)"
    if line.fence:
        return line.fence
    stale = at - tuning.planning.stock_stale_minutes * MINUTE
    old = {name: as_of for name, as_of in tx.world.stock_as_of().items() if as_of < stale}
    if line.destination in old:
        return f"stock of {line.destination} is {(at - old[line.destination]) // MINUTE} minutes old"
    return ""
