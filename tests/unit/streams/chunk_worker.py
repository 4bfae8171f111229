"""A worker for the chunk tests: appends what it is given to a file, durably, and only then says done."""

import argparse
import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

from streams.chunks import Chunk, chunk_topic, make_app, run_worker
from streams.chunks.transport import Intake


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--group", default="watch")
    parser.add_argument("--topic", default="sales.v1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=1)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")

    intake = Intake(frozenset({wanted.topic}), most_records=wanted.records)
    app = make_app(
        wanted.group,
        wanted.bootstrap,
        intake,
        data_dir=wanted.out.parent / f"faust-{os.getpid()}",
        commit_seconds=0.1,
        session_seconds=6.0,
    )
    out = os.open(wanted.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def append(stream: Any) -> None:
        chunk: Chunk
        async for chunk in stream:
            await asyncio.sleep(wanted.pause)
            lines = (
                json.dumps([chunk.partition, offset, (value or b"").decode()])
                for offset, value in zip(chunk.offsets, chunk.values, strict=True)
            )
            os.write(out, ("\n".join(lines) + "\n").encode())
            await asyncio.sleep(wanted.pause)
            chunk.done()

    app.agent(chunk_topic(app, wanted.topic), concurrency=wanted.concurrency)(append)
    run_worker(app)


if __name__ == "__main__":
    main()
