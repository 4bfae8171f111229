"""The bare client with a dictionary: what a loop of a dozen lines reads and counts, and nothing of it durable.

It is the reference of `supplychain bench stream`: everything else is told as a ratio to this rate, since absolute figures
say as much about the machine as about the program.
"""

from __future__ import annotations

import time

from confluent_kafka import Consumer, TopicPartition

from supplychain.domain.errors import UnavailableError

Counts = dict[tuple[str, str, str, int], int]


def count(bootstrap: str, topic: str, partitions: int, events: int, window_ms: int) -> dict[str, float]:
    """Count pieces by room, SKU, region and window over a topic from its beginning.

    Returns
    -------
    dict
        `events`, `pieces`, `seconds` from the first record to the last, `cpu_seconds`.

    Raises
    ------
    UnavailableError
        If the records stop coming before the last one.
    """
    import orjson

    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-bare",
            "enable.auto.commit": False,
            "max.partition.fetch.bytes": 4 * 1024 * 1024,
            "queued.max.messages.kbytes": 65_536,
        }
    )
    reader.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    counts: Counts = {}
    seen, started, burnt = 0, 0.0, time.process_time()
    while seen < events:
        batch = reader.consume(min(10_000, events - seen), timeout=10)
        if not batch:
            raise UnavailableError(f"the records of {topic} stopped after {seen} of {events}")
        started = started or time.perf_counter()
        for message in batch:
            sale = orjson.loads(message.value())
            key = (sale["room_id"], sale["sku"], sale["region"], sale["occurred_at"] // window_ms)
            counts[key] = counts.get(key, 0) + sale["qty"]
        seen += len(batch)
    seconds = time.perf_counter() - started
    burnt = time.process_time() - burnt
    reader.close()
    return {"events": seen, "pieces": sum(counts.values()), "seconds": seconds, "cpu_seconds": burnt}
