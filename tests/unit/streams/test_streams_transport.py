"""The traps of Faust's own bookkeeping, each as a guard on the real consumer class (no broker needed)."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.chunks import Chunk, Custody, Entry, Retained, chunk_topic, make_app
from streams.chunks.transport import ChunkConsumer, Fetched, Intake, LostLogError

SALES = TP("sales.v1", 0)
PLAIN = TP("plain.v1", 0)


class Book:
    """A custody that remembers what it was told."""

    def __init__(self, stored: Mapping[tuple[str, int], int] | None = None) -> None:
        self.stored = dict(stored or {})
        self.log: list[tuple[str, object]] = []

    async def assigned(self, places: frozenset[tuple[str, int]]) -> None:
        self.log.append(("assigned", set(places)))

    async def start_offsets(self, retained: Mapping[tuple[str, int], Retained]) -> Mapping[tuple[str, int], int]:
        self.log.append(("start", dict(retained)))
        return self.stored

    async def halted(self) -> None:
        self.log.append(("halted", None))

    async def revoked(self, places: frozenset[tuple[str, int]]) -> None:
        self.log.append(("revoked", set(places)))


class FakeThread:
    """Stands for the thread that talks to Kafka."""

    def __init__(self, committed: Mapping[TP, int | None], high: int = 10_000) -> None:
        self.committed = dict(committed)
        self.high = high
        self.seeks: dict[TP, int] = dict.fromkeys(committed, 0)
        self.sought: dict[TP, int] = {}
        self.commits: list[dict[TP, int]] = []
        self.refuse = False

    def look_again(self) -> None:
        """Nothing waits."""

    async def seek_to_committed(self) -> dict[TP, int | None]:
        return dict(self.committed)

    async def retained(self, places: Any, committed: Any) -> dict[Any, Retained]:
        return {place: Retained(0, self.high, committed[place]) for place in places}

    async def start_at(self, offsets: Mapping[TP, int]) -> None:
        self.sought.update(offsets)
        for place in offsets:
            self.seeks[place] += 1

    def assignment(self) -> set[TP]:
        return set(self.committed)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        if self.refuse:
            return False
        self.commits.append(dict(offsets))
        return True


class Rig:
    """A real ChunkConsumer on a fake thread, with what it handed over."""

    def __init__(self, tmp_path: Path, custody: Custody, committed: Mapping[TP, int | None]) -> None:
        self.app = make_app("watch", "127.0.0.1:1", Intake(frozenset({"sales.v1"}), custody), data_dir=tmp_path)
        self.app.topics._acking_topics.update({"sales.v1", "plain.v1"})
        self.consumer: ChunkConsumer = self.app.consumer
        self.thread = FakeThread(committed)
        self.consumer._thread.thread_loop.close()
        self.consumer._thread = self.thread
        self.handed: list[Any] = []
        self.consumer._hand_over = self._take
        self.app._producer = SimpleNamespace(flush=self._nothing)

    async def _take(self, message: Any) -> None:
        self.handed.append(message)

    async def _nothing(self) -> None:
        return None

    async def deliver(self, first: int, last: int, *, seek: int | None = None) -> Chunk | None:
        before = len(self.handed)
        size = last - first + 1
        chunk = Chunk(
            "sales.v1", 0, range(first, last + 1), [b"v"] * size, [None] * size, [0] * size, [()] * size, Entry(last)
        )
        fetched = Fetched(chunk, self.thread.seeks[SALES] if seek is None else seek)
        await self.consumer._deliver(self.consumer._to_message(SALES, fetched))
        if len(self.handed) == before:
            return None
        delivered: Chunk = self.handed[-1].value
        return delivered


def _rig(tmp_path: Path, custody: Custody | None = None, committed: int | None = 1_000) -> Rig:
    return Rig(tmp_path, custody or Book(), {SALES: committed, PLAIN: 7})


async def _started(tmp_path: Path, custody: Custody | None = None, committed: int | None = 1_000) -> Rig:
    rig = _rig(tmp_path, custody, committed)
    rig.consumer._owned = frozenset({SALES})
    await rig.consumer.perform_seek()
    return rig


def _run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def _faust_acks(rig: Rig, message: Any) -> None:
    """Acknowledge as the compiled stream iterator does it: straight into the consumer's lists."""
    message.acked = True
    rig.consumer._acked_index[message.tp].add(message.offset)
    rig.consumer._acked[message.tp].append(message.offset)


