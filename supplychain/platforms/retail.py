"""Replay of a real shop: invoice lines of the Online Retail set as sale events, one per line, in steps of time.

Stamps are whole minutes, so the detector wants bins of a minute. Customers are never read; an invoice's lines stay
separate events, also those that are repeated in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from typing import Final

import numpy as np

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.ids import event_id
from supplychain.domain.units import MINUTE, SECOND, ceil_to, floor_to
from supplychain.messages.step import Step
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.platforms.pacing import IDLE, stretches
from supplychain.platforms.retail_lines import CURRENCY, ZONE, RetailLines

PLATFORM: Final = "online-retail"
SHOP: Final = "uk-gifts"


def day_session(shop: str, day: date) -> str:
    """Return the id of the session that a trading day of a shop without rooms is."""
    return f"shop:{shop}:{day.isoformat()}"


class RetailReplay:
    """The part of a shop's lines in [starts_at, ends_at), as steps.

    Parameters
    ----------
    lines
        All lines of the file, from `read_lines`.
    starts_at, ends_at
        UTC milliseconds, moved on to whole minutes; from the first to after the last line when None.

    Attributes
    ----------
    excluded
        Lines of this part that are no sale of a product, by reason; they are not in the steps.
    records
        Lines in the steps.

    Raises
    ------
    InvalidInputError
        If no line lies in that part.
    """

    def __init__(
        self, lines: RetailLines, starts_at: int | None = None, ends_at: int | None = None, shop: str = SHOP
    ) -> None:
        if not len(lines):
            raise InvalidInputError("the file has no lines", way_out="give the whole set")
        first, last = int(lines.at[0]), int(lines.at[-1])
        self.starts_at = floor_to(first, MINUTE) if starts_at is None else ceil_to(starts_at, MINUTE)
        self.ends_at = ceil_to(last + 1, MINUTE) if ends_at is None else min(ends_at, ceil_to(last + 1, MINUTE))
        part = lines.between(self.starts_at, self.ends_at)
        self.excluded: Counter[str] = part.excluded
        self._lines = part.sound
        self._shop = shop
        if not len(self._lines):
            detail = "no sale lies in this part of the file"
            raise InvalidInputError(detail, way_out="choose other times", field="from")
        self.records = len(self._lines)

    def steps(self, step_ms: int = MINUTE, idle_ms: int = IDLE) -> Iterator[Step]:
        """Yield the lines in steps of `step_ms`; nights and closed days pass in steps of up to `idle_ms`."""
        times = [int(at) for at in self._lines.at]
        for start, end, first, last in stretches(times, self.starts_at, self.ends_at, step_ms, idle_ms):
            yield Step(start, end, [(self._shop, self._sale(place)) for place in range(first, last)])

    @cached_property
    def _days(self) -> list[str]:
        """Session id of each line: its local day."""
        known: dict[int, str] = {}
        found = []
        for hour in (self._lines.at // (60 * MINUTE)).tolist():
            if hour not in known:
                local = datetime.fromtimestamp(hour * 60 * MINUTE / SECOND, ZONE).date()
                known[hour] = day_session(self._shop, local)
            found.append(known[hour])
        return found

    def _sale(self, place: int) -> Sale:
        lines = self._lines
        kind = SaleKind.CANCELLED if lines.cancelled[place] else SaleKind.PAID
        invoice, row = str(lines.invoice[place]), str(int(lines.row[place]))
        return Sale(
            event_id=event_id(PLATFORM, self._shop, invoice, row, kind.value, lines.digest),
            platform=PLATFORM,
            shop_id=self._shop,
            order_id=invoice,
            line_id=row,
            kind=kind,
            sku=str(lines.sku[place]),
            qty=int(lines.pieces[place]),
            occurred_at=int(lines.at[place]),
            region=str(lines.region[place]),
            unit_price_minor=int(lines.price[place]),
            currency=CURRENCY,
            channel="shelf",
            session_id=self._days[place],
            received_at=int(lines.at[place]),
            source_seq=lines.digest[:16],
        )


def countries_of(lines: RetailLines) -> dict[str, float]:
    """Return the share of paid lines by region, largest first."""
    paid = lines.sound.only(~lines.sound.cancelled)
    codes, counts = np.unique(paid.region.astype(str), return_counts=True)
    order = sorted(range(len(codes)), key=lambda place: (-counts[place], codes[place]))
    return {str(codes[place]): float(counts[place] / counts.sum()) for place in order}
