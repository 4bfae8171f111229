"""A catalogue row cannot make the service talk to its own network, and no receiver can hold a thread."""

import ipaddress
import socket
import threading
from collections.abc import Iterator

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.dispatch.egress import GuardedNetwork, check_url, is_public
from supplychain.domain.errors import ForbiddenError, InvalidInputError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - refused, not bound to
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "2001:db8::1",
    ],
)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "223.5.5.5", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_outer_addresses_are_public(address: str) -> None:
    assert is_public(address)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_a_disguise_changes_nothing(address: ipaddress.IPv4Address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address)) == is_public(f"64:ff9b::{address}")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://supplier.example/",
        "file:///etc/passwd",
        "//supplier.example/",
        "supplier.example",
        "http://",
        "https://me:pw@supplier.example/",
        "http://[::1",
        "http://supplier.example:99999/",
        "gopher://x",
        "",
    ],
)
def test_only_plain_http_urls_pass(url: str) -> None:
    with pytest.raises(InvalidInputError):
        check_url(url)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _port(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_name_that_leads_inside_is_refused(listener: socket.socket) -> None:
    network = GuardedNetwork(5, resolver=lambda host, port: ["127.0.0.1"])
    with pytest.raises(ForbiddenError, match=r"supplier\.example leads to 127\.0\.0\.1"):
        network.connect_tcp("supplier.example", _port(listener))


def test_one_inner_address_among_outer_ones_is_refused() -> None:
    network = GuardedNetwork(5, resolver=lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(ForbiddenError, match=r"10\.0\.0\.1"):
        network.connect_tcp("supplier.example", 80)


@pytest.mark.parametrize("with_port", [True, False])
def test_an_allowed_host_may_be_inside(listener: socket.socket, with_port: bool) -> None:
    port = _port(listener)
    allowed = {f"partner.internal:{port}" if with_port else "partner.internal"}
    network = GuardedNetwork(5, allowed, resolver=lambda host, port: ["127.0.0.1"])
    network.connect_tcp("partner.internal", port).close()


def test_another_port_of_an_allowed_host_is_not_allowed(listener: socket.socket) -> None:
    network = GuardedNetwork(5, {"127.0.0.1:1"})
    with pytest.raises(ForbiddenError):
        network.connect_tcp("127.0.0.1", _port(listener))


def test_the_address_that_was_checked_is_the_one_that_is_used(listener: socket.socket) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    network = GuardedNetwork(5, {"partner.internal"}, resolver=lambda host, port: next(answers))
    network.connect_tcp("partner.internal", _port(listener)).close()
    assert next(answers) == ["10.0.0.1"]


def test_an_unknown_name_is_a_fault_to_retry() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(httpcore.ConnectError, match="cannot be resolved"):
        GuardedNetwork(5, resolver=unknown).connect_tcp("nowhere.example", 80)


def test_the_next_address_is_tried_when_one_does_not_answer(listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = _port(closed)
    reachable = socket.create_server(("127.0.0.1", port))
    with reachable:
        network = GuardedNetwork(5, {"p"}, resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])
        network.connect_tcp("p", port).close()


def test_drops_of_bytes_do_not_stretch_the_deadline(listener: socket.socket) -> None:
    now = [0.0]
    done = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            while not done.is_set():
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                done.wait(0.01)

    thread = threading.Thread(target=drip)
    thread.start()
    network = GuardedNetwork(10, {"127.0.0.1"}, clock=lambda: now[0])
    stream = network.connect_tcp("127.0.0.1", _port(listener))
    try:
        assert stream.read(1, timeout=10)
        now[0] = 9.9
        assert stream.read(1, timeout=10)
        assert network.left(10) == pytest.approx(0.1)
        now[0] = 10.0
        with pytest.raises(httpcore.ReadTimeout, match="over"):
            stream.read(1, timeout=10)
        with pytest.raises(httpcore.ReadTimeout):
            stream.write(b"x", timeout=10)
    finally:
        done.set()
        stream.close()
        thread.join(10)
