"""API and read models on the real services: a stored plan is read, edited, approved, ordered and answered over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from supplychain.bootstrap import Services, build
from supplychain.domain.network import Catalogue, Offer, Region, Sku, Supplier, Warehouse, WarehouseKind
from supplychain.domain.plan import Explanation, LineKind, Plan, PlanLine, Term, Zone
from supplychain.domain.units import HOUR
from supplychain.planning.compose import content_digest
from supplychain.settings import Settings
from supplychain.web import auth
from supplychain.web.api import application
from supplychain.web.desk import PlanningDesk
from supplychain.web.ports import Front
from tests.unit.web.web_fakes import NOW, SECRET, Caller

API = "/api/v1"


def order(number: int, supplier: str, **changes: Any) -> PlanLine:
    facts: dict[str, Any] = {
        "line": f"line-{number}",
        "plan": "plan-1",
        "group": "A",
        "kind": LineKind.ORDER,
        "sku": "A",
        "destination": "W",
        "release_at": NOW,
        "arrive_at": NOW + 30 * HOUR,
        "recommended": 60,
        "zone": Zone.FIRM,
        "supplier": supplier,
        "offer": f"{supplier}-A",
        "unit_cost_minor": 1_000,
        "cost_minor": 60_000,
        "explanation": Explanation((Term("net demand", 55), Term("rounding", 5)), {"moq": 20}),
    }
    return PlanLine(**{**facts, **changes})


def plan_of(*lines: PlanLine) -> Plan:
    plan = Plan(
        "plan-1", ("A",), NOW, lines, 120_000, 119_000, 0.008, "optimal", "proved", 1, 1, "session-1", ("spike: A",)
    )
    return replace(plan, digest=content_digest(plan))


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = build(Settings(data_dir=tmp_path))
    catalogue = Catalogue(
        skus={"A": Sku("A", "Plum wine", "drinks", 5_000, 1_000)},
        suppliers={"S1": Supplier("S1", "One"), "S2": Supplier("S2", "Two")},
        offers={f"{name}-A": Offer(f"{name}-A", name, "A", 600, moq=20, multiple=20) for name in ("S1", "S2")},
        warehouses={"W": Warehouse("W", "East", WarehouseKind.REGIONAL, "CN-ZJ")},
        lanes={},
        regions={"CN-ZJ": Region("CN-ZJ", "Zhejiang")},
    )
    with services.store.write() as tx:
        tx.versions.activate("network", tx.versions.put_network(catalogue, "test", NOW))
        tx.plans.add(plan_of(order(1, "S1"), order(2, "S2")), "input-1", NOW)
    yield services
    services.close()


@pytest.fixture
def client(services: Services) -> Caller:
    front = Front(
        settings=services.settings,
        board=services.board,
        desk=PlanningDesk(services.store, services.wall),
        idempotency=services.idempotency,
        publisher=services.publisher,
        secrets_of=lambda supplier: [SECRET],
        wall=services.wall,
    )
    return Caller(application.create(front, auth.gate(services.settings, services.wall, b"s"), version="1"))


def act(client: Caller, verb: str, key: str, status: int = 200, **body: Any) -> Any:
    response = client.post(f"{API}/plans/plan-1/{verb}", json=body, headers={"Idempotency-Key": key})
    assert response.status_code == status, response.text
    return response.json()


def answer(client: Caller, name: str, supplier: str, line: str, pieces: int) -> Any:
    body = json.dumps(
        {
            "answer_id": name,
            "supplier": supplier,
            "order_id": "po",
            "answered_at": NOW + 1,
            "lines": [{"plan_line_id": line, "answer": "short", "pieces": pieces}],
        }
    )
    at = datetime.now(UTC)
    signature = Webhook(SECRET).sign(name, at, body)
    headers = {"webhook-id": name, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    return client.post(f"{API}/supplier-answers", content=body, headers=headers)


@pytest.mark.parametrize(
    "path",
    ["summary", "rooms", "spikes", "positions", "deliveries", "dead-letters", "findings", "incidents", "jobs", "health",
     "plans", "plans/plan-1", "lines/line-1", "lines/line-1/history", "tuning", "tuning/versions"],
)  # fmt: skip
def test_every_read_model_is_json(client: Caller, path: str) -> None:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"


def test_an_explanation_recomputes_to_its_quantity(client: Caller) -> None:
    plan = client.get(f"{API}/plans/plan-1").json()
    for line in plan["lines"]:
        assert sum(term["pieces"] for term in line["explanation"]["terms"]) == line["recommended"] == line["quantity"]


def test_a_line_goes_from_proposal_to_answer_over_http(client: Caller) -> None:
    read = client.get(f"{API}/lines/line-1")
    edit = {"quantity": 80, "reason": "ten more minutes"}
    changed = client.patch(f"{API}/lines/line-1", json=edit, headers={"If-Match": read.headers["etag"]})
    assert (changed.json()["quantity"], changed.json()["recommended"]) == (80, 60)
    late = client.patch(f"{API}/lines/line-1", json=edit, headers={"If-Match": read.headers["etag"]})
    assert late.status_code == 412
    done = act(client, "approve", "k1", lines=["line-1"], reason="fits")["lines"]
    assert done[0]["state"] == "released"  # no fence holds it
    (message,) = client.get(f"{API}/deliveries").json()["items"]
    assert (message["channel"], message["lane"], message["state"]) == ("supplier", "S1", "pending")
    taken = answer(client, "a1", "S1", "line-1", 50)
    assert (taken.status_code, taken.json()["items"][0]["state"]) == (202, "received")
    foreign = answer(client, "a2", "S2", "line-1", 50)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not-found")
    history = client.get(f"{API}/lines/line-1/history").json()["items"]
    assert [row["version"] for row in history] == sorted(row["version"] for row in history)
    assert "ten more minutes" in {row["reason"] for row in history}


def test_approving_twice_orders_once(client: Caller, services: Services) -> None:
    first = act(client, "approve", "same", lines=["line-1"])
    assert act(client, "approve", "same", lines=["line-1"]) == first
    act(client, "approve", "other", status=409, lines=["line-1"])
    with services.store.read() as tx:
        assert len(tx.bridge.messages()) == 1


def test_an_approval_of_what_was_not_seen_is_a_conflict(client: Caller) -> None:
    seen = client.get(f"{API}/plans/plan-1")
    edit = {"quantity": 100, "reason": "r"}
    assert client.patch(f"{API}/lines/line-2", json=edit, headers={"If-Match": '"1"'}).status_code == 200
    body = {"digest": seen.json()["digest"], "version": seen.json()["version"]}
    assert act(client, "approve", "k", status=409, **body)["code"] == "conflict"
    headers = {"Idempotency-Key": "k3", "If-Match": seen.headers["etag"]}
    assert client.post(f"{API}/plans/plan-1/approve", json={}, headers=headers).status_code == 412


def test_lifting_an_edit_brings_the_recommendation_back(client: Caller) -> None:
    for quantity, version, now in ((100, 1, 100), (None, 2, 60)):
        edit = {"quantity": quantity, "reason": "r"}
        response = client.patch(f"{API}/lines/line-1", json=edit, headers={"If-Match": f'"{version}"'})
        assert response.json()["quantity"] == now


def test_a_parked_message_goes_out_again_by_a_named_person(client: Caller, services: Services) -> None:
    act(client, "approve", "k", lines=["line-1"])
    (message,) = client.get(f"{API}/deliveries").json()["items"]
    address = f"{API}/deliveries/{message['message']}/redeliver"
    assert client.post(address, json={"reason": "r"}).status_code == 409
    with services.store.write() as tx:
        tx.bridge.claim("supplier", "dispatch", services.wall(), 60_000, 10)
        tx.bridge.failed(message["message"], "410 gone", 0, parked=True)
    assert client.get(f"{API}/health").json()["outbox_parked"] == 1
    headers = {"X-Actor": "wei"}
    assert client.post(address, json={"reason": "endpoint mended"}, headers=headers).status_code == 202
    with services.store.read() as tx:
        entries = tx.audit.entries(subject=message["message"])
    assert [(entry["actor"], entry["reason"]) for entry in entries] == [("wei", "endpoint mended")]


def test_tuning_over_http_makes_versions(client: Caller) -> None:
    body = {"document": {"detector": {"ratio": 3}}, "reason": "calmer"}
    first = client.post(f"{API}/tuning/activate", json=body)
    assert first.status_code == 200, first.text
    versions = client.get(f"{API}/tuning/versions").json()["items"]
    assert versions[0]["version"] == first.json()["version"]
    assert versions[0]["active"]
    assert client.post(f"{API}/tuning/activate", json=body).status_code == 422  # says this already
    assert client.post(f"{API}/tuning/versions/0/rollback", json={"reason": "too calm"}).status_code == 200
    values = {row["name"]: row["value"] for row in client.get(f"{API}/tuning").json()["values"]}
    assert values["detector.ratio"] == 2.0


def test_a_plan_cannot_be_asked_for_before_business_time(client: Caller) -> None:
    response = client.post(f"{API}/plan-requests", json={}, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_metrics_read_the_store(client: Caller) -> None:
    page = client.get("/metrics")
    assert page.status_code == 200
    assert "supplychain_outbox_pending 0.0" in page.text
