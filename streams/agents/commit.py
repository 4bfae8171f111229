"""Commit a chunk again and again while the database is away, and in parts when our own code fails on one of its records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar

from streams.chunks import Chunk
from supplychain.domain.errors import SupplyChainError, UnavailableError
from supplychain.telemetry import log

FAILED = "failed"
"""Reason of a dead letter that our own code, or the database, could not take."""

_log = log(__name__)
Result = TypeVar("Result")


async def patiently(executor: Executor, call: Callable[[], Result]) -> Result:
    """Run a blocking call in an agent's thread until the database answers, and return its result.

    The offset does not advance meanwhile, so nothing is lost and the broker's backlog grows. An ambiguous commit that did
    succeed shows as fenced on the second try: the worker ends and resumes from what is stored.
    """
    pause = 0.1
    while True:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, call)
        except UnavailableError as away:
            _log.warning("database away, trying again", detail=str(away), seconds=pause)
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)


async def piecewise(
    chunk: Chunk, take: Callable[[Chunk], Awaitable[None]], refuse: Callable[[Chunk, Exception], Awaitable[None]]
) -> None:
    """Take a chunk in halves, down to the one record that cannot be taken: it costs nobody but itself.

    Errors of the house (a lost partition, a missing network) are about no record and end the worker as usual.
    """
    parts = [chunk]
    while parts:
        part = parts.pop()
        try:
            await take(part)
        except SupplyChainError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever fails on a single record is that record's dead letter
            if len(part) == 1:
                _log.error(
                    "record refused", topic=part.topic, partition=part.partition, offset=part.first, exc_info=fault
                )
                await refuse(part, fault)
                continue
            middle = part.offsets[len(part) // 2]
            parts += [half for half in (part.since(middle), part.before(middle)) if half is not None]
