"""Quix Streams: tumbling window with sum, its current value after each record, state in RocksDB with a changelog topic.

    python quix_peer.py BOOTSTRAP TOPIC EVENTS RESULT
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from quixstreams import Application


def main() -> None:
    """Count the topic by record key and write the rate."""
    bootstrap, topic, events, result = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    started, last, seen = 0.0, 0.0, 0

    def stamp(value: Any, headers: Any, timestamp: float, kind: Any) -> int:
        nonlocal started
        started = started or time.perf_counter()
        return int(value["occurred_at"])

    def counted(pieces: Any) -> None:
        nonlocal last, seen
        last, seen = time.perf_counter(), seen + 1

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=bootstrap,
            consumer_group=f"{topic}-quix",
            auto_offset_reset="earliest",
            state_dir=folder,
            loglevel="ERROR",
        )
        source = app.topic(topic, value_deserializer="json", key_deserializer="str", timestamp_extractor=stamp)
        frame = app.dataframe(source)
        frame = frame.apply(lambda sale: sale["qty"]).tumbling_window(10_000, grace_ms=20_000).sum().current()
        frame.update(counted)
        app.run(count=events, timeout=30.0)
    if seen < events:
        raise SystemExit(f"{seen} of {events} events were counted")
    result.write_text(json.dumps({"events": seen, "seconds": last - started}), encoding="utf-8")


if __name__ == "__main__":
    main()
