"""What comes in from outside: sale events, suppliers' answers, and retries of either."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from supplychain.domain.errors import UnavailableError
from supplychain.messages.codec import SALES_DECODER
from supplychain.web import auth
from supplychain.web.api import application
from supplychain.web.api.answers import ANSWER_LIMIT
from supplychain.web.api.events import BATCH_LIMIT
from tests.unit.web.web_fakes import NOW, OLD_SECRET, SECRET, Caller, World

KEY = {"Idempotency-Key": "first"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def client(world: World) -> Caller:
    return Caller(application.create(world.front, auth.gate(world.settings, lambda: NOW, b"s" * 32), version="1"))


def sale(**changes: Any) -> dict[str, Any]:
    facts = {
        "event_id": "e1", "platform": "douyin", "shop_id": "shop-1", "order_id": "o1", "line_id": "l1", "kind": "paid",
        "sku": "SKU-1", "qty": 2, "occurred_at": NOW, "region": "CN-ZJ", "room_id": "ROOM-1",
    }  # fmt: skip
    return {**facts, **changes}


def answer(**changes: Any) -> dict[str, Any]:
    facts = {
        "answer_id": "a1", "supplier": "SUP-A", "order_id": "po-1", "answered_at": NOW,
        "lines": [{"plan_line_id": "line-1", "answer": "short", "pieces": 60}],
    }  # fmt: skip
    return {**facts, **changes}


def signed(
    client: Caller,
    payload: Any,
    *,
    secret: str = SECRET,
    at: datetime | None = None,
    tamper: bool = False,
    name: str = "w1",
) -> httpx.Response:
    body = json.dumps(payload)
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body),
        "content-type": "application/json",
    }
    return client.post("/api/v1/supplier-answers", content=body + (" " if tamper else ""), headers=headers)


def test_events_go_to_the_broker_keyed_by_room_or_shop(client: Caller, world: World) -> None:
    response = client.post("/api/v1/events", json=[sale(), sale(event_id="e2", room_id=None)])
    assert response.status_code == 202
    assert response.json() == {"accepted": 2, "rejected": []}
    assert [(topic, key) for topic, key, _ in world.publisher.sent] == [
        ("sales.v1", b"ROOM-1"),
        ("sales.v1", b"shop-1"),
    ]
    decoded = SALES_DECODER.decode(world.publisher.sent[0][2] or b"")
    assert (decoded.event_id, decoded.qty) == ("e1", 2)  # type: ignore[union-attr]  # a tick would fail here, rightly


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"qty": 0}, "qty"),
        ({"qty": -3}, "qty"),
        ({"qty": "2"}, "qty"),
        ({"qty": 1.5}, "qty"),
        ({"occurred_at": 4_080_000_000_000}, "occurred_at"),
        ({"kind": "stolen"}, "kind"),
        ({"sku": " "}, "sku"),
        ({"unit_price_minor": -1}, "unit_price_minor"),
        ({"event_id": "x" * 300}, "event_id"),
        ({"type": "tick"}, "type"),
    ],
)
def test_each_bad_event_is_told_by_its_place(client: Caller, world: World, fault: dict[str, Any], words: str) -> None:
    response = client.post("/api/v1/events", json=[sale(), sale(**fault), 7, sale(event_id="e4")])
    assert response.status_code == 202
    document = response.json()
    assert document["accepted"] == 2
    assert [row["index"] for row in document["rejected"]] == [1, 2]
    assert words in document["rejected"][0]["detail"]
    assert len(world.publisher.sent) == 2


def test_a_batch_without_a_good_event_is_refused(client: Caller, world: World) -> None:
    response = client.post("/api/v1/events", json=[sale(qty=0)])
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["index"] == 0
    assert not world.publisher.sent


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'"x"', b"\xff\xfe", b'{"qty": NaN}'])
def test_a_body_that_is_no_batch_is_refused(client: Caller, body: bytes) -> None:
    response = client.post("/api/v1/events", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_cloud_events_come_alone_or_in_a_batch(client: Caller, world: World) -> None:
    data = sale()
    del data["event_id"]
    event = {"specversion": "1.0", "id": "ce-1", "type": "sale", "source": "/shop", "data": data}
    one = client.post(
        "/api/v1/events", content=json.dumps(event), headers={"content-type": "application/cloudevents+json"}
    )
    two = client.post(
        "/api/v1/events",
        content=json.dumps([event, {**event, "id": "ce-2", "data": None}]),
        headers={"content-type": "application/cloudevents-batch+json; charset=utf-8"},
    )
    assert one.json() == {"accepted": 1, "rejected": []}
    assert two.json()["accepted"] == 1
    assert two.json()["rejected"][0]["index"] == 1
    assert b'"event_id":"ce-1"' in (world.publisher.sent[0][2] or b"")


def test_too_many_events_at_once(client: Caller) -> None:
    response = client.post("/api/v1/events", json=[{}] * (BATCH_LIMIT + 1))
    assert response.status_code == 413
    assert response.json()["limit"] == BATCH_LIMIT


def test_events_that_did_not_arrive_are_not_accepted(client: Caller, world: World) -> None:
    world.publisher.broken = UnavailableError("the broker does not answer")
    assert client.post("/api/v1/events", json=sale(), headers=KEY).status_code == 503
    world.publisher.broken = None
    assert client.post("/api/v1/events", json=sale(), headers=KEY).status_code == 202


def test_a_retry_gets_the_first_answer_and_acts_once(client: Caller, world: World) -> None:
    body = {"reason": "ten more minutes", "groups": ["SKU-1"]}
    first = client.post("/api/v1/plan-requests", json=body, headers=KEY)
    again = client.post("/api/v1/plan-requests", json=body, headers=KEY)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(world.desk.calls) == 1


def test_a_key_belongs_to_its_caller_and_payload(client: Caller, world: World) -> None:
    client.post("/api/v1/plan-requests", json={"reason": "a"}, headers=KEY)
    other = client.post("/api/v1/plan-requests", json={"reason": "b"}, headers=KEY)
    assert other.status_code == 422
    assert other.headers["content-type"] == "application/problem+json"
    somebody = client.post("/api/v1/plan-requests", json={"reason": "b"}, headers={**KEY, "X-Actor": "wei"})
    assert somebody.status_code == 202
    assert len(world.desk.calls) == 2


def test_a_running_request_is_not_run_twice(client: Caller, world: World) -> None:
    client.post("/api/v1/plan-requests", json={}, headers=KEY)
    (key,) = world.idempotency.kept
    world.idempotency.kept[key] = (world.idempotency.kept[key][0], None)
    response = client.post("/api/v1/plan-requests", json={}, headers=KEY)
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_a_refusal_leaves_its_key_free(client: Caller, world: World) -> None:
    world.desk.broken = UnavailableError("locked")
    assert client.post("/api/v1/plans/plan-1/approve", json={}, headers=KEY).status_code == 503
    world.desk.broken = None
    assert client.post("/api/v1/plans/plan-1/approve", json={}, headers=KEY).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["plans/plan-1/approve", "plans/plan-1/release", "plans/plan-1/reject", "plans/plan-1/cancel", "plan-requests"],
)
def test_effects_need_a_key(client: Caller, path: str) -> None:
    response = client.post(f"/api/v1/{path}", json={"reason": "r"})
    assert (response.status_code, response.json()["code"]) == (400, "idempotency-key-missing")
    malformed = client.post(f"/api/v1/{path}", json={"reason": "r"}, headers={"Idempotency-Key": "a b"})
    assert malformed.status_code == 422


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_signed_answer_is_taken_with_either_secret(client: Caller, world: World, secret: str) -> None:
    response = signed(client, answer(), secret=secret)
    assert response.status_code == 202, response.text
    assert response.json() == {"accepted": 1, "items": [{"answer_id": "a1", "state": "received"}]}
    assert world.desk.calls == [("answer", "a1", "supplier:SUP-A")]


def test_the_same_webhook_again_is_answered_from_memory(client: Caller, world: World) -> None:
    signed(client, answer())
    assert signed(client, answer()).headers["idempotency-replayed"] == "true"
    assert len(world.desk.calls) == 1


@pytest.mark.parametrize(
    "how",
    [
        {"tamper": True},
        {"secret": "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="},
        {"at": datetime.now(UTC) - timedelta(hours=1)},
        {"at": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_signature_that_does_not_fit_is_refused(client: Caller, world: World, how: dict[str, Any]) -> None:
    response = signed(client, answer(), **how)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert not world.desk.calls


def test_an_unknown_supplier_looks_like_a_wrong_signature(client: Caller) -> None:
    unknown = signed(client, answer(supplier="SUP-Z"))
    wrong = signed(client, answer(), tamper=True)
    assert unknown.json()["detail"] == wrong.json()["detail"]


def test_missing_and_broken_signature_headers(client: Caller) -> None:
    plain = client.post("/api/v1/supplier-answers", json=answer())
    assert plain.json()["detail"] == "the header webhook-id is missing"
    headers = {"webhook-id": "w", "webhook-timestamp": "now", "webhook-signature": "v1,***"}
    assert client.post("/api/v1/supplier-answers", json=answer(), headers=headers).status_code == 401


def test_another_suppliers_line_does_not_exist(client: Caller, world: World) -> None:
    world.secrets["SUP-B"] = [SECRET]
    response = signed(client, answer(supplier="SUP-B"))
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    mixed = signed(client, [answer(), answer(answer_id="a2", supplier="SUP-B")])
    assert mixed.status_code == 403


def test_answers_are_bounded_and_checked(client: Caller) -> None:
    many = [answer(answer_id=f"a{n}") for n in range(ANSWER_LIMIT + 1)]
    assert signed(client, many).status_code == 413
    assert signed(client, answer(lines=[])).status_code == 422
    assert signed(client, answer(lines=[{"plan_line_id": "line-1", "answer": "perhaps"}])).status_code == 422