def test_fausts_acknowledgement_commits_nothing_of_a_source(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        await rig.deliver(1_000, 1_099)
        _faust_acks(rig, rig.handed[0])
        await rig.consumer.commit()
        assert rig.thread.commits == []
        rig.handed[0].value.done()
        await rig.consumer.commit()
        assert rig.thread.commits == [{SALES: 1_100}]

    _run(scene())


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_chunks_done_out_of_order_are_never_overtaken(tmp_path: Path, order: tuple[int, ...]) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        chunks = [await rig.deliver(first, first + 99) for first in (1_000, 1_100, 1_200)]
        finished: set[int] = set()
        for number in order:
            chunk = chunks[number]
            assert chunk is not None
            chunk.done()
            _faust_acks(rig, rig.handed[number])
            finished.add(number)
            await rig.consumer.commit()
            safe = 1_000 + 100 * next((index for index in range(3) if index not in finished), 3)
            assert rig.consumer.ledger.position(SALES) == safe
            assert all(commit[SALES] <= safe for commit in rig.thread.commits)
        assert rig.thread.commits[-1] == {SALES: 1_300}

    _run(scene())


def test_stock_consumer_would_lose_events_here(tmp_path: Path) -> None:
    """If this fails, Faust has mended its gaps, and the transport can be looked at again."""

    async def scene() -> None:
        rig = await _started(tmp_path)
        consumer = rig.consumer
        consumer._committed_offset[PLAIN] = 1_000
        for from_, to in ((1_000, 1_099), (1_100, 1_199)):
            await driver.Consumer._add_gap(consumer, PLAIN, from_, to)
        consumer._acked[PLAIN].append(1_199)  # the second chunk is acknowledged before the first
        assert driver.Consumer._new_offset(consumer, PLAIN) == 1_200

    _run(scene())


def test_gaps_of_sources_cost_nothing_and_other_topics_keep_theirs(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        await rig.consumer._add_gap(SALES, 0, 1_000_000_000)
        assert SALES not in rig.consumer._gap
        await rig.consumer._add_gap(PLAIN, 8, 20)
        assert len(rig.consumer._gap[PLAIN]) == 1
        rig.consumer._acked[PLAIN].extend([7])
        rig.consumer._acked_index[PLAIN].add(7)
        await rig.consumer.commit()
        assert rig.thread.commits == [{PLAIN: 8}]

    _run(scene())


def test_other_topics_are_delivered_message_by_message(tmp_path: Path) -> None:
    record = SimpleNamespace(
        topic="plain.v1", partition=0, offset=7, timestamp=1_000, timestamp_type=0, headers=(), key=b"k", value=b"v",
        checksum=None, serialized_key_size=1, serialized_value_size=1,
    )  # fmt: skip

    async def scene() -> None:
        rig = await _started(tmp_path)
        message = rig.consumer._to_message(PLAIN, record)
        await rig.consumer._deliver(message)
        assert rig.handed == [message]
        assert (message.value, message.offset) == (b"v", 7)

    _run(scene())


def test_refetched_records_are_trimmed_and_whole_repetitions_dropped(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        assert await rig.deliver(1_000, 1_099) is not None
        assert await rig.deliver(1_000, 1_099) is None
        rest = await rig.deliver(1_050, 1_149)
        assert rest is not None
        assert (rest.first, rest.last) == (1_100, 1_149)
        for message in rig.handed:
            message.value.done()
        assert rig.consumer.ledger.position(SALES) == 1_150

    _run(scene())


def test_reading_starts_at_the_stored_offset_and_the_committed_one_is_corrected(tmp_path: Path) -> None:
    async def scene() -> None:
        book = Book({SALES: 4_000})
        rig = await _started(tmp_path, book)
        assert rig.thread.sought == {SALES: 4_000}
        assert rig.consumer._read_offset[SALES] == 4_000
        assert book.log == [("start", {SALES: Retained(0, 10_000, 1_000)})]
        await rig.consumer.commit()
        assert rig.thread.commits == [{SALES: 4_000}]
        assert await rig.deliver(1_000, 3_999) is None  # fetched from the committed offset before the seek

    _run(scene())


def test_stored_offset_below_the_committed_one_is_read_again(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path, Book({SALES: 500}))
        assert rig.thread.sought == {SALES: 500}
        early = await rig.deliver(500, 599)
        assert early is not None
        early.done()
        await rig.consumer.commit()
        assert rig.thread.commits == []  # Kafka's hint is ahead and stays there until work passes it

    _run(scene())


def test_without_a_stored_or_committed_offset_reading_starts_at_the_oldest(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path, committed=None)
        assert rig.thread.sought == {SALES: 0}

    _run(scene())


@pytest.mark.parametrize("stored", [10_001, -1])
def test_offset_outside_the_log_is_never_a_silent_jump(tmp_path: Path, stored: int) -> None:
    async def scene() -> None:
        rig = _rig(tmp_path, Book({SALES: stored}))
        rig.consumer._owned = frozenset({SALES})
        with pytest.raises(LostLogError, match="holds 0 to 10000"):
            await rig.consumer.perform_seek()
        assert rig.thread.sought == {}

    _run(scene())


def test_what_was_fetched_before_a_seek_is_void(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        old = rig.thread.seeks[SALES]
        await rig.consumer.seek(SALES, 200)
        assert rig.consumer.ledger.expected(SALES) == 200
        assert await rig.deliver(1_000, 1_099, seek=old) is None
        again = await rig.deliver(200, 299)
        assert again is not None

    _run(scene())


def test_done_after_a_seek_is_harmless(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        chunk = await rig.deliver(1_000, 1_099)
        assert chunk is not None
        await rig.consumer.perform_seek()
        chunk.done()
        await rig.consumer.commit()
        assert rig.thread.commits == []
        assert rig.consumer.ledger.position(SALES) == 1_000

    _run(scene())


def test_cancelled_hand_over_blocks_instead_of_losing(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)

        async def cancelled(message: Any) -> None:
            raise asyncio.CancelledError

        rig.consumer._hand_over = cancelled
        with pytest.raises(asyncio.CancelledError):
            await rig.deliver(1_000, 1_099)
        rig.consumer._hand_over = rig._take
        later = await rig.deliver(1_100, 1_199)
        assert later is not None
        later.done()
        assert rig.consumer.ledger.position(SALES) == 1_000

    _run(scene())


def test_refused_commit_is_tried_again(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = await _started(tmp_path)
        chunk = await rig.deliver(1_000, 1_099)
        assert chunk is not None
        chunk.done()
        rig.thread.refuse = True
        await rig.consumer.commit()
        rig.thread.refuse = False
        await rig.consumer.commit()
        assert rig.thread.commits == [{SALES: 1_100}]

    _run(scene())


def test_revoking_commits_first_waits_for_work_and_then_gives_back(tmp_path: Path) -> None:
    async def scene() -> None:
        book = Book()
        rig = await _started(tmp_path, book)
        early, late = await rig.deliver(1_000, 1_099), await rig.deliver(1_100, 1_199)
        assert early is not None
        assert late is not None
        early.done()

        async def app_revokes(revoked: set[TP]) -> None:
            assert rig.thread.commits == [{SALES: 1_100}]  # before Faust dropped what it knew
            late.done()  # work that was under way when the rebalance came
            await rig.consumer.commit()

        rig.consumer._on_partitions_revoked = app_revokes
        await rig.consumer.on_partitions_revoked({SALES, PLAIN})
        assert rig.thread.commits[-1] == {SALES: 1_200}
        assert book.log[-1] == ("revoked", {SALES})
        assert rig.consumer.ledger.places() == ()

    _run(scene())


@pytest.mark.parametrize("leaves", ["revoked", "stopped"])
def test_what_the_custody_finishes_while_it_gives_back_is_committed_too(tmp_path: Path, leaves: str) -> None:
    async def scene() -> None:
        under_way: list[Chunk] = []

        class Writing(Book):
            async def revoked(self, places: frozenset[tuple[str, int]]) -> None:
                for chunk in under_way:
                    chunk.done()

        rig = await _started(tmp_path, Writing())
        written = await rig.deliver(1_000, 1_099)
        assert written is not None
        under_way.append(written)
        if leaves == "stopped":
            await rig.consumer.on_stop()
        else:
            rig.consumer._on_partitions_revoked = _nobody
            await rig.consumer.on_partitions_revoked({SALES})
        assert rig.thread.commits == [{SALES: 1_100}]

    _run(scene())


async def _nobody(places: set[TP]) -> None:
    return None


def test_partitions_are_taken_over_before_faust_reads_them(tmp_path: Path) -> None:
    async def scene() -> None:
        book = Book({SALES: 3_000})
        rig = _rig(tmp_path, book)

        async def app_assigned(assigned: set[TP], generation: int) -> None:
            assert book.log == [("assigned", {SALES})]
            await rig.consumer.perform_seek()

        rig.consumer._on_partitions_assigned = app_assigned
        await rig.consumer.on_partitions_assigned({SALES, PLAIN}, 1)
        assert rig.thread.sought == {SALES: 3_000}
        assert [word for word, _ in book.log] == ["assigned", "start"]

    _run(scene())


def test_only_named_sources_can_be_read_in_chunks(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = _rig(tmp_path)
        assert tuple(chunk_topic(rig.app, "sales.v1").topics) == ("sales.v1",)
        with pytest.raises(ValueError, match="not a source"):
            chunk_topic(rig.app, "plain.v1")

    _run(scene())


def test_reading_goes_on_as_soon_as_an_agent_has_little_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust sleeps a whole second whenever all partitions rest, however soon the agents are through."""
    monkeypatch.setattr("streams.chunks.transport._LOOK_SECONDS", 3_600.0)

    async def scenario() -> None:
        rig = await _started(tmp_path)
        consumer, fetched = rig.consumer, asyncio.Event()

        async def fetch(self: Any, timeout: float) -> None:
            fetched.set()

        monkeypatch.setattr(driver.Consumer, "_wait_next_records", fetch)
        consumer.flow_active = True
        consumer._set_active_tps({SALES})
        consumer.on_buffer_full(SALES)
        waiting = asyncio.create_task(consumer._wait_next_records(1.0))
        await asyncio.sleep(0)
        assert not fetched.is_set()
        consumer.on_buffer_drop(SALES)
        await asyncio.wait_for(waiting, 30)
        assert fetched.is_set()

    asyncio.run(scenario())
