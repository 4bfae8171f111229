"""An order goes out signed and under its id; whatever the supplier does comes back as one verdict."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from standardwebhooks import Webhook

from supplychain.dispatch.outcome import Outcome, Verdict
from supplychain.dispatch.webhook import Endpoint, SupplierWebhook, retry_after_ms
from supplychain.planning.ports import Message

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = json.dumps({"id": "M1", "type": "order", "data": {"名": "爆款"}}, ensure_ascii=False).encode()


@dataclass
class Supplier:
    """A socket that reads one request per connection and answers with raw bytes (None: hangs up in silence)."""

    port: int
    answers: list[bytes | None]
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def _supplier(*answers: bytes | None) -> Iterator[Supplier]:
    server = socket.create_server(("127.0.0.1", 0))
    supplier = Supplier(int(server.getsockname()[1]), list(answers))

    def serve() -> None:
        for answer in supplier.answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                supplier.requests.append(_read(connection))
                if answer:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield supplier
    finally:
        server.shutdown(socket.SHUT_RDWR)  # wakes the waiting thread, which closing alone does not
        server.close()
        thread.join(5)


def _read(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, body = got.split(b"\r\n\r\n", 1)
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    return first, headers, body


def _answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _message(**changed: object) -> Message:
    values: dict[str, object] = {
        "message": "M1",
        "channel": "supplier",
        "lane": "S1",
        "kind": "order",
        "payload": BODY,
        "lines": ("L1",),
        "released_at": 0,
    }
    return Message(**{**values, **changed})  # type: ignore[arg-type]  # one record from defaults and changes


def _channel(
    port: int, *, secret: str = SECRET, wall: Callable[[], int] | None = None, timeout: float = 10
) -> SupplierWebhook:
    return SupplierWebhook(
        lambda supplier: Endpoint(f"http://127.0.0.1:{port}/orders?v=1", "one") if supplier == "S1" else None,
        {"one": secret},
        timeout_seconds=timeout,
        wall=wall or (lambda: int(time.time() * 1000)),
        allowed_hosts={f"127.0.0.1:{port}"},
    )


def _deliver(*answers: bytes | None, wall: Callable[[], int] | None = None) -> tuple[Outcome, Supplier]:
    with _supplier(*answers) as supplier:
        return _channel(supplier.port, wall=wall).deliver(_message()), supplier


def test_the_supplier_can_verify_what_came() -> None:
    outcome, supplier = _deliver(_answer(202))
    assert outcome.verdict is Verdict.DELIVERED
    ((first, headers, body),) = supplier.requests
    assert first == "POST /orders?v=1 HTTP/1.1"
    assert body == BODY
    assert headers["webhook-id"] == "M1"
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert Webhook(SECRET).verify(body, headers)["data"] == {"名": "爆款"}


def test_two_secrets_sign_side_by_side_while_changing_over() -> None:
    with _supplier(_answer(200)) as supplier:
        _channel(supplier.port, secret=f"{SECRET} {OLDER}").deliver(_message())
    ((_, headers, body),) = supplier.requests
    for secret in (SECRET, OLDER):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
def test_accepted_or_known_already_is_delivered(status: int) -> None:
    assert _deliver(_answer(status))[0].verdict is Verdict.DELIVERED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 502, 503, 504])
def test_any_other_answer_is_tried_again_and_quoted(status: int) -> None:
    outcome, _ = _deliver(_answer(status, body="库存系统\x00\nbusy".encode()))
    assert outcome == Outcome.retry(f"answered {status}: 库存系统 busy")


def test_gone_parks() -> None:
    assert _deliver(_answer(410))[0].verdict is Verdict.PARK


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with _supplier(_answer(200)) as elsewhere:
        outcome, _ = _deliver(_answer(status, f"Location: http://127.0.0.1:{elsewhere.port}/"))
        assert outcome.verdict is Verdict.RETRY
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_asked_for_is_kept(status: int) -> None:
    assert _deliver(_answer(status, "Retry-After: 120"))[0].retry_after_ms == 120_000


def test_a_pause_asked_for_by_date_is_kept() -> None:
    answer = _answer(429, "Retry-After: Thu, 01 Jan 1970 00:02:00 GMT")
    assert _deliver(answer, wall=lambda: 30_000)[0].retry_after_ms == 90_000


def test_other_answers_cannot_ask_for_a_pause() -> None:
    assert _deliver(_answer(500, "Retry-After: 120"))[0].retry_after_ms == 0


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "Thu, 99 Foo", "٣"])
def test_an_unreadable_pause_is_none(text: str) -> None:
    assert retry_after_ms(text, 0) == 0


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200", b"\x16\x03\x01\x00", b"SSH-2.0-x\r\n"],
)
def test_silence_and_garbage_are_tried_again(answer: bytes | None) -> None:
    assert _deliver(answer)[0].verdict is Verdict.RETRY


def test_an_accepted_order_stays_accepted_when_the_body_breaks_off() -> None:
    outcome, _ = _deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    assert outcome.verdict is Verdict.DELIVERED


def test_an_error_stays_an_error_when_the_body_breaks_off() -> None:
    outcome, _ = _deliver(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\nhalf")
    assert outcome == Outcome.retry("answered 500: half")


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    assert _channel(port).deliver(_message()).verdict is Verdict.RETRY


def test_a_supplier_that_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = _channel(int(server.getsockname()[1]), timeout=0.2).deliver(_message())
    assert outcome.verdict is Verdict.RETRY
    assert "no answer within 0.2 s" in outcome.detail


def test_what_a_person_must_mend_is_parked() -> None:
    channel = _channel(1, secret="")
    assert channel.deliver(_message(lane="S9")) == Outcome.park("supplier S9 has no endpoint")
    assert channel.deliver(_message()) == Outcome.park("there is no secret named one")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://169.254.169.254/latest", "http://127.0.0.1:9/"])
def test_an_endpoint_inside_is_parked(url: str) -> None:
    channel = SupplierWebhook(lambda supplier: Endpoint(url, "one"), {"one": SECRET}, timeout_seconds=1, wall=lambda: 0)
    assert channel.deliver(_message()).verdict is Verdict.PARK
