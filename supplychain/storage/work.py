"""What one chunk writes: the database transaction of each stream agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from supplychain.domain.errors import FencedError
from supplychain.domain.events import SignalKind
from supplychain.domain.forecast import SessionForecast
from supplychain.domain.ids import derive
from supplychain.messages.audience import BIN
from supplychain.messages.codec import plain
from supplychain.messages.v1 import Audience
from supplychain.storage.engine import Database
from supplychain.storage.partition_state import (
    DeadLetter,
    Owner,
    add_counts,
    add_dead_letters,
    add_findings,
    add_incident,
    add_seen,
    advance,
)
from supplychain.storage.tables import (
    audience,
    corrections,
    forecasts,
    item_clicks,
    show_events,
    signals,
    spikes,
    stock_log,
    windows,
)
from supplychain.storage.upserts import add_up, add_up_rows, insert_new, put
from supplychain.watching.delta import ChunkDelta, Correction, Spike, SpikeEnd

_SUMS = ("orders", "gross", "cancelled", "refunded", "returned", "revenue_minor")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a chunk begins and ends, and who writes it."""

    owner: Owner
    first: int
    next_offset: int
    watermark: int


class StreamWork:
    """Commits of the stream agents, one transaction per chunk; `crash` is called before its end (tests)."""

    def __init__(self, database: Database, crash: Callable[[str], None] = lambda point: None) -> None:
        self._database = database
        self._crash = crash

    @contextmanager
    def _fenced(self, progress: Progress, wall: int) -> Iterator[Connection]:
        """Yield the chunk's transaction; who is no longer the owner writes nothing but an incident."""
        try:
            with self._database.write() as connection:
                yield connection
        except FencedError as fenced:
            with self._database.write() as connection:
                add_incident(connection, progress.owner, "worker-fenced", fenced.detail, wall)
            raise

    def watch(
        self,
        progress: Progress,
        delta: ChunkDelta,
        *,
        snapshot: bytes,
        predictions: Sequence[SessionForecast],
        letters: Iterable[DeadLetter],
        group_of: Mapping[str, str],
        tuning_version: int,
        wall: int,
    ) -> None:
        """Commit a chunk of sales: windows, spikes with their signals, forecasts, ids, counts and the next offset.

        Raises
        ------
        FencedError
            If the partition has another owner by now; nothing is written then.
        """
        owner = progress.owner
        with self._fenced(progress, wall) as connection:
            advance(
                connection,
                owner,
                loaded=progress.first,
                next_offset=progress.next_offset,
                watermark=delta.watermark,
                snapshot=snapshot,
                wall=wall,
            )
            add_up_rows(connection, windows, delta.windows, _SUMS)
            insert_new(connection, corrections, [_correction(owner, row) for row in delta.corrections])
            _add_spikes(connection, delta.spikes, group_of, tuning_version, wall)
            _end_spikes(connection, delta.spike_ends)
            put(connection, forecasts, [_forecast(row) for row in predictions])
            add_seen(connection, owner, progress.first, delta.seen_blocks, delta.seen_from)
            add_dead_letters(connection, owner, letters, wall)
            add_findings(connection, delta.findings, wall)
            add_counts(connection, owner, {(str(bucket), reason): n for (bucket, reason), n in delta.counts.items()})
            self._crash("chunk-written")

    def stock(
        self,
        progress: Progress,
        reports: Sequence[Sequence[Mapping[str, Any]]],
        letters: Iterable[DeadLetter],
        counted: Mapping[tuple[str, str], int],
        wall: int,
    ) -> None:
        """Commit a chunk of warehouse reports, each of one or more rows of the stock log.

        A sequence number that is known already changes nothing: the report is a duplicate and not counted.
        """
        with self._fenced(progress, wall) as connection:
            _advance(connection, progress, wall)
            known = sum(bool(rows) and insert_new(connection, stock_log, rows) == 0 for rows in reports)
            add_dead_letters(connection, progress.owner, letters, wall)
            new = counted.get(("counted", ""), 0) - known
            add_counts(connection, progress.owner, {**counted, ("counted", ""): new, ("duplicates", ""): known})

    def engagement(
        self,
        progress: Progress,
        samples: Sequence[Mapping[str, Any]],
        clicks: Sequence[Mapping[str, Any]],
        shows: Sequence[Mapping[str, Any]],
        letters: Iterable[DeadLetter],
        counted: Mapping[tuple[str, str], int],
        wall: int,
    ) -> None:
        """Commit a chunk of audience samples, clicks by item, pitches and offers."""
        with self._fenced(progress, wall) as connection:
            _advance(connection, progress, wall)
            add_up(connection, audience, list(samples), ["samples", "viewers", "comments", "likes", "clicks"])
            add_up(connection, item_clicks, clicks, ["clicks"])
            insert_new(connection, show_events, shows)
            add_dead_letters(connection, progress.owner, letters, wall)
            add_counts(connection, progress.owner, counted)

    def heard(self, since: int, until: int) -> list[Audience]:
        """Return what the audience showed in the bins from `since` on that end by `until`, one sample a room and bin."""
        if since > until:
            return []
        with self._database.read() as connection:
            ends = (since - BIN, until - BIN)
            rows = connection.execute(select(audience).where(audience.c.bin_start.between(*ends))).all()
            told = connection.execute(select(item_clicks).where(item_clicks.c.bin_start.between(*ends))).all()
        by_item: dict[tuple[str, int], dict[str, int]] = {}
        for row in told:
            by_item.setdefault((row.room, row.bin_start), {})[row.sku] = row.clicks
        return [
            Audience(
                row.room,
                row.bin_start + BIN,
                row.viewers // max(row.samples, 1),
                comments=row.comments,
                likes=row.likes,
                clicks=row.clicks,
                item_clicks=by_item.get((row.room, row.bin_start)),
            )
            for row in rows
        ]


