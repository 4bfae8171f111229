"""Serving: a taken port is told with a way out, a stop ends it, events wait for their broker."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from supplychain.domain.errors import NotFoundError, SettingsError, UnavailableError
from supplychain.domain.network import Catalogue, Supplier
from supplychain.settings import DispatchSettings, Settings, WebSettings
from supplychain.web import server
from tests.unit.web.web_fakes import World


def test_a_taken_port_names_itself_and_a_way_out() -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port}") as caught:
            server.listen("127.0.0.1", port)
    assert "SUPPLYCHAIN_WEB__PORT" in caught.value.way_out
    assert caught.value.fields["port"] == port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UnavailableError, match=r"192\.0\.2\.1"):
        server.listen("192.0.2.1", 8_000)


def test_stop_ends_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError(scope["type"])

    monkeypatch.setattr(server, "build", lambda services: app)
    world = World(tmp_path)
    settings = world.settings.model_copy(update={"web": WebSettings(port=port)})
    stop = threading.Event()
    services = type("S", (), {"settings": settings})()
    thread = threading.Thread(target=server.serve, args=(services, stop))
    thread.start()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    server.listen("127.0.0.1", port).close()  # the port is free again


def test_the_publisher_is_made_once_and_tried_again_after_a_failure() -> None:
    made: list[int] = []

    def make() -> Any:
        made.append(1)
        if len(made) == 1:
            raise UnavailableError("no service runs")
        return object()

    publisher = server._once(make)
    with pytest.raises(UnavailableError):
        publisher()
    assert publisher() is publisher()
    assert len(made) == 2


class _Versions:
    def __init__(self, suppliers: dict[str, Supplier] | None) -> None:
        self._suppliers = suppliers

    def network(self) -> tuple[int, Catalogue]:
        if self._suppliers is None:
            raise NotFoundError("no network yet")
        return 1, Catalogue({}, self._suppliers, {}, {}, {}, {})


class _Store:
    def __init__(self, suppliers: dict[str, Supplier] | None) -> None:
        self.versions = _Versions(suppliers)

    @contextmanager
    def read(self) -> Iterator[_Store]:
        yield self


def test_secrets_are_found_by_the_name_that_the_network_gives(tmp_path: Path) -> None:
    path = tmp_path / "hidden.toml"
    settings = Settings(data_dir=tmp_path, dispatch=DispatchSettings(secrets_file=str(path)))
    store: Any = _Store({"S1": Supplier("S1", "One", secret_ref="first")})
    of = server._secrets(settings, store)
    assert list(of("S1")) == []
    path.write_text('first = "whsec_a"\nS2 = ["whsec_b", "whsec_c"]\n')
    assert list(of("S1")) == ["whsec_a"]
    assert list(of("S2")) == ["whsec_b", "whsec_c"]
    assert list(of("first/..")) == []
    nothing: Any = _Store(None)
    assert list(server._secrets(settings, nothing)("S2")) == ["whsec_b", "whsec_c"]
    path.write_text("no toml")
    with pytest.raises(SettingsError):
        of("S1")
