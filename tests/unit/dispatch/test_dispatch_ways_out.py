"""The whole way out: outbox, dispatcher, a supplier's HTTP server and the embedded broker, with their faults."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from standardwebhooks import Webhook

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher
from supplychain.dispatch.dispatcher import Dispatcher
from supplychain.dispatch.webhook import CatalogueEndpoints, Endpoint
from supplychain.domain.errors import NotFoundError
from supplychain.domain.network import Catalogue, Supplier
from supplychain.messages.codec import cloud_event
from supplychain.planning.ports import Message
from supplychain.settings import DispatchSettings
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Inbox:
    """A supplier: verifies, deduplicates by id; `before` may spoil an answer after the order was accepted."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.repeated: list[str] = []
        self.before: Callable[[str], int | None] = lambda identity: None
        self.port = 0

    def take(self, headers: dict[str, str], body: bytes) -> int | None:
        identity = Webhook(SECRET).verify(body, headers)["id"]
        assert identity == headers["webhook-id"]
        spoiled = self.before(identity)
        if spoiled is not None and spoiled != -1:
            return spoiled
        if identity in self.accepted:
            self.repeated.append(identity)
            return 409
        self.accepted.append(identity)
        return None if spoiled == -1 else 202


@contextmanager
def _listening(inbox: Inbox) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = inbox.take({key.lower(): value for key, value in self.headers.items()}, body)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    with _listening(made):
        yield made


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"allocations.v1": 2, "tuning.v1": 1}) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(f"sqlite:///{tmp_path}/test.db")
    upgrade(database)
    yield SqlStore(database)
    database.close()


class Shift:
    """Wall time that a test may push forward; signatures need the real one."""

    ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


def _send(store: SqlStore, channel: str, *names: str) -> None:
    with store.write() as tx:
        for name in names:
            lane = name.split("-")[0]
            body = cloud_event("supplychain.order.v1", name, "/here", name, 0, {"名": name}, lane)
            tx.bridge.send(Message(name, channel, lane, "order", body, (), 0), 1)


def _states(store: SqlStore) -> dict[str, str]:
    with store.read() as tx:
        return {m.message: m.state for m in tx.bridge.messages()}


def _dispatcher(store: SqlStore, wall: Shift, inbox: Inbox | None, out: Path, bootstrap: str = "") -> Dispatcher:
    port = inbox.port if inbox else 1
    return Dispatcher(
        store,
        lambda: Publisher(bootstrap, linger_ms=0, delivery_timeout_ms=1_500),
        DispatchSettings(timeout_seconds=4, attempts=4),
        {"key": SECRET},
        lambda supplier: None if supplier.startswith("F") else Endpoint(f"http://127.0.0.1:{port}/", "key"),
        wall,
        out_dir=out,
        allowed_hosts={"127.0.0.1"},
    )


def test_an_order_accepted_without_an_answer_is_accepted_once(store: SqlStore, inbox: Inbox, tmp_path: Path) -> None:
    first: list[str] = []

    def drop_first(identity: str) -> int | None:
        if identity == "S1-1" and not first:
            first.append(identity)
            return -1
        return None

    inbox.before = drop_first
    wall = Shift()
    _send(store, "supplier", "S1-1", "S1-2", "S2-1")
    dispatcher = _dispatcher(store, wall, inbox, tmp_path / "out")
    assert dispatcher.drain_once() == 1
    wall.ahead = 2_000
    assert dispatcher.drain_once() == 2
    dispatcher.close()
    assert sorted(inbox.accepted) == ["S1-1", "S1-2", "S2-1"]
    assert inbox.repeated == ["S1-1"]
    assert set(_states(store).values()) == {"delivered"}


def test_a_supplier_that_fails_is_parked_and_the_others_are_served(
    store: SqlStore, inbox: Inbox, tmp_path: Path
) -> None:
    inbox.before = lambda identity: 500 if identity.startswith("S1") else None
    wall = Shift()
    _send(store, "supplier", "S1-1", "S2-1", "S3-1")
    dispatcher = _dispatcher(store, wall, inbox, tmp_path / "out")
    delivered = 0
    for _ in range(4):
        delivered += dispatcher.drain_once()
        wall.ahead += 20_000
    dispatcher.close()
    assert delivered == 2
    assert _states(store) == {"S1-1": "parked", "S2-1": "delivered", "S3-1": "delivered"}


