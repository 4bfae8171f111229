"""Plain Faust as its manual shows it: one event at a time into a tumbling table, changelog included."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import faust

from streams.bench.report import Report

TABLE = "tally"


def run(bootstrap: str, topic: str, group: str, folder: Path, report: Report, partitions: int) -> None:
    """Count a topic until all events are there."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        datadir=str(folder),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=partitions,
        loop=loop,
    )
    source = app.topic(topic, value_serializer="json", key_serializer="raw")
    table = app.Table(TABLE, default=int, partitions=partitions)
    counts = table.tumbling(10.0, expires=3_600.0).relative_to(lambda event: event.value["occurred_at"] / 1_000)
    pieces = 0

    @app.agent(source)  # type: ignore[untyped-decorator]  # Faust is not followed by the type checker
    async def tally(stream: Any) -> None:
        nonlocal pieces
        async for sale in stream:
            began = report.begin()
            counts[f"{sale['room_id']}/{sale['sku']}/{sale['region']}"] += sale["qty"]
            pieces += sale["qty"]
            if report.done(1, began):
                report.finish(pieces=pieces)

    worker = faust.Worker(app, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()


def main() -> None:
    """Run as a program of its own: BOOTSTRAP TOPIC GROUP EVENTS RESULT, with nothing installed but Faust."""
    bootstrap, topic, group, events, result = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        run(bootstrap, topic, group, Path(folder), Report(Path(result), int(events)), 4)


if __name__ == "__main__":
    main()
