"""From a request body to its elements: one object, a list, one CloudEvent, or a batch of them.

Source: CloudEvents 1.0.2, JSON event format and JSON batch format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from supplychain.domain.errors import InvalidInputError
from supplychain.messages import codec
from supplychain.web.api.problems import TooLargeError

CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"


def elements(body: bytes, content_type: str, *, limit: int) -> Iterator[tuple[int, Mapping[str, Any] | None, Any]]:
    """Yield index, envelope (None without one) and data of each element.

    Raises
    ------
    InvalidInputError
        If the body is no JSON, or no object or list.
    TooLargeError
        If there are more than `limit` elements.
    """
    try:
        given = codec.decode_json(body)
    except (codec.DecodeError, UnicodeDecodeError) as fault:
        raise InvalidInputError(f"the body is no JSON: {fault}", way_out="send UTF-8 JSON") from None
    media = content_type.partition(";")[0].strip().lower()
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list) or not given:
        raise InvalidInputError("the body is neither an object nor a list with elements", way_out="send one or a list")
    if len(given) > limit:
        detail = f"{len(given)} elements, {limit} at most"
        raise TooLargeError(detail, way_out="split the batch", limit=limit)
    return _unwrapped(given, wrapped=media in {CLOUD_EVENT, CLOUD_EVENTS})


def _unwrapped(given: list[Any], *, wrapped: bool) -> Iterator[tuple[int, Mapping[str, Any] | None, Any]]:
    for index, element in enumerate(given):
        is_event = isinstance(element, dict) and "specversion" in element
        if wrapped or is_event:
            envelope = element if isinstance(element, dict) else {}
            yield index, envelope, envelope.get("data")
        else:
            yield index, None, element
