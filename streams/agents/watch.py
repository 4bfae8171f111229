"""Watch sales: windows, spikes and session forecasts of a chunk, committed with its offset in one transaction.

While a chunk is written, the next one is judged: the database works in another process or outside the interpreter's lock, so
the two cost one time. Commits stay in order, one at a time, and each is fenced by the one before it: what is judged ahead is
in memory only, and a crash loses nothing but that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.agents.commit import FAILED, patiently, piecewise
from streams.agents.custody import Desk
from streams.agents.hearing import Hearing, last_tick
from streams.agents.lifts import KEPT, Lifts
from streams.agents.versions import Current, Versions
from streams.chunks import Chunk, Place, gathered
from supplychain.bootstrap import Assigned, DeadLetter, Owner, Progress, Services, crash_point
from supplychain.domain.errors import SupplyChainError, UnavailableError
from supplychain.domain.forecast import SessionForecast
from supplychain.messages.topics import SALES
from supplychain.telemetry import log
from supplychain.watching.delta import Batch, Bucket, ChunkDelta, Rejection
from supplychain.watching.partition import PartitionWatch

_log = log(__name__)
_PAUSE_SECONDS = 0.1
Witness = Callable[[Chunk, ChunkDelta], None]


@dataclass(slots=True)
class Watched:
    """A partition of sales in this worker's hands."""

    owner: Owner
    next_offset: int
    seen: tuple[tuple[int, bytes], ...]
    snapshot: bytes | None
    replayed: int
    lost_until: int
    """Where the snapshot was lost, records below this are read again, and have been up to `replayed`."""
    watch: PartitionWatch | None = None
    versions: Versions | None = None
    lifts: Lifts | None = None


def hold(place: Place, assigned: Assigned) -> Watched:
    """Start with what was stored; the watcher itself is built with the first chunk."""
    seen = assigned.seen if assigned.reads_from == assigned.next_offset else ()
    start = assigned.next_offset
    return Watched(assigned.owner, start, seen, assigned.snapshot, replayed=assigned.reads_from, lost_until=start)


