"""A worker for the chunk tests: appends what it is given to a file, durably, and only then says done."""

import argparse
import asyncio
import json
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from streams.chunks import BrokerCustody, Chunk, Custody, Place, Retained, chunk_topic, gathered, make_app, run_worker
from streams.chunks.transport import ChunkConsumer, Intake


class FixedStart(BrokerCustody):
    """A custody with stored offsets given on the command line."""

    def __init__(self, topic: str, offsets: Mapping[int, int]) -> None:
        self._offsets = {(topic, partition): offset for partition, offset in offsets.items()}

    async def start_offsets(self, retained: Mapping[Place, Retained]) -> Mapping[Place, int]:
        return {place: offset for place, offset in self._offsets.items() if place in retained}


class CommitDetector:
    """Compares every commit with what was made durable: counts commits, and those that pass work not done."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._durable: dict[int, set[int]] = {}
        self._counts = {"commits": 0, "unsafe": 0}
        stock = ChunkConsumer._commit_offsets
        detector = self

        async def commit_offsets(
            consumer: ChunkConsumer, offsets: Mapping[Any, int], start_new_transaction: bool = True
        ) -> bool:
            detector.check(offsets)
            return await stock(consumer, offsets, start_new_transaction)

        ChunkConsumer._commit_offsets = commit_offsets  # type: ignore[method-assign,assignment]  # that is the detector

    def durable(self, chunk: Chunk) -> None:
        self._durable.setdefault(chunk.partition, set()).update(chunk.offsets)

    def check(self, offsets: Mapping[Any, int]) -> None:
        for tp, offset in offsets.items():
            self._counts["commits"] += 1
            done = self._durable.get(tp.partition, set())
            self._counts["unsafe"] += not done.issuperset(range(min(done, default=offset), offset))
        self._report.write_text(json.dumps(self._counts), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--group", default="watch")
    parser.add_argument("--topic", default="sales.v1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--start", type=json.loads, default=None, help="stored offsets, JSON by partition")
    parser.add_argument("--instance", default=None, help="name for static membership")
    parser.add_argument("--session", type=float, default=6.0, help="seconds until a silent worker loses its partitions")
    parser.add_argument("--gather", action="store_true", help="join chunks that wait")
    parser.add_argument("--fail-at", default=None, help="raise at the chunk that holds this value")
    parser.add_argument("--hang", choices=("loop", "task"), default=None, help="never finish a chunk")
    parser.add_argument("--patience", type=float, default=60.0)
    parser.add_argument("--detect", type=Path, default=Path(os.devnull))
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")

    stored = {int(partition): offset for partition, offset in (wanted.start or {}).items()}
    custody: Custody = FixedStart(wanted.topic, stored) if stored else BrokerCustody()
    detector = CommitDetector(wanted.detect)
    intake = Intake(frozenset({wanted.topic}), custody, most_records=wanted.records)
    app = make_app(
        wanted.group,
        wanted.bootstrap,
        intake,
        data_dir=wanted.out.parent / f"faust-{os.getpid()}",
        commit_seconds=0.1,
        session_seconds=wanted.session,
        instance=wanted.instance,
    )
    out = os.open(wanted.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def append(stream: Any) -> None:
        chunks: AsyncIterator[Chunk] = gathered(stream, wanted.records) if wanted.gather else stream
        async for chunk in chunks:
            await asyncio.sleep(wanted.pause * random.random())
            if wanted.hang == "loop":
                time.sleep(3_600)  # blocking the loop is the point
            elif wanted.hang == "task":
                await asyncio.sleep(3_600)
            if wanted.fail_at is not None and wanted.fail_at.encode() in chunk.values:
                raise RuntimeError("this chunk cannot be worked on")
            lines = (
                json.dumps([chunk.partition, offset, (value or b"").decode()])
                for offset, value in zip(chunk.offsets, chunk.values, strict=True)
            )
            os.write(out, ("\n".join(lines) + "\n").encode())
            detector.durable(chunk)
            await asyncio.sleep(wanted.pause)
            chunk.done()

    app.agent(chunk_topic(app, wanted.topic), concurrency=wanted.concurrency)(append)
    run_worker(app, patience=wanted.patience)


if __name__ == "__main__":
    main()
