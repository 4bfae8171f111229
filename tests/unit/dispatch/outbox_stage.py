"""An outbox, a clock and a channel for the tests of the dispatcher."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from supplychain.dispatch.dispatcher import Dispatcher
from supplychain.dispatch.outcome import Outcome
from supplychain.dispatch.pacing import Breakers
from supplychain.domain.errors import UnavailableError
from supplychain.planning.ports import Message
from supplychain.settings import DispatchSettings
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


def empty_outbox(store: SqlStore) -> None:
    with store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM outbox")


def send(store: SqlStore, *names: str, channel: str = "supplier") -> None:
    """Put messages into the outbox; the lane is what stands before the dash."""
    with store.write() as tx:
        for name in names:
            lane = name.split("-")[0]
            assert tx.bridge.send(Message(name, channel, lane, "order", b'{"id":1}', (), 0), 1)


def states_of(store: SqlStore) -> dict[str, str]:
    with store.read() as tx:
        return {m.message: m.state for m in tx.bridge.messages()}


def stored(store: SqlStore, name: str) -> Message:
    with store.read() as tx:
        return next(m for m in tx.bridge.messages() if m.message == name)


def make_dispatcher(
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


def wait_for(event: threading.Event) -> None:
    event.wait(60)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    step, waited = threading.Event(), 0.0
    while not true():
        assert waited < seconds, "it did not come about in time"
        step.wait(0.01)
        waited += 0.01
