"""Is it well: watermarks, waiting messages, age of stock, dead letters, findings, incidents, jobs."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from supplychain.domain.errors import NotFoundError
from supplychain.domain.units import MINUTE
from supplychain.messages.topics import TICKED
from supplychain.storage.repositories.learning import SqlLearning
from supplychain.storage.repositories.signals import SqlSignals
from supplychain.storage.repositories.versions import SqlVersions
from supplychain.storage.repositories.world import SqlWorld
from supplychain.storage.tables import dead_letters as dead_letter_rows
from supplychain.storage.tables import findings as finding_rows
from supplychain.storage.tables import incidents as incident_rows
from supplychain.storage.tables import job_runs, outbox, partitions, plan_lines, priors, requests, shelf_scores

_WAITING = ("pending", "claimed")
_PROMISE = (0.7, 0.9)
"""Coverage of a promised 80 % within which nobody needs to look."""
_PROMISE_DAYS = 28
_PROMISE_SERIES = 500
"""Series-days below which a coverage is chance."""


def _rows(
    connection: Connection, table: Table, order: Any, limit: int, *, leave_out: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name not in leave_out]
    return [dict(row._mapping) for row in connection.execute(select(*columns).order_by(order).limit(limit))]  # noqa: SLF001 - documented


def deliveries(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return outgoing messages with the state of what they carry."""
    rows = _rows(connection, outbox, outbox.c.serial.desc(), limit, leave_out=("payload", "claimed_by", "lease_wall"))
    wanted = {line for row in rows for line in row["lines"]}
    known = {
        row.line: row
        for row in connection.execute(
            select(plan_lines.c.line, plan_lines.c.plan, plan_lines.c.sku, plan_lines.c.state).where(
                plan_lines.c.line.in_(wanted)
            )
        )
    }
    for row in rows:
        row["lane"] = row.pop("lane_key")
        own = [known[line] for line in row["lines"] if line in known]
        row["answers"] = [{"line": line.line, "plan": line.plan, "sku": line.sku, "state": line.state} for line in own]
    return rows


