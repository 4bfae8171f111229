"""Window rows: what was sold, cancelled, refunded and returned, when it happened and when it was known."""

from __future__ import annotations

from functools import partial

import numpy as np

from supplychain.domain.units import HOUR, MINUTE
from supplychain.watching.columns import CANCELLED, PAID, REFUNDED, RETURNED, SaleColumns
from supplychain.watching.delta import WindowDelta
from supplychain.watching.grouping import group
from supplychain.watching.intake import Ints
from supplychain.watching.lines import CHANNELS, Codes, LineTable
from supplychain.watching.sessions import SHIP_WITHIN_MINUTES

_row = partial(tuple.__new__, WindowDelta)
"""A named tuple from a tuple of its fields, without a call into Python for each."""


class WindowBook:
    """Turns sales into window rows."""

    def __init__(self, lines: LineTable, bin_ms: int) -> None:
        self.lines = lines
        self.bin_ms = bin_ms

    def due(self, sales: SaleColumns, codes: Codes, chosen: Ints) -> Ints:
        """Return when each chosen sale is to be shipped, rounded up to the hour: as promised, or as the session promises."""
        due = sales.promised[chosen].copy()
        open_ones = np.flatnonzero(due < 0)
        if open_ones.size:
            rows = chosen[open_ones]
            session, sku = codes.session[rows], codes.sku[rows]
            within = np.full(rows.size, SHIP_WITHIN_MINUTES * MINUTE, dtype=np.int64)
            groups = group(session, sku)
            sizes = np.diff(np.append(groups.starts, rows.size))
            spans = [self._span(int(session[at]), int(sku[at])) for at in groups.first]
            within[groups.order] = np.repeat(np.array(spans, dtype=np.int64), sizes)
            due[open_ones] = sales.occurred[rows] + within
        return due + -due % HOUR

    def _span(self, session: int, sku: int) -> int:
        return self.lines.book.scope(session).ship_within(self.lines.skus[sku])

    def rows(self, sales: SaleColumns, codes: Codes, chosen: Ints, watermark: Ints) -> list[WindowDelta]:
        """Return the window rows of the chosen sales, one row per key."""
        occurred, kind, qty = sales.occurred[chosen], sales.kind[chosen], sales.qty[chosen]
        known = np.maximum(occurred, watermark[chosen])
        keys = (
            codes.session[chosen],
            codes.sku[chosen],
            codes.region[chosen],
            codes.channel[chosen],
            self.due(sales, codes, chosen),
            occurred - occurred % self.bin_ms,
            known - known % self.bin_ms,
        )
        groups = group(*keys)
        paid = kind == PAID
        amounts = (
            paid.astype(np.int64),
            np.where(paid, qty, 0),
            np.where(kind == CANCELLED, qty, 0),
            np.where(kind == REFUNDED, qty, 0),
            np.where(kind == RETURNED, qty, 0),
            np.where(paid, qty * sales.price[chosen], 0),
        )
        scope, skus, regions = self.lines.book.scope, self.lines.skus, self.lines.regions
        session, sku, region, channel, due, happened, known_at = (key[groups.first].tolist() for key in keys)
        sums = [groups.sums(amount).tolist() for amount in amounts]
        names = (
            [scope(code).session_id for code in session],
            [skus[code] for code in sku],
            [regions[code] for code in region],
            [CHANNELS[code] for code in channel],
        )
        return list(map(_row, zip(*names, due, happened, known_at, *sums, strict=True)))
