"""A headless Chromium steered by its own protocol: real waiting, real clicks, and every request it makes on record."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1440,900",
    "--hide-scrollbars",
)


class Browser:
    """One page of one browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._serial = 0
        self.requested: list[str] = []
        self.faults: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        size = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; what happens meanwhile goes on record."""
        self._serial += 1
        self._socket.send(json.dumps({"id": self._serial, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == self._serial:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            self._record(message)

    def _record(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif message.get("method") == "Network.webSocketCreated":
            self.requested.append(params["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(str(details.get("exception", {}).get("description") or details.get("text")))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.faults.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def go(self, url: str) -> None:
        """Open an address."""
        self.call("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = 30.0) -> Any:
        """Wait until an expression is true, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.js(f"(() => {{ try {{ return {expression} }} catch {{ return null }} }})()")
            if value:
                return value
        shown = self.js("document.body.innerText.slice(0, 2000)")
        raise AssertionError(f"never true: {expression}\nfaults: {self.faults}\npage: {shown}")

    def wait_text(self, words: str, seconds: float = 30.0) -> None:
        """Wait until words are on the page."""
        self.wait(f"document.body.innerText.includes({json.dumps(words)})", seconds)

    def click(self, selector: str) -> None:
        """Click the middle of an element with a real mouse press."""
        find = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{find} !== null")
        box = self.js(
            f"(() => {{ const r = {find}.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()"
        )
        self.press(box[0], box[1])

    def press(self, x: float, y: float, times: int = 1) -> None:
        """Press the mouse at a point, `times` times."""
        for number in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=number)

    def type(self, words: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=words)

    def key(self, name: str) -> None:
        """Press a key such as Enter."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9}[name]
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **text)

    def picture(self, path: Path) -> None:
        """Save what is on screen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_page_address(Path(profile)), max_size=None, compression=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait(10)


def _page_address(profile: Path) -> str:

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
            pages = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
            return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
        except (OSError, IndexError, StopIteration, httpx.HTTPError):
            continue
    raise AssertionError("the browser did not start")
