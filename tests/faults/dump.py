"""The state of the streams as bytes: equal histories give equal bytes, whatever happened on the way, on either database.

Left out is what tells of the run and not of the history: wall times, the epoch that counts owners, the broker's own id, and
where chunks were cut (remembered ids are compared as a set, since a block holds those of one chunk).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sqlalchemy import Table, select

from supplychain.storage.tables import (
    audience,
    corrections,
    counts,
    dead_letters,
    findings,
    forecasts,
    partitions,
    seen_blocks,
    show_events,
    signals,
    spikes,
    stock_log,
    windows,
)
from supplychain.watching.dedupe import ENTRY
from tests.faults.stage import Stage

_TABLES = (
    audience,
    corrections,
    counts,
    dead_letters,
    findings,
    forecasts,
    partitions,
    show_events,
    signals,
    spikes,
    stock_log,
    windows,
)
_OF_THE_RUN = {"epoch", "cluster", "dead_letter", "request"}


def dump(stage: Stage) -> bytes:
    """Return everything that the streams have written, in one order."""
    document = {table.name: _rows(stage, table) for table in _TABLES}
    document["seen"] = _seen(stage)
    return json.dumps(document, indent=0, sort_keys=True).encode()


def _rows(stage: Stage, table: Table) -> list[str]:
    columns = [c for c in table.c if c.name not in _OF_THE_RUN and not c.name.endswith("_wall")]
    with stage.services.database.read() as connection:
        return sorted(json.dumps([_plain(value) for value in row]) for row in connection.execute(select(*columns)))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _seen(stage: Stage) -> list[str]:
    with stage.services.database.read() as connection:
        return sorted(
            f"{row.topic} {row.partition} {row.hour} {entry.tobytes().hex()}"
            for row in connection.execute(select(seen_blocks))
            for entry in np.frombuffer(row.block, dtype=ENTRY)
        )


def differences(one: bytes, other: bytes) -> dict[str, list[str]]:
    """Return, by table, the first rows that only one of two dumps has."""
    left, right = json.loads(one), json.loads(other)
    found = {}
    for name in left:
        apart = sorted(set(left[name]) ^ set(right[name]))
        if apart or len(left[name]) != len(right[name]):
            found[name] = [row[:300] for row in apart[:4]] or [f"{len(left[name])} and {len(right[name])} rows"]
    return found
