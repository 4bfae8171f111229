"""What a worker of the benchmark measures: its clock runs from the first chunk in hand to the last effect."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Report:
    """Counts events until all are there, then writes the result and ends the process.

    Parameters
    ----------
    path
        Where the result goes.
    events
        How many events make the end; 0: never.
    progress
        Rewritten with the number of events after every chunk when given.
    """

    path: Path
    events: int
    started: float = 0.0
    seen: int = 0
    spans: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    burnt: float = field(default_factory=time.process_time)

    def begin(self) -> float:
        """Note that a chunk is in hand; returns now, in seconds."""
        now = time.perf_counter()
        if not self.started:
            self.started, self.burnt = now, time.process_time()
        return now

    def done(self, events: int, began: float) -> bool:
        """Note the effect of a chunk; returns whether it was the last one."""
        self.seen += events
        self.sizes.append(events)
        self.spans.append(time.perf_counter() - began)
        return bool(self.events) and self.seen >= self.events

    def finish(self, **more: Any) -> None:
        """Write the result, and ask the process to end."""
        seconds = time.perf_counter() - self.started
        spans = sorted(self.spans)
        result = {
            "events": self.seen,
            "seconds": seconds,
            "cpu_seconds": time.process_time() - self.burnt,
            "chunks": len(spans),
            **{f"chunk_ms_p{q}": 1_000 * spans[int((len(spans) - 1) * q / 100)] for q in (50, 99)},
            "peak_mb": peak_mb(),
            **more,
        }
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(result), encoding="utf-8")
        draft.replace(self.path)
        os.kill(os.getpid(), signal.SIGTERM)


def peak_mb() -> float:
    """Return the most memory this process has had, MB; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmHWM")), 0.0)
