"""The API over a world in memory: every answer and every refusal has its shape."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from supplychain.domain.errors import ConflictError, UnavailableError
from supplychain.planning.ports import Actor
from supplychain.web import auth
from supplychain.web.api import application
from tests.unit.web.web_fakes import Caller, World

KEY = {"Idempotency-Key": "0c0c8c5e-1"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def client(world: World) -> Caller:
    gate = auth.gate(world.settings, world.front.wall, b"s" * 32)
    return Caller(application.create(world.front, gate, version="1.2.3"))


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"].endswith(code)
    assert {"title", "detail", "way_out"} <= set(document)
    assert document["trace_id"] == response.headers["x-trace-id"]
    return document


def test_the_document_is_openapi_3_1(client: Caller) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 35
    assert all("application/problem+json" in operation["responses"]["default"]["content"] for operation in operations)
    assert "HTTPValidationError" not in json.dumps(document)


@pytest.mark.parametrize(
    "path",
    [
        "/summary", "/rooms", "/rooms/S1", "/rooms/S1/rates", "/rooms/S1/forecasts/SKU-1", "/rooms/S1/slots/SKU-1", "/spikes",
        "/forecasts/models", "/forecasts/accuracy", "/forecasts/shelf/SKU-1", "/positions",
        "/deliveries", "/dead-letters", "/findings", "/incidents", "/jobs", "/health", "/tuning", "/tuning/versions",
        "/plans", "/plans/plan-1", "/lines/line-1", "/lines/line-1/history",
    ],
)  # fmt: skip
def test_every_read_answers_json(client: Caller, path: str) -> None:
    response = client.get(f"/api/v1{path}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/plans/none", 404, "not-found"),
        ("GET", "/api/v1/lines/none", 404, "not-found"),
        ("GET", "/api/v1/rooms/none", 404, "not-found"),
        ("GET", "/api/v1/nothing", 404, "not-found"),
        ("GET", "/api/v2/plans", 404, "not-found"),
        ("GET", "/api", 404, "not-found"),
        ("DELETE", "/api/v1/plans", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
        ("GET", "/api/v1/plans?limit=0", 422, "invalid-input"),
        ("GET", "/api/v1/plans?state=lost", 422, "invalid-input"),
        ("GET", "/api/v1/plans?cursor=nonsense", 422, "invalid-input"),
        ("GET", "/api/v1/rooms/S1/rates?minutes=x", 422, "invalid-input"),
    ],
)
def test_every_refusal_is_a_problem(client: Caller, method: str, path: str, status: int, code: str) -> None:
    document = problem(client.request(method, path), status, code)
    if status == 405:
        assert document["way_out"] == "see the header Allow"


def test_validation_points_at_the_fault(client: Caller) -> None:
    response = client.patch("/api/v1/lines/line-1", json={"quantity": -5, "reason": "r", "state": "approved"})
    pointers = {fault["pointer"] for fault in problem(response, 422, "invalid-input")["errors"]}
    assert pointers == {"/quantity", "/state"}


def test_the_unforeseen_is_a_problem_without_inner_words(client: Caller, world: World) -> None:
    world.board.broken = RuntimeError("secret inner words")
    document = problem(client.get("/api/v1/summary"), 500, "internal-error")
    assert "secret" not in json.dumps(document)


def test_what_is_down_is_a_503_that_says_when_to_retry(client: Caller, world: World) -> None:
    world.board.broken = UnavailableError("the database does not answer", way_out="start it")
    response = client.get("/api/v1/summary")
    assert problem(response, 503, "unavailable")["way_out"] == "start it"
    assert response.headers["retry-after"] == "1"
    assert problem(client.get("/readyz"), 503, "not-ready")["detail"] == "not ready: the database does not answer"
    assert client.get("/healthz").json() == {"status": "alive"}


def test_probes_and_metrics(client: Caller) -> None:
    assert client.get("/readyz").json()["status"] == "ready"
    page = client.get("/metrics").text
    assert "supplychain_dead_letters 3.0" in page
    assert 'supplychain_plan_lines{state="proposed"} 2.0' in page
    assert "supplychain_spike_to_plan_seconds_count 2.0" in page


def test_pages_of_plans_join_without_gap_or_overlap(client: Caller) -> None:
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = client.get("/api/v1/plans", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [row["plan"] for row in page["items"]]
        cursor = page["next"]
    assert seen == ["plan-5", "plan-4", "plan-3", "plan-2", "plan-1"]
    assert cursor is None


def test_an_edit_needs_if_match_and_loses_to_an_earlier_one(client: Caller) -> None:
    read = client.get("/api/v1/lines/line-1")
    assert read.headers["etag"] == '"1"'
    edit = {"quantity": 200, "reason": "host adds ten minutes"}
    problem(client.patch("/api/v1/lines/line-1", json=edit), 428, "precondition-required")
    changed = client.patch("/api/v1/lines/line-1", json=edit, headers={"If-Match": read.headers["etag"]})
    assert changed.json()["override"] == 200
    assert changed.headers["etag"] == '"2"'
    late = client.patch("/api/v1/lines/line-1", json=edit, headers={"If-Match": read.headers["etag"]})
    assert problem(late, 412, "precondition-failed")["etag"] == '"2"'


def test_an_edit_that_loses_the_race_inside_is_a_conflict(client: Caller, world: World) -> None:
    def slower(line: str, quantity: int | None, version: int, actor: Actor, reason: str) -> dict[str, Any]:
        raise ConflictError("somebody else edited this line", way_out="read it again", line="line-1")

    world.desk.edit = slower  # type: ignore[method-assign]  # the race, acted
    response = client.patch("/api/v1/lines/line-1", json={"quantity": 200, "reason": "r"}, headers={"If-Match": '"1"'})
    assert problem(response, 409, "conflict")["line"] == "line-1"


def test_an_approval_binds_to_what_was_read(client: Caller, world: World) -> None:
    tag = client.get("/api/v1/plans/plan-1").headers["etag"]
    client.patch("/api/v1/lines/line-2", json={"quantity": 50, "reason": "r"}, headers={"If-Match": '"1"'})
    stale = client.post("/api/v1/plans/plan-1/approve", json={}, headers={**KEY, "If-Match": tag})
    problem(stale, 412, "precondition-failed")
    wrong = client.post("/api/v1/plans/plan-1/approve", json={"digest": "other"}, headers=KEY)
    problem(wrong, 409, "conflict")
    fresh = client.get("/api/v1/plans/plan-1").headers["etag"]
    done = client.post(
        "/api/v1/plans/plan-1/approve",
        json={"lines": ["line-1"], "reason": "fits"},
        headers={**KEY, "If-Match": fresh, "X-Actor": "%E6%9E%97"},
    )
    assert [row["state"] for row in done.json()["lines"]] == ["approved"]
    assert world.desk.calls == [("approve", "plan-1", ["line-1"], "林", "fits", "d2", 2)]


def test_rejecting_says_why(client: Caller, world: World) -> None:
    problem(client.post("/api/v1/plans/plan-1/reject", json={}, headers=KEY), 422, "invalid-input")
    body = {"lines": ["line-1"], "reason": "wrong room"}
    assert client.post("/api/v1/plans/plan-1/reject", json=body, headers=KEY).status_code == 200
    assert world.desk.calls == [("reject", "plan-1", ["line-1"], "planner@local", "wrong room")]


def test_tuning_is_previewed_and_bounded(client: Caller) -> None:
    body = {"document": {"detector": {"ratio": 3}}}
    changed = client.post("/api/v1/tuning/diff", json=body).json()["items"]
    assert changed == [{"name": "detector.ratio", "old": 2.0, "new": 3.0}]
    wild = client.post("/api/v1/tuning/activate", json={"document": {"detector": {"ratio": 300}}, "reason": "r"})
    assert problem(wild, 422, "invalid-tuning")["field"] == "detector.ratio"
    assert client.post("/api/v1/tuning/activate", json={**body, "reason": "calmer"}).json() == {"version": 2}
    assert client.post("/api/v1/tuning/versions/1/rollback", json={"reason": "r"}).json() == {"version": 1}
    problem(client.post("/api/v1/tuning/versions/9/rollback", json={"reason": "r"}), 404, "not-found")


def test_redelivery_names_its_reason(client: Caller, world: World) -> None:
    response = client.post("/api/v1/deliveries/m-1/redeliver", json={"reason": "endpoint mended"})
    assert response.status_code == 202
    assert world.desk.calls == [("redeliver", "m-1", "planner@local", "endpoint mended")]


def test_a_large_body_is_refused_before_it_is_read(client: Caller) -> None:
    response = client.post("/api/v1/events", content=b" " * (application.BODY_LIMIT + 1))
    problem(response, 413, "too-large")


def test_a_large_body_without_a_length_is_refused_on_its_way(client: Caller) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (application.BODY_LIMIT // 4)

    problem(client.post("/api/v1/events", content=pieces()), 413, "too-large")


def test_every_answer_carries_its_trace_and_the_callers(client: Caller) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    response = client.get("/healthz", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert response.headers["x-trace-id"] == trace
    assert response.headers["x-content-type-options"] == "nosniff"
