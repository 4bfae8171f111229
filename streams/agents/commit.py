"""Commit a chunk again and again while the database is away; stop for good when the partition has another owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from supplychain.domain.errors import UnavailableError
from supplychain.telemetry import log

_log = log(__name__)


async def patiently(executor: Executor, call: Callable[[], None]) -> None:
    """Run a blocking commit in the agents' thread until it succeeds.

    The offset does not advance meanwhile, so nothing is lost and the broker's backlog grows. An ambiguous commit that did
    succeed shows as fenced on the second try: the worker ends and resumes from what is stored.
    """
    pause = 0.1
    while True:
        try:
            await asyncio.get_running_loop().run_in_executor(executor, call)
        except UnavailableError as away:
            _log.warning("chunk not committed, trying again", detail=str(away), seconds=pause)
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)
        else:
            return
