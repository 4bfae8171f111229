"""Bytewax: fold in a tumbling window by an event clock, without a recovery store.

    python bytewax_peer.py BOOTSTRAP TOPIC EVENTS RESULT
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import operators as kop
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.testing import run_main


def main() -> None:
    """Count the topic by room, SKU and region and write the rate."""
    bootstrap, topic, events, result = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    started, seen = 0.0, 0

    def read(record: Any) -> tuple[str, Any]:
        nonlocal started, seen
        started = started or time.perf_counter()
        seen += 1
        sale = json.loads(record.value)
        return f"{sale['room_id']}|{sale['sku']}|{sale['region']}", sale

    flow = Dataflow("peer")
    stream = kop.input("in", flow, brokers=[bootstrap], topics=[topic], tail=False, batch_size=10_000)
    keyed = op.map("read", stream.oks, read)
    clock = EventClock(
        ts_getter=lambda sale: datetime.fromtimestamp(sale["occurred_at"] / 1_000, UTC),
        wait_for_system_duration=timedelta(seconds=20),
    )
    windower = TumblingWindower(length=timedelta(seconds=10), align_to=datetime(2024, 1, 1, tzinfo=UTC))
    counted = fold_window(
        "count", keyed, clock, windower, lambda: 0, lambda total, sale: total + sale["qty"], lambda one, two: one + two
    )
    quiet = op.filter("quiet", counted.down, lambda window: False)
    op.output("out", op.map("text", quiet, str), StdOutSink())
    run_main(flow)
    seconds = time.perf_counter() - started
    if seen != events:
        raise SystemExit(f"{seen} of {events} events were read")
    result.write_text(json.dumps({"events": seen, "seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
