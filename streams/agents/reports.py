"""The other two streams: warehouse reports become the stock log, engagement becomes evidence beside the sales."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from streams.agents.commit import FAILED, patiently, piecewise
from streams.agents.custody import Desk
from streams.agents.versions import Current
from streams.chunks import Chunk, Place
from streams.dead_letters import sift
from supplychain.bootstrap import Assigned, DeadLetter, Owner, Progress, Services
from supplychain.domain.units import EARLIEST, LATEST
from supplychain.messages.audience import bin_of, is_late
from supplychain.messages.codec import ENGAGEMENT_DECODER, STOCK_DECODER
from supplychain.messages.topics import ENGAGEMENT, STOCK
from supplychain.messages.v1 import Audience, Receipt, Shipment, StockDelta, StockSnapshot, Tick

_MOST = 1_000_000_000
LATE_SAMPLE = "late_sample"
"""A sample of the audience whose bin is over: it is evidence for nobody any more."""


@dataclass(slots=True)
class Followed:
    """A partition whose only state is its offset and watermark."""

    owner: Owner
    next_offset: int
    watermark: int


def hold(place: Place, assigned: Assigned) -> Followed:
    """Start with what was stored."""
    return Followed(assigned.owner, assigned.next_offset, assigned.watermark)


class _Follower(ABC):
    """What both agents share: trim what is known, sift out the unreadable, commit, say done."""

    decoder: msgspec.json.Decoder[Any]

    def __init__(self, topic: str, services: Services, current: Current, executor: Executor) -> None:
        self.topic = topic
        self._services = services
        self._current = current
        self._executor = executor
        self.desk: Desk[Followed] = Desk(services, executor, hold)

    async def run(self, stream: Any) -> None:
        """Take chunk after chunk; done is said after the commit and never before."""
        async for chunk in stream:
            held = self.desk.held((chunk.topic, chunk.partition))
            if held is None:
                continue
            fresh = chunk.since(held.next_offset)
            if fresh is not None:
                await piecewise(fresh, partial(self._take, held), partial(self._refuse, held))
            chunk.done()

    async def _take(self, held: Followed, chunk: Chunk) -> None:
        await patiently(self._executor, self._commit(held, chunk))
        held.next_offset = chunk.last + 1

    async def _refuse(self, held: Followed, chunk: Chunk, fault: Exception) -> None:
        letter = DeadLetter(chunk.first, FAILED, f"{type(fault).__name__}: {fault}", chunk.values[0] or b"")
        progress = Progress(held.owner, held.next_offset, chunk.last + 1, held.watermark)
        counted = Counter({("received", ""): 1, ("dead_letters", FAILED): 1})
        await patiently(self._executor, self._write(progress, [], [letter], counted))
        held.next_offset = chunk.last + 1

    def _commit(self, held: Followed, chunk: Chunk) -> partial[None]:
        sifted = sift(chunk.values, self.decoder.decode)
        faults = [(fault.index, fault.reason, fault.detail) for fault in sifted.faults]
        payloads: list[Any] = []
        late = 0
        for index, payload in enumerate(sifted.payloads):
            wrong = "" if payload is None else self._impossible(payload)
            if wrong:
                faults.append((index, "impossible", wrong))
            elif isinstance(payload, Tick):
                held.watermark = max(held.watermark, payload.at)
            elif isinstance(payload, Audience) and is_late(payload.at, held.watermark):
                late += 1
            elif payload is not None:
                payloads.append(payload)
        letters = [DeadLetter(chunk.offsets[i], reason, detail, chunk.values[i] or b"") for i, reason, detail in faults]
        counted = Counter({("received", ""): len(payloads) + late + len(faults), ("counted", ""): len(payloads)})
        counted["excluded", LATE_SAMPLE] = late
        counted.update(("dead_letters", reason) for _, reason, _ in faults)
        progress = Progress(held.owner, held.next_offset, chunk.last + 1, held.watermark)
        return self._write(progress, payloads, letters, counted)

    @abstractmethod
    def _impossible(self, payload: Any) -> str:
        """Say why a payload cannot be, or nothing."""

    @abstractmethod
    def _write(
        self, progress: Progress, payloads: Sequence[Any], letters: list[DeadLetter], counted: Counter[tuple[str, str]]
    ) -> partial[None]:
        """Return the commit of a chunk."""


class StockAgent(_Follower):
    """The agent of `stock.v1`."""

    decoder = STOCK_DECODER

    def __init__(self, services: Services, current: Current, executor: Executor) -> None:
        super().__init__(STOCK.name, services, current, executor)

    def _impossible(self, payload: Any) -> str:
        at = payload.at if isinstance(payload, Tick) else payload.as_of
        if not EARLIEST <= at < LATEST:
            return f"time {at} is impossible"
        if isinstance(payload, Tick):
            return ""
        if payload.sequence < 0:
            return "sequence is negative"
        if isinstance(payload, StockSnapshot):
            bad = [row.sku for row in payload.rows if not (0 <= row.on_hand <= _MOST and 0 <= row.reserved <= _MOST)]
            return f"impossible pieces of {bad[0]}" if bad else ""
        if isinstance(payload, Receipt | Shipment) and not 0 <= payload.pieces <= _MOST:
            return f"{payload.pieces} pieces are impossible"
        if (
            isinstance(payload, Receipt)
            and payload.sellable is not None
            and not 0 <= payload.sellable <= payload.pieces
        ):
            return f"{payload.sellable} of {payload.pieces} pieces sellable is impossible"
        return ""

    def _write(
        self, progress: Progress, payloads: Sequence[Any], letters: list[DeadLetter], counted: Counter[tuple[str, str]]
    ) -> partial[None]:
        reports = [_stock_rows(payload) for payload in payloads]
        return partial(self._services.work.stock, progress, reports, letters, counted, self._services.wall())


def _stock_rows(payload: StockSnapshot | StockDelta | Receipt | Shipment) -> list[dict[str, Any]]:
    """Rows of the stock log: `sellable` is what changes on hand (a snapshot sets it)."""
    common = {"warehouse": payload.warehouse, "sequence": payload.sequence, "as_of": payload.as_of}
    blank = {"region": None, "plan_line": None, "movement": None, "closes": False, "applied": True}
    if isinstance(payload, StockSnapshot):
        return [
            {**common, **blank, "kind": "snapshot", "sku": row.sku, "pieces": row.on_hand}
            | {"sellable": row.on_hand + (row.reserved if payload.after_reservations else 0)}
            for row in payload.rows
        ]
    if isinstance(payload, StockDelta):
        return [
            {
                **common,
                **blank,
                "kind": "delta",
                "sku": payload.sku,
                "pieces": payload.pieces,
                "sellable": payload.pieces,
            }
        ]
    names = {
        "sku": payload.sku,
        "pieces": payload.pieces,
        "plan_line": payload.plan_line_id,
        "movement": payload.movement_id,
    }
    if isinstance(payload, Receipt):
        sellable = payload.pieces if payload.sellable is None else payload.sellable
        own = {"kind": "receipt", "sellable": sellable, "closes": payload.closes}
    else:
        own = {"kind": "shipment", "sellable": -payload.pieces, "region": payload.region}
    return [{**common, **blank, **names, **own, "applied": payload.plan_line_id is None}]


_NAMES = ("samples", "viewers", "comments", "likes", "clicks")


class EngagementAgent(_Follower):
    """The agent of `engagement.v1`: samples of the audience by 5 s bin, pitches and offers as they happened."""

    decoder = ENGAGEMENT_DECODER

    def __init__(self, services: Services, current: Current, executor: Executor) -> None:
        super().__init__(ENGAGEMENT.name, services, current, executor)

    def _impossible(self, payload: Any) -> str:
        if not EARLIEST <= payload.at < LATEST:
            return f"time {payload.at} is impossible"
        if isinstance(payload, Audience):
            clicks = payload.item_clicks or {}
            numbers = (payload.viewers, payload.comments, payload.likes, payload.clicks, *clicks.values())
            if min(numbers) < 0:
                return "a count is negative"
            if max(numbers) > _MOST:
                return f"a count of {max(numbers)} is impossible"
        return ""

    def _write(
        self, progress: Progress, payloads: Sequence[Any], letters: list[DeadLetter], counted: Counter[tuple[str, str]]
    ) -> partial[None]:
        samples: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * len(_NAMES))
        clicks: Counter[tuple[str, int, str]] = Counter()
        shows = []
        for payload in payloads:
            if isinstance(payload, Audience):
                place = (payload.room_id, bin_of(payload.at))
                values = (1, payload.viewers, payload.comments, payload.likes, payload.clicks)
                samples[place] = [before + value for before, value in zip(samples[place], values, strict=True)]
                for sku, number in (payload.item_clicks or {}).items():
                    clicks[*place, sku] += number
            else:
                kind = "pitch" if type(payload).__name__ == "Pitch" else "flash_offer"
                price = getattr(payload, "price_minor", None)
                shows.append(
                    {"room": payload.room_id, "sku": payload.sku, "kind": kind, "at": payload.at}
                    | {"started": payload.started, "price_minor": price}
                )
        rows = [
            {"room": room, "bin_start": start} | dict(zip(_NAMES, row, strict=True))
            for (room, start), row in sorted(samples.items())
        ]
        items = [
            {"room": room, "bin_start": start, "sku": sku, "clicks": number}
            for (room, start, sku), number in sorted(clicks.items())
        ]
        work = self._services.work
        return partial(work.engagement, progress, rows, items, shows, letters, counted, self._services.wall())
