"""The parent: one operating system process per role, restarted with back-off when it dies, stopped in order."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from supplychain.bootstrap import build, run_file
from supplychain.domain.errors import SettingsError, UnavailableError
from supplychain.domain.ids import derive
from supplychain.processes.roles import ORDER
from supplychain.settings import Settings
from supplychain.telemetry import log

_log = log(__name__)
_READY_SECONDS = 300.0
_GRACE_SECONDS = 20.0
_LONGEST_PAUSE = 15.0
_STEADY_SECONDS = 30.0


@dataclass(slots=True)
class Child:
    """A role's process and how often it had to be started."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    due: float = field(default=0.0)


def _die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, however it dies."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)


def _spawn(command: list[str], sink: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start a role: a module of our own, with nothing between fork and exec but a system call."""
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl, which takes no lock
    )


def named(settings: Settings) -> Settings:
    """Give the one stream worker of a data directory a name in its group.

    A worker that is started again under its name has its partitions at once; without one the group waits until the session
    of the dead one is over.
    """
    if settings.broker.member or not settings.broker.url:
        return settings
    member = derive("member", socket.gethostname(), settings.data_dir.resolve())
    return settings.model_copy(update={"broker": settings.broker.model_copy(update={"member": member})})


class Parent:
    """Starts roles, watches them, restarts what dies, and stops them in order.

    Parameters
    ----------
    roles
        Names of `ORDER`. The embedded broker is added when no broker is named in the settings.
    logs
        Where the children's logs go; None keeps them on this process's standard error.
    """

    def __init__(self, settings: Settings, roles: Sequence[str], *, logs: Path | None = None) -> None:
        unknown = sorted(set(roles) - set(ORDER))
        if unknown:
            raise SettingsError(f"unknown role {unknown[0]!r}", way_out=f"use some of {', '.join(ORDER)}")
        self.settings = settings
        self._roles = [role for role in ORDER if role in roles and not (role == "broker" and settings.broker.url)]
        self._logs = logs
        self._children = {role: Child(role) for role in self._roles}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Check ports, start every role and begin to watch.

        Raises
        ------
        UnavailableError
            If a port is taken, a service runs on this data directory already, or the broker does not come up.
        """
        self._free_ports()
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        build(self.settings).close()  # migrate once, before several processes open the database
        document = {"settings": json.loads(named(self.settings).model_dump_json()), "parent": os.getpid()}
        self._path.write_text(json.dumps(document), encoding="utf-8")
        if "broker" in self._children:
            run_file(self.settings).unlink(missing_ok=True)
            self._launch("broker")
            self._await_broker()
        for role in self._roles:
            if role != "broker":
                self._launch(role)
        self._watcher = threading.Thread(target=self._watch, name="parent", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop every role, last started first; who does not end within 20 seconds is killed."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()
        users = [role for role in reversed(self._roles) if role != "broker"]
        self._end(users)  # the broker last: who leaves a group or flushes a producer still needs it
        self._end([role for role in self._roles if role == "broker"])
        run_file(self.settings).unlink(missing_ok=True)

    def _end(self, roles: Sequence[str]) -> None:
        processes = [(role, process) for role in roles if (process := self._children[role].process) is not None]
        for _, process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for role, process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("role did not stop in time", stopped=role)
                process.kill()
                process.wait()

    def pid(self, role: str) -> int | None:
        """Return the process id of a role that runs."""
        process = self._children[role].process if role in self._children else None
        return process.pid if process and process.poll() is None else None

    def restarts(self) -> dict[str, int]:
        """Return how often each role was started again."""
        return {role: child.restarts for role, child in self._children.items()}

    def wait(self, wanted: Callable[[], bool], what: str, seconds: float = _READY_SECONDS) -> None:
        """Wait until something is so.

        Raises
        ------
        UnavailableError
            If it is not so in time; it names what was waited for and the roles that are down.
        """
        deadline = time.monotonic() + seconds
        while not wanted():
            if time.monotonic() > deadline:
                down = [role for role in self._roles if self.pid(role) is None]
                hint = f"roles down: {', '.join(down)}; " if down else ""
                logs = f"see the logs in {self._logs}" if self._logs else "see the log above"
                raise UnavailableError(f"waited {seconds:.0f} s for {what}", way_out=hint + logs)
            time.sleep(0.02)

    @property
    def _path(self) -> Path:
        return self.settings.data_dir / "settings.json"

    def _free_ports(self) -> None:
        wanted = []
        if "web" in self._roles:
            wanted.append(("web", self.settings.web.host, self.settings.web.port))
        if "partner" in self._roles:
            wanted.append(("partner", self.settings.partner.host, self.settings.partner.port))
        for section, host, port in wanted:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as taken:
                    detail = f"port {port} of {host} is in use ({taken.strerror})"
                    way_out = f"stop what listens there, or choose another with --{section}-port or SUPPLYCHAIN_{section.upper()}__PORT"
                    raise UnavailableError(detail, way_out=way_out, port=port) from None

    def _launch(self, role: str) -> None:
        child = self._children[role]
        command = [sys.executable, "-m", "supplychain.processes.roles", role, str(self._path)]
        if self._logs is None:
            child.process = _spawn(command, None)
        else:
            self._logs.mkdir(parents=True, exist_ok=True)
            with (self._logs / f"{role}.log").open("ab") as sink:
                child.process = _spawn(command, sink)
        child.started = time.monotonic()

    def _await_broker(self) -> None:
        path = run_file(self.settings)
        self.wait(lambda: path.exists() or self.pid("broker") is None, "the embedded broker")
        if not path.exists():
            raise UnavailableError("the embedded broker did not start", way_out="see its log")

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            for role in self._roles:
                child = self._children[role]
                if child.process is None or child.process.poll() is None:
                    continue
                self._mend(child, child.process.returncode)

    def _mend(self, child: Child, code: int) -> None:
        """Start a dead role again, after a pause that doubles as long as it keeps dying."""
        now = time.monotonic()
        if not child.due:
            steady = now - child.started > _STEADY_SECONDS
            child.failures = 0 if steady else child.failures + 1
            child.due = now + min(_LONGEST_PAUSE, 0.2 * 2**child.failures)
            _log.error("role ended", ended=child.role, code=code, again_in_seconds=round(child.due - now, 1))
        if now < child.due:
            return
        child.due = 0.0
        child.restarts += 1
        if child.role == "broker":
            self._new_broker()
        else:
            self._launch(child.role)

    def _new_broker(self) -> None:
        """A new embedded broker is another cluster at another address: everybody starts again with it."""
        run_file(self.settings).unlink(missing_ok=True)
        self._launch("broker")
        try:
            self._await_broker()
        except UnavailableError as away:
            _log.error("broker not back", detail=str(away))
            return
        for role in self._roles:
            process = self._children[role].process
            if role != "broker" and process and process.poll() is None:
                process.terminate()
