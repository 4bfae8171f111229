"""Watching sales: from raw records of one partition to window counts, spikes and cues for forecasts, without any I/O.

::

    lines = LineTable(catalogue)                             # one per catalogue version, shared by partitions
    watch = PartitionWatch(lines, tuning, partition=2, snapshot=stored, seen_blocks=blocks)
    delta = watch.apply(records, business_now)               # everything the chunk's transaction writes
    stored = watch.snapshot()                                # written by the same transaction

A change of catalogue or tuning is a new `PartitionWatch` from the snapshot of the old one.

`partition` ties the parts together: `intake` (bytes to payloads), `columns`, `bulk` with `scanning` (large chunks to columns at
once), `clock` (event time), `lines` and `sessions` (strings to codes), `dedupe` (event ids), `windows` (counts), `spikes` with
`detector`, `burst` and `thresholds` (bursts), `cues` (cumulative counts and when to renew a forecast), `snapshot` and `restore`
(state between chunks). `calibration` finds the thresholds by simulation.
"""

from supplychain.watching.delta import (
    Bucket,
    ChunkDelta,
    Correction,
    Finding,
    ForecastCue,
    PlannedSlot,
    Record,
    Rejection,
    Spike,
    SpikeEnd,
    WindowDelta,
)
from supplychain.watching.lines import LineTable
from supplychain.watching.partition import PartitionWatch

__all__ = [
    "Bucket",
    "ChunkDelta",
    "Correction",
    "Finding",
    "ForecastCue",
    "LineTable",
    "PartitionWatch",
    "PlannedSlot",
    "Record",
    "Rejection",
    "Spike",
    "SpikeEnd",
    "WindowDelta",
]
