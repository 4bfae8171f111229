"""`python -m streams.bench FILE`: one worker, as the JSON file says; it is started by `supplychain bench stream`."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from streams.agents.versions import Current
from streams.agents.watch import WatchAgent
from streams.app import assemble
from streams.bench import plain
from streams.bench.counting import CountAgent
from streams.bench.report import Report
from streams.chunks import Chunk, run_worker
from supplychain import telemetry
from supplychain.bootstrap import build, wall_now
from supplychain.broker import bare
from supplychain.settings import Settings
from supplychain.watching.bulk import scanning
from supplychain.watching.delta import ChunkDelta


def main() -> None:
    """Run the job that the file describes."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(job["folder"])
    report = Report(folder / "result.json", job["events"])
    telemetry.setup("warning", "bench")
    if job["kind"] == "bare":
        result = bare.count(job["bootstrap"], job["topic"], job["partitions"], job["events"], 10_000)
        report.path.write_text(json.dumps(result), encoding="utf-8")
    elif job["kind"] == "plain":
        plain.run(job["bootstrap"], job["topic"], job["group"], folder, report, job["partitions"])
    else:
        engine(job, report)


def engine(job: dict[str, Any], report: Report) -> None:
    """Run the chunk engine: counts only, or the whole watch agent of the service."""
    settings = Settings.model_validate(job["settings"])
    services = build(settings)
    if job["kind"] == "counts":
        agent: Any = CountAgent(services, job["topic"], report)
    else:
        agent = watcher(services, job, report)
    run_worker(assemble(settings, services, agent, group=job["group"]))


def watcher(services: Any, job: dict[str, Any], report: Report) -> WatchAgent:
    """Return the agent of the service, with a witness that measures."""
    if job["events"]:
        scanning()  # a rate is that of a worker at work, the compiler is loaded once in its life
    began: dict[int, float] = {}
    spikes = Path(job["folder"]) / "spikes.jsonl"

    class Timed(WatchAgent):
        """The agent; a chunk's time begins when it is in hand."""

        async def _begin(self, chunk: Chunk) -> None:
            began[id(chunk)] = report.begin()
            await super()._begin(chunk)

    def witness(chunk: Chunk, delta: ChunkDelta) -> None:
        if delta.spikes:
            with spikes.open("a", encoding="utf-8") as lines:
                for spike in delta.spikes:
                    row = {"partition": chunk.partition, "judged_at": spike.judged_at, "seen": wall_now()}
                    lines.write(json.dumps(row) + "\n")
        if report.done(len(chunk), began.pop(id(chunk))):
            report.finish(pieces=None)

    chunks, commits = ThreadPoolExecutor(1, "chunks"), ThreadPoolExecutor(1, "commits")
    return Timed(services, Current(services), chunks, commits, topic=job["topic"], witness=witness)


if __name__ == "__main__":
    main()
