"""The web role: API and console on one application, served until somebody says stop."""

from __future__ import annotations

import secrets
import socket
import threading
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from supplychain.domain.errors import NotFoundError, SettingsError, UnavailableError
from supplychain.planning.ports import Store
from supplychain.settings import Settings
from supplychain.web import auth
from supplychain.web.api import application
from supplychain.web.console import mount
from supplychain.web.desk import PlanningDesk
from supplychain.web.ports import Front, SalesPublisher, Services

_GRACE_SECONDS: Final = 5
_POLL_SECONDS: Final = 0.1
_BACKLOG_SECONDS: Final = 1.0
"""A platform waits no longer for readers that are behind; it is told to send again."""


def build(services: Services) -> FastAPI:
    """Return the application: API under /api/v1, probes, and the console on everything else.

    Raises
    ------
    SettingsError
        If open mode is asked for on an address that other machines reach, or the key file is malformed.
    """
    front = Front(
        settings=services.settings,
        board=services.board,
        desk=PlanningDesk(services.store, services.wall),
        idempotency=services.idempotency,
        publisher=_once(lambda: services.publisher(patience=_BACKLOG_SECONDS)),
        secrets_of=_secrets(services.settings, services.store),
        wall=services.wall,
    )
    return assembled(front)


def assembled(front: Front) -> FastAPI:
    """Return the application on a front; the console exists once per process."""
    gate = auth.gate(front.settings, front.wall, secrets.token_bytes(32))
    app = application.create(front, gate, version=_version())
    mount(app, front, gate)
    return app


def serve(services: Services, stop: threading.Event | None = None) -> None:
    """Serve until `stop` is set, or SIGTERM or Ctrl-C comes; requests that run get five seconds to end.

    Raises
    ------
    UnavailableError
        If the port is taken.
    """
    settings = services.settings.web
    listening = listen(settings.host, settings.port)
    config = uvicorn.Config(
        build(services),
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
        ws_max_size=4 * 1024 * 1024,
    )
    server = uvicorn.Server(config)
    if stop is not None:
        threading.Thread(target=_stop_with, args=(server, stop), name="web-stop", daemon=True).start()
    with listening:
        server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    UnavailableError
        If the port is taken or the address is not of this machine; it names both and a way out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as fault:
        listening.close()
        way_out = f"stop what listens there, or choose another: SUPPLYCHAIN_WEB__PORT={port % 65_535 + 1}"
        detail = f"cannot listen on {host} port {port}: {fault.strerror}"
        raise UnavailableError(detail, way_out=way_out, host=host, port=port) from None
    return listening


def _stop_with(server: uvicorn.Server, stop: threading.Event) -> None:
    while not stop.wait(_POLL_SECONDS):
        if server.should_exit:
            return
    server.should_exit = True


def _once(make: Callable[[], SalesPublisher]) -> Callable[[], SalesPublisher]:
    """Make one producer for the process, when the first event comes; the broker may start later than this role."""
    lock = threading.Lock()
    cached = cache(make)

    def publisher() -> SalesPublisher:
        with lock:
            return cached()

    return publisher


def _secrets(settings: Settings, store: Store) -> Callable[[str], Sequence[str]]:
    """Return the signing secrets of suppliers, from the file that dispatch signs with."""
    path = Path(settings.dispatch.secrets_file or settings.data_dir / "secrets.toml")

    def of(supplier: str) -> Sequence[str]:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ()
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise SettingsError(f"secrets file {path} cannot be read", file=str(path)) from fault
        try:
            with store.read() as tx:
                record = tx.versions.network()[1].suppliers.get(supplier)
        except NotFoundError:
            record = None
        name = (record.secret_ref if record else None) or supplier
        value = given.get(name, ())
        return [value] if isinstance(value, str) else [str(one) for one in value]

    return of


def _version() -> str:
    try:
        return version("livestream-supplychain")
    except PackageNotFoundError:
        return "0"
