"""The whole path as a benchmark: simulated evenings from broker to answered order, as fast as the service gets on.

The driver waits at every step until all parts are done, so the rate is that of the whole loop in lockstep, plans included,
and not that of the streams alone. Each run starts from an empty data directory; medians over runs are reported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from supplychain.domain.errors import UnavailableError


def run(*, seed: int, scale: float, runs: int) -> dict[str, Any]:
    """Play `runs` evenings, each in a process of its own.

    Raises
    ------
    UnavailableError
        If a run fails; the end of its error output is in the message.
    """
    rows = [_evening(seed, scale) for _ in range(runs)]
    digests = {row["plan_digest"] for row in rows}
    rates = [(row["events_in"] + row["engagement_events"]) / row["wall_seconds"] for row in rows]
    return {
        "runs": runs,
        "seed": seed,
        "scale": scale,
        "events_in": rows[0]["events_in"],
        "sales_per_second": round(median(row["sales_counted"] / row["wall_seconds"] for row in rows), 1),
        "events_per_second": round(median(rates), 1),
        "wall_seconds": round(median(row["wall_seconds"] for row in rows), 1),
        "plans": rows[0]["plans"],
        "spike_to_plan_seconds_p50": median(row["spike_to_plan_seconds"]["p50"] or 0.0 for row in rows),
        "spike_to_plan_seconds_p99": median(row["spike_to_plan_seconds"]["p99"] or 0.0 for row in rows),
        "same_plans_every_run": len(digests) == 1,
        "plan_digest": rows[0]["plan_digest"],
    }


def _evening(seed: int, scale: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="supplychain-bench-") as folder:
        command = [sys.executable, "-m", "supplychain", "demo", "--headless", "--json"]
        command += ["--seed", str(seed), "--scale", str(scale), "--data-dir", str(Path(folder) / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise UnavailableError(
            f"an evening ended with {done.returncode}: {done.stderr[-500:]}", way_out="run `supplychain demo`"
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result
