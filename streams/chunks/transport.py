"""The Faust transport that delivers chunks and commits by the ledger.

It overrides the few methods of Faust's consumer that decide what is delivered, what is committed and where reading starts.
Their sources are pinned by a test, so that an upgrade of Faust that changes one of them fails loudly. For all topics but
the listed sources everything stays as Faust does it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.chunks.chunk import Chunk, cut
from streams.chunks.custody import BrokerCustody, Custody, Place, Retained
from streams.chunks.ledger import Ledger
from streams.chunks.unwrapped import Unwrapped
from streams.chunks.watchdog import Sight

_LOOK_SECONDS = 0.2
"""A consumer without a partition to read looks this often whether it has been given one."""


class LostLogError(RuntimeError):
    """The stored offset lies outside of what the broker holds, and the custody did not say what to do about it."""


@dataclass(frozen=True)
class Intake:
    """What is read in chunks, how large they get, and who keeps the offsets.

    Attributes
    ----------
    sources
        Topics read in chunks; never changelogs or reply topics, where one event has to stay one event.
    custody
        Says where reading starts.
    most_records, most_bytes
        Limits of a chunk.
    wait_ms
        How long the broker may hold back an empty answer to a fetch, milliseconds; the embedded broker always does.
    """

    sources: frozenset[str]
    custody: Custody = field(default_factory=BrokerCustody)
    most_records: int = 10_000
    most_bytes: int = 8 * 1024 * 1024
    wait_ms: int = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    """A chunk and the seek it was fetched after; one fetched before a later seek is void."""

    chunk: Chunk
    seek: int


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is not followed by the type checker
    """The thread that talks to Kafka: coalesces what a fetch brings and counts seeks."""

    consumer: "ChunkConsumer"

    def __init__(self, consumer: "ChunkConsumer", **options: Any) -> None:
        self.seeks: Final[defaultdict[Place, int]] = defaultdict(int)
        super().__init__(consumer, **options)

    async def on_start(self) -> None:
        """Start aiokafka's consumer, and let it leave our records alone."""
        await super().on_start()
        self._ensure_consumer()._fetcher._records = Unwrapped(self.consumer.sources)  # noqa: SLF001

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes 1.5 s here. The embedded broker answers an empty fetch only when this time is over, and any other
        # question to the same broker stands in line behind it.
        consumer._fetch_max_wait_ms = self.consumer.intake.wait_ms  # noqa: SLF001  # there is no setting for it
        return consumer

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
    ) -> Mapping[Any, Any]:
        fetch = super()._fetch_records
        records = dict(await fetch(consumer, active_partitions, timeout=timeout, max_records=max_records))
        if records:
            # Faust takes a full round from one partition and leaves the others for later rounds: with a backlog one
            # partition runs seconds ahead. Take what the others already have in memory, without waiting. (The set of
            # active partitions belongs to the other thread and may change: it can be asked, not walked.)
            fetcher = consumer._fetcher  # noqa: SLF001  # Faust's own thread does the same
            for tp, held in list(fetcher._records.items()):  # noqa: SLF001
                if tp in records or tp.topic not in self.consumer.sources or tp not in (active_partitions or ()):
                    continue
                if isinstance(held, FetchResult) and not fetcher._subscriptions.reassignment_in_progress:  # noqa: SLF001
                    records.update(await fetch(consumer, {tp}, timeout=0, max_records=max_records))
        return {
            tp: self._coalesced(tp, batch) if tp.topic in self.consumer.sources else batch
            for tp, batch in records.items()
        }

    def _coalesced(self, tp: Any, batch: Any) -> list[Fetched]:
        intake = self.consumer.intake
        seek = self.seeks[tp]
        return [
            Fetched(chunk, seek) for chunk in cut(tp.topic, tp.partition, batch, intake.most_records, intake.most_bytes)
        ]

    def look_again(self) -> None:
        """Let a fetch that waits for the broker see a partition that is wanted again; callable from another thread.

        What was read of that partition is in memory already, and nothing else would wake the fetch within a second.
        """
        self.thread_loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        if self._consumer is not None:
            fetcher = self._consumer._fetcher  # noqa: SLF001  # Faust's own thread does the same
            for waiter in list(fetcher._fetch_waiters):  # noqa: SLF001
                fetcher._notify(waiter)  # noqa: SLF001

    async def start_at(self, offsets: Mapping[Place, int]) -> None:
        """Seek several partitions and void what was fetched of them, within the thread so that no fetch comes between."""
        await self.call_thread(self._start_at, offsets)

    async def _start_at(self, offsets: Mapping[Place, int]) -> None:
        for place, offset in offsets.items():
            self.seeks[place] += 1
            self.seek(TopicPartition(*place), offset)

    async def retained(self, places: frozenset[Place], committed: Mapping[Any, int | None]) -> dict[Place, Retained]:
        """Ask the broker what it holds of some partitions."""
        wanted = [TopicPartition(*place) for place in places]
        consumer = self._ensure_consumer()
        low = await self.call_thread(consumer.beginning_offsets, wanted)
        high = await self.call_thread(consumer.end_offsets, wanted)
        return {place: Retained(low[place], high[place], committed.get(place)) for place in places}


class ChunkConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is not followed by the type checker
    """Faust's consumer with chunks instead of messages and the ledger instead of acknowledgements."""

    _thread: ChunkConsumerThread

    def __init__(self, transport: "ChunkTransport", callback: Any, *args: Any, **options: Any) -> None:
        self.intake: Final = transport.intake
        self.sources: Final = transport.intake.sources
        self.ledger: Final = Ledger()
        self._hand_over = callback
        self._owned: frozenset[Place] = frozenset()
        self._joined = False
        self._committed: dict[Place, int | None] = {}
        self._settled = asyncio.Event()
        self._settled.set()
        self._resumed = asyncio.Event()
        super().__init__(transport, self._deliver, *args, **options)

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _ours(self, places: Any) -> frozenset[Place]:
        return frozenset(TP(*place) for place in places if place[0] in self.sources)

    # -- delivery -----------------------------------------------------------------------------------------------------

    def _to_message(self, tp: Any, record: Any) -> Any:
        if not isinstance(record, Fetched):
            return super()._to_message(tp, record)
        chunk = record.chunk
        return ConsumerMessage(
            chunk.topic,
            chunk.partition,
            chunk.last,
            chunk.timestamps[-1] / 1000.0,
            0,
            (),
            None,
            record,
            None,
            0,
            0,
            TP(*tp),
            generation_id=self.app.consumer_generation_id,
        )

    async def _wait_next_records(self, timeout: float) -> Any:
        """Fetch, as soon as a partition is wanted.

        When all partitions rest because the agents have enough in hand, Faust sleeps for a second whatever happens,
        in which a fast agent runs dry: a third of the throughput, and a second on top of every delay under load.
        """
        while self.flow_active and not self.should_stop and not self._get_active_partitions():
            self._resumed.clear()
            await self.wait_first(self._resumed.wait(), self.suspend_flow.wait(), timeout=_LOOK_SECONDS)
        return await super()._wait_next_records(timeout)

    def on_buffer_drop(self, tp: Any) -> None:
        """Let a partition be read again, at once: its agent has little left in hand."""
        rested = tp in self._buffered_partitions
        super().on_buffer_drop(tp)
        if rested:
            self._resumed.set()
            self._thread.look_again()

    async def _deliver(self, message: Any) -> None:
        """Enter a chunk into the ledger and hand it over, without what was delivered before.

        It is entered first: if the hand-over is cancelled by a rebalance, the ledger stands still until reading starts
        again, which costs a repetition; the other order could commit past a chunk nobody has seen.
        """
        fetched = message.value
        if isinstance(fetched, Fetched):
            await self._settled.wait()
            if fetched.seek != self._thread.seeks[message.tp]:
                return
            chunk = fetched.chunk.since(self.ledger.expected(message.tp))
            if chunk is None:
                return
            if chunk.first > self.ledger.expected(message.tp):
                await self._assert_retained(message.tp)
            self.ledger.enter(message.tp, chunk.entry)
            message.value = chunk
        await self._hand_over(message)

    async def _assert_retained(self, place: Place) -> None:
        """End the worker when the broker has dropped records that nobody has read, instead of jumping over them.

        Compacted records and the marks of transactions leave gaps too; those lie above what the broker still holds.

        Raises
        ------
        LostLogError
            If the next record is gone: the custody decides at the next start, and keeps what happened.
        """
        wanted = self.ledger.expected(place)
        held = (await self._thread.retained(frozenset({place}), {}))[place]
        if held.low > wanted:
            raise LostLogError(f"{place}: {wanted} is next, the broker holds {held.low} to {held.high}")

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.sources:
            await super()._add_gap(tp, offset_from, offset_to)

    # -- commits ------------------------------------------------------------------------------------------------------

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[Any]:
        for tp in super()._filter_tps_with_pending_acks(topics):
            if tp.topic not in self.sources:
                yield tp
        for place in self.ledger.places():
            if topics is None or place in topics or place[0] in topics:
                yield TP(*place)

    def _new_offset(self, tp: Any) -> int | None:
        if tp.topic not in self.sources:
            offset: int | None = super()._new_offset(tp)
            return offset
        # Faust's compiled stream writes its acknowledgements into these lists directly; nobody reads them for sources.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.ledger.position(tp)

    async def wait_empty(self) -> None:
        """Wait for chunks in work, and commit; nothing more is delivered meanwhile.

        Work committed between its end and Faust's acknowledgement stays on Faust's list and would cost a second.
        """
        await self.intake.custody.halted()
        self._clean_unacked_messages()
        await super().wait_empty()

    async def _commit_offsets(self, offsets: Mapping[Any, int], start_new_transaction: bool = True) -> bool:
        committed = bool(await super()._commit_offsets(offsets, start_new_transaction))
        if not committed:
            # Faust notes the offsets as committed either way; forget that, so that the next round tries again.
            for tp in self._ours(offsets):
                self._committed_offset[tp] = None
        return committed

    # -- where reading starts ----------------------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Seek every partition to where its custody says, or to its committed offset.

        Raises
        ------
        LostLogError
            If the custody names an offset that the broker does not hold.
        """
        offsets: dict[Any, Any] = dict(await super().seek_to_committed())
        ours = self._ours(offsets) & self._owned
        if not ours:
            return offsets
        committed = {place: offsets[place] for place in ours}
        retained = await self._thread.retained(ours, committed)
        stored = await self.intake.custody.start_offsets(retained)
        start = {place: self._checked(place, stored.get(place), retained[place]) for place in ours}
        await self._restart_at(start)
        self._committed = committed
        return {**offsets, **start}

    def _checked(self, place: Place, stored: int | None, held: Retained) -> int:
        committed = held.low if held.committed is None else held.committed
        wanted = committed if stored is None else stored
        if not held.low <= wanted <= held.high:
            raise LostLogError(f"{place} is to start at {wanted}, the broker holds {held.low} to {held.high}")
        return wanted

    async def _restart_at(self, start: Mapping[Place, int]) -> None:
        """Seek and restart the book as one step for the delivery, which waits meanwhile."""
        self._settled.clear()
        try:
            await self._thread.start_at(start)
            for place, offset in start.items():
                self.ledger.restart(place, offset)
        finally:
            self._settled.set()

    async def perform_seek(self) -> None:
        """Start reading again; what the group has committed is corrected with the next commit."""
        await super().perform_seek()
        for place in self._ours(self._committed) & self._owned:
            self._committed_offset[place] = self._committed[place]

    async def seek(self, partition: Any, offset: int) -> None:
        """Seek one partition; what was delivered of it is forgotten."""
        if partition[0] not in self.sources:
            await super().seek(partition, offset)
            return
        await self._restart_at({partition: offset})
        self._read_offset[TP(*partition)] = offset or None

    # -- partitions come and go -----------------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """Take partitions over before Faust starts to read them."""
        ours = self._ours(assigned)
        for place in ours:
            self.ledger.restart(place, None)
        await self.intake.custody.assigned(ours)
        self._owned = ours
        self._joined = True
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Commit what is done, let Faust wait for chunks in work and commit again, then give the partitions back.

        Faust drops what it knows of the partitions first and commits later, so without the first commit finished work
        would be repeated by the next owner.
        """
        if revoked:
            await self.commit()
        await super().on_partitions_revoked(revoked)
        await self._give_back(self._ours(revoked))

    async def on_stop(self) -> None:
        """Wait for chunks in work, commit, and give the partitions back."""
        await super().on_stop()
        await self._give_back(self._owned)

    async def _give_back(self, places: frozenset[Place]) -> None:
        places &= self._owned
        self._owned -= places
        if places:
            await asyncio.shield(self.intake.custody.revoked(places))
            await self.commit()  # what the custody finished on its way out
        self.ledger.forget(places)

    # -- the watchdog's view --------------------------------------------------------------------------------------------

    def sight(self) -> Sight:
        """Return how far the partitions owned are; callable from another thread."""
        done = self.ledger.committable()
        progress = (self.app.rebalancing_count, tuple(sorted(done.items())))
        if not self._joined or self.app.rebalancing:
            return Sight("joining", progress)
        behind = any((self._thread.highwater(TP(*place)) or 0) > done.get(place, 0) for place in self._owned)
        return Sight("behind" if behind else "idle", progress)


class ChunkTransport(driver.Transport):  # type: ignore[misc]  # Faust is not followed by the type checker
    """Faust's aiokafka transport with the chunk consumer."""

    Consumer = ChunkConsumer

    def __init__(self, url: Any, app: Any, loop: Any = None, *, intake: Intake) -> None:
        super().__init__(url, app, loop)
        self.intake: Final = intake
