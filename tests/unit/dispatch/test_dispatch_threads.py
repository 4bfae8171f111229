"""Nobody waits for somebody else's receiver, free threads are used at once, and clocks that jump double nothing."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from supplychain.dispatch.dispatcher import Dispatcher
from supplychain.dispatch.outcome import Outcome
from supplychain.planning.ports import Message
from supplychain.storage.store import SqlStore
from tests.unit.dispatch.outbox_stage import (
    Clock,
    Scripted,
    make_dispatcher,
    send,
    states_of,
    until,
    wait_for,
)


def test_a_slow_supplier_delays_nobody(store: SqlStore) -> None:
    release, begun = threading.Event(), threading.Event()
    channel = Scripted()

    def hold_slow(message: Message) -> None:
        if message.lane == "slow":
            begun.set()
            release.wait(60)

    channel.during = hold_slow
    send(store, "slow-1", "slow-2", *(f"S{n}-{m}" for n in range(6) for m in range(3)))
    dispatcher, stop = make_dispatcher(store, Clock(), channel), threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        assert begun.wait(30)
        until(lambda: len(channel.accepted) == 18)
        assert states_of(store)["slow-1"] == "claimed"
    finally:
        release.set()
        until(lambda: "slow-2" in channel.accepted)
        stop.set()
        thread.join(30)
    assert set(states_of(store).values()) == {"delivered"}


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
    send(store, *(f"S{n}-1" for n in range(20)))
    dispatcher, stop = make_dispatcher(store, Looked(), channel, kind=Lingering), threading.Event()
    assert isinstance(dispatcher, Lingering)
    dispatcher.linger = until_looked_for_work
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    until(lambda: len(channel.accepted) == 20)
    dispatcher.linger = lambda: None
    looked.release(60)
    stop.set()
    thread.join(30)
    assert set(states_of(store).values()) == {"delivered"}


def test_receivers_that_failed_use_threads_of_their_own(store: SqlStore) -> None:
    clock, release = Clock(), threading.Event()
    dead = [f"D{n}" for n in range(20)]
    channel = Scripted({lane: [Outcome.retry("down")] for lane in dead})
    send(store, *(f"{lane}-1" for lane in dead))
    dispatcher = make_dispatcher(store, clock, channel)
    dispatcher.drain_once()
    channel.during = lambda message: None if message.lane == "S1" else wait_for(release)
    clock.now += 1_000
    send(store, "S1-1")
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        until(lambda: channel.accepted == ["S1-1"])
    finally:
        release.set()
        until(lambda: len(channel.accepted) == 21)
        stop.set()
        thread.join(30)


def test_a_claim_that_comes_while_its_attempt_ends_is_taken_up(store: SqlStore) -> None:
    clock, channel = Clock(), Scripted({"S1": [Outcome.retry("busy")]})
    send(store, "S1-1", "S1-2")
    dispatcher = make_dispatcher(store, clock, channel, kind=Lingering)
    assert isinstance(dispatcher, Lingering)
    begun: list[int] = []

    def claim_again_before_the_thread_is_free() -> None:
        if not begun:
            begun.append(1)
            clock.now += 30_000
            assert dispatcher._start_due(clock.now, eager=True) == set()  # the loop's own look, at this very moment

    dispatcher.linger = claim_again_before_the_thread_is_free
    dispatcher.drain_once()
    until(lambda: states_of(store)["S1-1"] == "delivered")
    until(lambda: dispatcher.drain_once() >= 0 and set(states_of(store).values()) == {"delivered"})
    assert channel.asked == ["S1-1", "S1-1", "S1-2"]
    dispatcher.close()


def test_a_message_that_is_delivered_between_its_second_claim_and_its_start_goes_out_once(store: SqlStore) -> None:
    """Its lease ran out by the clock while it was under way; the loop has claimed it again when the attempt ends well."""
    clock, release, begun = Clock(), threading.Event(), threading.Event()
    channel = Scripted()

    class Slow(Dispatcher):
        def _submit(self, job: Any) -> Any:
            if begun.is_set():
                release.set()
                until(lambda: job.message.message not in self._running)
            return super()._submit(job)

    def hold(message: Message) -> None:
        begun.set()
        wait_for(release)

    channel.during = hold
    send(store, "S1-1")
    dispatcher = make_dispatcher(store, clock, channel, kind=Slow)
    dispatcher._start_due(clock.now, eager=True)
    wait_for(begun)
    clock.now += 600_000
    send(store, "S2-1")  # something else is due, so that the loop claims
    dispatcher._start_due(clock.now, eager=True)
    until(lambda: set(states_of(store).values()) == {"delivered"})
    dispatcher.close()
    assert sorted(channel.accepted) == ["S1-1", "S2-1"]


@pytest.mark.parametrize("jump_ms", [-600_000, 600_000])
def test_clock_that_jumps_in_mid_attempt_delivers_nothing_twice(store: SqlStore, jump_ms: int) -> None:
    clock, release, begun = Clock(), threading.Event(), threading.Event()
    channel = Scripted()

    def hold(message: Message) -> None:
        begun.set()
        release.wait(60)

    channel.during = hold
    names = [f"S{n}-{m}" for n in range(3) for m in range(2)]
    send(store, *names)
    dispatcher, stop = make_dispatcher(store, clock, channel), threading.Event()
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
        until(lambda: set(states_of(store).values()) == {"delivered"})
        stop.set()
        thread.join(30)
    assert sorted(channel.accepted) == sorted(names), "a lease that ran out by the clock alone is no second attempt"


def test_other_dispatcher_whose_clock_runs_ahead_sends_the_same_id_again_and_nothing_is_lost(store: SqlStore) -> None:
    here, ahead = Clock(), Clock(1_000_000 + 600_000)
    channel, other = Scripted(), Scripted()
    taken = make_dispatcher(store, here, channel)
    crash: list[str] = []

    def take_over(message: Message) -> None:
        if not crash:
            crash.append(message.message)
            assert make_dispatcher(store, ahead, other, holder="there").drain_once() == 1

    channel.during = take_over
    send(store, "S1-1")
    taken.drain_once()
    assert channel.accepted == other.accepted == ["S1-1"], "the receiver knows the id and takes it once"
    assert states_of(store) == {"S1-1": "delivered"}
