"""Orders to suppliers over HTTP, signed by Standard Webhooks.

The body is the order as it was written at release, a structured CloudEvent; its id is the webhook id, the same on every
attempt, so a supplier who got it twice can tell. Redirects are not followed: an order goes where the catalogue says.

Source: Standard Webhooks 1.0 (headers, signature, 410 ends an endpoint, pauses asked for are kept).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore
from standardwebhooks import Webhook

from supplychain import __version__, telemetry
from supplychain.dispatch.egress import GuardedNetwork, Resolver, check_url, resolve
from supplychain.dispatch.outcome import Outcome
from supplychain.domain.errors import SupplyChainError
from supplychain.domain.units import SECOND
from supplychain.planning.ports import Message, Store, WallClock

CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
_EXCERPT_BYTES: Final = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a supplier takes orders, and the name of the secret they are signed with."""

    url: str
    secret_ref: str


Endpoints = Callable[[str], Endpoint | None]
"""Supplier in, endpoint out; None when the supplier takes no webhooks."""


class CatalogueEndpoints:
    """Endpoints as the active network names them.

    Parameters
    ----------
    overrides
        URL by supplier that wins over the catalogue; "*" stands for all others: the stand-in partner, for example.
    """

    def __init__(self, store: Store, overrides: Mapping[str, str] | None = None) -> None:
        self._store = store
        self._overrides = overrides or {}

    def __call__(self, supplier: str) -> Endpoint | None:
        """Return the endpoint of a supplier, None when they have none or are unknown."""
        with self._store.read() as tx:
            record = tx.versions.network()[1].suppliers.get(supplier)
        url = self._overrides.get(supplier) or self._overrides.get("*") or (record.endpoint if record else None)
        return Endpoint(url, (record.secret_ref if record else None) or supplier) if url else None


class SupplierWebhook:
    """The channel `supplier`.

    Parameters
    ----------
    secrets
        Signing secret by name; several in one, separated by blanks, sign side by side while a supplier changes over.
    timeout_seconds
        For a whole attempt, name look-up apart.
    allowed_hosts
        Hosts that may be inside our own network, see `GuardedNetwork`.
    without_endpoint
        Takes the orders of suppliers who take no webhooks; they are parked when None.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        secrets: Mapping[str, str],
        *,
        timeout_seconds: float,
        wall: WallClock,
        allowed_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        without_endpoint: Callable[[Message], Outcome] | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._without_endpoint = without_endpoint or _park
        self._secrets = secrets
        self._timeout = timeout_seconds
        self._wall = wall
        self._allowed = frozenset(allowed_hosts)
        self._resolver = resolver
        self._tls = ssl.create_default_context()

    def deliver(self, message: Message) -> Outcome:
        """Send one order; see `Outcome`."""
        endpoint = self._endpoints(message.lane)
        if endpoint is None:
            return self._without_endpoint(message)
        secret = self._secrets.get(endpoint.secret_ref)
        if not secret:
            return Outcome.park(f"there is no secret named {endpoint.secret_ref}")
        try:
            url = check_url(endpoint.url)
            headers = self._headers(message, secret)
            return self._post(url, headers, message.payload)
        except SupplyChainError as refused:
            return Outcome.park(str(refused))
        except httpcore.TimeoutException as late:
            return Outcome.retry(f"no answer within {self._timeout:g} s ({type(late).__name__})")
        except (httpcore.NetworkError, httpcore.ProtocolError) as fault:
            return Outcome.retry(f"{type(fault).__name__}: {_printable(str(fault))}")

    def close(self) -> None:
        """Nothing is kept open between attempts."""

    def _headers(self, message: Message, secret: str) -> dict[str, str]:
        now = datetime.fromtimestamp(self._wall() // SECOND, UTC)
        body = message.payload.decode()
        signatures = [Webhook(one).sign(message.message, now, body) for one in secret.split()]
        trace = telemetry.traceparent()
        return {
            "content-type": CONTENT_TYPE,
            "user-agent": f"livestream-supplychain/{__version__}",
            "webhook-id": message.message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
            "connection": "close",
            **({"traceparent": trace} if trace else {}),
        }

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        network = GuardedNetwork(self._timeout, self._allowed, self._resolver)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=network, max_connections=1) as pool,
            pool.stream(
                "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
            ) as response,
        ):
            fields = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
            if 200 <= response.status < 300 or response.status == 409:
                return Outcome.delivered(f"answered {response.status}")
            return self._refused(response.status, fields, _excerpt(response))

    def _refused(self, status: int, fields: Mapping[str, str], excerpt: str) -> Outcome:
        said = f": {excerpt}" if excerpt else ""
        if status == 410:
            return Outcome.park(f"answered 410, the endpoint is gone{said}")
        if 300 <= status < 400:
            return Outcome.retry(f"answered {status}, redirects are not followed")
        asked = retry_after_ms(fields.get("retry-after", ""), self._wall()) if status in {429, 503} else 0
        return Outcome.retry(f"answered {status}{said}", asked)


def _park(message: Message) -> Outcome:
    return Outcome.park(f"supplier {message.lane} has no endpoint")


def retry_after_ms(text: str, now: int) -> int:
    """Return the milliseconds that a Retry-After header asks for, 0 when it asks for nothing readable.

    Source: RFC 9110, section 10.2.3: seconds or an HTTP date.

    >>> retry_after_ms("7", 0), retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), retry_after_ms("soon", 0)
    (7000, 40000, 0)
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * SECOND
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * SECOND) - now)


def _excerpt(response: httpcore.Response) -> str:
    """Return the beginning of what the receiver said, fit for a log; a broken body is no further fault."""
    got = b""
    try:
        for chunk in response.iter_stream():
            got += chunk
            if len(got) >= _EXCERPT_BYTES:
                break
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        pass
    return _printable(got[:_EXCERPT_BYTES].decode("utf-8", "replace"))


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_EXCERPT_BYTES]
