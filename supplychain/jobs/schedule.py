"""The clock of the jobs role. This is the only room of APScheduler.

The job store is in memory and its jobs come from code, since schedulers that share a stored one fire the same job twice.
A run that is late still runs, several missed ones become one, and what fell due while nobody led is caught up by
whoever leads next. The lease only saves effort: the slots keep two leaders from doing anything twice.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from supplychain import telemetry
from supplychain.domain.units import SECOND
from supplychain.jobs.tasks import Daily, Slots, Task, run_task
from supplychain.planning.ports import WallClock

LEASE: Final = "jobs"
_LOG: Final = telemetry.log(__name__)


class Scheduler:
    """Starts tasks at their moments, while this process holds the lease.

    Parameters
    ----------
    zone
        Business zone, in which the hours of daily tasks count.
    lease_seconds
        How long after the death of a leader another takes over; renewed three times as often.
    catch_up
        Whether whoever takes the lease runs the last slot of each daily task, if nobody has.
    holder
        Name in the lease; this machine and process when None.
    """

    def __init__(
        self,
        slots: Slots,
        tasks: Sequence[Task],
        zone: str,
        wall: WallClock,
        *,
        lease_seconds: float = 60.0,
        catch_up: bool = True,
        holder: str | None = None,
    ) -> None:
        self._slots = slots
        self._tasks = tuple(tasks)
        self._zone = ZoneInfo(zone)
        self._wall = wall
        self._lease_ms = int(lease_seconds * SECOND)
        self._catch_up = catch_up
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._leads = False
        self._scheduler: Any = BackgroundScheduler(
            timezone=self._zone,
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(max(2, len(self._tasks)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def run(self, stop: threading.Event) -> None:
        """Keep the clock until `stop` is set; running jobs end first."""
        self._add_jobs()
        self._scheduler.start()
        try:
            stop.wait()
        finally:
            self._scheduler.shutdown(wait=True)
            if self._leads:
                self._guarded("give back the lease", lambda: self._slots.release(LEASE, self._holder, self._wall()))

    def fire(self, task: Task) -> bool:
        """Run the current slot of a task, if this process leads and nobody has; tell whether it ran here."""
        if not self._hold_lease():
            return False
        return run_task(self._slots, task, task.when.slot(self._wall(), self._zone), self._wall)

    def next_runs(self) -> dict[str, int]:
        """Return when each task runs next (UTC milliseconds), for the status page."""
        jobs = ((task.name, self._scheduler.get_job(task.name)) for task in self._tasks)
        return {name: int(job.next_run_time.timestamp() * SECOND) for name, job in jobs if job}

    def _add_jobs(self) -> None:
        for task in self._tasks:
            self._scheduler.add_job(
                self._fire_guarded, self._trigger(task), args=[task], id=task.name, replace_existing=True
            )
        self._scheduler.add_job(
            self._renew,
            IntervalTrigger(seconds=self._lease_ms / SECOND / 3, timezone=self._zone),
            id="lease",
            replace_existing=True,
            next_run_time=datetime.now(UTC),
        )

    def _trigger(self, task: Task) -> Any:
        if isinstance(task.when, Daily):
            return CronTrigger(hour=task.when.hour, minute=0, second=0, timezone=self._zone)
        epoch = datetime.fromtimestamp(0, UTC)
        return IntervalTrigger(seconds=task.when.step_ms / SECOND, start_date=epoch, timezone=self._zone)

    def _renew(self) -> None:
        """Renew the lease; who has just taken it catches up on daily tasks."""
        led = self._leads
        self._guarded("renew the lease", self._hold_lease)
        if self._leads and not led and self._catch_up:
            for task in self._tasks:
                if isinstance(task.when, Daily):
                    self._scheduler.add_job(self._fire_guarded, args=[task], id=f"catch-up-{task.name}")

    def _hold_lease(self) -> bool:
        self._leads = self._slots.lease(LEASE, self._holder, self._lease_ms, self._wall())
        return self._leads

    def _fire_guarded(self, task: Task) -> None:
        self._guarded(f"run {task.name}", lambda: self.fire(task))

    def _guarded(self, what: str, call: Any) -> None:
        try:
            call()
        except Exception as fault:  # noqa: BLE001 - rim of the role: the clock goes on, the next renewal tells more
            self._leads = False
            telemetry.LOOP_FAULTS.labels("jobs").inc()
            _LOG.warning("the scheduler could not do something", what=what, fault=str(fault))
