"""The database's custody of partitions: it issues the epoch and says where reading starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Generic, TypeVar

from streams.agents.commit import patiently
from streams.chunks import Place, Retained
from supplychain.bootstrap import Assigned, Services

Held = TypeVar("Held")


class Desk(Generic[Held]):
    """The partitions that this worker owns, each with what its agent keeps of it.

    The database is asked on every start of reading: what is in memory is thrown away and built again from what was stored
    with the offset, so that a seek, a rebalance and a crash are the same thing.
    """

    def __init__(
        self,
        services: Services,
        executor: Executor,
        hold: Callable[[Place, Assigned], Held],
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._services = services
        self._executor = executor
        self._hold = hold
        self._settle = settle
        self._held: dict[Place, Held] = {}
        self.is_halted = False
        """Whether nothing more is delivered until reading starts again."""

    def held(self, place: Place) -> Held | None:
        """Return what is held of a partition, None when it is not ours."""
        return self._held.get(place)

    async def assigned(self, places: frozenset[Place]) -> None:
        """Nothing yet: the epoch is issued when reading starts."""

    async def start_offsets(self, retained: Mapping[Place, Retained]) -> Mapping[Place, int]:
        """Take every partition over and return its stored offset; what is being written is finished first."""
        await self._settled()
        starts = {}
        for place, kept in sorted(retained.items()):
            assigned = await patiently(self._executor, partial(self._take, place, kept))
            self._held[place] = self._hold(place, assigned)
            starts[place] = assigned.reads_from
        self.is_halted = False
        return starts

    async def halted(self) -> None:
        """Note it: a chunk that waits for what others bring is let go."""
        self.is_halted = True

    def let_go(self, place: Place, held: Held) -> None:
        """Take no further chunk of a partition before reading starts again, where it is still held like this."""
        if self._held.get(place) is held:
            del self._held[place]

    async def revoked(self, places: frozenset[Place]) -> None:
        """Forget partitions; their state is in the database, what is being written too."""
        await self._settled()
        for place in places:
            self._held.pop(place, None)

    async def _settled(self) -> None:
        if self._settle is not None:
            await self._settle()

    def _take(self, place: Place, kept: Retained) -> Assigned:
        services = self._services
        return services.partitions.assign(
            place[0], place[1], cluster=services.broker.cluster, low=kept.low, high=kept.high, wall=services.wall()
        )
