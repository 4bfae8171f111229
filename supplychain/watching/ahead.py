"""Orders that have arrived but count as known only from the end of a bin on: the front of the cumulative counts.

They are kept as columns of codes, since every order of a busy partition passes through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec
import numpy as np

from supplychain.domain.units import ceil_to
from supplychain.watching.grouping import group
from supplychain.watching.intake import Ints
from supplychain.watching.lines import LineTable

Part = tuple[Ints, Ints, Ints, Ints, Ints]
"""Codes of session, SKU and region, orders, pieces."""


class AheadState(msgspec.Struct, array_like=True):
    """Stored front: names, known bins, and columns of (session, SKU, region, orders, pieces) as packed integers."""

    bin_ms: int = 0
    sessions: list[str] = []
    skus: list[str] = []
    regions: list[str] = []
    known: bytes = b""
    codes: bytes = b""
    counts: bytes = b""


class Ahead:
    """Counts by the bin in which they were known, until that bin is over."""

    def __init__(self, lines: LineTable, bin_ms: int) -> None:
        self.lines = lines
        self.bin_ms = bin_ms
        self._parts: dict[int, list[Part]] = {}
        self._bins: list[int] = []

    def add(self, known: Ints, session: Ints, sku: Ints, region: Ints, pieces: Ints) -> None:
        """Add order lines with the bins in which they were known, one row each."""
        groups = group(known, session, sku, region)
        at = groups.first
        orders, units = groups.sums(np.ones(known.size, dtype=np.int64)), groups.sums(pieces)
        bins = known[at]
        cuts = np.flatnonzero(np.diff(bins)) + 1
        columns = zip(
            *(np.split(column, cuts) for column in (bins, session[at], sku[at], region[at], orders, units)), strict=True
        )
        for own, *part in columns:
            if own.size:
                self._put(int(own[0]), (part[0], part[1], part[2], part[3], part[4]))

    def _put(self, known_bin: int, part: Part) -> None:
        parts = self._parts.get(known_bin)
        if parts is None:
            parts = self._parts[known_bin] = []
            heappush(self._bins, known_bin)
        parts.append(part)

    @property
    def next_at(self) -> int | None:
        """When the next counts become known: the end of their bin, ms."""
        return self._bins[0] + self.bin_ms if self._bins else None

    def pop(self) -> Iterator[tuple[str, str, str, int, int]]:
        """Take out the earliest bin: session, SKU, region, orders and pieces of each."""
        parts = self._parts.pop(heappop(self._bins))
        session, sku, region, orders, units = (np.concatenate(column) for column in zip(*parts, strict=True))
        groups = group(session, sku, region)
        at = groups.first
        scope, skus, regions = self.lines.book.scope, self.lines.skus, self.lines.regions
        yield from zip(
            [scope(code).session_id for code in session[at].tolist()],
            [skus[code] for code in sku[at].tolist()],
            [regions[code] for code in region[at].tolist()],
            groups.sums(orders).tolist(),
            groups.sums(units).tolist(),
            strict=True,
        )

    def state(self) -> AheadState:
        """Return the stored form: names in their own order, so that equal counts give equal bytes."""
        parts = [
            (np.full(part[0].size, known, dtype=np.int64), *part) for known in self._bins for part in self._parts[known]
        ]
        if not parts:
            return AheadState(self.bin_ms)
        known, session, sku, region, orders, units = (np.concatenate(column) for column in zip(*parts, strict=True))
        lines = self.lines
        sessions, session = _ranks(session, [scope.session_id for scope in lines.book.scopes])
        skus, sku = _ranks(sku, lines.skus)
        regions, region = _ranks(region, lines.regions)
        groups = group(known, session, sku, region)
        at = groups.first
        return AheadState(
            self.bin_ms,
            sessions,
            skus,
            regions,
            known=known[at].astype("<i8").tobytes(),
            codes=np.stack([session[at], sku[at], region[at]]).astype("<i4").tobytes(),
            counts=np.stack([groups.sums(orders), groups.sums(units)]).astype("<i8").tobytes(),
        )

    def load(self, state: AheadState) -> None:
        """Put a stored front back; what the catalogue no longer knows is left out, another bin width is rounded up."""
        if not state.known:
            return
        known = np.frombuffer(state.known, dtype="<i8")
        session, sku, region = np.frombuffer(state.codes, dtype="<i4").reshape(3, -1)
        orders, units = np.frombuffer(state.counts, dtype="<i8").reshape(2, -1).astype(np.int64)
        session = np.array([self.lines.book.code_of(name) for name in state.sessions], dtype=np.int64)[session]
        sku = np.array([self.lines.sku_code(name) for name in state.skus], dtype=np.int64)[sku]
        region = np.array([self.lines.region_code(name) for name in state.regions], dtype=np.int64)[region]
        for own in np.unique(known).tolist():
            rows = (known == own) & (sku >= 0) & (region >= 0)
            if rows.any():
                bin_start = ceil_to(own + state.bin_ms, self.bin_ms) - self.bin_ms
                self._put(bin_start, (session[rows], sku[rows], region[rows], orders[rows], units[rows]))


def _ranks(codes: Ints, names: list[str] | tuple[str, ...]) -> tuple[list[str], Ints]:
    """Return the sorted names behind the codes, and each code as the rank of its name."""
    used, inverse = np.unique(codes, return_inverse=True)
    found = [names[code] for code in used.tolist()]
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    return [found[at] for at in order], rank[inverse]
