"""The dispatcher role: takes what is due from the outbox, hands it over, and writes down what came of it.

One short transaction claims the heads of lanes, another settles each attempt; between them nothing is open but the
conversation. A message whose dispatcher died is claimed again when its lease has run out, so an attempt must end well
before that: the receiver may see a message twice, under one id, and never two of a lane out of order.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from supplychain import telemetry
from supplychain.dispatch.edi import FileFormat
from supplychain.dispatch.egress import Resolver, resolve
from supplychain.dispatch.file_drop import FileDrop
from supplychain.dispatch.outcome import Channel, Outcome, Verdict
from supplychain.dispatch.pacing import LONGEST_ASKED_PAUSE_MS, Breakers, pause_ms
from supplychain.dispatch.records import EVENT_HEADERS, RecordChannel, RecordPublisher, SharedPublisher
from supplychain.dispatch.webhook import Endpoints, SupplierWebhook
from supplychain.domain.errors import SettingsError, SupplyChainError, UnavailableError
from supplychain.domain.units import SECOND
from supplychain.messages.topics import ALLOCATIONS, TUNING
from supplychain.planning.ports import Message, Store, WallClock
from supplychain.settings import DispatchSettings

_LOG: Final = telemetry.log(__name__)
_THREADS: Final = {"supplier": 8, "allocations": 4, "tuning": 1, "file": 1}
_SUSPECT_THREADS: Final = 4
"""Threads for receivers whose last attempt failed, apart from the others: slow ones hold up each other only."""
_SETTLE_ATTEMPTS: Final = 5
_CLAIMS_KNOWN: Final = 64
"""How many claims back the end of an attempt is known."""
_QUIET_MS: Final = 500
"""How often waiting messages are looked at when none of them was due and no new one came."""


@dataclass(frozen=True, slots=True)
class _Job:
    message: Message
    leased_until: int
    suspect: bool
    claim: int


@dataclass(frozen=True, slots=True)
class _Settled:
    """What to write down: delivered, parked, retried or put off, and when it was or will be."""

    name: str
    error: str
    next_wall: int

    @property
    def delivered(self) -> bool:
        return self.name == "delivered"


class Dispatcher:
    """Delivers messages of the outbox; several processes may run one each.

    Parameters
    ----------
    publisher_factory
        Makes the producer for Kafka records when the first is due. Its delivery timeout should be below
        `settings.timeout_seconds`.
    secrets
        Signing secrets by name, see `load_secrets`.
    endpoints
        Supplier in, `Endpoint` out; `CatalogueEndpoints` reads the active network.
    out_dir
        Folder for orders of suppliers without an endpoint.
    file_formats
        Form of those files by supplier: json (where nothing is said), x12 or edifact.
    allowed_hosts
        Hosts, with or without port, that webhooks may reach inside our own network.
    holder
        Name in the leases; this machine and process when None.
    crash
        Called at named points, so that tests can end the process there.

    Raises
    ------
    SettingsError
        If a lease could run out during an attempt.
    """

    def __init__(
        self,
        store: Store,
        publisher_factory: Callable[[], RecordPublisher],
        settings: DispatchSettings,
        secrets: Mapping[str, str],
        endpoints: Endpoints,
        wall: WallClock,
        *,
        out_dir: Path,
        file_formats: Mapping[str, FileFormat] | None = None,
        allowed_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        breakers: Breakers | None = None,
        holder: str | None = None,
        crash: Callable[[str], None] = lambda point: None,
    ) -> None:
        if settings.lease_seconds < 2 * settings.timeout_seconds:
            raise SettingsError(
                "dispatch.lease_seconds must be at least twice dispatch.timeout_seconds",
                way_out="else a slow attempt would be repeated while it still runs",
                field="dispatch.lease_seconds",
            )
        self._store = store
        self._settings = settings
        self._wall = wall
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._claim, self._ended = 0, dict[str, int]()
        self._breakers = breakers or Breakers()
        self._crash = crash
        self._publisher = SharedPublisher(publisher_factory)
        files = FileDrop(out_dir, file_formats)
        webhook = SupplierWebhook(
            endpoints,
            secrets,
            timeout_seconds=settings.timeout_seconds,
            wall=wall,
            allowed_hosts=allowed_hosts,
            resolver=resolver,
            without_endpoint=files.deliver,
        )
        self._channels: dict[str, Channel] = {
            "supplier": webhook,
            "file": files,
            **_record_channels(self._publisher, settings.timeout_seconds),
        }
        self._pools = {
            name: ThreadPoolExecutor(_THREADS[name], thread_name_prefix=f"dispatch-{name}") for name in self._channels
        }
        self._suspects = ThreadPoolExecutor(_SUSPECT_THREADS, thread_name_prefix="dispatch-suspect")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._running: dict[str, tuple[_Job, Future[bool]]] = {}
        self._again: dict[str, _Job] = {}
        self._quiet: tuple[int, int, int] | None = None

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set, then let running attempts end."""
        while not stop.is_set():
            try:
                started = self._start_due(self._wall())
            except Exception as fault:  # noqa: BLE001 - rim of the role: the outbox keeps what was not settled
                telemetry.LOOP_FAULTS.labels("dispatch").inc()
                _LOG.warning(
                    "outbox cannot be read", fault=str(fault), exc_info=not isinstance(fault, SupplyChainError)
                )
                stop.wait(1.0)
                continue
            if not started:
                self._wake.wait(self._settings.poll_milliseconds / SECOND)
            self._wake.clear()
        self.close()

    def drain_once(self) -> int:
        """Attempt every message that is due now, and those that become heads by it; return how many were delivered.

        A message that fails is not tried again by this call.
        """
        now, delivered = self._wall(), 0
        waiting: set[Future[bool]] = set()
        while True:
            waiting |= self._start_due(now, eager=True)
            if not waiting:
                return delivered
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            delivered += sum(future.result() for future in done)

    def open_circuits(self) -> list[tuple[str, str]]:
        """Return channel and lane of every receiver that is left alone for now."""
        return self._breakers.open_lanes(self._wall())

    def close(self) -> None:
        """Give back what no thread has begun, let running attempts end, and close the channels."""
        pools = (*self._pools.values(), self._suspects)
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            unbegun = [job.message for job, future in self._running.values() if future.cancelled()]
            self._running = {key: pair for key, pair in self._running.items() if not pair[1].cancelled()}
        for message in unbegun:
            self._settle(message, _put_off("the dispatcher stopped", self._wall()))
        for pool in pools:
            pool.shutdown(wait=True)
        for channel in self._channels.values():
            channel.close()
        self._publisher.close()

    def _start_due(self, now: int, *, eager: bool = False) -> set[Future[bool]]:
        """Claim what is due and hand it to threads; return the attempts begun.

        An idle poll reads only: writers of the database are not disturbed forty times a second.
        """
        with self._store.read() as tx:
            pending = tx.bridge.pending()
        with self._lock:
            free = self._free_threads()
            running = len(self._running)
        quiet = self._quiet is not None and self._quiet[:2] == (pending, running) and now < self._quiet[2]
        if pending <= running or not free or (quiet and not eager):
            return set()
        lease, claim = int(self._settings.lease_seconds * SECOND), self._next_claim()
        claimed: list[Message] = []
        with self._store.write() as tx:
            for channel, threads in free.items():
                claimed += tx.bridge.claim(channel, self._holder, now, lease, threads)
        # a thread that has settled its message is free a moment later: then what is due has to be looked for again
        self._quiet = None if claimed else (pending, running, now + _QUIET_MS)
        if claimed:
            self._crash("dispatch-claimed")
        jobs = [_Job(m, now + lease, not self._breakers.healthy(m.channel, m.lane), claim) for m in claimed]
        return {future for job in jobs if (future := self._submit(job)) is not None}

    def _next_claim(self) -> int:
        """Number of a claim about to begin; ends that came many claims ago are forgotten."""
        with self._lock:
            self._claim += 1
            self._ended = {name: at for name, at in self._ended.items() if at > self._claim - _CLAIMS_KNOWN}
            return self._claim

    def _free_threads(self) -> dict[str, int]:
        busy = dict.fromkeys(_THREADS, 0)
        for job, _ in self._running.values():
            busy[job.message.channel] += not job.suspect
        return {channel: left for channel, count in _THREADS.items() if (left := count - busy[channel]) > 0}

    def _submit(self, job: _Job) -> Future[bool] | None:
        message = job.message
        pool = self._suspects if job.suspect else self._pools[message.channel]
        with self._lock:
            if message.message in self._running:  # never two at once: its thread has settled it, or the lease ran out
                self._again[message.message] = job
                return None
            if self._ended.get(message.message, -1) >= job.claim:  # claimed while it ran, and delivered since
                return None
            future = pool.submit(self._attempt, job)
            self._running[message.message] = (job, future)
        return future

    def _attempt(self, job: _Job) -> bool:
        """Make one attempt and settle it; the body of a thread."""
        message, ended = job.message, False
        try:
            with telemetry.trace(message=message.message, channel=message.channel, lane=message.lane):
                verdict = self._judge(job)
                self._settle(message, verdict)
                ended = verdict.name in {"delivered", "parked"}
                return verdict.delivered
        finally:
            with self._lock:
                self._running.pop(message.message, None)
                if ended:
                    self._ended[message.message] = self._claim
                again = self._again.pop(message.message, None)
            if again is not None and not ended:
                self._take_up(again)
            self._wake.set()

    def _take_up(self, job: _Job) -> None:
        """Go on with a claim that came while the attempt before it was ending: nobody else would before its lease is over."""
        try:
            self._submit(job)
        except RuntimeError:  # the pools are closed
            self._settle(job.message, _put_off("the dispatcher stopped", self._wall()))

    def _judge(self, job: _Job) -> _Settled:
        """Deliver, unless the circuit is open or the lease nearly over, and decide what follows."""
        message, now = job.message, self._wall()
        blocked = self._breakers.blocked_until(message.channel, message.lane, now)
        if blocked is not None:
            return _put_off(f"{message.lane} failed several times in a row and is left alone for now", blocked)
        if now > job.leased_until - self._settings.timeout_seconds * SECOND:
            return _put_off("no thread was free in time", now)
        began = time.monotonic()
        try:
            outcome = self._channels[message.channel].deliver(message)
        except Exception as fault:  # noqa: BLE001 - rim: an order is never lost to a fault of a channel
            telemetry.LOOP_FAULTS.labels("dispatch").inc()
            _LOG.exception("a channel failed in an unforeseen way")
            outcome = Outcome.retry(f"{type(fault).__name__}: {fault}")
        self._crash("dispatch-delivered")
        telemetry.DELIVERY_SECONDS.labels(message.channel).observe(time.monotonic() - began)
        settled = self._decide(message, outcome, self._wall())
        telemetry.WEBHOOK_DELIVERIES.labels(message.channel, settled.name).inc()
        (_LOG.info if settled.delivered else _LOG.warning)(
            f"message {settled.name}", attempt=message.attempts, detail=outcome.detail, next_wall=settled.next_wall
        )
        return settled

    def _decide(self, message: Message, outcome: Outcome, now: int) -> _Settled:
        if outcome.verdict is Verdict.DELIVERED:
            self._breakers.succeeded(message.channel, message.lane)
            return _Settled("delivered", "", now)
        if outcome.verdict is Verdict.PARK:
            return _Settled("parked", outcome.detail, now)
        open_until = self._breakers.failed(message.channel, message.lane, now)
        if message.attempts >= self._settings.attempts:
            return _Settled("parked", f"{message.attempts} attempts, the last: {outcome.detail}", now)
        first = round(self._settings.first_retry_seconds * SECOND)
        asked = min(outcome.retry_after_ms, LONGEST_ASKED_PAUSE_MS)
        pause = max(asked, pause_ms(message.message, message.attempts, first))
        return _Settled("retried", outcome.detail, max(now + pause, open_until))

    def _settle(self, message: Message, settled: _Settled) -> None:
        """Write down what came of an attempt; when the database stays away, the lease brings the message back."""
        for attempt in range(_SETTLE_ATTEMPTS):
            try:
                with self._store.write() as tx:
                    if settled.delivered:
                        tx.bridge.delivered(message.message, settled.next_wall)
                    else:
                        parked = settled.name == "parked"
                        tx.bridge.failed(message.message, settled.error, settled.next_wall, parked=parked)
            except UnavailableError as fault:
                _LOG.warning("outcome not written down yet", outcome=settled.name, fault=str(fault))
                time.sleep(0.05 * 2**attempt)
            else:
                return
        _LOG.error("outcome lost, the message will go out again under its id", outcome=settled.name)


def _record_channels(publisher: SharedPublisher, seconds: float) -> dict[str, Channel]:
    return {
        "allocations": RecordChannel(ALLOCATIONS.name, publisher, timeout_seconds=seconds, headers=EVENT_HEADERS),
        "tuning": RecordChannel(TUNING.name, publisher, timeout_seconds=seconds),
    }


def _put_off(reason: str, until: int) -> _Settled:
    return _Settled("put off", reason, until)
