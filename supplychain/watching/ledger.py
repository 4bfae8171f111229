"""The fate of each record of one chunk: which bucket it went to, and why."""

from __future__ import annotations

from collections import Counter

import numpy as np

from supplychain.messages.codec import SALES_DECODER
from supplychain.messages.v1 import Sale
from supplychain.watching import intake
from supplychain.watching.columns import SaleColumns
from supplychain.watching.delta import Batch, Bucket, Finding, Rejection
from supplychain.watching.intake import Decoded, Flags

UNKNOWN_SKU, UNKNOWN_REGION, NOT_PAID = "unknown-sku", "unknown-region", "not-paid"


class Ledger:
    """Counts the records of a chunk into buckets; a record is entered exactly once."""

    def __init__(self, batch: Batch, sales: SaleColumns, decoded: Decoded) -> None:
        self.batch = batch
        self.sales = sales
        self.decoded = decoded
        self.counts: Counter[tuple[str, str]] = Counter()
        self.rejections: list[Rejection] = []
        self.missing: Counter[tuple[str, str]] = Counter()
        for rejection in decoded.rejections:
            self._bury(rejection)

    def sale(self, at: int) -> Sale:
        """Return a sale, by its row; it is decoded anew, which few need."""
        found = SALES_DECODER.decode(self.batch.values[int(self.sales.position[at])] or b"")
        assert isinstance(found, Sale)  # noqa: S101 - it was one when it was read
        return found

    def offset(self, at: int) -> int:
        """Return the offset of the record of a sale."""
        return self.batch.offsets[int(self.sales.position[at])]

    def _bury(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)
        self.counts[Bucket.DEAD_LETTERS, rejection.reason] += 1

    def reject(self, flags: Flags, reason: str) -> None:
        """Make dead letters of the flagged sales."""
        for at in np.flatnonzero(flags).tolist():
            self._bury(Rejection(self.offset(at), reason, intake.describe(reason, self.sale(at))))

    def reject_ticks(self, bad: Flags) -> None:
        """Make dead letters of the flagged ticks, and count the others."""
        for at in np.flatnonzero(bad).tolist():
            offset = self.batch.offsets[self.decoded.tick_at[at]]
            self._bury(Rejection(offset, intake.IMPOSSIBLE_TIME, f"a tick at {self.decoded.ticks[at].at}"))
        self.enter(len(bad) - int(np.count_nonzero(bad)), Bucket.TICKS)

    def exclude(self, flags: Flags, reason: str) -> None:
        """Exclude the flagged sales; a SKU or region that the catalogue lacks is a finding too."""
        self.enter(int(np.count_nonzero(flags)), Bucket.EXCLUDED, reason)
        if reason == NOT_PAID:
            return
        for at in np.flatnonzero(flags).tolist():
            sale = self.sale(at)
            self.missing[reason, sale.sku if reason == UNKNOWN_SKU else sale.region] += 1

    def enter(self, number: int, bucket: Bucket, reason: str = "") -> None:
        """Count `number` records into a bucket."""
        if number:
            self.counts[bucket, reason] += number

    def close(self) -> dict[tuple[str, str], int]:
        """Return all counts, with `received` as what is no tick."""
        received = len(self.batch) - self.counts[Bucket.TICKS, ""]
        if received:
            self.counts[Bucket.RECEIVED, ""] = received
        return {(str(bucket), reason): number for (bucket, reason), number in sorted(self.counts.items()) if number}

    def findings(self) -> list[Finding]:
        """Return what the catalogue lacks, sorted."""
        return [Finding(kind, subject, number) for (kind, subject), number in sorted(self.missing.items())]
