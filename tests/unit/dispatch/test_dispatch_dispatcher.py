"""Every message ends delivered or parked, lanes keep their order, and nobody waits for somebody else's receiver."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.dispatch.dispatcher import Dispatcher
from supplychain.dispatch.outcome import Outcome
from supplychain.dispatch.pacing import Breakers
from supplychain.domain.errors import SettingsError, UnavailableError
from supplychain.planning.ports import Message
from supplychain.settings import DispatchSettings
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore

SETTINGS = DispatchSettings(attempts=3, first_retry_seconds=1.0, timeout_seconds=15, lease_seconds=60)


class Clock:
    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Scripted:
    """A channel that answers as its script says, lane by lane; then it accepts everything."""

    def __init__(self, script: Mapping[str, list[Outcome | Exception]] | None = None) -> None:
        self.script = {lane: list(steps) for lane, steps in (script or {}).items()}
        self.asked: list[str] = []
        self.accepted: list[str] = []
        self.during: Callable[[Message], None] = lambda message: None
        self._lock = threading.Lock()

    def deliver(self, message: Message) -> Outcome:
        self.during(message)
        with self._lock:
            self.asked.append(message.message)
            steps = self.script.get(message.lane)
            step = steps.pop(0) if steps else Outcome.delivered()
            if isinstance(step, Exception):
                raise step
            if step.verdict == "delivered":
                self.accepted.append(message.message)
            return step

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def file_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('dispatch')}/test.db")
    upgrade(database)
    yield SqlStore(database)
    database.close()


@pytest.fixture
def store(file_store: SqlStore) -> SqlStore:
    _empty(file_store)
    return file_store


def _empty(store: SqlStore) -> None:
    with store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM outbox")


def _send(store: SqlStore, *names: str, channel: str = "supplier") -> None:
    """Put messages into the outbox; the lane is what stands before the dash."""
    with store.write() as tx:
        for name in names:
            lane = name.split("-")[0]
            assert tx.bridge.send(Message(name, channel, lane, "order", b'{"id":1}', (), 0), 1)


def _states(store: SqlStore) -> dict[str, str]:
    with store.read() as tx:
        return {m.message: m.state for m in tx.bridge.messages()}


def _stored(store: SqlStore, name: str) -> Message:
    with store.read() as tx:
        return next(m for m in tx.bridge.messages() if m.message == name)


def _dispatcher(
    store: SqlStore,
    clock: Clock,
    channel: Scripted,
    *,
    holder: str = "here",
    breakers: Breakers | None = None,
    kind: type[Dispatcher] = Dispatcher,
) -> Dispatcher:
    def no_publisher() -> Any:
        raise UnavailableError("no broker in this test")

    made = kind(
        store,
        no_publisher,
        SETTINGS,
        {},
        lambda supplier: None,
        clock,
        out_dir=Path("/nowhere"),
        holder=holder,
        breakers=breakers or Breakers(threshold=100),
    )
    made._channels["supplier"] = channel
    return made


def test_a_lane_waits_for_its_head(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("busy")]})
    _send(store, "S1-1", "S1-2", "S2-1", "S2-2")
    dispatcher = _dispatcher(store, clock, channel)
    assert dispatcher.drain_once() == 2
    assert channel.accepted == ["S2-1", "S2-2"]
    failed = _stored(store, "S1-1")
    assert (failed.state, failed.attempts, failed.error) == ("pending", 1, "busy")
    assert clock.now + 500 <= failed.next_wall <= clock.now + 1_000
    assert dispatcher.drain_once() == 0
    clock.now += 1_000
    assert dispatcher.drain_once() == 2
    assert channel.accepted[2:] == ["S1-1", "S1-2"]


def test_after_its_attempts_a_message_is_parked_where_it_can_be_seen(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("answered 500")] * 3})
    _send(store, "S1-1", "S1-2")
    dispatcher = _dispatcher(store, clock, channel)
    for _ in range(3):
        dispatcher.drain_once()
        clock.now += 10_000
    parked = _stored(store, "S1-1")
    assert (parked.state, parked.error) == ("parked", "3 attempts, the last: answered 500")
    assert channel.accepted == ["S1-2"]
    with store.write() as tx:
        tx.bridge.redeliver("S1-1", clock.now)
    assert dispatcher.drain_once() == 1
    assert channel.accepted == ["S1-2", "S1-1"]


def test_what_only_a_person_can_mend_is_parked_at_once(store: SqlStore) -> None:
    channel = Scripted({"S1": [Outcome.park("answered 410")]})
    _send(store, "S1-1", "S1-2")
    assert _dispatcher(store, Clock(), channel).drain_once() == 1
    assert _stored(store, "S1-1").error == "answered 410"
    assert channel.accepted == ["S1-2"]


def test_the_pause_a_receiver_asks_for_is_kept_within_a_day(store: SqlStore) -> None:
    clock = Clock()
    channel = Scripted({"S1": [Outcome.retry("429", 120_000)], "S2": [Outcome.retry("429", 10**12)]})
    _send(store, "S1-1", "S2-1")
    _dispatcher(store, clock, channel).drain_once()
    assert _stored(store, "S1-1").next_wall == clock.now + 120_000
    assert _stored(store, "S2-1").next_wall == clock.now + 24 * 3_600_000


def test_the_next_message_of_a_receiver_that_is_down_is_put_off(store: SqlStore) -> None:
    clock = Clock()
    channel = Scripted({"S1": [Outcome.retry("down")] * 3})
    breakers = Breakers(threshold=3, first_ms=60_000)
    _send(store, "S1-1", "S1-2", "S2-1")
    dispatcher = _dispatcher(store, clock, channel, breakers=breakers)
    for _ in range(3):
        dispatcher.drain_once()
        clock.now += 5_000
    waiting = _stored(store, "S1-2")
    assert waiting.state == "pending"
    assert "left alone" in (waiting.error or "")
    assert channel.asked.count("S1-2") == 0
    assert dispatcher.open_circuits() == [("supplier", "S1")]
    clock.now = waiting.next_wall
    assert dispatcher.drain_once() == 1
    assert dispatcher.open_circuits() == []


def test_no_transaction_is_open_while_talking(store: SqlStore) -> None:
    channel = Scripted()
    wrote: list[str] = []

    def write_meanwhile(message: Message) -> None:
        def write() -> None:
            with store.write() as tx:
                wrote.append(f"{message.message}: {tx.bridge.pending()}")

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(5)

    channel.during = write_meanwhile
    _send(store, "S1-1")
    assert _dispatcher(store, Clock(), channel).drain_once() == 1
    assert wrote == ["S1-1: 1"]


def test_an_unforeseen_fault_of_a_channel_loses_nothing(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [ZeroDivisionError("oh")]})
    _send(store, "S1-1")
    dispatcher = _dispatcher(store, clock, channel)
    assert dispatcher.drain_once() == 0
    assert _stored(store, "S1-1").error == "ZeroDivisionError: oh"
    clock.now += 1_000
    assert dispatcher.drain_once() == 1


def test_a_slow_supplier_delays_nobody(store: SqlStore) -> None:
    release, begun = threading.Event(), threading.Event()
    channel = Scripted()

    def hold_slow(message: Message) -> None:
        if message.lane == "slow":
            begun.set()
            release.wait(60)

    channel.during = hold_slow
    _send(store, "slow-1", "slow-2", *(f"S{n}-{m}" for n in range(6) for m in range(3)))
    dispatcher, stop = _dispatcher(store, Clock(), channel), threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        assert begun.wait(30)
        _until(lambda: len(channel.accepted) == 18)
        assert _states(store)["slow-1"] == "claimed"
    finally:
        release.set()
        _until(lambda: "slow-2" in channel.accepted)
        stop.set()
        thread.join(30)
    assert set(_states(store).values()) == {"delivered"}


class Lingering(Dispatcher):
    """Its threads settle a message and take their time before they are free again."""

    linger: Callable[[], None]

    def _settle(self, message: Message, settled: Any) -> None:
        super()._settle(message, settled)
        self.linger()


def test_threads_that_are_free_a_moment_after_they_settled_are_used_at_once(store: SqlStore) -> None:
    looked = threading.Semaphore(0)

    class Looked(Clock):
        def __call__(self) -> int:
            if threading.current_thread() is thread:
                looked.release()
            return super().__call__()

    def until_looked_for_work() -> None:
        for _ in range(3):
            assert looked.acquire(timeout=30)

    channel = Scripted()
    _send(store, *(f"S{n}-1" for n in range(20)))
    dispatcher, stop = _dispatcher(store, Looked(), channel, kind=Lingering), threading.Event()
    assert isinstance(dispatcher, Lingering)
    dispatcher.linger = until_looked_for_work
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    _until(lambda: len(channel.accepted) == 20)
    dispatcher.linger = lambda: None
    looked.release(60)
    stop.set()
    thread.join(30)
    assert set(_states(store).values()) == {"delivered"}


def test_receivers_that_failed_use_threads_of_their_own(store: SqlStore) -> None:
    clock, release = Clock(), threading.Event()
    dead = [f"D{n}" for n in range(20)]
    channel = Scripted({lane: [Outcome.retry("down")] for lane in dead})
    _send(store, *(f"{lane}-1" for lane in dead))
    dispatcher = _dispatcher(store, clock, channel)
    dispatcher.drain_once()
    channel.during = lambda message: None if message.lane == "S1" else _wait(release)
    clock.now += 1_000
    _send(store, "S1-1")
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: channel.accepted == ["S1-1"])
    finally:
        release.set()
        _until(lambda: len(channel.accepted) == 21)
        stop.set()
        thread.join(30)


def test_a_dead_dispatchers_messages_go_out_when_the_lease_is_over(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted()
    _send(store, "S1-1", "S1-2")
    with store.write() as tx:
        assert [m.message for m in tx.bridge.claim("supplier", "dead", clock.now, 60_000, 10)] == ["S1-1"]
    dispatcher = _dispatcher(store, clock, channel)
    assert dispatcher.drain_once() == 0
    clock.now += 60_000
    assert dispatcher.drain_once() == 2
    assert channel.accepted == ["S1-1", "S1-2"]


@pytest.mark.parametrize(("point", "times"), [("dispatch-claimed", 1), ("dispatch-delivered", 2)])
def test_a_process_that_ends_at_a_named_point_loses_no_message(store: SqlStore, point: str, times: int) -> None:
    class EndedError(BaseException):
        pass

    def crash(reached: str) -> None:
        if reached == point:
            raise EndedError

    clock, channel = Clock(), Scripted()
    _send(store, "S1-1", "S1-2")
    first = _dispatcher(store, clock, channel)
    first._crash = crash
    with pytest.raises(EndedError):
        first.drain_once()
    assert _states(store) == {"S1-1": "claimed", "S1-2": "pending"}
    clock.now += 60_000
    assert _dispatcher(store, clock, channel, holder="next").drain_once() == 2
    assert channel.accepted == ["S1-1"] * times + ["S1-2"]


def test_two_dispatchers_share_the_work(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted()
    _send(store, *(f"S{n}-{m}" for m in range(5) for n in range(8)))
    both = [_dispatcher(store, clock, channel, holder=name) for name in ("one", "two")]
    stop = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stop,)) for each in both]
    for thread in threads:
        thread.start()
    _until(lambda: len(channel.accepted) >= 40)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert len(channel.asked) == 40
    for n in range(8):
        mine = [name for name in channel.accepted if name.startswith(f"S{n}-")]
        assert mine == sorted(mine)


class FlakyStore:
    """A store whose next writes fail."""

    def __init__(self, store: SqlStore) -> None:
        self.inner = store
        self.failures = 0

    def read(self) -> Any:
        return self.inner.read()

    def write(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("database is away")
        return self.inner.write()


def test_an_outcome_is_written_down_as_soon_as_the_database_is_back(store: SqlStore) -> None:
    flaky, channel = FlakyStore(store), Scripted()
    channel.during = lambda message: setattr(flaky, "failures", 2)
    _send(store, "S1-1")
    assert _dispatcher(flaky, Clock(), channel).drain_once() == 1  # type: ignore[arg-type]  # a store that fails
    assert _states(store) == {"S1-1": "delivered"}


def test_the_loop_survives_a_database_that_is_away(store: SqlStore) -> None:
    flaky, channel = FlakyStore(store), Scripted()
    flaky.failures = 1
    _send(store, "S1-1")
    stop = threading.Event()
    dispatcher = _dispatcher(flaky, Clock(), channel)  # type: ignore[arg-type]  # a store that fails
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    _until(lambda: channel.accepted == ["S1-1"])
    stop.set()
    thread.join(30)


def test_what_no_thread_has_begun_is_given_back_at_the_end(store: SqlStore) -> None:
    release, clock, channel = threading.Event(), Clock(), Scripted()
    channel.during = lambda message: _wait(release)
    dead = [f"D{n}" for n in range(6)]
    breakers = Breakers(threshold=100)
    for lane in dead:
        breakers.failed("supplier", lane, clock.now)
    _send(store, *(f"{lane}-1" for lane in dead))
    dispatcher = _dispatcher(store, clock, channel, breakers=breakers)
    assert len(dispatcher._start_due(clock.now)) == 6
    closing = threading.Thread(target=dispatcher.close)
    closing.start()
    _until(lambda: list(_states(store).values()).count("pending") == 2)
    release.set()
    closing.join(30)
    assert sorted(_states(store).values()) == ["delivered"] * 4 + ["pending"] * 2


def test_an_idle_poll_writes_nothing(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("busy")]})
    flaky = FlakyStore(store)
    dispatcher = _dispatcher(flaky, clock, channel)  # type: ignore[arg-type]  # a store that fails
    flaky.failures = 1
    assert dispatcher._start_due(clock.now) == set()
    flaky.failures = 0
    _send(store, "S1-1")
    dispatcher.drain_once()
    dispatcher._start_due(clock.now)
    flaky.failures = 1
    assert dispatcher._start_due(clock.now + 1) == set()
    flaky.failures = 0
    _send(store, "S2-1")
    assert len(dispatcher._start_due(clock.now + 2)) == 1
    dispatcher.close()


def test_a_lease_must_outlast_an_attempt(store: SqlStore) -> None:
    with pytest.raises(SettingsError, match="twice"):
        Dispatcher(
            store,
            lambda: pytest.fail("no producer is needed"),
            DispatchSettings(timeout_seconds=40, lease_seconds=60),
            {},
            lambda supplier: None,
            Clock(),
            out_dir=Path("/nowhere"),
        )


_STEPS = st.lists(
    st.sampled_from([Outcome.delivered(), Outcome.retry("busy"), Outcome.retry("429", 7_000), Outcome.park("gone")]),
    max_size=8,
)


@pytest.mark.parametrize("jump_ms", [-600_000, 600_000])
def test_clock_that_jumps_in_mid_attempt_delivers_nothing_twice(store: SqlStore, jump_ms: int) -> None:
    clock, release, begun = Clock(), threading.Event(), threading.Event()
    channel = Scripted()

    def hold(message: Message) -> None:
        begun.set()
        release.wait(60)

    channel.during = hold
    names = [f"S{n}-{m}" for n in range(3) for m in range(2)]
    _send(store, *names)
    dispatcher, stop = _dispatcher(store, clock, channel), threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        assert begun.wait(30)
        clock.now += jump_ms
        looked = len(channel.asked)
        assert looked == 0, "attempts are still held"
    finally:
        release.set()
        clock.now += abs(jump_ms)
        _until(lambda: set(_states(store).values()) == {"delivered"})
        stop.set()
        thread.join(30)
    assert sorted(channel.accepted) == sorted(names), "a lease that ran out by the clock alone is no second attempt"


def test_other_dispatcher_whose_clock_runs_ahead_sends_the_same_id_again_and_nothing_is_lost(store: SqlStore) -> None:
    here, ahead = Clock(), Clock(1_000_000 + 600_000)
    channel, other = Scripted(), Scripted()
    taken = _dispatcher(store, here, channel)
    crash: list[str] = []

    def take_over(message: Message) -> None:
        if not crash:
            crash.append(message.message)
            assert _dispatcher(store, ahead, other, holder="there").drain_once() == 1

    channel.during = take_over
    _send(store, "S1-1")
    taken.drain_once()
    assert channel.accepted == other.accepted == ["S1-1"], "the receiver knows the id and takes it once"
    assert _states(store) == {"S1-1": "delivered"}


@settings(max_examples=25, deadline=None)
@given(scripts=st.tuples(_STEPS, _STEPS, _STEPS), counts=st.tuples(*[st.integers(1, 4)] * 3))
def test_whatever_receivers_do_each_message_ends_and_lanes_keep_order(
    file_store: SqlStore, scripts: tuple[list[Outcome], ...], counts: tuple[int, ...]
) -> None:
    _empty(file_store)
    clock = Clock()
    channel = Scripted({f"S{n}": list(script) for n, script in enumerate(scripts)})
    names = [f"S{n}-{m}" for n, count in enumerate(counts) for m in range(count)]
    _send(file_store, *names)
    dispatcher = _dispatcher(file_store, clock, channel, breakers=Breakers(threshold=2, first_ms=2_000))
    for _ in range(60):
        dispatcher.drain_once()
        clock.now += 60_000
        if set(_states(file_store).values()) <= {"delivered", "parked"}:
            break
    dispatcher.close()
    states = _states(file_store)
    assert set(states.values()) <= {"delivered", "parked"}
    assert sorted(channel.accepted) == sorted(name for name, state in states.items() if state == "delivered")
    for n in range(3):
        mine = [name for name in channel.accepted if name.startswith(f"S{n}-")]
        assert mine == sorted(set(mine))


def _wait(event: threading.Event) -> None:
    event.wait(60)


def _until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    step, waited = threading.Event(), 0.0
    while not true():
        assert waited < seconds, "it did not come about in time"
        step.wait(0.01)
        waited += 0.01
