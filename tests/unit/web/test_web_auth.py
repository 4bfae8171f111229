"""Who may do what: deny by default, own things only, keys that expire, browsers that are not steered from elsewhere."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from supplychain.domain.errors import SettingsError, UnauthorizedError
from supplychain.settings import Settings, WebSettings
from supplychain.web import auth, keys
from supplychain.web.api import application
from tests.unit.web.web_fakes import NOW, Caller, World

SECRET = "A" * 43
KEY = {"Idempotency-Key": "k"}
FILE = """
[planner]
sha256 = "{digest}"
actor = "mei@example.com"
roles = ["planner"]

[boss]
sha256 = "{digest}"
actor = "boss@example.com"
roles = ["approver", "operator"]

[viewer]
sha256 = "{digest}"
actor = "screen"
roles = ["viewer"]

[sup-b]
sha256 = "{digest}"
actor = "sup-b"
roles = ["supplier:SUP-B"]

[wh]
sha256 = "{digest}"
actor = "wms"
roles = ["warehouse:WH-EAST"]

[old]
sha256 = "{digest}"
actor = "old"
roles = ["admin"]
expires = 2026-11-22
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / auth.KEY_FILE).write_text(FILE.format(digest=sha256(SECRET.encode()).hexdigest()))
    return World(tmp_path, open_to_all=False)


@pytest.fixture
def gate(world: World) -> auth.Gate:
    return auth.gate(world.settings, lambda: world.wall, b"s" * 32)


@pytest.fixture
def client(world: World, gate: auth.Gate) -> Caller:
    return Caller(application.create(world.front, gate, version="1"))


def key(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer lsc_{name}_{SECRET}"}


def test_nobody_is_let_in_without_a_good_key(client: Caller) -> None:
    for headers in (
        {},
        {"Authorization": "Basic x"},
        {"Authorization": f"Bearer lsc_planner_{'B' * 43}"},
        key("none"),
        key("old"),
    ):
        for path in ("summary", "plans", "plans/plan-1", "lines/line-1", "deliveries", "tuning", "health"):
            response = client.get(f"/api/v1/{path}", headers=headers)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"


def test_a_name_is_no_key(client: Caller) -> None:
    assert client.get("/api/v1/plans", headers={"X-Actor": "boss@example.com"}).status_code == 401


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("viewer", set()),
        ("planner", {"approve", "reject", "ask", "edit"}),
        ("boss", {"approve", "reject", "ask", "release", "cancel", "tune", "redeliver", "events"}),
        ("sup-b", set()),
        ("wh", set()),
    ],
)
def test_each_role_may_what_it_may(client: Caller, who: str, allowed: set[str]) -> None:
    edit = {**key(who), "If-Match": '"1"'}
    reason = {"reason": "r"}
    calls = {
        "edit": client.patch("/api/v1/lines/line-1", json={"quantity": 10, "reason": "r"}, headers=edit),
        "approve": client.post("/api/v1/plans/plan-1/approve", json={"lines": ["line-1"]}, headers={**KEY, **key(who)}),
        "reject": client.post("/api/v1/plans/plan-1/reject", json={"lines": ["line-2"], **reason}, headers={**KEY, **key(who), "Idempotency-Key": "2"}),
        "release": client.post("/api/v1/plans/plan-1/release", json={"lines": ["line-1"]}, headers={**KEY, **key(who), "Idempotency-Key": "3"}),
        "cancel": client.post("/api/v1/plans/plan-1/cancel", json={"lines": ["line-1"], **reason}, headers={**KEY, **key(who), "Idempotency-Key": "5"}),
        "ask": client.post("/api/v1/plan-requests", json={}, headers={**key(who), "Idempotency-Key": "4"}),
        "tune": client.post("/api/v1/tuning/activate", json={"document": {}, **reason}, headers=key(who)),
        "redeliver": client.post("/api/v1/deliveries/m-1/redeliver", json=reason, headers=key(who)),
        "events": client.post("/api/v1/events", json={}, headers=key(who)),
    }  # fmt: skip
    statuses = {name: response.status_code for name, response in calls.items()}
    assert {name for name, status in statuses.items() if status != 403} == allowed, statuses


def test_partners_see_their_own_released_lines_without_costs(client: Caller) -> None:
    own = client.get("/api/v1/lines/line-3", headers=key("sup-b"))
    assert own.status_code == 200
    assert own.json()["quantity"] == 300
    assert not {"unit_cost_minor", "explanation", "recommended", "override"} & set(own.json())
    assert client.get("/api/v1/lines/line-1", headers=key("sup-b")).status_code == 404  # of another supplier
    assert client.get("/api/v1/lines/line-3", headers=key("wh")).status_code == 200
    assert client.get("/api/v1/lines/line-1", headers=key("wh")).status_code == 404  # not released yet
    assert client.get("/api/v1/lines/line-3/history", headers=key("sup-b")).status_code == 403
    assert client.get("/api/v1/plans/plan-1", headers=key("sup-b")).status_code == 403


