"""The watchdog ends a worker that has something to do and gets nothing done; no other."""

import threading

import pytest

from streams.chunks.watchdog import Sight, Watchdog


class Scene:
    """A worker as the watchdog sees it, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sight = Sight("behind", 1)
        self.given_up: list[Sight] = []
        self.dog = Watchdog(lambda: self.sight, give_up=self.given_up.append, clock=lambda: self.now)

    def after(self, seconds: float, sight: Sight) -> bool:
        self.now += seconds
        self.sight = sight
        return self.dog.check()


def test_stuck_worker_is_ended_after_a_minute() -> None:
    scene = Scene()
    stuck = Sight("behind", 1)
    assert not scene.after(0, stuck)
    assert not scene.after(59, stuck)
    assert scene.given_up == []
    assert scene.after(1, stuck)
    assert scene.given_up == [stuck]


def test_progress_starts_the_minute_again() -> None:
    scene = Scene()
    assert not scene.after(50, Sight("behind", 1))
    assert not scene.after(50, Sight("behind", 2))
    assert not scene.after(50, Sight("behind", 2))
    assert scene.after(50, Sight("behind", 2))


def test_idle_worker_is_left_alone() -> None:
    scene = Scene()
    for _ in range(5):
        assert not scene.after(100, Sight("idle", 1))
    assert not scene.after(59, Sight("behind", 1))
    assert scene.after(60, Sight("behind", 1))


def test_group_that_never_comes_together_is_stuck_too() -> None:
    scene = Scene()
    assert not scene.after(59, Sight("joining", None))
    assert scene.after(1, Sight("joining", None))


def test_failing_look_is_no_progress(caplog: pytest.LogCaptureFixture) -> None:
    def look() -> Sight:
        raise OSError("gone")

    now = [0.0]
    given_up: list[Sight] = []
    dog = Watchdog(look, give_up=given_up.append, clock=lambda: now[0])
    assert not dog.check()
    now[0] = 60.0
    assert dog.check()
    assert given_up
    assert "could not see" in caplog.text


def test_thread_looks_by_itself_and_stops_with_the_block() -> None:
    ended = threading.Event()
    dog = Watchdog(lambda: Sight("behind", 0), patience=0.05, give_up=lambda sight: ended.set())
    with dog:
        assert ended.wait(10)
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
