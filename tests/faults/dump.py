"""The state of the streams as bytes: equal histories give equal bytes, whatever happened on the way, on either database.

Left out is what tells of the run and not of the history: wall times, the epoch that counts owners, the broker's own id, and
where chunks were cut (remembered ids are compared as a set, since a block holds those of one chunk).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
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
from supplychain.watching import snapshot
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
        if name == partitions.name and apart:
            found["snapshots"] = _apart(left[name], right[name])
    return found


def _apart(left: list[str], right: list[str]) -> list[str]:
    """Tell in which parts the snapshots of a partition differ."""
    told = []
    for one, other in zip(map(json.loads, left), map(json.loads, right), strict=True):
        if one == other or one[:2] != other[:2] or one[4] is None or other[4] is None:
            continue
        parts = [msgspec.to_builtins(snapshot.read(bytes.fromhex(row[4])[4:])) for row in (one, other)]
        told += [f"{one[:2]} {difference}" for difference in _unlike("", *parts)]
    return told


def _unlike(path: str, one: Any, other: Any) -> list[str]:
    """Return the paths to what differs, and both values."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for at, (a, b) in pairs for line in _unlike(f"{path}/{at}", a, b)]
    return [] if one == other else [f"{path}: {str(one)[:200]} and {str(other)[:200]}"]