def _advance(connection: Connection, progress: Progress, wall: int) -> None:
    advance(
        connection,
        progress.owner,
        loaded=progress.first,
        next_offset=progress.next_offset,
        watermark=progress.watermark,
        wall=wall,
    )


def _correction(owner: Owner, row: Correction) -> dict[str, Any]:
    window = row.window
    amounts = {
        "paid": window.gross_paid,
        "cancelled": window.cancelled,
        "refunded": window.refunded,
        "returned": window.returned,
    }
    kind = max(amounts, key=lambda name: amounts[name])
    return {
        "cluster": owner.cluster,
        "topic": owner.topic,
        "partition": owner.partition,
        "offset": row.offset,
        "session": window.session_id,
        "sku": window.sku,
        "region": window.region,
        "kind": kind,
        "qty": amounts[kind],
        "occurred_at": window.bin_start,
        "lateness": row.late_ms,
    }


def _add_spikes(
    connection: Connection, found: Sequence[Spike], group_of: Mapping[str, str], tuning_version: int, wall: int
) -> None:
    rows = [
        {
            "spike": spike.spike_id,
            "session": spike.session_id,
            "room": spike.room or "",
            "sku": spike.sku,
            "started_at": spike.started_at,
            "judged_at": spike.judged_at,
            "ended_at": None,
            "ratio": spike.ratio,
            "observed": spike.observed,
            "expected": spike.expected,
            "score": spike.score,
            "threshold": spike.threshold,
            "reason": _reason(spike),
            "tuning_version": tuning_version,
            "committed_wall": wall,
        }
        for spike in found
    ]
    insert_new(connection, spikes, rows)
    asked = [
        {
            "signal": derive("signal", SignalKind.SPIKE, spike.spike_id),
            "kind": SignalKind.SPIKE.value,
            "plan_group": group_of[spike.sku],
            "at": spike.judged_at,
            "subject": f"{spike.sku} x{spike.ratio:.1f} in {spike.session_id}",
            "committed_wall": wall,
        }
        for spike in found
        if spike.sku in group_of
    ]
    insert_new(connection, signals, asked)


def _reason(spike: Spike) -> dict[str, Any]:
    planned = spike.planned
    if planned is None:
        text = f"{spike.observed} orders where {spike.expected:.1f} were expected, no slot planned"
    else:
        text = f"{spike.observed} orders where {spike.expected:.1f} were expected, above the planned {planned.kind} (x{planned.strength:g})"
    return {"text": text, "dispersion": round(spike.dispersion, 3), "planned": plain(planned) if planned else None}


def _end_spikes(connection: Connection, ended: Sequence[SpikeEnd]) -> None:
    for end in ended:
        connection.execute(
            update(spikes)
            .where(spikes.c.spike == end.spike_id)
            .values(ended_at=end.ended_at, observed=end.observed, expected=end.expected)
        )


def _forecast(row: SessionForecast) -> dict[str, Any]:
    regions = sorted(set(row.so_far) | set(row.rest))
    values = {
        region: [row.so_far.get(region, 0), *(round(value, 4) for value in row.rest.get(region, (0.0, 0.0)))]
        for region in regions
    }
    return {
        "session": row.session,
        "sku": row.sku,
        "as_of": row.as_of,
        "ends_at": row.ends_at,
        "regions": values,
        "prior_rest": row.prior_rest,
        "total": row.total,
        "tuning_version": row.tuning_version,
        "model_version": row.model_version,
        "degraded": row.degraded,
    }