def test_partners_see_their_own_messages(client: Caller) -> None:
    lanes = {
        who: [row["lane"] for row in client.get("/api/v1/deliveries", headers=key(who)).json()["items"]]
        for who in ("sup-b", "wh", "viewer")
    }
    assert lanes == {"sup-b": ["SUP-B"], "wh": ["WH-EAST"], "viewer": ["SUP-A", "SUP-B", "WH-EAST"]}


def test_a_key_that_was_taken_away_stops_working_at_once(client: Caller, world: World) -> None:
    assert client.get("/api/v1/plans", headers=key("viewer")).status_code == 200
    (world.settings.data_dir / auth.KEY_FILE).write_text("")
    assert client.get("/api/v1/plans", headers=key("viewer")).status_code == 401


def test_a_cookie_lives_no_longer_than_its_key(gate: auth.Gate, world: World) -> None:
    cookie = {auth.COOKIE: gate.cookie(f"lsc_planner_{SECRET}")}
    visitor = gate.visitor(cookie)
    assert visitor is not None
    assert visitor.name == "mei@example.com"
    assert SECRET not in cookie[auth.COOKIE]
    assert gate.visitor({auth.COOKIE: cookie[auth.COOKIE][:-1] + "0"}) is None
    assert gate.visitor({auth.COOKIE: "nonsense"}) is None
    assert gate.visitor({}) is None
    world.wall += auth.SESSION_MS
    assert gate.visitor(cookie) is None
    world.wall = NOW
    (world.settings.data_dir / auth.KEY_FILE).write_text("")
    assert gate.visitor(cookie) is None
    with pytest.raises(UnauthorizedError):
        gate.cookie(f"lsc_planner_{SECRET}")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "shop.example.com", "::"])  # noqa: S104  (refused, that is the point)
def test_open_mode_is_for_the_loopback_address_only(tmp_path: Path, host: str) -> None:
    settings = Settings(data_dir=tmp_path, web=WebSettings(host=host))
    with pytest.raises(SettingsError, match="loopback"):
        auth.gate(settings, lambda: NOW, b"s")


def test_open_mode_trusts_no_foreign_page(tmp_path: Path) -> None:
    world = World(tmp_path)
    app = application.create(world.front, auth.gate(world.settings, lambda: NOW, b"s"), version="1")
    client = Caller(app)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}):
        response = client.post("/api/v1/plan-requests", json={}, headers={**KEY, **headers})
        assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    rebound = Caller(app, "http://evil.example:8000").get("/api/v1/plans")
    assert rebound.status_code == 403
    own = client.post("/api/v1/plan-requests", json={}, headers={**KEY, "Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 202
    assert not [call for call in world.desk.calls if call[0] == "approve"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a", "no TOML"),
        ('[a]\nsha256 = "00"\nactor = "a"\nroles = []', "64 hex"),
        ('[a]\nactor = "a"\nroles = []', "sha256"),
        (f'[a]\nsha256 = "{"0" * 64}"\nactor = "a"\nroles = ["king"]', "unknown role"),
        (f'[a]\nsha256 = "{"0" * 64}"\nactor = "a"\nroles = ["supplier:"]', "unknown role"),
        (f'[a]\nsha256 = "{"0" * 64}"\nactor = "a"\nroles = []\nexpires = "soon"', "no date"),
        (f'[a]\nsha256 = "{"0" * 64}"\nactor = "a"\nroles = []\nsecret = "x"', "unknown field"),
        (f'[A]\nsha256 = "{"0" * 64}"\nactor = "a"\nroles = []', "the id"),
    ],
)
def test_a_bad_key_file_names_its_fault(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        keys.read_keys(path)


def test_a_new_key_is_one_the_ring_knows(tmp_path: Path) -> None:
    text, digest = keys.new_key("ops", SECRET)
    path = tmp_path / "keys.toml"
    path.write_text(f'[ops]\nsha256 = "{digest}"\nactor = "ops"\nroles = ["operator"]\nexpires = 2026-11-24T00:00:00Z')
    ring = keys.read_keys(path)
    assert ring.shown(text, NOW).actor.roles == {"operator"}
    with pytest.raises(UnauthorizedError, match="expired"):
        ring.shown(text, NOW + 2 * 86_400_000)
    with pytest.raises(SettingsError):
        keys.new_key("not good", SECRET)
