"""Every message ends delivered or parked, lanes keep their order, and nobody waits for somebody else's receiver."""

import threading
from collections.abc import Iterator
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
from tests.unit.dispatch.outbox_stage import (
    Clock,
    Scripted,
    empty_outbox,
    make_dispatcher,
    send,
    states_of,
    stored,
    until,
    wait_for,
)


@pytest.fixture(scope="module")
def file_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('dispatch')}/test.db")
    upgrade(database)
    yield SqlStore(database)
    database.close()


@pytest.fixture
def store(file_store: SqlStore) -> SqlStore:
    empty_outbox(file_store)
    return file_store


def test_a_lane_waits_for_its_head(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("busy")]})
    send(store, "S1-1", "S1-2", "S2-1", "S2-2")
    dispatcher = make_dispatcher(store, clock, channel)
    assert dispatcher.drain_once() == 2
    assert channel.accepted == ["S2-1", "S2-2"]
    failed = stored(store, "S1-1")
    assert (failed.state, failed.attempts, failed.error) == ("pending", 1, "busy")
    assert clock.now + 500 <= failed.next_wall <= clock.now + 1_000
    assert dispatcher.drain_once() == 0
    clock.now += 1_000
    assert dispatcher.drain_once() == 2
    assert channel.accepted[2:] == ["S1-1", "S1-2"]


def test_after_its_attempts_a_message_is_parked_where_it_can_be_seen(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("answered 500")] * 3})
    send(store, "S1-1", "S1-2")
    dispatcher = make_dispatcher(store, clock, channel)
    for _ in range(3):
        dispatcher.drain_once()
        clock.now += 10_000
    parked = stored(store, "S1-1")
    assert (parked.state, parked.error) == ("parked", "3 attempts, the last: answered 500")
    assert channel.accepted == ["S1-2"]
    with store.write() as tx:
        tx.bridge.redeliver("S1-1", clock.now)
    assert dispatcher.drain_once() == 1
    assert channel.accepted == ["S1-2", "S1-1"]


def test_what_only_a_person_can_mend_is_parked_at_once(store: SqlStore) -> None:
    channel = Scripted({"S1": [Outcome.park("answered 410")]})
    send(store, "S1-1", "S1-2")
    assert make_dispatcher(store, Clock(), channel).drain_once() == 1
    assert stored(store, "S1-1").error == "answered 410"
    assert channel.accepted == ["S1-2"]


def test_the_pause_a_receiver_asks_for_is_kept_within_a_day(store: SqlStore) -> None:
    clock = Clock()
    channel = Scripted({"S1": [Outcome.retry("429", 120_000)], "S2": [Outcome.retry("429", 10**12)]})
    send(store, "S1-1", "S2-1")
    make_dispatcher(store, clock, channel).drain_once()
    assert stored(store, "S1-1").next_wall == clock.now + 120_000
    assert stored(store, "S2-1").next_wall == clock.now + 24 * 3_600_000


def test_the_next_message_of_a_receiver_that_is_down_is_put_off(store: SqlStore) -> None:
    clock = Clock()
    channel = Scripted({"S1": [Outcome.retry("down")] * 3})
    breakers = Breakers(threshold=3, first_ms=60_000)
    send(store, "S1-1", "S1-2", "S2-1")
    dispatcher = make_dispatcher(store, clock, channel, breakers=breakers)
    for _ in range(3):
        dispatcher.drain_once()
        clock.now += 5_000
    waiting = stored(store, "S1-2")
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
    send(store, "S1-1")
    assert make_dispatcher(store, Clock(), channel).drain_once() == 1
    assert wrote == ["S1-1: 1"]


def test_an_unforeseen_fault_of_a_channel_loses_nothing(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [ZeroDivisionError("oh")]})
    send(store, "S1-1")
    dispatcher = make_dispatcher(store, clock, channel)
    assert dispatcher.drain_once() == 0
    assert stored(store, "S1-1").error == "ZeroDivisionError: oh"
    clock.now += 1_000
    assert dispatcher.drain_once() == 1


