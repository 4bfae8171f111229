"""A worker that was told to stop, or that crashed, leaves within its time, whoever holds it up."""

import asyncio
import threading
from pathlib import Path

import pytest

from streams.chunks import ChunkApp, make_app
from streams.chunks import worker as module
from streams.chunks.transport import Intake
from streams.chunks.worker import CRASHED_EXIT

PATIENCE = 30.0


class Held(ChunkApp):
    """An app whose stop waits for somebody."""

    farewell_seconds = 0.05
    stop_seconds = 0.05

    async def on_stop(self) -> None:
        await self.released.wait()

    def hold(self) -> None:
        self.released = asyncio.Event()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[int]]:
    """Whether the process was ended, and with which codes."""
    ended, codes = threading.Event(), list[int]()

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(module, "end_process", end)
    return ended, codes


def _app(folder: Path) -> Held:
    app = make_app("watch", "127.0.0.1:1", Intake(frozenset()), data_dir=folder)
    app.__class__ = Held
    assert isinstance(app, Held)
    app.hold()
    return app


@pytest.mark.parametrize("leave", ["stop", "crash"])
def test_worker_that_is_held_up_on_its_way_out_ends_its_process(
    tmp_path: Path, ends: tuple[threading.Event, list[int]], leave: str
) -> None:
    ended, codes = ends

    async def scene() -> None:
        app = _app(tmp_path)
        loop = asyncio.get_running_loop()
        if leave == "crash":
            app._crash(RuntimeError("an agent failed"))
        stopping = asyncio.create_task(app.stop())
        assert await loop.run_in_executor(None, ended.wait, PATIENCE)
        await app.stop()  # a second signal takes nothing back
        app.released.set()
        await stopping

    asyncio.run(scene())
    assert codes == [CRASHED_EXIT]


def test_worker_that_leaves_in_time_is_left_alone(
    tmp_path: Path, ends: tuple[threading.Event, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Held, "stop_seconds", 600.0)

    async def scene() -> None:
        app = _app(tmp_path)
        app.released.set()
        await app.stop()
        assert app._last_words is not None
        assert app._last_words.finished.is_set()

    asyncio.run(scene())
    assert ends[1] == []
