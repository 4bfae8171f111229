"""Counts only, durable: pieces by room, SKU and region in ten-second windows, on the engine's transport and custody.

What the engine costs without detector, memory of ids and forecasts; held against the bare client, which does the same count and
keeps nothing.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from streams.agents.commit import patiently
from streams.agents.custody import Desk
from streams.bench.keys import Keys
from streams.bench.report import Report
from streams.chunks import Chunk, Place, gathered
from supplychain.bootstrap import Assigned, Owner, Services, Tallies
from supplychain.watching.grouping import group
from supplychain.watching.intake import Ints

WINDOW = 10_000
"""Milliseconds."""
LATENESS = 20_000
"""A window is over when the watermark has passed its end by this."""


class Sold(msgspec.Struct, gc=False):
    """What of a sale is counted; the rest of the record is skipped."""

    room_id: str
    sku: str
    region: str
    occurred_at: int
    qty: int


_decode = msgspec.json.Decoder(Sold).decode
_NAMES = (attrgetter("room_id"), attrgetter("sku"), attrgetter("region"))
_at = attrgetter("occurred_at")
_qty = attrgetter("qty")


@dataclass
class Counted:
    """The counts of one partition."""

    owner: Owner
    next_offset: int
    watermark: int
    codes: Keys = field(default_factory=Keys)
    windows: dict[int, Ints] = field(default_factory=dict)

    def add(self, window: int, keys: Ints, counts: Ints) -> None:
        """Add to the counts of a window; the keys are distinct."""
        held = self.windows.get(window)
        if held is None or held.size < len(self.codes):
            grown = np.zeros(len(self.codes) * 5 // 4 + 1_024, dtype=np.int64)
            if held is not None:
                grown[: held.size] = held
            held = self.windows[window] = grown
        held[keys] += counts

    def close(self) -> list[tuple[int, Ints, Ints]]:
        """Take out the windows that are over: window, keys and final counts of each."""
        over = [window for window in self.windows if (window + 1) * WINDOW + LATENESS <= self.watermark]
        found = []
        for window in sorted(over):
            counts = self.windows.pop(window)
            keys = np.flatnonzero(counts)
            found.append((window, keys, counts[keys]))
        return found


class CountAgent:
    """Counts chunks; state and next offset are one transaction."""

    def __init__(self, services: Services, topic: str, report: Report) -> None:
        self.topic = topic
        self._services = services
        self._report = report
        self._tallies = Tallies(services.database)
        self._judge = ThreadPoolExecutor(1, "chunks")
        self._writer = ThreadPoolExecutor(1, "commits")
        self._writing: asyncio.Task[None] | None = None
        self.desk: Desk[Counted] = Desk(services, self._judge, self._hold, self.settle)

    def _hold(self, place: Place, assigned: Assigned) -> Counted:
        names, windows = self._tallies.load(*place)
        held = Counted(assigned.owner, assigned.next_offset, assigned.watermark, Keys(names))
        for window, (keys, counts) in windows.items():
            if (window + 1) * WINDOW + LATENESS > held.watermark:
                summed = np.bincount(keys, counts, minlength=len(names)).astype(np.int64)
                held.windows[window] = summed
        return held

    async def settle(self) -> None:
        """Wait until what was counted is committed."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def run(self, stream: Any) -> None:
        """Take chunk after chunk; the next one is counted while one is written."""
        async for chunk in gathered(stream, 20_000):
            began = self._report.begin()
            held = self.desk.held((chunk.topic, chunk.partition))
            fresh = None if held is None else chunk.since(held.next_offset)
            if held is None or fresh is None:
                await self.settle()
                chunk.done()
                continue
            commit = await asyncio.get_running_loop().run_in_executor(self._judge, self._count, held, fresh)
            held.next_offset = fresh.last + 1
            await self.settle()
            self._writing = asyncio.create_task(self._write(commit, chunk, began))
            if stream.channel.queue.empty():
                await self.settle()
        await self.settle()

    async def _write(self, commit: partial[None], chunk: Chunk, began: float) -> None:
        await patiently(self._writer, commit)
        chunk.done()
        if self._report.done(len(chunk), began):
            self._report.finish(pieces=self._tallies.total(self.topic), keys=self._keys(), mb=self._megabytes())

    def _keys(self) -> int:
        places = [(self.topic, partition) for partition in range(64)]
        return sum(len(held.codes) for held in map(self.desk.held, places) if held)

    def _megabytes(self) -> float:
        return self._tallies.size(self.topic) / 1e6

    def _count(self, held: Counted, chunk: Chunk) -> partial[None]:
        """Add a chunk to the counts in memory and return the commit of what it adds."""
        sales = list(map(_decode, chunk.values))  # type: ignore[arg-type]  # the bench writes no empty values
        named = [part.of(map(name, sales), len(sales)) for part, name in zip(held.codes.parts, _NAMES, strict=True)]
        at = np.array(list(map(_at, sales)), dtype=np.int64)
        pieces = np.array(list(map(_qty, sales)), dtype=np.int64)
        groups = group(at // WINDOW, *named)
        keys, new_keys = held.codes.number(*(part[groups.first] for part in named))
        windows, sums = (at // WINDOW)[groups.first], groups.sums(pieces)
        cuts = [0, *(np.flatnonzero(np.diff(windows)) + 1).tolist(), windows.size]
        added = [(int(windows[start]), keys[start:end], sums[start:end]) for start, end in pairwise(cuts)]
        held.watermark = max(held.watermark, int(at.max()))
        for part in added:
            held.add(*part)
        closed = held.close()
        over = {window for window, _, _ in closed}
        return partial(
            self._tallies.write,
            held.owner,
            held.next_offset,
            chunk.last + 1,
            held.watermark,
            self._services.wall(),
            new_keys=new_keys,
            added=[part for part in added if part[0] not in over],
            closed=closed,
        )
