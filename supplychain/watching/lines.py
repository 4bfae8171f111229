"""Strings to numbers: everything textual about a sale in one dictionary look-up.

A busy partition repeats the same few thousand combinations of item, region, channel and place. Each gets a row in a table
of small integers; the rest of the work on a chunk is arithmetic on columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from supplychain.domain.network import Catalogue, Channel
from supplychain.domain.units import EARLIEST, MINUTE
from supplychain.messages.codec import SALES_DECODER
from supplychain.messages.v1 import Sale
from supplychain.watching import intake
from supplychain.watching.bulk import BULK, Bulk, is_ready, scanning
from supplychain.watching.columns import SaleColumns, Text, columns, text_of
from supplychain.watching.dedupe import Prints, Words, mix
from supplychain.watching.delta import Batch
from supplychain.watching.grouping import group
from supplychain.watching.intake import Decoded, Flags, Ints
from supplychain.watching.sessions import SessionBook

CHANNELS: Final = tuple(channel.value for channel in Channel)
_READ: Final = ("qty", "occurred", "price", "promised", "kind", "key", "line")
_MOST: Final = 1_000_000
"""So many combinations are remembered before the table is begun anew."""


@dataclass(slots=True)
class Codes:
    """Codes of the sales of a chunk; `sku` and `region` are -1 where the catalogue does not know them."""

    session: Ints
    sku: Ints
    region: Ints
    channel: Ints
    text: Words


class LineTable:
    """The numbers behind the strings of sales, for one catalogue version.

    Shared by the partitions of a process that are watched from one thread: it learns as it reads, without locks.

    Parameters
    ----------
    catalogue
        Tells which items, regions and sessions there are.
    bulk_from
        Chunks of so many records are read by the compiled reader, once it is loaded.
    """

    def __init__(self, catalogue: Catalogue, bulk_from: int = BULK) -> None:
        self._bulk_from = bulk_from
        self.book = SessionBook(catalogue)
        self.skus = tuple(catalogue.skus)
        self.regions = tuple(catalogue.regions)
        self._sku_code = {sku: code for code, sku in enumerate(self.skus)}
        self._region_code = {region: code for code, region in enumerate(self.regions)}
        self._clear()

    def sku_code(self, sku: str) -> int:
        """Return the code of a SKU, -1 if the catalogue has none."""
        return self._sku_code.get(sku, -1)

    def region_code(self, region: str) -> int:
        """Return the code of a region, -1 if the catalogue has none."""
        return self._region_code.get(region, -1)

    def _clear(self) -> None:
        self._lines: dict[Text, int] = {}
        self._columns = np.zeros((4, 1024), dtype=np.int64)
        self._texts: Words = np.zeros(1024, dtype=np.uint64)
        self._places: dict[tuple[str | None, str, str | None], int] = {}
        self._place_of: list[tuple[str | None, str, str | None]] = []
        self._minutes: dict[tuple[int, int], int] = {}
        self._bulk: Bulk | None = None

    def read(self, batch: Batch) -> tuple[SaleColumns, Decoded]:
        """Return the sales of a chunk, and what was decoded one by one: in a large chunk that is what is not plain."""
        if max(len(self._lines), len(self._minutes)) > _MOST:
            self._clear()
        if len(batch) < self._bulk_from or not is_ready():
            decoded = intake.decode(batch)
            return columns(decoded, self._lines_of(decoded.sales)), decoded
        if self._bulk is None:
            self._bulk = Bulk(scanning())
            self._bulk.learn_all(self._lines)
        read = self._bulk.read(batch.values)
        decoded = intake.decode(batch, np.flatnonzero(~read.plain))
        plain = np.flatnonzero(read.plain)
        new = plain[read.line[plain] < 0]
        read.line[new] = self._lines_of([SALES_DECODER.decode(batch.values[at]) for at in new.tolist()])  # type: ignore[misc]  # a plain record is a sale
        quick = SaleColumns(plain, *(getattr(read, name)[plain] for name in _READ))
        return quick.merged(columns(decoded, self._lines_of(decoded.sales))), decoded

    def codes(self, sales: SaleColumns, sound: Flags) -> Codes:
        """Return the codes of a chunk's sales; the session of a sale that is not sound means nothing."""
        sku, region, channel, place = self._columns[:, sales.line]
        session = self._sessions(place, np.where(sound, sales.occurred, EARLIEST))
        return Codes(session, sku, region, channel, self._texts[sales.line])

    def _lines_of(self, sales: Sequence[Sale]) -> Ints:
        found = list(map(self._lines.get, map(text_of, sales)))
        if None in found:
            found = [
                self._line(text_of(sale)) if line is None else line for line, sale in zip(found, sales, strict=True)
            ]
        return np.array(found, dtype=np.int64)

    def _line(self, text: Text) -> int:
        known = self._lines.get(text)
        if known is not None:
            return known
        code = self._lines[text] = len(self._lines)
        if code == self._columns.shape[1]:
            self._columns = np.concatenate((self._columns, np.zeros_like(self._columns)), axis=1)
            self._texts = np.concatenate((self._texts, np.zeros_like(self._texts)))
        sku, region, channel, _, room, shop, session_id = text
        place = self._places.setdefault((room, shop, session_id), len(self._places))
        if place == len(self._place_of):
            self._place_of.append((room, shop, session_id))
        self._columns[:, code] = (
            self._sku_code.get(sku, -1),
            self._region_code.get(region, -1),
            CHANNELS.index(channel),
            place,
        )
        # A length before each part: no two different tuples give the same bytes.
        parts = (b"-" if part is None else b"%d:%b" % (len(part), part.encode()) for part in text)
        self._texts[code] = int.from_bytes(blake2b(b"".join(parts), digest_size=8).digest(), "little")
        if self._bulk is not None:
            self._bulk.learn(text, code)
        return code

    def _sessions(self, place: Ints, occurred: Ints) -> Ints:
        """Return the session of each sale; one look-up per place and minute unless a session begins or ends in it."""
        groups = group(place, occurred // MINUTE)
        codes = np.array([self._minute(int(place[at]), int(occurred[at])) for at in groups.first], dtype=np.int64)
        sizes = np.diff(np.append(groups.starts, len(place)))
        session = np.empty(len(place), dtype=np.int64)
        session[groups.order] = np.repeat(codes, sizes)
        for at in np.flatnonzero(session < 0).tolist():
            room, shop, session_id = self._place_of[int(place[at])]
            session[at] = self.book.code(session_id, room, shop, int(occurred[at]))
        return session

    def _minute(self, place: int, occurred: int) -> int:
        key = (place, occurred // MINUTE)
        known = self._minutes.get(key)
        if known is None:
            room, shop, session_id = self._place_of[place]
            steady = self.book.steady(session_id, room, shop, key[1] * MINUTE)
            known = self._minutes[key] = self.book.code(session_id, room, shop, occurred) if steady else -1
        return known


def fingerprints(sales: SaleColumns, text: Words) -> Prints:
    """Return 32 bits that tell the content of each sale.

    Content is what was sold where, when, how many and for how much; when the platform sent it is not part of it, since a
    redelivery differs in that.
    """
    print_ = text
    for column in (sales.qty, sales.occurred, sales.price, sales.promised, sales.kind):
        print_ = mix(print_ ^ column.astype(np.uint64))
    return (print_ >> np.uint64(32)).astype(np.uint32)
