"""`supplychain serve` as an operator starts it, with its roles at hand by process id."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from supplychain.bootstrap import Services
from supplychain.settings import Settings, WebSettings
from supplychain.storage.engine import Database
from tests.faults.stage import until


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Service:
    """The whole service in a process tree of its own."""

    def __init__(self, folder: Path, *options: str, roles: str = "") -> None:
        self.settings = Settings(data_dir=folder / "data", web=WebSettings(port=free_port()))
        command = [sys.executable, "-m", "supplychain", "serve", "--data-dir", str(self.settings.data_dir)]
        command += ["--web-port", str(self.settings.web.port), *(["--roles", roles] if roles else []), *options]
        self._log = (folder / "serve.log").open("ab")
        self.log = folder / "serve.log"
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.http = httpx.Client(base_url=self.settings.web_url, timeout=30.0)
        self._database: Database | None = None

    def until_ready(self) -> None:
        """Wait until the API answers."""
        until(lambda: self.alive() and self._answers("/healthz"), "the service to answer")

    def alive(self) -> bool:
        """Tell whether the parent runs; fail with the log when it does not."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-3_000:]
        return True

    def pid(self, role: str) -> int | None:
        """Return the process of a role, None while it has none."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            mine = int(state[1]) == self.process.pid and state[0] != "Z"
            if mine and b"supplychain.processes.roles" in words and role.encode() in words:
                return int(entry.name)
        return None

    def post(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Post sale events, again and again until they are taken: their ids make that safe."""
        answer: dict[str, Any] = {}

        def taken() -> bool:
            try:
                response = self.http.post("/api/v1/events", json=list(events))
            except httpx.HTTPError:
                return False
            if response.status_code in {429, 503}:
                return False
            assert response.status_code == 202, response.text
            answer.update(response.json())
            return True

        until(taken, "events to be taken")
        return answer

    @property
    def services(self) -> Services:
        """Services on the database of the running service, for looking."""
        if self._database is None:
            self._database = Database(self.settings.database_url)
        return Services(self.settings, self._database)

    def stop(self) -> int:
        """Stop it as an operator does and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def _answers(self, path: str) -> bool:
        try:
            return self.http.get(path).status_code < 500
        except httpx.HTTPError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._database is not None:
            self._database.close()
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
