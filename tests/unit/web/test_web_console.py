"""The console without a browser: every page draws on good data and on none, says what is old, and escapes what it shows."""

from __future__ import annotations

import asyncio
import doctest
import re
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from nicegui.testing.user import User
from nicegui.testing.user_simulation import user_simulation

from supplychain.domain.errors import UnavailableError
from supplychain.web import auth
from supplychain.web.console import charts, formats, register, signin, tables, texts, tuning
from supplychain.web.console.frame import Visit
from supplychain.web.console.line_evidence import evidence
from supplychain.web.console.plan_lines import line_row
from supplychain.web.console.plan_panel import term_table
from tests.unit.web.web_fakes import NOW, Caller, World, line

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def visit(world: World) -> Visit:
    gate = auth.gate(world.settings, world.front.wall, b"s")
    actor = gate.visitor({})
    assert actor is not None
    return Visit(world.front, gate, actor, "en", "light")


@asynccontextmanager
async def visitor(world: World) -> AsyncIterator[User]:
    async with user_simulation() as user:
        register(world.front, auth.gate(world.settings, world.front.wall, b"s"))
        yield user


PAGES = {
    "/": "Latest spikes",
    "/rooms/S1": "Orders per minute",
    "/plans": "To review",
    "/plans/plan-1": "Approve",
    "/deliveries": "Send again",
    "/tuning": "Activate",
    "/health": "Partitions",
}


