"""What has been delivered and what is done, per partition: the only source of committed offsets.

Entries stand in the order of delivery. The position of a partition is the offset after the last entry of the longest
done prefix: work that finished early waits for its elders, so a crash can repeat work but never skip it.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final


class Entry:
    """One delivered chunk up to an offset, open until somebody says done.

    Saying done sets one flag and may happen in any thread, more than once, and after the partition has gone to another
    worker: the entry is then no longer in the ledger and nothing happens.
    """

    __slots__ = ("_done", "last")

    def __init__(self, last: int) -> None:
        self.last: Final = last
        self._done = False

    def done(self) -> None:
        """Say that the chunk's effect is durable."""
        self._done = True

    @property
    def is_done(self) -> bool:
        """Whether the effect is durable."""
        return self._done


class Entries:
    """Entries whose records are worked on together, at least one; done is said for all of them."""

    __slots__ = ("_entries", "last")

    def __init__(self, entries: Iterable["Entry | Entries"]) -> None:
        self._entries = tuple(entries)
        self.last: Final[int] = self._entries[-1].last

    def done(self) -> None:
        """Say that the effect of all of them is durable."""
        for entry in self._entries:
            entry.done()

    @property
    def is_done(self) -> bool:
        """Whether the effect of all of them is durable."""
        return all(entry.is_done for entry in self._entries)


class Ledger:
    """Delivered chunks of the partitions a worker owns. Used by one thread; only `Entry.done` may come from others."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], deque[Entry | Entries]] = {}
        self._expected: dict[tuple[str, int], int] = {}
        self._position: dict[tuple[str, int], int] = {}

    def restart(self, place: tuple[str, int], offset: int | None) -> None:
        """Forget what was delivered of a partition; reading starts again at `offset`, or wherever the log begins."""
        self.forget([place])
        self._open[place] = deque()
        if offset is not None:
            self._expected[place] = offset
            self._position[place] = offset

    def forget(self, places: Iterable[tuple[str, int]]) -> None:
        """Drop partitions that belong to somebody else now; their entries become orphans."""
        for place in places:
            self._open.pop(place, None)
            self._expected.pop(place, None)
            self._position.pop(place, None)

    def places(self) -> tuple[tuple[str, int], ...]:
        """Return the partitions in the book."""
        return tuple(self._open)

    def expected(self, place: tuple[str, int]) -> int:
        """Return the lowest offset not delivered yet; records below it are repetitions."""
        return self._expected.get(place, 0)

    def enter(self, place: tuple[str, int], entry: Entry | Entries) -> None:
        """Note a chunk as delivered.

        Raises
        ------
        ValueError
            If all of it was delivered before.
        """
        if entry.last < self.expected(place):
            raise ValueError(f"{place}: chunk up to {entry.last} was delivered before, {self.expected(place)} is next")
        self._open.setdefault(place, deque()).append(entry)
        self._expected[place] = entry.last + 1

    def position(self, place: tuple[str, int]) -> int | None:
        """Return the offset to commit: after the longest done prefix; None when nothing is known."""
        waiting = self._open.get(place)
        while waiting and waiting[0].is_done:
            self._position[place] = waiting.popleft().last + 1
        return self._position.get(place)

    def committable(self) -> dict[tuple[str, int], int]:
        """Return the positions as last computed, without moving them; callable from another thread."""
        return dict(self._position)

    def open_chunks(self, place: tuple[str, int]) -> int:
        """Return how many delivered chunks stand behind the position."""
        self.position(place)
        return len(self._open.get(place, ()))
