"""Watch sales: windows, spikes and session forecasts of a chunk, committed with its offset in one transaction.

While a chunk is written, the next one is judged: the database works in another process or outside the interpreter's lock, so
the two cost one time. Commits stay in order, one at a time, and each is fenced by the one before it: what is judged ahead is
in memory only, and a crash loses nothing but that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.agents.commit import patiently
from streams.agents.custody import Desk
from streams.agents.versions import Current, Versions
from streams.chunks import Chunk, Place, gathered
from supplychain.bootstrap import Assigned, DeadLetter, Owner, Progress, Services, crash_point
from supplychain.domain.forecast import SessionForecast
from supplychain.messages.topics import SALES
from supplychain.watching.delta import Batch, ChunkDelta, ForecastCue
from supplychain.watching.partition import PartitionWatch

Witness = Callable[[Chunk, ChunkDelta], None]


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
    """The agent of `sales.v1`.

    Parameters
    ----------
    executor
        One thread, in which chunks are judged and partitions taken over.
    writer
        One thread for the commits; none: the same one, and nothing is judged ahead.
    witness
        Told of each chunk after its commit.
    """

    def __init__(
        self,
        services: Services,
        current: Current,
        executor: Executor,
        writer: Executor | None = None,
        *,
        topic: str = SALES.name,
        witness: Witness = lambda chunk, delta: None,
    ) -> None:
        self.topic = topic
        self._services = services
        self._current = current
        self._executor = executor
        self._writer = writer or executor
        self._witness = witness
        self._writing: asyncio.Task[None] | None = None
        self.desk: Desk[Watched] = Desk(services, executor, hold, self.settle)

    async def run(self, stream: Any) -> None:
        """Take chunk after chunk; done is said after the commit and never before."""
        async for chunk in gathered(stream):
            await self._begin(chunk)
            if stream.channel.queue.empty():
                await self.settle()
        await self.settle()

    async def take(self, chunk: Chunk) -> None:
        """Process one chunk to its end.

        Raises
        ------
        FencedError
            If the partition has another owner: this worker must stop.
        """
        await self._begin(chunk)
        await self.settle()

    async def settle(self) -> None:
        """Wait until what was judged is committed.

        Raises
        ------
        FencedError
            If the partition has another owner.
        """
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _begin(self, chunk: Chunk) -> None:
        """Judge a chunk, wait for the commit before, and start its own."""
        held = self.desk.held((chunk.topic, chunk.partition))
        fresh = None if held is None else chunk.since(held.next_offset)
        if held is None or fresh is None:
            await self.settle()
            if held is not None:
                chunk.done()
            return
        crash_point("chunk-fetched")
        commit, delta = await asyncio.get_running_loop().run_in_executor(self._executor, self._judge, held, fresh)
        crash_point("chunk-judged")
        held.next_offset = fresh.last + 1
        await self.settle()
        self._writing = asyncio.create_task(self._write(commit, chunk, delta))

    async def _write(self, commit: Callable[[], None], chunk: Chunk, delta: ChunkDelta) -> None:
        await patiently(self._writer, commit)
        crash_point("chunk-committed")
        chunk.done()
        self._witness(chunk, delta)

    def _judge(self, held: Watched, chunk: Chunk) -> tuple[partial[None], ChunkDelta]:
        """Apply the chunk to the watcher and return the commit of all that it changed, and what that is."""
        versions = self._current.get()
        watch = self._watcher(held, versions)
        delta = watch.apply(Batch(chunk.offsets, chunk.values, chunk.timestamps))
        snapshot = watch.snapshot()
        held.snapshot = snapshot
        commit = partial(
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
        return commit, delta

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
