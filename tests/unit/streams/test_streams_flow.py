"""What waits for one agent never holds up another's, and what is wanted again is read at once."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.chunks import BrokerCustody, ChunkApp, chunk_topic, make_app
from streams.chunks.transport import ChunkConsumerThread, Intake

SALES = TP("sales.v1", 0)
CROWD = TP("crowd.v1", 0)
PATIENCE = 30.0


def _app(tmp_path: Path) -> ChunkApp:
    intake = Intake(frozenset({SALES.topic, CROWD.topic}), BrokerCustody())
    return make_app("watch", "127.0.0.1:1", intake, data_dir=tmp_path, stream_buffer_maxsize=10)


class Delivery:
    """A partition's way through Faust's conductor, compiled as installed, to the queue of its agent."""

    def __init__(self, app: ChunkApp, tp: TP, gauge: list[str]) -> None:
        self.topic = chunk_topic(app, tp.topic)
        # the queue of a channel is made by the app
        self.queue = self.topic.queue
        consumer = SimpleNamespace(
            on_buffer_full=lambda tp: gauge.append("full"), on_buffer_drop=lambda tp: gauge.append("drop")
        )
        app._consumer = consumer
        app._producer = SimpleNamespace(buffer=SimpleNamespace(wait_until_ebb=self._nothing))
        self._hand_over = app.topics._build_handler(tp, {self.topic})
        self._tp = tp

    async def _nothing(self) -> None:
        return None

    async def bring(self, number: int) -> None:
        message = SimpleNamespace(
            key=None, value=number, tp=self._tp, offset=number, refcount=0, headers=None, generation_id=0
        )
        await self._hand_over(message)


def test_agent_with_its_hands_full_holds_up_no_other_topic(tmp_path: Path) -> None:
    """Sales may wait for what the crowd has shown: were the crowd held up by sales, both would stand for ever."""

    async def scene() -> None:
        app = _app(tmp_path)
        app.flow_control.resume()
        gauge: list[str] = []
        sales, crowd = Delivery(app, SALES, gauge), Delivery(app, CROWD, gauge)
        async with asyncio.timeout(PATIENCE):
            for number in range(50):
                await sales.bring(number)
            await crowd.bring(0)
        assert crowd.queue.qsize() == 1
        assert sales.queue.qsize() == 50
        assert gauge == ["full"]
        taken = [sales.queue.get_nowait() for _ in range(50)]
        assert [event.value for event in taken] == list(range(50))
        assert gauge == ["full", "drop"]

    asyncio.run(scene())


def test_fetch_under_way_sees_the_partition_that_is_wanted_again(tmp_path: Path) -> None:
    """Its records are in memory already, so nothing else would wake the fetch before its second is over."""

    async def scene() -> None:
        app = _app(tmp_path)
        thread = app.consumer._thread
        assert isinstance(thread, ChunkConsumerThread)
        thread.thread_loop.close()
        thread.thread_loop = asyncio.get_running_loop()
        app.consumer._set_active_tps({SALES})
        app.consumer.on_buffer_drop(SALES)  # nothing is being read yet
        waiter = asyncio.get_running_loop().create_future()

        def notify(future: asyncio.Future[Any]) -> None:
            future.set_result(None)

        thread._consumer = SimpleNamespace(_fetcher=SimpleNamespace(_fetch_waiters={waiter}, _notify=notify))
        app.consumer.on_buffer_drop(SALES)
        await asyncio.sleep(0)
        assert not waiter.done(), "it did not rest"
        app.consumer.on_buffer_full(SALES)
        app.consumer.on_buffer_drop(SALES)
        await asyncio.wait_for(waiter, PATIENCE)

    asyncio.run(scene())


def test_custody_hears_that_delivery_is_halted_before_work_is_waited_for(tmp_path: Path) -> None:
    async def scene() -> None:
        heard: list[str] = []

        class Book(BrokerCustody):
            async def halted(self) -> None:
                heard.append("halted")

        app = make_app("watch", "127.0.0.1:1", Intake(frozenset({SALES.topic}), Book()), data_dir=tmp_path)
        app.consumer._thread.thread_loop.close()
        app.consumer.commit_and_end_transactions = _note(heard, "committed")
        await app.consumer.wait_empty()
        assert heard == ["halted", "committed"]

    asyncio.run(scene())


def _note(heard: list[str], word: str) -> Any:
    async def note() -> None:
        heard.append(word)

    return note