def test_every_page_draws(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def walk() -> None:
        async with visitor(world) as user:
            for path, words in PAGES.items():
                await user.open(path)
                await user.should_see(words)
                await user.should_see("updated 20:00:00 UTC+8", retries=30)

    asyncio.run(walk())
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


def test_the_health_page_tells_which_model_is_degraded_and_how_true_its_forecasts_came(world: World) -> None:
    async def walk() -> None:
        async with visitor(world) as user:
            await user.open("/health")
            for words in ("Models of the shelf", "3 (active)", "80 % interval held", "61"):
                await user.should_see(words, retries=30)

    asyncio.run(walk())


def test_a_page_without_data_says_why_and_stays(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.board.broken = UnavailableError("the database does not answer")

    async def walk() -> None:
        async with visitor(world) as user:
            await user.open("/")
            await user.should_see("the database does not answer", retries=30)
            world.board.broken = RuntimeError("inner words")
            await user.open("/health")
            await user.should_see("RuntimeError", retries=30)
            await user.should_not_see("inner words")

    asyncio.run(walk())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"]  # the unforeseen is logged


def test_a_room_that_is_not_there_says_so(world: World) -> None:
    async def walk() -> None:
        async with visitor(world) as user:
            await user.open("/rooms/none")
            await user.should_see("unknown session", retries=30)

    asyncio.run(walk())


def test_texts_exist_in_both_languages_with_the_same_fields() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, (english, chinese) in texts.TEXTS.items():
        assert english.strip(), key
        assert chinese.strip(), key
        assert fields(english) == fields(chinese), key


def test_every_text_that_pages_ask_for_exists() -> None:
    folder = Path(texts.__file__).parent
    asked = {key for path in folder.glob("*.py") for key in re.findall(r'\bsay\(\s*"([a-z._]+)"', path.read_text())}
    assert len(asked) > 100
    assert not asked - set(texts.TEXTS)
    states = {
        f"state.{state}"
        for state in formats.TONES
        if state not in {"live", "ended", "announced", "firm", "commit", "forecast", "spike", "degraded"}
    }
    assert not states - set(texts.TEXTS)


@pytest.mark.parametrize("module", [texts, formats, tables, charts, tuning], ids=lambda module: module.__name__)
def test_examples_in_the_documentation(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # modules, as the parameters show


def test_tables_escape_what_came_from_outside(visit: Visit) -> None:
    shown = tables.table([tables.Column(HOSTILE)], [[HOSTILE]], empty="")
    shown += tables.figure(HOSTILE, HOSTILE) + tables.facts([(HOSTILE, HOSTILE)]) + tables.chip(HOSTILE).html
    shown += tables.link(HOSTILE, "rooms", HOSTILE).html + tables.mono(HOSTILE).html + tables.nothing(HOSTILE)
    evil = line(1, sku=HOSTILE)
    evil["explanation"]["terms"][0]["name"] = HOSTILE
    shown += term_table(visit, evil)
    assert "<img" not in shown


def test_what_a_planner_asks_about_a_line_has_its_place_and_no_markup_from_outside(visit: Visit) -> None:
    known = line(1)["explanation"]["facts"]
    shown = evidence(visit, known)
    for said in (
        "One batch more",
        "+¥940.00",
        "−¥10.00",
        "+¥9,900",
        "Transfers and shortage",
        "2 others",
        "70 pieces",
        "SUP-B",
    ):
        assert said in shown
    assert "1795" not in shown.replace(",", ""), "no bare time stamps"
    evil = {
        **known,
        "serves": [{**known["serves"][0], "region": HOSTILE}],
        "note": HOSTILE,
        "binding": [{"limit": HOSTILE}],
    }
    assert "<img" not in evidence(visit, evil)
    assert evidence(visit, {}).count("strong") == 1, "only that no limit binds"


def test_an_edit_in_progress_stands_in_its_row(visit: Visit) -> None:
    row = line_row(visit, line(1, override=90, override_reason="host ill", quantity=90), {"line-1": 70})
    assert (row["quantity"], row["draft"]) == (70, True)
    assert "recommends 100" in row["quantity_note"]
    assert "host ill" in row["quantity_note"]


def test_money_and_times_name_their_unit() -> None:
    english, chinese = formats.Formats("en", "Asia/Shanghai"), formats.Formats("zh", "Asia/Shanghai")
    assert english.stamp(NOW) == "11-23 20:00 UTC+8"
    assert formats.Formats("en", "Asia/Kolkata").offset(NOW) == "UTC+5:30"
    assert (english.money(99_900), chinese.money(99_900)) == ("¥999.00", "¥999.00")
    assert (english.money(None), english.count(None), english.stamp(None)) == ("–", "–", "–")


def test_bands_end_with_the_chart_and_start_with_it(visit: Visit) -> None:
    zone = visit.formats.zone
    options = charts.rates(visit.say)
    rows: list[dict[str, Any]] = [
        {"at": NOW - 60_000, "orders": 2, "viewers": None},
        {"at": NOW, "orders": 3, "viewers": 9},
    ]
    running = {"started_at": NOW - 900_000, "ended_at": None}
    charts.rates_data(options, rows, [running], [], NOW, zone)
    assert options["series"][0]["data"] == [
        ["2026-11-23T19:59:00", 4],
        ["2026-11-23T19:59:30", 0],
        ["2026-11-23T20:00:00", 6],
    ]
    assert options["series"][2]["markArea"]["data"] == [
        [{"xAxis": "2026-11-23T19:59:00"}, {"xAxis": "2026-11-23T20:00:00"}]
    ]


def test_tuning_keeps_types_and_sends_changes_only() -> None:
    whole = {"default": 5, "value": 5}
    assert tuning.typed(whole, 5) is None
    assert tuning.typed(whole, 6.0) == 6
    assert isinstance(tuning.typed(whole, 6.0), int)
    assert tuning.typed(whole, None) is None
    assert tuning.typed({"default": False, "value": False}, 1) is True
    assert tuning.document({"a.b": 1, "a.c": True}) == {"a": {"b": 1, "c": True}}


def test_signing_in_with_a_key_and_out_again(tmp_path: Path) -> None:
    secret = "B" * 43
    digest = sha256(secret.encode()).hexdigest()
    (tmp_path / auth.KEY_FILE).write_text(f'[mei]\nsha256 = "{digest}"\nactor = "mei"\nroles = ["planner"]\n')
    world = World(tmp_path, open_to_all=False)
    gate = auth.gate(world.settings, world.front.wall, b"s")
    app = FastAPI()
    app.include_router(signin.router(gate))
    client = Caller(app)
    assert 'type="password"' in client.get("/sign-in?next=/plans").text
    wrong = client.post("/sign-in", content=b"key=lsc_mei_wrong", headers={"content-type": "text/plain"})
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    right = client.post("/sign-in", content=f"key=lsc_mei_{secret}&next=//evil.example".encode())
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    value = cookie.partition("=")[2].partition(";")[0].strip('"')
    found = gate.visitor({auth.COOKIE: value})
    assert found is not None
    assert found.name == "mei"
    assert "Max-Age=0" in client.get("/sign-out").headers["set-cookie"]
    hostile = client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in hostile.text