def test_a_supplier_without_endpoint_gets_files(store: SqlStore, tmp_path: Path) -> None:
    _send(store, "supplier", "F1-1")
    dispatcher = _dispatcher(store, Shift(), None, tmp_path / "out")
    assert dispatcher.drain_once() == 1
    dispatcher.close()
    (written,) = (tmp_path / "out" / "F1").iterdir()
    assert json.loads(written.read_bytes())["data"] == {"名": "F1-1"}


def test_allocations_keep_their_order_per_warehouse(store: SqlStore, broker: EmbeddedBroker, tmp_path: Path) -> None:
    names = [f"W{warehouse}-{number}" for number in range(5) for warehouse in range(3)]
    _send(store, "allocations", *names)
    _send(store, "tuning", "tuning-1")
    dispatcher = _dispatcher(store, Shift(), None, tmp_path / "out", broker.bootstrap)
    assert dispatcher.drain_once() == 16
    dispatcher.close()
    records = _read(broker, "allocations.v1", 2, 15)
    assert {(key, dict(headers)["content-type"]) for key, headers, _ in records} == {
        (f"W{n}".encode(), b"application/cloudevents+json; charset=UTF-8") for n in range(3)
    }
    for n in range(3):
        mine = [json.loads(value)["id"] for key, _, value in records if key == f"W{n}".encode()]
        assert mine == [f"W{n}-{number}" for number in range(5)]
    assert [json.loads(value)["id"] for _, _, value in _read(broker, "tuning.v1", 1, 1)] == ["tuning-1"]


def test_a_broker_that_is_away_keeps_rows_and_order(store: SqlStore, tmp_path: Path) -> None:
    wall = Shift()
    _send(store, "allocations", "W1-1", "W1-2")
    away = _dispatcher(store, wall, None, tmp_path / "out", "127.0.0.1:1")
    assert away.drain_once() == 0
    away.close()
    assert _states(store) == {"W1-1": "pending", "W1-2": "pending"}
    wall.ahead = 2_000
    with EmbeddedBroker({"allocations.v1": 2}) as back:
        dispatcher = _dispatcher(store, wall, None, tmp_path / "out", back.bootstrap)
        assert dispatcher.drain_once() == 2
        dispatcher.close()
        assert [json.loads(value)["id"] for _, _, value in _read(back, "allocations.v1", 2, 2)] == ["W1-1", "W1-2"]


def test_endpoints_come_from_the_active_network(store: SqlStore) -> None:
    endpoints = CatalogueEndpoints(store)
    with pytest.raises(NotFoundError):
        endpoints("S1")
    suppliers = {
        "S1": Supplier("S1", "one", endpoint="https://one.example/", secret_ref="k1"),
        "S2": Supplier("S2", "two", endpoint="https://two.example/"),
        "S3": Supplier("S3", "three"),
    }
    with store.write() as tx:
        network = tx.versions.put_network(Catalogue({}, suppliers, {}, {}, {}, {}), "me", 0)
        tx.versions.activate("network", network)
    assert endpoints("S1") == Endpoint("https://one.example/", "k1")
    assert endpoints("S2") == Endpoint("https://two.example/", "S2")
    assert endpoints("S3") is None
    assert endpoints("S9") is None
    partner = CatalogueEndpoints(store, {"*": "http://partner/", "S1": "http://other/"})
    assert partner("S1") == Endpoint("http://other/", "k1")
    assert partner("S3") == Endpoint("http://partner/", "S3")


def _read(broker: EmbeddedBroker, topic: str, partitions: int, count: int) -> list[tuple[Any, Any, Any]]:
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader"})
    reader.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    got: list[tuple[Any, Any, Any]] = []
    while len(got) < count:
        batch = reader.consume(count - len(got), timeout=20)
        assert batch, f"only {len(got)} of {count} arrived"
        got += [(message.key(), message.headers(), message.value()) for message in batch]
    reader.close()
    return got
