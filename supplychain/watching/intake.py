"""From raw bytes to payloads: one poisoned record never costs its neighbours.

Every verdict on a record looks at the record and at what came before it, never at where the chunk was cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from supplychain.messages.codec import SALES_DECODER
from supplychain.messages.v1 import Sale, Tick
from supplychain.watching.delta import Batch, Record, Rejection

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_BYTES: Final = 65_536
"""A record of more bytes is no sale."""
MAX_DEPTH: Final = 32
"""Nesting beyond this is an attack; a sale has none."""
SHALLOW_BYTES: Final = 600
"""Records up to this size cannot nest deeply enough to matter and are not scanned."""
MAX_QUANTITY: Final = 1_000_000
MAX_LINE_MINOR: Final = 10**12
"""Ten billion in minor units: sums over a chunk stay far inside 64 bits."""
FAR: Final = 1 << 62
"""Stands for an unbounded time, and for integers that 64 bits cannot hold."""

MALFORMED, INVALID, TOO_LARGE, TOO_DEEP = "malformed", "invalid", "too-large", "too-deep"
IMPOSSIBLE_QUANTITY, IMPOSSIBLE_PRICE, IMPOSSIBLE_TIME = "impossible-quantity", "impossible-price", "impossible-time"
TOO_OLD, ID_CONFLICT = "too-old", "id-conflict"


@dataclass(slots=True)
class Decoded:
    """Payloads of a chunk in offset order: sales and ticks with their positions, and what was no payload."""

    sales: list[Sale]
    sale_at: list[int]
    ticks: list[Tick]
    tick_at: list[int]
    rejections: list[Rejection]


def depth(value: bytes, limit: int) -> int:
    """Return how deeply `value` nests, counting no further than `limit` + 1; brackets inside strings do not count.

    >>> depth(b'{"a": [1, "[[["]}', 9)
    2
    """
    level = deepest = 0
    in_text = escaped = False
    for byte in value:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
            if deepest > limit:
                break
        elif byte in b"]}":
            level -= 1
    return deepest


def _decode_one(record: Record) -> Sale | Tick | Rejection:
    value = record.value
    if not value:
        return Rejection(record.offset, MALFORMED, "the record is empty")
    if len(value) > MAX_BYTES:
        return Rejection(record.offset, TOO_LARGE, f"{len(value)} bytes, at most {MAX_BYTES} are read")
    suspicious = len(value) > SHALLOW_BYTES and value.count(b"[") + value.count(b"{") > MAX_DEPTH
    if suspicious and depth(value, MAX_DEPTH) > MAX_DEPTH:
        return Rejection(record.offset, TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    try:
        return SALES_DECODER.decode(value)
    except RecursionError:
        return Rejection(record.offset, TOO_DEEP, "nested too deeply to decode")
    except ValueError as fault:  # malformed JSON, wrong types and bad text are all kinds of it
        reason = INVALID if type(fault).__name__ == "ValidationError" else MALFORMED
        return Rejection(record.offset, reason, str(fault)[:500])


def decode(batch: Batch, chosen: Ints | None = None) -> Decoded:
    """Decode records of a chunk one by one, all or the chosen ones; what is no payload becomes a rejection."""
    payloads: list[Sale | Tick | Rejection] | list[Sale | Tick]
    places = range(len(batch)) if chosen is None else chosen.tolist()
    values = batch.values if chosen is None else [batch.values[at] for at in places]
    try:
        # All at once is twice as fast; any fault, None too, falls back to the careful way.
        if max(map(len, values), default=0) > SHALLOW_BYTES:  # type: ignore[arg-type]  # None raises TypeError
            raise ValueError
        payloads = list(map(SALES_DECODER.decode, values))  # type: ignore[arg-type]  # as above
    except (ValueError, TypeError, RecursionError):
        payloads = [_decode_one(batch.record(at)) for at in places]
    found = Decoded([], [], [], [], [])
    if all(type(payload) is Sale for payload in payloads):
        found.sales, found.sale_at = payloads, list(places)  # type: ignore[assignment]  # all of them are sales
        return found
    for at, payload in zip(places, payloads, strict=True):
        if type(payload) is Sale:
            found.sales.append(payload)
            found.sale_at.append(at)
        elif type(payload) is Tick:
            found.ticks.append(payload)
            found.tick_at.append(at)
        else:
            found.rejections.append(payload)  # type: ignore[arg-type]  # nothing else is left
    return found


def describe(reason: str, sale: Sale) -> str:
    """Say in one line what is impossible about a sale."""
    if reason == IMPOSSIBLE_QUANTITY:
        return f"qty {sale.qty} is not in 1..{MAX_QUANTITY}"
    if reason == IMPOSSIBLE_PRICE:
        return f"unit price {sale.unit_price_minor} for {sale.qty} pieces is not in 0..{MAX_LINE_MINOR} a line"
    if reason == TOO_OLD:
        return f"occurred_at {sale.occurred_at} is older than ids are remembered"
    if reason == ID_CONFLICT:
        return f"event {sale.event_id} was seen before with other content"
    return f"occurred_at {sale.occurred_at}, promised_ship_by {sale.promised_ship_by}"
