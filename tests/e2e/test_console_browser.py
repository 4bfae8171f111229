"""The console in a real browser, over a world in memory: pages draw, nothing comes from elsewhere, nobody's edit is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.console_browser import CHROMIUM, Browser, browser

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (set CHROMIUM)"),
    pytest.mark.xdist_group("console"),
]

FAKES = Path(__file__).parents[1] / "unit" / "web"
SERVER = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from web_fakes import World
from supplychain.web import server
import uvicorn
world = World(Path(sys.argv[2]))
listening = server.listen("127.0.0.1", int(sys.argv[3]))
uvicorn.Server(uvicorn.Config(server.assembled(world.front), log_level="error")).run(sockets=[listening])
"""
PAGES = {
    "/": ["Sale events seen", "ROOM-1", "flash offer"],
    "/rooms/S1": ["Plum wine gift set", "12 min", "80 – 140 – 230"],
    "/plans": ["spike: SKU-1 in S1", "to review"],
    "/plans/plan-1": ["SKU-1", "gross demand 150", "Approve"],
    "/deliveries": ["SUP-B", "410 gone", "Needs somebody 1"],
    "/tuning": ["false_alarms_per_hour", "Version 1"],
    "/health": ["WH-EAST", "unknown-sku", "sales.v1"],
}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    folder = tmp_path_factory.mktemp("console")
    words = [sys.executable, "-c", SERVER, str(FAKES), str(folder), str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": ""})
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{address}/healthz", trust_env=False)
                break
            except httpx.HTTPError:
                continue
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {0, -signal.SIGTERM}
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture(scope="module")
def page(console: str) -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.mark.parametrize("path", list(PAGES))
def test_each_page_draws_and_asks_no_other_host(console: str, page: Browser, path: str) -> None:
    page.requested.clear()
    page.faults.clear()
    page.go(console + path)
    for words in PAGES[path]:
        page.wait_text(words)
    host = console.removeprefix("http://")
    foreign = [url for url in page.requested if host not in url and not url.startswith(("data:", "blob:"))]
    assert not foreign
    assert not page.faults


def test_the_drawer_explains_a_line(console: str, page: Browser) -> None:
    page.go(f"{console}/plans/plan-1")
    page.wait_text("gross demand 150")
    page.click(".ag-row[row-id='line-1'] [col-id='why']")
    for words in (
        "The quantity in one equation",
        "supplier capacity SUP-A",
        "SUP-B",
        "expedite",
        "History",
        "spike in S1",
    ):
        page.wait_text(words)


def test_an_edit_is_a_draft_until_it_is_saved_with_a_reason(console: str, page: Browser) -> None:
    page.go(f"{console}/plans/plan-1")
    page.wait_text("gross demand 150")
    cell = "document.querySelector(\".ag-row[row-id='line-2'] [col-id='quantity']\")"
    page.wait(f"{cell} !== null")
    x, y = page.js(
        f"(() => {{ const r = {cell}.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()"
    )
    page.press(x, y, times=2)
    page.wait("document.querySelector('.ag-cell-edit-wrapper input, .ag-cell-inline-editing input') !== null")
    page.js("document.querySelector('.ag-cell-inline-editing input').select()")
    page.type("350")
    page.key("Enter")
    page.wait_text("1 edits not saved")
    # Fresh data keep coming meanwhile; the draft stays.
    page.wait("document.querySelectorAll('.ag-cell.draft').length === 1")
    serial = httpx.get(f"{console}/api/v1/lines/line-2", trust_env=False).json()["version"]
    assert serial == 1
    page.js("[...document.querySelectorAll('button')].find(b => b.innerText.includes('Save edits')).click()")
    page.wait("document.querySelector('.q-dialog textarea') !== null")
    page.js("document.querySelector('.q-dialog textarea').focus()")
    page.type("host adds ten minutes")
    page.js("[...document.querySelectorAll('.q-dialog button')].find(b => b.innerText.includes('Save edits')).click()")
    page.wait_text("1 quantities changed")
    line = httpx.get(f"{console}/api/v1/lines/line-2", trust_env=False).json()
    assert (line["quantity"], line["version"]) == (350, 2)


def test_who_comes_second_is_told_and_nothing_is_overwritten(console: str, page: Browser) -> None:
    page.go(f"{console}/plans/plan-1")
    page.wait_text("gross demand 150")
    page.js("[...document.querySelectorAll('button')].find(b => b.innerText.includes('Approve')).click()")
    page.wait("document.querySelector('.q-dialog textarea') !== null")
    line = httpx.get(f"{console}/api/v1/lines/line-1", trust_env=False)
    edit = {"quantity": 70, "reason": "somebody else"}
    httpx.patch(
        f"{console}/api/v1/lines/line-1", json=edit, headers={"If-Match": line.headers["etag"]}, trust_env=False
    )
    page.js("[...document.querySelectorAll('.q-dialog button')].find(b => b.innerText.includes('Approve')).click()")
    page.wait_text("Somebody was here before you")
    assert httpx.get(f"{console}/api/v1/lines/line-1", trust_env=False).json()["state"] == "proposed"


@pytest.mark.parametrize(("cookie", "words"), [("lang=zh", "总览"), ("lang=en", "Overview")])
def test_both_languages(console: str, page: Browser, cookie: str, words: str) -> None:
    page.go(console)
    page.wait("document.cookie !== null")
    page.js(f"document.cookie = '{cookie}; path=/'")
    page.go(f"{console}/health")
    page.wait_text(words)
    page.js("document.cookie = 'lang=en; path=/'")


def test_light_and_dark(console: str, page: Browser) -> None:
    grounds = set()
    for theme in ("dark", "light"):
        page.go(console)
        page.wait("document.cookie !== null")
        page.js(f"document.cookie = 'theme={theme}; path=/'")
        page.go(f"{console}/health")
        page.wait_text("WH-EAST")
        grounds.add(page.js("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
