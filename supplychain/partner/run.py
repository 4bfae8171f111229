"""The stand-in as a process: serves until SIGTERM, reads allocation events, and lives by the wall clock if told so."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Final

import uvicorn
from fastapi import FastAPI

from supplychain import telemetry
from supplychain.broker.publisher import Publisher
from supplychain.broker.subscriber import Record, Subscriber
from supplychain.domain.errors import SupplyChainError, UnavailableError
from supplychain.domain.network import OpeningStock
from supplychain.messages.topics import ALLOCATIONS, SALES, STOCK
from supplychain.partner.buyers import OrderBook, Ways
from supplychain.partner.decisions import Temper
from supplychain.partner.desk import Desk
from supplychain.partner.journal import Journal
from supplychain.partner.server import create_app
from supplychain.partner.service import Publish, ServiceAnswers
from supplychain.partner.world import World

_LOG: Final = telemetry.log(__name__)
_POLL_SECONDS: Final = 0.25
_TICK_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0


def run_partner(
    host: str,
    port: int,
    service_url: str,
    bootstrap_url: str,
    secrets: Mapping[str, str],
    wall_clock: bool,
    seed: int,
    *,
    temper: Temper | None = None,
    multiples: Mapping[str, int] | None = None,
    stock: Iterable[OpeningStock] = (),
    opening_at: int | None = None,
    snapshot_every: int | None = None,
    ways: Ways | None = None,
    journal: Path | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve the stand-in until SIGTERM or SIGINT, in this thread.

    Parameters
    ----------
    service_url
        Where answers are posted, without path.
    bootstrap_url
        Broker addresses, host:port, separated by commas.
    secrets
        Signing secret by supplier.
    wall_clock
        True: business time is wall time, a step each second. False: only `POST /advance` moves it.
    multiples
        Batch multiple by offer, for short answers in whole batches.
    stock, snapshot_every
        See `World`.
    opening_at
        See `Desk.open`.
    ways
        Where buyers are served from; with it the sales topic is read, and goods leave for buyers.
    journal
        File that lets a restart forget nothing; in memory only when None.
    ready
        Called once the address is bound.

    Raises
    ------
    UnavailableError
        If the address is in use.
    """
    listener = _listener(host, port)
    book = OrderBook(ways) if ways is not None else None
    world = World(seed, temper=temper, multiples=multiples, stock=stock, snapshot_every=snapshot_every, book=book)
    answers = ServiceAnswers(service_url, secrets, wall_ms)
    publisher = Publisher(bootstrap_url, linger_ms=5, delivery_timeout_ms=30_000)
    desk = Desk(world, Journal(journal), answers, stock_publish(publisher))
    if opening_at is not None:
        desk.open(opening_at)
    topics = [ALLOCATIONS.name] if book is None else [ALLOCATIONS.name, SALES.name]
    workers: list[Callable[[Event], None]] = [lambda stopped: _listen(desk, bootstrap_url, topics, stopped)]
    if wall_clock:
        workers.append(lambda stopped: _tick(desk, stopped))
    try:
        _serve(create_app(desk, secrets), listener, workers, ready)
    finally:
        answers.close()
        desk.close()
        _close(publisher)


def _serve(
    app: FastAPI,
    listener: socket.socket,
    workers: Sequence[Callable[[Event], None]],
    ready: Callable[[], None] | None,
) -> None:
    """Serve with the workers at its side; they are told to stop when the server does."""
    stopped = Event()
    threads = [Thread(target=worker, args=(stopped,), daemon=True) for worker in workers]
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False))
    try:
        for thread in threads:
            thread.start()
        if ready is not None:
            ready()
        server.run(sockets=[listener])
    finally:
        stopped.set()
        for thread in threads:
            thread.join(5.0)
        listener.close()


class _Server(uvicorn.Server):
    """A server that a signal ends in order: uvicorn's own raises the signal again, and nothing behind it would be closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT end the server, nothing else."""
        if current_thread() is not main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as refused:
        detail = f"the partner cannot listen on {host}:{port}: {refused.strerror or refused}"
        raise UnavailableError(detail, way_out="choose another port", host=host, port=port) from refused


def _close(publisher: Publisher) -> None:
    try:
        publisher.close(5.0)
    except SupplyChainError as fault:
        _LOG.warning("stock reports were not confirmed at the end", reason=str(fault))


def stock_publish(publisher: Publisher) -> Publish:
    """Return the way stock reports are written: keyed by warehouse, and confirmed before it returns."""

    def publish(records: Sequence[tuple[str, bytes]]) -> None:
        for key, value in records:
            publisher.send(STOCK.name, key.encode(), value)
        publisher.flush(30.0)

    return publish


def wall_ms() -> int:
    """Return wall time in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def _listen(desk: Desk, bootstrap: str, topics: Sequence[str], stopped: Event) -> None:
    """Read allocation events and sales until told to stop; a broker that is away is asked again."""
    while not stopped.is_set():
        try:
            with Subscriber(bootstrap, "partner", topics) as reader:
                while not stopped.is_set():
                    _hear(desk, reader.poll(_POLL_SECONDS))
        except SupplyChainError as fault:
            _LOG.warning("the broker does not answer, asking again", reason=str(fault))
            stopped.wait(_PAUSE_SECONDS)


def _hear(desk: Desk, records: Iterable[Record]) -> None:
    sales: dict[int, list[bytes | None]] = {}
    for record in records:
        if record.topic == SALES.name:
            sales.setdefault(record.partition, []).append(record.value)
        else:
            desk.take_event(record.value)
    for partition, values in sales.items():
        desk.take_sales(partition, values)


def _tick(desk: Desk, stopped: Event) -> None:
    """Move business time with the wall clock."""
    while not stopped.wait(_TICK_SECONDS):
        done = desk.advance(wall_ms())
        if done.answers_waiting or done.stock_waiting:
            _LOG.warning("not everything could be handed over", answers=done.answers_waiting, stock=done.stock_waiting)
