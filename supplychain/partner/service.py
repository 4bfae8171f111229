"""The way back to the service: answers over HTTP, signed by their supplier, and stock reports as records of one topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import httpx
from standardwebhooks import Webhook

from supplychain.domain.units import SECOND
from supplychain.messages.codec import encode
from supplychain.messages.v1 import SupplierAnswer

ANSWERS_PATH: Final = "/api/v1/supplier-answers"
TAKEN: Final = "taken"
LATER: Final = "later"

Publish = Callable[[Sequence[tuple[str, bytes]]], None]
"""Writes records (key, value) to the stock topic and returns when the broker has them; raises when it has not."""


class AnswerChannel(Protocol):
    """A way to hand an answer over: `taken`, `later` for another attempt, or the reason why never."""

    def send(self, answer: SupplierAnswer) -> str:
        """Make one attempt."""

    def send_noise(self, supplier: str, identity: str) -> None:
        """Send something signed that is no answer."""


class ServiceAnswers:
    """Answers to the service's API.

    Parameters
    ----------
    url
        Address of the service without path.
    secrets
        Signing secret by supplier; of several, separated by blanks, the first signs.
    wall
        UTC milliseconds now; signatures carry wall time.
    """

    def __init__(
        self,
        url: str,
        secrets: Mapping[str, str],
        wall: Callable[[], int],
        *,
        timeout_seconds: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._secrets = secrets
        self._wall = wall
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=timeout_seconds, transport=transport)

    def send(self, answer: SupplierAnswer) -> str:
        """Post one answer; a service that has it already has it."""
        if not self._secrets.get(answer.supplier):
            return f"there is no secret to sign for {answer.supplier}"
        try:
            response = self._post(answer.supplier, answer.answer_id, encode(answer))
        except httpx.HTTPError:
            return LATER
        if response.is_success or response.status_code == httpx.codes.CONFLICT:
            return TAKEN
        if response.status_code in {408, 425, 429} or response.is_server_error:
            return LATER
        return f"refused with {response.status_code}: {response.text[:200]}"

    def send_noise(self, supplier: str, identity: str) -> None:
        """Post signed nonsense, as a broken supplier system does; what comes back does not matter."""
        if not self._secrets.get(supplier):
            return
        try:
            self._post(supplier, identity, b'{"answer_id": 17, "lines": "many", ')
        except httpx.HTTPError:
            return

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    def _post(self, supplier: str, identity: str, body: bytes) -> httpx.Response:
        now = datetime.fromtimestamp(self._wall() // SECOND, UTC)
        secret = self._secrets[supplier].split()[0]
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(identity, now, body.decode()),
        }
        return self._client.post(ANSWERS_PATH, content=body, headers=headers)
