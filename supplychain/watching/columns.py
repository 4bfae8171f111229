"""The sales of a chunk as columns, so that everything after the intake works on whole chunks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

import numpy as np

from supplychain.domain.units import EARLIEST, LATEST
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.watching.dedupe import Words, keys_of
from supplychain.watching.intake import (
    FAR,
    IMPOSSIBLE_PRICE,
    IMPOSSIBLE_QUANTITY,
    IMPOSSIBLE_TIME,
    MAX_LINE_MINOR,
    MAX_QUANTITY,
    Decoded,
    Flags,
    Ints,
)

Text = tuple[str, str, str, str, str | None, str, str | None]
KINDS: Final = (SaleKind.PAID, SaleKind.CANCELLED, SaleKind.REFUNDED, SaleKind.RETURNED, SaleKind.CREATED)
PAID, CANCELLED, REFUNDED, RETURNED, CREATED = range(5)
"""Codes of the kinds of sale events: their places in `KINDS`."""

text_of: Final = attrgetter("sku", "region", "channel", "currency", "room_id", "shop_id", "session_id")
"""All that is textual about what a sale is and where it was made."""

_qty = attrgetter("qty")
_occurred = attrgetter("occurred_at")
_price = attrgetter("unit_price_minor")
_promised = attrgetter("promised_ship_by")
_kind = attrgetter("kind")
_event_id = attrgetter("event_id")


@dataclass(slots=True)
class SaleColumns:
    """The sales of a chunk, one row per sale in the order of their offsets.

    `promised` is -1 where no promise was given, `key` the id of the event in two words, `line` the code of the texts.
    """

    position: Ints
    qty: Ints
    occurred: Ints
    price: Ints
    promised: Ints
    kind: Ints
    key: Words
    line: Ints

    def merged(self, other: SaleColumns) -> SaleColumns:
        """Return the sales of both in order."""
        if not other.position.size:
            return self
        order = np.argsort(np.concatenate((self.position, other.position)))
        names = [field.name for field in fields(self)]
        return SaleColumns(*(np.concatenate((getattr(self, one), getattr(other, one)))[order] for one in names))


def _column(values: list[int]) -> Ints:
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        return np.array([value if -FAR < value < FAR else (FAR if value > 0 else -FAR) for value in values], np.int64)


def columns(decoded: Decoded, lines: Ints) -> SaleColumns:
    """Lay the sales out as columns; integers beyond 64 bits become `FAR` and fail the checks.

    Parameters
    ----------
    lines
        The code of the texts of each sale.
    """
    sales = decoded.sales
    promised = list(map(_promised, sales))
    if promised.count(None) == len(promised):
        promised = [-1] * len(promised)
    else:
        promised = [-1 if value is None else value for value in promised]
    return SaleColumns(
        position=np.array(decoded.sale_at, dtype=np.int64),
        qty=_column(list(map(_qty, sales))),
        occurred=_column(list(map(_occurred, sales))),
        price=_column(list(map(_price, sales))),
        promised=_column(promised),
        kind=_kinds(sales),
        key=keys_of(list(map(_event_id, sales))),
        line=lines,
    )


def _kinds(sales: list[Sale]) -> Ints:
    """Return the kind code of each sale; members are singletons, and their identity is quicker to compare than their name."""
    given = np.fromiter(map(id, map(_kind, sales)), dtype=np.int64, count=len(sales))
    kinds = np.full(len(sales), PAID, dtype=np.int64)
    for code, member in enumerate(KINDS):
        kinds[given == id(member)] = code
    return kinds


def impossible(sales: SaleColumns) -> dict[str, Flags]:
    """Return reason → flags of sales whose values cannot be, whatever the clock says; each sale in one at most."""
    quantity = (sales.qty <= 0) | (sales.qty > MAX_QUANTITY)
    price = (sales.price < 0) | (sales.price > MAX_LINE_MINOR // np.clip(sales.qty, 1, MAX_QUANTITY))
    promise = (sales.promised != -1) & ((sales.promised < EARLIEST) | (sales.promised > LATEST))
    time = (sales.occurred < EARLIEST) | (sales.occurred > LATEST) | promise
    return {
        IMPOSSIBLE_QUANTITY: quantity,
        IMPOSSIBLE_PRICE: price & ~quantity,
        IMPOSSIBLE_TIME: time & ~quantity & ~price,
    }
