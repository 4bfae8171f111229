"""Quix Streams: tumbling window with sum, state in RocksDB with a changelog topic.

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
    started = 0.0

    def stamp(value: Any, headers: Any, timestamp: float, kind: Any) -> int:
        nonlocal started
        started = started or time.perf_counter()
        return int(value["occurred_at"])

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
        frame = frame.apply(lambda sale: sale["qty"]).tumbling_window(10_000, grace_ms=20_000).sum().final()
        frame.update(lambda window: None)
        app.run(count=events, timeout=60.0)
    seconds = time.perf_counter() - started
    result.write_text(json.dumps({"events": events, "seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