def dead_letters(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return dead letters with the beginning of their payload as text."""
    rows = _rows(connection, dead_letter_rows, dead_letter_rows.c.created_wall.desc(), limit)
    for row in rows:
        row["preview"] = row.pop("payload")[:200].decode("utf-8", "backslashreplace")
    return rows


def dead_letter(connection: Connection, letter: str) -> dict[str, Any]:
    """Return one dead letter with the bytes that were kept.

    Raises
    ------
    NotFoundError
        If none or several begin like this.
    """
    query = select(dead_letter_rows).where(dead_letter_rows.c.dead_letter.startswith(letter, autoescape=True)).limit(2)
    rows = connection.execute(query).all()
    if len(rows) != 1 or not letter:
        raise NotFoundError(
            f"{len(rows)} dead letters begin with {letter!r}", way_out="`supplychain deadletters list` shows them"
        )
    return dict(rows[0]._mapping)  # noqa: SLF001 - documented


def mark_redriven(connection: Connection, letter: str, wall: int) -> None:
    """Remember that a dead letter was sent again."""
    mine = dead_letter_rows.c.dead_letter == letter
    connection.execute(update(dead_letter_rows).where(mine).values(redriven_wall=wall))


def findings(connection: Connection) -> list[dict[str, Any]]:
    """Return faults in master data, most frequent first."""
    return _rows(connection, finding_rows, finding_rows.c.events.desc(), 500)


def incidents(connection: Connection) -> list[dict[str, Any]]:
    """Return incidents, newest first."""
    return _rows(connection, incident_rows, incident_rows.c.created_wall.desc(), 200)


def jobs(connection: Connection) -> list[dict[str, Any]]:
    """Return job runs, newest first."""
    return _rows(connection, job_runs, job_runs.c.started_wall.desc(), 100)


def health(connection: Connection) -> dict[str, Any]:
    """Return the state of streams, planning and dispatch, and what is degraded."""
    wall = time.time_ns() // 1_000_000
    watermarks = [
        {"topic": row.topic, "partition": row.partition, "watermark": row.watermark, "next_offset": row.next_offset}
        | {"committed_age_seconds": round((wall - row.committed_wall) / 1_000, 1)}
        for row in connection.execute(select(partitions).order_by(partitions.c.topic, partitions.c.partition))
    ]
    signals = SqlSignals(connection, lambda: None)
    through = signals.planned_through()
    oldest = connection.execute(select(func.min(outbox.c.created_wall)).where(outbox.c.state.in_(_WAITING))).scalar()
    parked = _count(connection, outbox, outbox.c.state == "parked")
    failed = _count(connection, requests, requests.c.state == "failed")
    return {
        "partitions": watermarks,
        "planned_through": through,
        "business_lag_seconds": _lag(watermarks, through),
        "requests_open": _count(connection, requests, requests.c.state.in_(_WAITING)),
        "requests_failed": failed,
        "outbox_waiting": _count(connection, outbox, outbox.c.state.in_(_WAITING)),
        "outbox_parked": parked,
        "outbox_oldest_seconds": None if oldest is None else round((wall - oldest) / 1_000, 1),
        "stock_as_of": SqlWorld(connection).stock_as_of(),
        "degraded": _degraded(connection, watermarks, through, parked, failed),
    }


def _count(connection: Connection, table: Table, condition: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _lag(watermarks: list[dict[str, Any]], through: int | None) -> float | None:
    marks = [row["watermark"] for row in watermarks if row["watermark"] >= 0]
    return None if through is None or not marks else round((max(marks) - through) / 1_000, 1)


def _degraded(
    connection: Connection, watermarks: list[dict[str, Any]], through: int | None, parked: int, failed: int
) -> list[str]:
    """Say in words what a person should look at."""
    found = []
    expected = sum(topic.partitions for topic in TICKED)
    silent = expected - sum(row["watermark"] >= 0 for row in watermarks)
    if silent:
        found.append(f"{silent} of {expected} partitions have not been read yet: no plan can be made")
    if parked:
        found.append(f"{parked} messages are parked and wait for a person")
    if failed:
        found.append(f"{failed} plan requests failed")
    model = SqlLearning(connection).model()
    if model is None:
        found.append("no prior is fitted yet: the shelf baseline is empty")
    elif connection.execute(select(priors.c.degraded).where(priors.c.version == model)).scalar():
        found.append("the prior is degraded: too little history for Prophet")
    found.extend(_promise(connection))
    _, tuning = SqlVersions(connection).tuning()
    if not tuning.approval.release_enabled:
        found.append("releases are switched off")
    stale = tuning.planning.stock_stale_minutes * MINUTE
    for warehouse, as_of in sorted(SqlWorld(connection).stock_as_of().items()):
        if through is not None and through - as_of > stale:
            found.append(f"stock feed of {warehouse} is {(through - as_of) // MINUTE} minutes old: releases are held")
    return found


def _promise(connection: Connection) -> list[str]:
    """Say when finished days did not keep the promise of the shelf's 80 % interval, once there are enough of them."""
    days = (
        select(shelf_scores.c.inside, shelf_scores.c.series)
        .where(shelf_scores.c.segment == "all")
        .order_by(shelf_scores.c.day.desc())
        .limit(_PROMISE_DAYS)
        .subquery()
    )
    inside, series = connection.execute(select(func.sum(days.c.inside), func.sum(days.c.series))).one()
    if not series or series < _PROMISE_SERIES:
        return []
    kept = float(inside) / float(series)
    if _PROMISE[0] <= kept <= _PROMISE[1]:
        return []
    return [
        f"the 80 % interval of the shelf's forecasts held {kept:.0%} of the last days: see `supplychain forecast measured`"
    ]