@dataclass(frozen=True, slots=True)
class _Writing:
    """A chunk whose commit runs, and the offset that was next before it."""

    task: asyncio.Task[None]
    held: Watched
    chunk: Chunk
    loaded: int


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
        self._hearing = Hearing(services, executor)
        self._writing: _Writing | None = None
        self._settling = asyncio.Lock()
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
        async with self._settling:
            written = self._writing
            if written is None:
                return
            try:
                await asyncio.shield(written.task)
            except SupplyChainError:
                raise
            except Exception:  # noqa: BLE001 - told and kept for each record that cannot be taken
                written.held.next_offset = written.loaded
                await self._take_in_parts(written.held, written.chunk)
            written.chunk.done()
            self._writing = None

    async def _begin(self, chunk: Chunk) -> None:
        """Judge a chunk, wait for the commit before, and start its own."""
        held = self.desk.held((chunk.topic, chunk.partition))
        if held is not None and held.replayed < held.lost_until:
            await self._replay(held, chunk)
        fresh = None if held is None else chunk.since(held.next_offset)
        if held is None or fresh is None:
            await self.settle()
            if held is not None:
                chunk.done()
            return
        crash_point("chunk-fetched")
        if not await self._hearing.wait(last_tick(fresh.values), lambda: self.desk.is_halted):
            self.desk.let_go((chunk.topic, chunk.partition), held)
            await self.settle()
            return
        judged = None
        while judged is None or held.watch is not judged:  # again when the commit before went another way than foreseen
            try:
                commit, delta = await patiently(self._executor, partial(self._judge, held, fresh))
            except SupplyChainError:
                raise
            except Exception:  # noqa: BLE001 - told and kept for each record that cannot be taken
                await self.settle()
                await self._take_in_parts(held, fresh)
                chunk.done()
                return
            crash_point("chunk-judged")
            judged = held.watch
            await self.settle()
        loaded, held.next_offset = held.next_offset, fresh.last + 1
        self._writing = _Writing(asyncio.create_task(self._write(commit, fresh, delta)), held, fresh, loaded)

    async def _write(self, commit: Callable[[], None], chunk: Chunk, delta: ChunkDelta) -> None:
        await patiently(self._writer, commit)
        crash_point("chunk-committed")
        self._witness(chunk, delta)

    async def _take_in_parts(self, held: Watched, chunk: Chunk) -> None:
        """Go back to what is stored and take a chunk in parts; the record that fails becomes a dead letter."""
        held.watch = None

        async def take(part: Chunk) -> None:
            await self._go_back(held)
            try:
                commit, delta = await patiently(self._executor, partial(self._judge, held, part))
                await self._write(commit, part, delta)
            except Exception:
                held.watch = None
                raise
            held.next_offset = part.last + 1

        async def refuse(part: Chunk, fault: Exception) -> None:
            await self._go_back(held)
            await self._write(*await patiently(self._executor, partial(self._refuse, held, part, fault)))
            held.next_offset = part.last + 1

        await piecewise(chunk, take, refuse)

    async def _go_back(self, held: Watched) -> None:
        if held.watch is None:
            stored = partial(self._services.partitions.state, held.owner.topic, held.owner.partition)
            held.snapshot, held.seen = await patiently(self._executor, stored)

    async def _replay(self, held: Watched, chunk: Chunk) -> None:
        """Read records again that are applied already, only to make the watcher that their snapshot would have made."""
        known = chunk.before(held.lost_until)
        if known is not None:
            await patiently(self._executor, partial(self._judge, held, known))
            held.replayed = known.last + 1
        if chunk.last + 1 >= held.lost_until:
            stored = partial(self._services.partitions.state, held.owner.topic, held.owner.partition)
            _, seen = await patiently(self._executor, stored)
            if held.watch is None:
                held.seen = seen
            else:
                held.watch.seen.load(seen)
            held.replayed = held.lost_until

    def _judge(self, held: Watched, chunk: Chunk) -> tuple[partial[None], ChunkDelta]:
        """Apply the chunk to the watcher and return the commit of all that it changed, and what that is."""
        versions = self._current.get()
        watch = self._watcher(held, versions)
        watch.engage(self._services.work.heard(*watch.listens(last_tick(chunk.values))))
        delta = watch.apply(Batch(chunk.offsets, chunk.values, chunk.timestamps))
        while True:  # the chunk is in the watcher: judged once more, each of its ids would be a duplicate
            try:
                predictions = self._predictions(held, versions, delta)
                break
            except UnavailableError as away:
                _log.warning("database away, trying again", detail=str(away), seconds=_PAUSE_SECONDS)
                time.sleep(_PAUSE_SECONDS)
        held.snapshot = watch.snapshot()
        return self._commit(held, chunk, delta, versions, predictions), delta

    def _refuse(self, held: Watched, chunk: Chunk, fault: Exception) -> tuple[partial[None], Chunk, ChunkDelta]:
        """Return the commit of a record that nothing can be done with: a dead letter, and the next offset."""
        versions = self._current.get()
        watch = self._watcher(held, versions)
        held.snapshot = watch.snapshot()
        delta = ChunkDelta(
            rejections=[Rejection(chunk.first, FAILED, f"{type(fault).__name__}: {fault}")],
            counts={(Bucket.RECEIVED, ""): 1, (Bucket.DEAD_LETTERS, FAILED): 1},
            watermark=watch.watermark,
        )
        return self._commit(held, chunk, delta, versions, []), chunk, delta

    def _commit(
        self, held: Watched, chunk: Chunk, delta: ChunkDelta, versions: Versions, predictions: list[SessionForecast]
    ) -> partial[None]:
        return partial(
            self._services.work.watch,
            Progress(held.owner, held.next_offset, chunk.last + 1, delta.watermark),
            delta,
            snapshot=held.snapshot or b"",
            predictions=predictions,
            letters=_letters(chunk, delta),
            group_of=versions.catalogue.group_of,
            tuning_version=versions.tuning_version,
            wall=self._services.wall(),
        )

    def _watcher(self, held: Watched, versions: Versions) -> PartitionWatch:
        """Return the watcher, built anew under other versions; ids are carried over, since the last are not stored yet."""
        if held.watch is None or held.versions is not versions:
            old = held.watch
            held.lifts = held.lifts if old is not None else None
            held.watch = PartitionWatch(
                versions.lines,
                versions.tuning,
                partition=held.owner.partition,
                snapshot=held.snapshot,
                seen_blocks=held.seen,
                table=versions.thresholds,
            )
            if old is not None:
                held.watch.seen = old.seen
            held.versions, held.seen = versions, ()
        return held.watch

    def _predictions(self, held: Watched, versions: Versions, delta: ChunkDelta) -> list[SessionForecast]:
        """One forecast per session, SKU and moment, whoever asked for it."""
        if held.lifts is None:
            held.lifts = Lifts(self._stored_spikes(versions, delta))
        held.lifts.take(delta)
        by_key = {(cue.session_id, cue.sku, cue.at): cue for cue in delta.cues}
        forecasts = [
            versions.predictor.forecast(cue, held.lifts.of(session_id, sku, at))
            for (session_id, sku, at), cue in sorted(by_key.items())
        ]
        return [forecast for forecast in forecasts if forecast is not None]

    def _stored_spikes(self, versions: Versions, delta: ChunkDelta) -> list[dict[str, Any]]:
        with self._services.store.read() as tx:
            return tx.world.spikes(sorted(versions.catalogue.skus), delta.watermark - KEPT, delta.watermark)


def _letters(chunk: Chunk, delta: ChunkDelta) -> list[DeadLetter]:
    values = dict(zip(chunk.offsets, chunk.values, strict=True)) if delta.rejections else {}
    return [DeadLetter(r.offset, r.reason, r.detail, values.get(r.offset) or b"") for r in delta.rejections]