def test_a_dead_dispatchers_messages_go_out_when_the_lease_is_over(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted()
    send(store, "S1-1", "S1-2")
    with store.write() as tx:
        assert [m.message for m in tx.bridge.claim("supplier", "dead", clock.now, 60_000, 10)] == ["S1-1"]
    dispatcher = make_dispatcher(store, clock, channel)
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
    send(store, "S1-1", "S1-2")
    first = make_dispatcher(store, clock, channel)
    first._crash = crash
    with pytest.raises(EndedError):
        first.drain_once()
    assert states_of(store) == {"S1-1": "claimed", "S1-2": "pending"}
    clock.now += 60_000
    assert make_dispatcher(store, clock, channel, holder="next").drain_once() == 2
    assert channel.accepted == ["S1-1"] * times + ["S1-2"]


def test_two_dispatchers_share_the_work(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted()
    send(store, *(f"S{n}-{m}" for m in range(5) for n in range(8)))
    both = [make_dispatcher(store, clock, channel, holder=name) for name in ("one", "two")]
    stop = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stop,)) for each in both]
    for thread in threads:
        thread.start()
    until(lambda: len(channel.accepted) >= 40)
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
    send(store, "S1-1")
    assert make_dispatcher(flaky, Clock(), channel).drain_once() == 1  # type: ignore[arg-type]  # a store that fails
    assert states_of(store) == {"S1-1": "delivered"}


def test_the_loop_survives_a_database_that_is_away(store: SqlStore) -> None:
    flaky, channel = FlakyStore(store), Scripted()
    flaky.failures = 1
    send(store, "S1-1")
    stop = threading.Event()
    dispatcher = make_dispatcher(flaky, Clock(), channel)  # type: ignore[arg-type]  # a store that fails
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    until(lambda: channel.accepted == ["S1-1"])
    stop.set()
    thread.join(30)


def test_what_no_thread_has_begun_is_given_back_at_the_end(store: SqlStore) -> None:
    release, clock, channel = threading.Event(), Clock(), Scripted()
    channel.during = lambda message: wait_for(release)
    dead = [f"D{n}" for n in range(6)]
    breakers = Breakers(threshold=100)
    for lane in dead:
        breakers.failed("supplier", lane, clock.now)
    send(store, *(f"{lane}-1" for lane in dead))
    dispatcher = make_dispatcher(store, clock, channel, breakers=breakers)
    assert len(dispatcher._start_due(clock.now)) == 6
    closing = threading.Thread(target=dispatcher.close)
    closing.start()
    until(lambda: list(states_of(store).values()).count("pending") == 2)
    release.set()
    closing.join(30)
    assert sorted(states_of(store).values()) == ["delivered"] * 4 + ["pending"] * 2


def test_an_idle_poll_writes_nothing(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("busy")]})
    flaky = FlakyStore(store)
    dispatcher = make_dispatcher(flaky, clock, channel)  # type: ignore[arg-type]  # a store that fails
    flaky.failures = 1
    assert dispatcher._start_due(clock.now) == set()
    flaky.failures = 0
    send(store, "S1-1")
    dispatcher.drain_once()
    dispatcher._start_due(clock.now)
    flaky.failures = 1
    assert dispatcher._start_due(clock.now + 1) == set()
    flaky.failures = 0
    send(store, "S2-1")
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


@settings(max_examples=25, deadline=None)
@given(scripts=st.tuples(_STEPS, _STEPS, _STEPS), counts=st.tuples(*[st.integers(1, 4)] * 3))
def test_whatever_receivers_do_each_message_ends_and_lanes_keep_order(
    file_store: SqlStore, scripts: tuple[list[Outcome], ...], counts: tuple[int, ...]
) -> None:
    empty_outbox(file_store)
    clock = Clock()
    channel = Scripted({f"S{n}": list(script) for n, script in enumerate(scripts)})
    names = [f"S{n}-{m}" for n, count in enumerate(counts) for m in range(count)]
    send(file_store, *names)
    dispatcher = make_dispatcher(file_store, clock, channel, breakers=Breakers(threshold=2, first_ms=2_000))
    for _ in range(60):
        dispatcher.drain_once()
        clock.now += 60_000
        if set(states_of(file_store).values()) <= {"delivered", "parked"}:
            break
    dispatcher.close()
    states = states_of(file_store)
    assert set(states.values()) <= {"delivered", "parked"}
    assert sorted(channel.accepted) == sorted(name for name, state in states.items() if state == "delivered")
    for n in range(3):
        mine = [name for name in channel.accepted if name.startswith(f"S{n}-")]
        assert mine == sorted(set(mine))
