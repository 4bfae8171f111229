"""Between bytes and payloads: one decoder per topic, one encoder, CloudEvents for what leaves the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from supplychain.domain.units import iso
from supplychain.messages.v1 import (
    EngagementPayload,
    Movement,
    SalesPayload,
    StockPayload,
    SupplierAnswer,
    SupplierOrder,
)

SALES_DECODER: Final[msgspec.json.Decoder[SalesPayload]] = msgspec.json.Decoder(SalesPayload)
ENGAGEMENT_DECODER: Final[msgspec.json.Decoder[EngagementPayload]] = msgspec.json.Decoder(EngagementPayload)
STOCK_DECODER: Final[msgspec.json.Decoder[StockPayload]] = msgspec.json.Decoder(StockPayload)
ANSWER_DECODER: Final[msgspec.json.Decoder[SupplierAnswer]] = msgspec.json.Decoder(SupplierAnswer)

_PREPARED: Final = tuple(map(msgspec.json.Decoder, (SupplierOrder, Movement)))
"""Types that threads convert into: what msgspec learns of a type at its first use is learned here, in one thread."""

DecodeError = msgspec.DecodeError
"""What a decoder raises on bytes that are no payload: malformed JSON, wrong types, unknown kinds."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def encode(payload: object) -> bytes:
    """Return a payload as JSON bytes; equal payloads give equal bytes."""
    return _ENCODER.encode(payload)


def plain(payload: object) -> Any:
    """Return a payload as plain dicts, lists and scalars."""
    return msgspec.to_builtins(payload)


def decode_json(data: bytes | str) -> Any:
    """Read any JSON text."""
    return msgspec.json.decode(data)


def cloud_event(
    kind: str,
    identity: str,
    source: str,
    subject: str,
    at: int,
    data: object,
    key: str,
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """Return a structured CloudEvent 1.0 as JSON bytes.

    `identity` is stable across retries and lets a receiver deduplicate; `key` becomes the extension `partitionkey`.

    Source: CloudEvents 1.0.2, JSON event format.
    """
    return encode(
        {
            "specversion": "1.0",
            "id": identity,
            "type": kind,
            "source": source,
            "subject": subject,
            "time": iso(at),
            "datacontenttype": "application/json",
            "partitionkey": key,
            "data": plain(data),
            **(extra or {}),
        }
    )
