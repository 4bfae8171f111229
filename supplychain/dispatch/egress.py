"""Where a webhook may go: a catalogue row must not make this service talk to its own network.

The address is checked where the connection is made, on the very address that is used, so a name that changes its answer
between check and use gains nothing. The same place holds the clock of the whole attempt: a receiver that sends one byte
a second cannot keep a thread longer than the timeout.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore

from supplychain.domain.errors import ForbiddenError, InvalidInputError

Resolver = Callable[[str, int], list[str]]
"""Host and port in, textual addresses out; raises OSError when the name is unknown."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the system's order of preference, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))


def check_url(url: str) -> str:
    """Return the URL if a webhook may be sent to it, as far as its text tells.

    Raises
    ------
    InvalidInputError
        If it is not plain http or https with a host, or carries a user name.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise InvalidInputError(f"endpoint is no URL: {fault}", way_out="https://host/path", field="endpoint") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise InvalidInputError(
            "an endpoint is an http or https URL with a host", way_out="https://host/path", field="endpoint"
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError(
            "an endpoint carries no user name or password", way_out="messages are signed instead", field="endpoint"
        )
    return url


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet, whatever form it hides in.

    >>> is_public("93.184.216.34"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("169.254.169.254")
    (True, False, False, False)
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class GuardedNetwork(httpcore.NetworkBackend):
    """TCP connections of one attempt: to public or allowed addresses only, and all within one deadline.

    Parameters
    ----------
    seconds
        Time for the whole attempt, from now.
    allowed_hosts
        Hosts ("partner.internal", "127.0.0.1:8010") that may be inside our own network.
    """

    def __init__(
        self,
        seconds: float,
        allowed_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._until = clock() + seconds
        self._clock = clock
        self._allowed = allowed_hosts
        self._resolver = resolver
        self._plain = httpcore.SyncBackend()

    def left(self, timeout: float | None) -> float:
        """Return the seconds that one operation may take."""
        left = self._until - self._clock()
        if left <= 0:
            message = "the time for this attempt is over"
            raise httpcore.ReadTimeout(message)
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers.

        Raises
        ------
        ForbiddenError
            If an address of the host lies inside a network that is not public, and the host is not allowed to.
        """
        try:
            addresses = self._resolver(host, port)
        except (OSError, UnicodeError) as fault:
            message = f"{host} cannot be resolved: {fault}"
            raise httpcore.ConnectError(message) from fault
        if not {host, f"{host}:{port}"} & set(self._allowed):
            for address in addresses:
                if not is_public(address):
                    raise ForbiddenError(
                        f"{host} leads to {address}, which is not on the public internet",
                        way_out="add the host to dispatch.allowed_hosts if it is meant",
                        host=host,
                    )
        fault_: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address, port, self.left(timeout), local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault_ = refused
            else:
                return _Timed(stream, self)
        raise fault_


class _Timed(httpcore.NetworkStream):
    """A stream whose every operation ends with the attempt's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, network: GuardedNetwork) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._network.left(timeout)), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
