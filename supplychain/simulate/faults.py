"""What senders get wrong: broken records, impossible values, unknown goods and places, returns of orders never seen.

Broken records are made beside the real ones and never instead of them, so that the truth about an evening stays what the
rooms sold. Late and repeated deliveries concern real records and are drawn with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from supplychain.domain.ids import event_id
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.purchases import PAID
from supplychain.simulate.records import Register

YEAR_2099 = 4_080_000_000_000


@dataclass(frozen=True, slots=True)
class Extra:
    """A record beside the real sales: when it is delivered, its key, and what it is."""

    at: int
    key: str
    kind: str
    payload: Sale | bytes


def draw_extras(
    registers: Sequence[Register], ends_at: int, paid: int, behaviour: Behaviour, chance: np.random.Generator
) -> list[Extra]:
    """Return the records that do not come from the evening's own lines, in order of delivery.

    Parameters
    ----------
    ends_at
        Nothing is delivered at or after this moment.
    paid
        Paid lines of the evening, which the shares of `behaviour` refer to.
    """
    busy = [register for register in registers if len(register.lines)]
    if not busy:
        return []
    shares = {
        "earlier_return": behaviour.earlier_returns,
        "malformed": behaviour.malformed,
        "impossible": behaviour.impossible,
        "unknown_sku": behaviour.unknown / 2,
        "unknown_region": behaviour.unknown / 2,
    }
    extras: list[Extra] = []
    for kind, share in shares.items():
        for number in range(int(chance.poisson(share * paid))):
            register = busy[int(chance.integers(len(busy)))]
            row = int(chance.integers(len(register.lines)))
            like = register.sale(row, PAID, int(register.lines.pieces[row]), 1, *[int(register.lines.at[row])] * 2)
            payload = _payload(kind, number, like, chance)
            if like.occurred_at < ends_at:
                extras.append(Extra(like.occurred_at, register.session.room, kind, payload))
    return sorted(extras, key=lambda extra: extra.at)


def _payload(kind: str, number: int, like: Sale, chance: np.random.Generator) -> Sale | bytes:
    if kind == "malformed":
        return _malformed(number, like)
    if kind == "impossible":
        return _renamed(like, f"impossible-{number}", **_IMPOSSIBLE[number % len(_IMPOSSIBLE)])
    if kind == "unknown_sku":
        return _renamed(like, f"unknown-{number}", sku=f"NOT-LISTED-{number % 7}")
    if kind == "unknown_region":
        return _renamed(like, f"nowhere-{number}", region=("CN-XX", "33", "")[number % 3])
    return _earlier_return(number, like, int(chance.integers(2, 12)))


_IMPOSSIBLE: tuple[dict[str, int], ...] = (
    {"qty": -2},
    {"qty": 0},
    {"unit_price_minor": -100},
    {"occurred_at": YEAR_2099},
    {"occurred_at": 0},
    {"qty": 2_000_000_000},
)


def _renamed(like: Sale, name: str, **changed: object) -> Sale:
    order = f"{like.order_id}-{name}"
    identity = event_id(like.platform, like.shop_id, order, like.line_id, like.kind.value, like.source_seq)
    return msgspec.structs.replace(like, order_id=order, event_id=identity, **changed)


def _malformed(number: int, like: Sale) -> bytes:
    good = encode(_renamed(like, f"malformed-{number}"))
    broken = (
        good[: len(good) // 2],
        b"not json at all",
        b"\xff\xfe\x00" + good,
        good.replace(b'"qty":', b'"qty":NaN,"was":', 1),
        good.replace(b'"type":"sale"', b'"type":"rumour"', 1),
        good.replace(b'"event_id"', b'"event"', 1),
        b"[" + good + b"]",
        b"",
    )
    return broken[number % len(broken)]


def _earlier_return(number: int, like: Sale, days: int) -> Sale:
    """Return a return of something bought days ago: its order was never seen in this evening."""
    order = f"{like.room_id}-earlier-{days}-{number}-{like.order_id}"
    return msgspec.structs.replace(
        like,
        event_id=event_id(like.platform, like.shop_id, order, "1", SaleKind.RETURNED.value, "A1"),
        order_id=order,
        line_id="1",
        kind=SaleKind.RETURNED,
        session_id=None,
        offer_id=None,
        promised_ship_by=None,
        presale=False,
        source_seq="A1",
    )
