"""Each slot runs at most once, whoever asks; a job that fails stops nobody; bodies do what they say."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.events import SignalKind
from supplychain.domain.network import Catalogue, Sku
from supplychain.domain.units import DAY, HOUR
from supplychain.jobs.schedule import Scheduler
from supplychain.jobs.tasks import Daily, Every, Slots, Task, prune_body, review_everything, run_task, standard_tasks
from supplychain.settings import JobSettings
from supplychain.storage.engine import Database
from supplychain.storage.jobs_store import SqlJobs
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = 1_700_000_000_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/test.db")
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def jobs(database: Database) -> SqlJobs:
    return SqlJobs(database)


def _wall() -> int:
    return NOW


class Counter:
    def __init__(self) -> None:
        self.slots: list[int] = []
        self.ran = threading.Event()

    def body(self, slot: int) -> str:
        self.slots.append(slot)
        self.ran.set()
        return "counted"


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000), st.integers(0, 23))
def test_a_daily_slot_is_the_last_such_hour(now: int, hour: int) -> None:
    slot = Daily(hour).slot(now, SHANGHAI)
    local = datetime.fromtimestamp(slot / 1000, UTC).astimezone(SHANGHAI)
    assert (local.hour, local.minute, local.second) == (hour, 0, 0)
    assert slot <= now < slot + DAY


@settings(deadline=None)
@given(st.integers(1_600_000_000_000, 1_900_000_000_000))
def test_summer_time_neither_skips_nor_doubles_a_day(now: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    slot = Daily(4).slot(now, berlin)
    assert Daily(4).slot(slot, berlin) == slot
    assert DAY - HOUR <= slot - Daily(4).slot(slot - 1, berlin) <= DAY + HOUR


def test_an_interval_slot_is_on_the_grid() -> None:
    assert Every(60_000).slot(125_000, SHANGHAI) == 120_000


def test_the_two_slot_rules_know_shanghai() -> None:
    assert Daily(3).slot(NOW, SHANGHAI) == 1_699_988_400_000


def test_a_slot_runs_once(jobs: SqlJobs) -> None:
    counter = Counter()
    task = Task("count", Daily(3), counter.body)
    assert [run_task(jobs, task, slot, _wall) for slot in (1, 1, 2, 1)] == [True, False, True, False]
    assert counter.slots == [1, 2]
    assert [(run["slot"], run["state"], run["detail"]) for run in jobs.runs()] == [
        (1, "done", "counted"),
        (2, "done", "counted"),
    ]


def test_twenty_schedulers_run_a_slot_once(database: Database) -> None:
    counter = Counter()
    task = Task("count", Daily(3), counter.body)
    threads = [
        threading.Thread(target=run_task, args=(SqlJobs(database), task, 7, _wall), daemon=True) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counter.slots == [7]


def test_a_job_that_fails_is_written_down_and_not_repeated(jobs: SqlJobs) -> None:
    def fail(slot: int) -> str:
        message = "no history"
        raise ValueError(message)

    task = Task("refit-prior", Daily(3), fail)
    assert run_task(jobs, task, 1, _wall)
    assert not run_task(jobs, task, 1, _wall)
    (run,) = jobs.runs()
    assert (run["state"], run["detail"]) == ("failed", "ValueError: no history")


def test_a_lease_has_one_holder(jobs: SqlJobs) -> None:
    assert jobs.lease("jobs", "one", 1_000, NOW)
    assert not jobs.lease("jobs", "two", 1_000, NOW + 999)
    assert jobs.lease("jobs", "one", 1_000, NOW + 999)
    assert not jobs.lease("jobs", "two", 1_000, NOW + 1_998)
    assert jobs.lease("jobs", "two", 1_000, NOW + 1_999)
    assert not jobs.lease("jobs", "one", 1_000, NOW + 2_000)
    assert jobs.lease("other", "one", 1_000, NOW + 2_000)


def test_a_lease_given_back_is_free_at_once(jobs: SqlJobs) -> None:
    assert jobs.lease("jobs", "one", 60_000, NOW)
    jobs.release("jobs", "two", NOW)
    assert not jobs.lease("jobs", "two", 60_000, NOW)
    jobs.release("jobs", "one", NOW)
    assert jobs.lease("jobs", "two", 60_000, NOW)


def test_the_store_is_what_the_jobs_expect(jobs: SqlJobs) -> None:
    slots: Slots = jobs
    assert slots.lease("x", "y", 1, NOW)


def test_every_group_gets_one_review_per_slot(database: Database) -> None:
    store = SqlStore(database)
    body = review_everything(store, lambda: 5_000, _wall)
    assert body(1) == "no network is active"
    goods = {name: Sku(name, name, "snacks", 900, 400) for name in ("A", "B", "C")}
    with store.write() as tx:
        tx.versions.activate("network", tx.versions.put_network(Catalogue(goods, {}, {}, {}, {}, {}), "me", 0))
    assert body(1) == "3 of 3 groups to review"
    assert body(1) == "0 of 3 groups to review"
    with store.read() as tx:
        opened = tx.signals.open(5_000)
    assert {(signal.kind, signal.group, signal.at) for signal in opened} == {
        (SignalKind.REVIEW, name, 5_000) for name in goods
    }
    assert review_everything(store, lambda: None, _wall)(2) == "nothing was received yet"


def test_pruning_counts_days_in_both_clocks() -> None:
    asked: list[tuple[int, int]] = []

    def prune(before: int, before_wall: int) -> dict[str, int]:
        asked.append((before, before_wall))
        return {"windows": 0, "outbox": 3}

    assert prune_body(prune, 30, lambda: 50 * DAY, _wall)(0) == "outbox 3"
    assert prune_body(prune, 30, lambda: None, _wall)(0) == "outbox 3"
    assert asked == [(20 * DAY, NOW - 30 * DAY), (-30 * DAY, NOW - 30 * DAY)]


def test_the_standard_jobs_have_their_hours() -> None:
    tasks = standard_tasks(
        JobSettings(refit_hour=2, replan_hour=6),
        refit=lambda: "fitted",
        learn=lambda: "learned",
        review=str,
        expire=lambda: 4,
        prune=str,
    )
    assert {task.name: task.when for task in tasks} == {
        "refit-prior": Daily(2),
        "learn-sessions": Daily(2),
        "replan": Daily(6),
        "expire": Every(300_000),
        "prune": Daily(5),
    }
    assert [task.body(1) for task in tasks] == ["fitted", "learned", "1", "4 lines", "1"]


def test_only_the_leader_fires(jobs: SqlJobs) -> None:
    counter = Counter()
    task = Task("count", Every(1_000), counter.body)
    one, two = (Scheduler(jobs, [task], "Asia/Shanghai", _wall, holder=name) for name in ("one", "two"))
    assert one.fire(task)
    assert not one.fire(task)
    assert not two.fire(task)
    assert counter.slots == [NOW]


def test_who_takes_the_lease_catches_up_once(jobs: SqlJobs) -> None:
    counter, hourly = Counter(), Counter()
    tasks = [Task("count", Daily(3), counter.body), Task("often", Every(3_600_000_000), hourly.body)]
    for name in ("one", "two"):
        stop = threading.Event()
        scheduler = Scheduler(jobs, tasks, "Asia/Shanghai", _wall, holder=name)
        thread = threading.Thread(target=scheduler.run, args=(stop,))
        thread.start()
        assert counter.ran.wait(30)
        if name == "two":
            _until(lambda: _holder(jobs) == "two")
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    assert counter.slots == [1_699_988_400_000]
    assert hourly.slots == []


def test_the_clock_fires_again_and_again(jobs: SqlJobs) -> None:
    counter, ticks = Counter(), iter(range(NOW, NOW + 10**6))
    task = Task("count", Every(1), counter.body)
    scheduler = Scheduler(jobs, [task], "UTC", lambda: next(ticks), holder="one", catch_up=False)
    scheduler._trigger = lambda task: _fast()  # type: ignore[method-assign]  # a fast clock for the test
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: len(counter.slots) >= 3)
        assert set(scheduler.next_runs()) == {"count"}
    finally:
        stop.set()
        thread.join(30)
    assert len(counter.slots) == len(set(counter.slots))


def test_triggers_follow_the_business_zone(jobs: SqlJobs) -> None:
    scheduler = Scheduler(jobs, [], "Asia/Shanghai", _wall)
    at = datetime.fromtimestamp(NOW / 1000, UTC)
    daily = scheduler._trigger(Task("d", Daily(3), str)).get_next_fire_time(None, at)
    assert daily.astimezone(UTC).isoformat() == "2023-11-15T19:00:00+00:00"
    every = scheduler._trigger(Task("e", Every(300_000), str)).get_next_fire_time(None, at)
    assert int(every.timestamp()) % 300 == 0


def _fast() -> object:
    from apscheduler.triggers.interval import IntervalTrigger

    return IntervalTrigger(seconds=0.02, timezone="UTC")


def _holder(jobs: SqlJobs) -> str:
    with jobs._database.read() as connection:
        return str(connection.exec_driver_sql("SELECT holder FROM leases").scalar_one())


def _until(true: object, seconds: float = 60.0) -> None:
    step, waited = threading.Event(), 0.0
    assert callable(true)
    while not true():
        assert waited < seconds, "it did not come about in time"
        step.wait(0.01)
        waited += 0.01
