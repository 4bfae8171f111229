"""Watch sales: windows, spikes and session forecasts of a chunk, committed with its offset in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.agents.commit import patiently
from streams.agents.custody import Desk
from streams.agents.versions import Current, Versions
from streams.chunks import Chunk, Place
from supplychain.bootstrap import Assigned, DeadLetter, Owner, Progress, Services, crash_point
from supplychain.domain.forecast import SessionForecast
from supplychain.messages.topics import SALES
from supplychain.watching.delta import ChunkDelta, ForecastCue, Record
from supplychain.watching.partition import PartitionWatch


@dataclass(slots=True)
class Watched:
    """A partition of sales in this worker's hands."""

    owner: Owner
    next_offset: int
    seen: tuple[tuple[int, bytes], ...]
    snapshot: bytes | None
    watch: PartitionWatch | None = None
    versions: Versions | None = None


def hold(place: Place, assigned: Assigned) -> Watched:
    """Start with what was stored; the watcher itself is built with the first chunk."""
    return Watched(assigned.owner, assigned.next_offset, assigned.seen, assigned.snapshot)


class WatchAgent:
    """The agent of `sales.v1`."""

    def __init__(self, services: Services, current: Current, executor: Executor) -> None:
        self.topic = SALES.name
        self._services = services
        self._current = current
        self._executor = executor
        self.desk: Desk[Watched] = Desk(services, executor, hold)

    async def run(self, stream: Any) -> None:
        """Take chunk after chunk; done is said after the commit and never before."""
        async for chunk in stream:
            await self.take(chunk)

    async def take(self, chunk: Chunk) -> None:
        """Process one chunk.

        Raises
        ------
        FencedError
            If the partition has another owner: this worker must stop.
        """
        held = self.desk.held((chunk.topic, chunk.partition))
        if held is None:
            return
        fresh = chunk.since(held.next_offset)
        if fresh is not None:
            crash_point("chunk-fetched")
            commit = await asyncio.get_running_loop().run_in_executor(self._executor, self._judge, held, fresh)
            crash_point("chunk-judged")
            await patiently(self._executor, commit)
            crash_point("chunk-committed")
            held.next_offset = fresh.last + 1
        chunk.done()

    def _judge(self, held: Watched, chunk: Chunk) -> partial[None]:
        """Apply the chunk to the watcher and return the commit of all that it changed."""
        versions = self._current.get()
        watch = self._watcher(held, versions)
        records = [Record(*row) for row in zip(chunk.offsets, chunk.values, chunk.timestamps, strict=True)]
        delta = watch.apply(records)
        snapshot = watch.snapshot()
        held.snapshot = snapshot
        return partial(
            self._services.work.watch,
            Progress(held.owner, held.next_offset, chunk.last + 1, delta.watermark),
            delta,
            snapshot=snapshot,
            predictions=_predictions(versions, delta.cues),
            letters=_letters(chunk, delta),
            group_of=versions.catalogue.group_of,
            tuning_version=versions.tuning_version,
            wall=self._services.wall(),
        )

    def _watcher(self, held: Watched, versions: Versions) -> PartitionWatch:
        if held.watch is None or held.versions is not versions:
            seen = held.seen if held.watch is None else self._stored_ids(held)
            held.watch = PartitionWatch(
                versions.lines,
                versions.tuning,
                partition=held.owner.partition,
                snapshot=held.snapshot,
                seen_blocks=seen,
            )
            held.versions, held.seen = versions, ()
        return held.watch

    def _stored_ids(self, held: Watched) -> tuple[tuple[int, bytes], ...]:
        return self._services.partitions.seen(held.owner.topic, held.owner.partition)


def _predictions(versions: Versions, cues: Sequence[ForecastCue]) -> list[SessionForecast]:
    """One forecast per session, SKU and moment, whoever asked for it."""
    by_key = {(cue.session_id, cue.sku, cue.at): cue for cue in cues}
    forecasts = (versions.predictor.forecast(cue) for _, cue in sorted(by_key.items()))
    return [forecast for forecast in forecasts if forecast is not None]


def _letters(chunk: Chunk, delta: ChunkDelta) -> list[DeadLetter]:
    values = dict(zip(chunk.offsets, chunk.values, strict=True)) if delta.rejections else {}
    return [DeadLetter(r.offset, r.reason, r.detail, values.get(r.offset) or b"") for r in delta.rejections]
