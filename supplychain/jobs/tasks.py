"""What the clock starts, each slot at most once: however many schedulers run, and however often they restart.

A task names its moments; a slot is one such moment, in UTC milliseconds. A run first writes `(job, slot)` under a unique
key and works only when the row is new, so correctness never depends on who leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from supplychain import telemetry
from supplychain.domain.errors import NotFoundError, SupplyChainError
from supplychain.domain.events import Signal, SignalKind
from supplychain.domain.ids import derive
from supplychain.domain.units import DAY, MINUTE, SECOND, floor_to, millis
from supplychain.planning.ports import Store, WallClock
from supplychain.settings import JobSettings

_LOG: Final = telemetry.log(__name__)
_SIGNALS_AT_ONCE: Final = 500
_EXPIRY_MINUTES: Final = 5
_PRUNE_HOUR: Final = 5


class Slots(Protocol):
    """Who may run what: slots that are claimed once, leases that run out. Times are wall time in UTC milliseconds."""

    def claim_slot(self, job: str, slot: int, wall: int) -> bool:
        """Claim one run of a job; False when anybody has claimed it before."""

    def finish_slot(self, job: str, slot: int, wall: int, *, failed: bool = False, detail: str = "") -> None:
        """Write down how a claimed run ended."""

    def lease(self, name: str, holder: str, ttl_ms: int, wall: int) -> bool:
        """Take a lease or renew one's own; False while somebody else holds it."""

    def release(self, name: str, holder: str, wall: int) -> None:
        """Give back one's own lease, so that another need not wait for its end."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day at an hour of the business zone."""

    hour: int

    def slot(self, now: int, zone: ZoneInfo) -> int:
        """Return the last moment up to `now`.

        >>> Daily(3).slot(1_700_000_000_000, ZoneInfo("Asia/Shanghai"))  # 2023-11-15 06:13 there
        1699988400000
        """
        local = datetime.fromtimestamp(now / SECOND, zone)
        today = local.replace(hour=self.hour, minute=0, second=0, microsecond=0, fold=0)
        slot = millis(today)
        return slot if slot <= now else millis(today - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many milliseconds, counted from the epoch."""

    step_ms: int

    def slot(self, now: int, zone: ZoneInfo) -> int:
        """Return the last moment up to `now`."""
        return floor_to(now, self.step_ms)


@dataclass(frozen=True, slots=True)
class Task:
    """A job: its name, when it runs, and what it does. `body` gets the slot and returns a line on what it did."""

    name: str
    when: Daily | Every
    body: Callable[[int], str]


def run_task(slots: Slots, task: Task, slot: int, wall: WallClock) -> bool:
    """Run a task for a slot unless anybody did so before; tell whether it ran here.

    A run that fails is not repeated for its slot: what it left out is done by the next one.
    """
    if not slots.claim_slot(task.name, slot, wall()):
        return False
    with telemetry.trace(job=task.name, slot=slot):
        try:
            detail, failed = task.body(slot), False
        except Exception as fault:  # noqa: BLE001 - rim: one job that fails must not stop the others
            detail, failed = f"{type(fault).__name__}: {fault}", True
            _LOG.error("job failed", exc_info=not isinstance(fault, SupplyChainError), fault=str(fault))
        telemetry.JOB_RUNS.labels(task.name, "failed" if failed else "done").inc()
        slots.finish_slot(task.name, slot, wall(), failed=failed, detail=detail)
        _LOG.info("job ended", failed=failed, detail=detail)
    return True


def review_everything(store: Store, business_now: Callable[[], int | None], wall: WallClock) -> Callable[[int], str]:
    """Return the body of the full re-plan: a review signal for every planning group, at the current business time.

    The signals of one slot have ids of their own slot, so a second run adds none.
    """

    def body(slot: int) -> str:
        now = business_now()
        if now is None:
            return "nothing was received yet"
        try:
            with store.read() as tx:
                groups = sorted(tx.versions.network()[1].groups)
        except NotFoundError:
            return "no network is active"
        new = 0
        for start in range(0, len(groups), _SIGNALS_AT_ONCE):
            signals = [
                Signal(
                    signal=derive("signal", SignalKind.REVIEW, group, slot),
                    kind=SignalKind.REVIEW,
                    group=group,
                    at=now,
                    subject="daily review",
                    committed_wall=wall(),
                )
                for group in groups[start : start + _SIGNALS_AT_ONCE]
            ]
            with store.write() as tx:
                new += tx.signals.add(signals)
        return f"{new} of {len(groups)} groups to review"

    return body


def prune_body(
    prune: Callable[[int, int], Mapping[str, int]],
    days: int,
    business_now: Callable[[], int | None],
    wall: WallClock,
) -> Callable[[int], str]:
    """Return the body of pruning.

    `prune` gets the moments of business time and of wall time before which rows may go, and returns rows by table. The
    two differ widely while a recording is replayed.
    """

    def body(slot: int) -> str:
        age = days * DAY
        gone = prune((business_now() or 0) - age, wall() - age)
        return ", ".join(f"{table} {rows}" for table, rows in sorted(gone.items()) if rows) or "nothing was old enough"

    return body


def standard_tasks(
    settings: JobSettings,
    *,
    refit: Callable[[], str],
    learn: Callable[[], str],
    review: Callable[[int], str],
    expire: Callable[[], int],
    prune: Callable[[int], str],
) -> tuple[Task, ...]:
    """Return the jobs of the service.

    Parameters
    ----------
    refit
        Fits the prior on the sales history and activates it; returns a line about it.
    learn
        Learns from the sessions that are over and activates the lessons; returns a line about it.
    review, prune
        See `review_everything` and `prune_body`.
    expire
        Ends proposals that nobody approved in time; returns how many lines.
    """
    return (
        Task("refit-prior", Daily(settings.refit_hour), lambda slot: refit()),
        Task("learn-sessions", Daily(settings.refit_hour), lambda slot: learn()),
        Task("replan", Daily(settings.replan_hour), review),
        Task("expire", Every(_EXPIRY_MINUTES * MINUTE), lambda slot: f"{expire()} lines"),
        Task("prune", Daily(_PRUNE_HOUR), prune),
    )
