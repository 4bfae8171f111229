"""Custody of partitions: the owner's book outside Kafka that says where reading starts.

When state and offset are kept together in a database, the stored offset is the truth and the group's committed offset a
hint. The transport asks the custody on every start of reading, tells it when partitions come and go, and never seeks
anywhere the custody did not name.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_log = logging.getLogger(__name__)

Place = tuple[str, int]
"""Topic and partition; Faust's TP is one."""


@dataclass(frozen=True)
class Retained:
    """What the broker holds of a partition: offsets low <= offset < high, and what the group has committed."""

    low: int
    high: int
    committed: int | None


class Custody(Protocol):
    """What an owner of partitions is asked and told. All methods run in the worker's event loop: send blocking work to a
    thread. An exception ends the worker, so transient faults are retried inside.
    """

    async def assigned(self, places: frozenset[Place]) -> None:
        """Take partitions over (for example, raise their epoch) before anything of them is read."""
        ...

    async def start_offsets(self, retained: Mapping[Place, Retained]) -> Mapping[Place, int]:
        """Return where to start reading partitions already taken over.

        A partition left out starts at the group's committed offset or, without one, at the beginning. An offset above
        `high` means that the log was lost; it is the custody that decides what then (and records it), since the transport
        refuses to start there. An offset below `low` is refused too: those records are gone.
        """
        ...

    async def halted(self) -> None:
        """Hear that nothing more is delivered until reading starts again, and that chunks in work are waited for.

        Whoever waits for what other chunks have to bring must let go of its own chunk: it comes again.
        """
        ...

    async def revoked(self, places: frozenset[Place]) -> None:
        """Give partitions back; chunks in work have been waited for and committed."""
        ...


class BrokerCustody:
    """Custody by the broker alone: reading starts at the group's committed offset."""

    async def assigned(self, places: frozenset[Place]) -> None:
        """Nothing to take over."""

    async def start_offsets(self, retained: Mapping[Place, Retained]) -> Mapping[Place, int]:
        """Leave partitions to the committed offset; where its records are gone, say so and start at the oldest."""
        lost = {
            place: held
            for place, held in retained.items()
            if held.committed is not None and not held.low <= held.committed <= held.high
        }
        for place, held in lost.items():
            _log.error(
                "%s: offset %s was committed, the broker holds %s to %s", place, held.committed, held.low, held.high
            )
        return {place: held.low for place, held in lost.items()}

    async def halted(self) -> None:
        """Nobody waits."""

    async def revoked(self, places: frozenset[Place]) -> None:
        """Nothing to give back."""
