"""Proof that a supplier sent exactly these bytes: Standard Webhooks over the raw body.

Two secrets are tried while one is being replaced. The time stamp is part of what is signed and may be five minutes off.

Source: the Standard Webhooks specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from supplychain.domain.errors import UnauthorizedError

HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> str:
    """Return the `webhook-id` of a body that one of the secrets signed.

    Raises
    ------
    UnauthorizedError
        If a header is missing, the stamp is too old or too new, or no signature fits. It does not say whether the
        supplier is known.
    """
    given = {name: headers.get(name, "") for name in HEADERS}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise UnauthorizedError(f"the header {missing[0]} is missing", way_out="sign by Standard Webhooks")
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(given), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            continue
        return given["webhook-id"]
    detail = "no signature fits this body, this time and the supplier it names"
    raise UnauthorizedError(detail, way_out="sign the raw bytes with the supplier's secret, with a clock that is right")
