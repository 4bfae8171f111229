"""The stand-in over HTTP: only signed orders, each once, faults on demand, and nothing forgotten while others are away."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from supplychain.domain.errors import UnavailableError
from supplychain.domain.ids import derive
from supplychain.domain.units import HOUR, MINUTE
from supplychain.messages.codec import ANSWER_DECODER, STOCK_DECODER, cloud_event
from supplychain.messages.v1 import Movement, OrderLine, Receipt, Shipment, SupplierAnswer, SupplierOrder
from supplychain.partner.decisions import Temper
from supplychain.partner.desk import Desk
from supplychain.partner.journal import Journal
from supplychain.partner.server import create_app
from supplychain.partner.service import ANSWERS_PATH, ServiceAnswers
from supplychain.partner.world import World

AT = 1_794_394_800_000
SECRETS = {name: "whsec_" + base64.b64encode(name.encode() * 16).decode() for name in ("S1", "S2")}
KIND = Temper(short=0.0, refuse=0.0)


class Place:
    """A stand-in with a service and a broker that can be switched off."""

    def __init__(self, journal: Path | None = None, temper: Temper = KIND) -> None:
        self.posted: list[httpx.Request] = []
        self.records: list[tuple[str, bytes]] = []
        self.status = 202
        self.broker_up = True
        service = ServiceAnswers(
            "http://service", SECRETS, lambda: int(datetime.now(UTC).timestamp() * 1000),
            transport=httpx.MockTransport(self._serve),
        )  # fmt: skip
        self.desk = Desk(World(7, temper=temper), Journal(journal), service, self._publish)
        self.app = create_app(self.desk, SECRETS)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.posted.append(request)
        if self.status == 0:
            raise httpx.ConnectError("the service is away", request=request)
        return httpx.Response(self.status, text="said the service")

    def _publish(self, records: Sequence[tuple[str, bytes]]) -> None:
        if not self.broker_up:
            raise UnavailableError("the broker is away")
        self.records.extend(records)

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://partner") as client:
                return await client.request(method, path, **given)

        return asyncio.run(ask())

    def order(self, order: SupplierOrder, **changed: Any) -> httpx.Response:
        body, headers = signed(order, **changed)
        return self.call("POST", "/orders", content=body, headers=headers)

    def advance(self, to: int, **more: Any) -> dict[str, int]:
        answered = self.call("POST", "/advance", json={"to": to, **more})
        assert answered.status_code == 200, answered.text
        done: dict[str, int] = answered.json()
        return done

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.call("GET", "/ledger").json()["counts"]
        return counts

    def answers(self) -> list[SupplierAnswer]:
        return [ANSWER_DECODER.decode(request.content) for request in self.posted]


def order(number: int = 1, supplier: str = "S1", pieces: int = 100) -> SupplierOrder:
    line = OrderLine(f"line-{number}", "A", pieces, 5, "offer", "normal", "WH", AT + 6 * HOUR)
    return SupplierOrder(f"order-{number}", supplier, "plan", AT, "CNY", [line])


def signed(
    order: SupplierOrder, *, webhook: str = "", secret: str = "", age: int = 0, body: bytes = b""
) -> tuple[bytes, dict[str, str]]:
    sent = body or cloud_event("order", order.order_id, "/planning", order.order_id, AT, order, order.supplier)
    identity, stamp = webhook or order.order_id, datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(secret or SECRETS[order.supplier]).sign(identity, stamp, sent.decode("latin-1"))
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return sent, dict(zip(names, (identity, str(int(stamp.timestamp())), signature), strict=True))


def moved(leg: str, version: int = 1, number: int = 1) -> Movement:
    return Movement(
        f"move-{number}", "out" if leg == "out" else "in", version, None, "create" if version == 1 else "amend",
        f"moved-{number}", "A", 20, "WH", "WH-2", AT + HOUR, AT + 2 * HOUR,
    )  # fmt: skip


def allocation(leg: str) -> bytes:
    return cloud_event("movement", derive("allocation", leg), "/planning", "moved-1", AT, moved(leg), "WH")


def test_an_order_is_answered_signed_and_received() -> None:
    place = Place()
    assert place.order(order()).status_code == 202
    assert place.counts()["orders_open"] == 1
    done = place.advance(AT + 5 * MINUTE)
    assert (done["answers_sent"], done["answers_waiting"]) == (1, 0)
    request = place.posted[0]
    assert request.url.path == ANSWERS_PATH
    Webhook(SECRETS["S1"]).verify(request.content, dict(request.headers))
    answer = place.answers()[0]
    assert request.headers["webhook-id"] == answer.answer_id == derive("answer", "order-1")
    assert (answer.lines[0].answer, answer.lines[0].pieces) == ("accept", 100)
    place.advance(AT + 7 * HOUR)
    report = STOCK_DECODER.decode(place.records[0][1])
    assert isinstance(report, Receipt)
    assert (place.records[0][0], report.plan_line_id, report.pieces, report.sequence) == ("WH", "line-1", 100, 1)
    assert place.counts()["orders_accepted"] == 1


def test_the_same_moment_twice_repeats_nothing() -> None:
    place = Place()
    place.order(order())
    first = place.advance(AT + 7 * HOUR)
    again = place.advance(AT + 7 * HOUR)
    assert (first["answers_sent"], first["stock_published"]) == (1, 1)
    assert (again["answers_sent"], again["stock_published"]) == (0, 0)
    assert place.advance(AT)["answers_sent"] == 0
    assert (len(place.posted), len(place.records)) == (1, 1)


def test_an_order_sent_again_is_one_order() -> None:
    place = Place()
    answers = [place.order(order()), place.order(order()), place.order(order(), webhook="another")]
    assert [one.status_code for one in answers] == [202, 200, 200]
    place.advance(AT + 7 * HOUR)
    assert len(place.posted) == 1
    counts = place.counts()
    assert (counts["orders_received"], counts["order_duplicates"]) == (1, 2)


def test_other_content_under_a_known_id_is_a_conflict() -> None:
    place = Place()
    place.order(order())
    assert place.order(order(2), webhook="order-1").status_code == 409
    assert place.order(order(pieces=999), webhook="fresh").status_code == 409
    assert place.counts()["orders_received"] == 1


@pytest.mark.parametrize("wrong", [{"secret": SECRETS["S2"]}, {"age": 3_600}, {"age": -3_600}])
def test_orders_without_a_valid_signature_are_refused(wrong: dict[str, Any]) -> None:
    place = Place()
    assert place.order(order(), **wrong).status_code == 401
    assert (place.counts()["orders_received"], place.counts()["orders_unauthorized"]) == (0, 1)


def test_changed_bytes_missing_headers_and_strangers_are_refused() -> None:
    place = Place()
    body, headers = signed(order())
    assert place.call("POST", "/orders", content=body + b" ", headers=headers).status_code == 401
    assert place.call("POST", "/orders", content=body).status_code == 401
    assert place.order(order(supplier="S3"), secret=SECRETS["S1"]).status_code == 401
    assert place.call("POST", "/orders", content=b"x" * 1_000_001).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b'{"supplier": "S1"}',
        b'{"specversion": "1.0", "data": {"supplier": "S1", "lines": 5}}',
        b'{"order_id":"o","supplier":"S1","plan_id":"p","released_at":1,"currency":"CNY","lines":[]}',
    ],
)
def test_a_signed_order_that_cannot_be_is_told_so(body: bytes) -> None:
    answered = Place().order(order(), body=body)
    assert answered.status_code == 422
    assert answered.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("kind", "status"), [("down", 503), ("gone", 410), ("busy", 429)])
def test_faults_hit_as_often_as_asked_and_then_the_order_passes(kind: str, status: int) -> None:
    place = Place()
    put = place.call("PUT", "/faults", json=[{"kind": kind, "seconds": 7, "times": 2, "suppliers": ["S1"]}])
    assert put.json()[0]["times"] == 2
    hit = [place.order(order()), place.order(order(2, "S2")), place.order(order()), place.order(order())]
    assert [one.status_code for one in hit] == [status, 202, status, 202]
    assert hit[0].headers.get("retry-after") == ("7" if kind == "busy" else None)
    assert place.call("GET", "/faults").json() == []
    assert place.counts()["orders_received"] == 2


def test_a_late_or_slow_answer_still_takes_the_order_once() -> None:
    place = Place()
    place.call(
        "PUT", "/faults", json=[{"kind": "late", "seconds": 0.01, "times": 1}, {"kind": "slow", "seconds": 0.01}]
    )
    assert [place.order(order()).status_code for _ in range(2)] == [202, 200]
    assert place.call("PUT", "/faults", json=[{"kind": "odd"}]).status_code == 422


def test_garbage_is_said_and_sent_before_the_real_answer() -> None:
    place = Place()
    place.call("PUT", "/faults", json=[{"kind": "garbage", "times": 1}])
    answered = place.order(order())
    assert answered.status_code == 200
    assert answered.content.startswith(b"\x00\xff")
    place.advance(AT + 5 * MINUTE)
    with pytest.raises(json.JSONDecodeError):
        json.loads(place.posted[0].content)
    Webhook(SECRETS["S1"]).verify(place.posted[0].content, dict(place.posted[0].headers), json_parse=False)
    assert ANSWER_DECODER.decode(place.posted[1].content).order_id == "order-1"
    assert place.posted[0].headers["webhook-id"] != place.posted[1].headers["webhook-id"]


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_answers_wait_while_the_service_is_away(status: int) -> None:
    place = Place()
    place.order(order(1))
    place.order(order(2))
    place.order(order(3, "S2"))
    place.status = status
    assert place.advance(AT + 5 * MINUTE)["answers_waiting"] == 3
    assert len(place.posted) == 2, "one attempt for each supplier, the rest waits behind it"
    place.posted.clear()
    place.status = 202
    assert place.advance(AT + 5 * MINUTE)["answers_sent"] == 3
    assert {answer.order_id for answer in place.answers()} == {"order-1", "order-2", "order-3"}


def test_an_answer_the_service_has_is_taken_and_one_it_refuses_is_on_record() -> None:
    place = Place()
    place.order(order(1))
    place.status = 409
    assert place.advance(AT + 5 * MINUTE)["answers_sent"] == 1
    place.order(order(2))
    place.status = 422
    assert place.advance(AT + 5 * MINUTE)["answers_waiting"] == 0
    refused = place.call("GET", "/ledger").json()["answers_refused_by_service"]
    assert [(one["order_id"], one["why"]) for one in refused] == [("order-2", "refused with 422: said the service")]


def test_an_answer_that_nobody_can_sign_is_on_record() -> None:
    service = ServiceAnswers(
        "http://service", {}, lambda: AT, transport=httpx.MockTransport(lambda _: httpx.Response(202))
    )
    answer = SupplierAnswer("a", "S1", "o", AT, [])
    assert "no secret" in service.send(answer)
    service.send_noise("S1", "a-noise")
    service.close()


def test_stock_reports_wait_while_the_broker_is_away() -> None:
    place = Place()
    assert place.desk.take_event(allocation("out"))
    place.broker_up = False
    assert place.advance(AT + 5 * HOUR)["stock_waiting"] == 1
    place.broker_up = True
    assert place.advance(AT + 5 * HOUR)["stock_published"] == 1
    assert isinstance(STOCK_DECODER.decode(place.records[0][1]), Shipment)


def test_allocation_events_count_once_and_nonsense_is_counted() -> None:
    place = Place()
    for value in (allocation("out"), allocation("out"), allocation("in"), b"{", b'{"id":"x","data":{}}', b"[]", None):
        place.desk.take_event(value)
    counts = place.counts()
    assert (counts["allocations_received"], counts["allocation_duplicates"]) == (2, 1)
    assert counts["allocations_unreadable"] == 4
    assert place.advance(AT + 5 * HOUR, allocations=2)["stock_published"] == 2
    newer = cloud_event("movement", "newer", "/planning", "moved-1", AT, moved("out", 3), "WH")
    older = cloud_event("movement", "older", "/planning", "moved-1", AT, moved("out", 2), "WH")
    assert place.desk.take_event(newer)
    assert place.desk.take_event(older)
    assert place.counts()["allocations_outdated"] == 1
    assert place.advance(AT + 6 * HOUR, allocations=4)["stock_published"] == 0
    late = place.call("POST", "/advance", json={"to": AT + 6 * HOUR, "allocations": 5, "seconds": 0.01})
    assert late.status_code == 503


@pytest.mark.parametrize("wrong", [{}, {"to": -1}, {"to": "soon"}, {"to": AT, "from": 1}, {"to": 10**15}])
def test_impossible_times_are_refused(wrong: dict[str, Any]) -> None:
    assert Place().call("POST", "/advance", json=wrong).status_code == 422


def test_a_restart_forgets_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "partner" / "journal.jsonl"
    place = Place(path, Temper())
    for number in range(20):
        place.order(order(number))
    for leg in ("out", "in"):
        place.desk.take_event(allocation(leg))
    place.advance(AT + 90_000 + HOUR)
    place.status, place.broker_up = 503, False
    place.advance(AT + 7 * HOUR)
    before = place.call("GET", "/ledger").json()
    place.desk.close()
    with path.open("ab") as journal:
        journal.write(b'{"kind":"order","order":{"torn')
    again = Place(path, Temper())
    after = again.call("GET", "/ledger").json()
    assert after["orders"] == before["orders"]
    assert after["allocations"] == before["allocations"]
    assert after["sequences"] == before["sequences"]
    assert again.order(order(3)).status_code == 200
    assert again.advance(AT + 7 * HOUR)["stock_published"] == before["counts"]["stock_waiting"] > 0
    assert again.advance(AT + 7 * HOUR)["answers_sent"] == 0
    every = [STOCK_DECODER.decode(value) for _, value in place.records + again.records]
    numbers = [(one.warehouse, one.sequence) for one in every if isinstance(one, Receipt | Shipment)]
    assert len(set(numbers)) == len(numbers) == len(every)
    again.desk.close()
    assert Place(path, Temper()).counts()["orders_received"] == 20
