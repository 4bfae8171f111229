"""Pathway: group by key and window, incremental, one thread, without persistence.

    python pathway_peer.py BOOTSTRAP TOPIC EVENTS RESULT
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pathway as pw


class Sold(pw.Schema):
    """What of a sale is counted."""

    room_id: str
    sku: str
    region: str
    occurred_at: int
    qty: int


def main() -> None:
    """Count the topic by room, SKU, region and window and write the rate; the clock starts with the first result."""
    bootstrap, topic, events, result = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}-pathway",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    sales = pw.io.kafka.read(settings, topic=topic, format="json", schema=Sold, autocommit_duration_ms=100)
    sales = sales.with_columns(window=sales.occurred_at // 10_000)
    counted = sales.groupby(sales.room_id, sales.sku, sales.region, sales.window).reduce(
        pieces=pw.reducers.sum(sales.qty)
    )
    total, first, started, began = 0, 0, 0.0, time.perf_counter()

    def changed(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        nonlocal total
        total += row["pieces"] if is_addition else -row["pieces"]

    def batch_over(at: int) -> None:
        nonlocal first, started
        if not total:
            return
        if not started:
            # All in the first batch: then the clock has to run from the start of the program.
            first, started = (0, began) if total >= events else (total, time.perf_counter())
        if total >= events:
            found = {"events": total - first, "seconds": time.perf_counter() - started}
            result.write_text(json.dumps(found), encoding="utf-8")
            os._exit(0)

    pw.io.subscribe(counted, on_change=changed, on_time_end=batch_over)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
