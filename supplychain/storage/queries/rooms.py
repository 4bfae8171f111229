"""Live rooms: what they sell, how fast, what is still expected, how long stock lasts, and what spiked."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, select

from supplychain.domain.errors import NotFoundError
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.units import MINUTE, floor_to
from supplychain.forecasting.quantiles import quantiles
from supplychain.messages.topics import SALES
from supplychain.storage.queries.figures import positions
from supplychain.storage.repositories.world import forecast_of
from supplychain.storage.tables import audience, forecasts, partitions, show_events, spikes, windows

_RATE_MINUTES = 5
_HALF_MINUTE = 30_000


def business_now(connection: Connection) -> int | None:
    """Return the furthest watermark of the sales."""
    wanted = select(func.max(partitions.c.watermark)).where(partitions.c.topic == SALES.name)
    now = connection.execute(wanted).scalar()
    return None if now is None or now < 0 else int(now)


def sessions(connection: Connection, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the scheduled sessions, those on air first, then the next, then the past."""
    now = business_now(connection) or 0
    totals = _totals(connection, None, 0, group=(windows.c.session,))
    recent = _totals(connection, None, now - _RATE_MINUTES * MINUTE, group=(windows.c.session,))
    viewers = _viewers(connection, now)
    rows = []
    for session in catalogue.sessions.values():
        total = totals.get((session.session,), _NOTHING)
        rows.append(
            {
                "session": session.session,
                "room": session.room,
                "host": session.host,
                "starts_at": session.starts_at,
                "ends_at": session.ends_at,
                "live": session.starts_at <= now < session.ends_at,
                "items": len(session.items),
                "viewers": viewers.get(session.room) if session.starts_at <= now < session.ends_at else None,
                "orders": total["orders"],
                "units": total["gross"],
                "cancelled": total["cancelled"],
                "revenue_minor": total["revenue_minor"],
                "rate_per_minute": round(recent.get((session.session,), _NOTHING)["orders"] / _RATE_MINUTES, 2),
            }
        )
    return sorted(rows, key=lambda r: (not r["live"], r["ends_at"] <= now, abs(r["starts_at"] - now), r["session"]))


_NOTHING = {"orders": 0, "gross": 0, "cancelled": 0, "returned": 0, "revenue_minor": 0}


def _totals(
    connection: Connection, session: str | None, since: int, group: tuple[Any, ...]
) -> dict[tuple[str, ...], dict[str, int]]:
    sums = [func.sum(windows.c[name]).label(name) for name in _NOTHING]
    query = select(*group, *sums).where(windows.c.bin_start >= since).group_by(*group)
    query = query.where(windows.c.session == session) if session else query
    return {
        tuple(row[: len(group)]): {name: int(getattr(row, name)) for name in _NOTHING}
        for row in connection.execute(query)
    }


def _viewers(connection: Connection, now: int) -> dict[str, int]:
    query = select(audience.c.room, func.sum(audience.c.viewers).label("v"), func.sum(audience.c.samples).label("n"))
    query = query.where(audience.c.bin_start > now - 2 * MINUTE, audience.c.bin_start <= now).group_by(audience.c.room)
    return {row.room: round(int(row.v) / max(1, int(row.n))) for row in connection.execute(query)}


def session(connection: Connection, catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Return one session: its items, run of show and spikes."""
    found = catalogue.sessions.get(name)
    if found is None:
        raise NotFoundError(f"there is no session {name!r}", way_out="see the list of rooms", session=name)
    now = business_now(connection) or found.starts_at
    head = next(row for row in sessions(connection, catalogue) if row["session"] == name)
    return {
        **head,
        "now": now,
        "item_rows": _items(connection, catalogue, found, now),
        "slots": [
            {"kind": s.kind.value, "sku": s.sku, "starts_at": s.starts_at, "ends_at": s.ends_at, "strength": s.strength}
            for s in found.slots
        ],
        "spikes": [spike for spike in spikes_with_cause(connection, 200) if spike["session"] == name],
    }


def _items(connection: Connection, catalogue: Catalogue, found: Session, now: int) -> list[dict[str, Any]]:
    totals = _totals(connection, found.session, 0, group=(windows.c.sku,))
    recent = _totals(connection, found.session, now - _RATE_MINUTES * MINUTE, group=(windows.c.sku,))
    rest = _newest(connection, found.session)
    hot = {
        row.sku
        for row in connection.execute(
            select(spikes.c.sku).where(spikes.c.session == found.session, spikes.c.ended_at.is_(None))
        )
    }
    known = [item.sku for item in found.items if item.sku in catalogue.skus]
    parts = {part.sku for sku in known for part in catalogue.exploded(sku)}
    available = {row["sku"]: row["available"] for row in positions(connection, sorted(parts))}
    rows = []
    for sku in known:
        sellable = min(max(0, available.get(p.sku, 0)) // p.pieces for p in catalogue.exploded(sku))
        total, last = totals.get((sku,), _NOTHING), recent.get((sku,), _NOTHING)
        per_minute = last["gross"] / _RATE_MINUTES
        rows.append(
            {
                "sku": sku,
                "name": catalogue.skus[sku].name,
                "live_exclusive": catalogue.skus[sku].live_exclusive,
                "orders": total["orders"],
                "units": total["gross"],
                "rate_per_minute": round(last["orders"] / _RATE_MINUTES, 2),
                "available": sellable,
                "sellable_minutes": round(sellable / per_minute, 1) if per_minute > 0 else None,
                "spike": sku in hot,
                **rest.get(
                    sku, {"rest_mean": None, "rest_p10": None, "rest_p50": None, "rest_p90": None, "as_of": None}
                ),
            }
        )
    return sorted(rows, key=lambda row: (-row["units"], row["sku"]))


def _newest(connection: Connection, name: str) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for row in forecasts_of(connection, name, None):
        newest[row["sku"]] = row
    return {
        sku: {key: row[key] for key in ("rest_mean", "rest_p10", "rest_p50", "rest_p90", "as_of")}
        for sku, row in newest.items()
    }


def forecasts_of(connection: Connection, name: str, sku: str | None) -> list[dict[str, Any]]:
    """Return forecasts with their quantiles; moments are added over regions before they are turned into quantiles."""
    query = select(forecasts).where(forecasts.c.session == name).order_by(forecasts.c.as_of, forecasts.c.sku)
    query = query.where(forecasts.c.sku == sku) if sku else query
    found = []
    for row in map(forecast_of, connection.execute(query)):
        mean, variance = (sum(part[place] for part in row.rest.values()) for place in (0, 1))
        low, middle, high = (float(q) for q in quantiles(mean, max(mean, variance), [0.1, 0.5, 0.9]))
        found.append(
            {
                "session": row.session,
                "sku": row.sku,
                "as_of": row.as_of,
                "ends_at": row.ends_at,
                "so_far": sum(row.so_far.values()),
                "rest_mean": round(mean, 1),
                "rest_p10": low,
                "rest_p50": middle,
                "rest_p90": high,
                "prior_rest": row.prior_rest,
                "model_version": row.model_version,
                "tuning_version": row.tuning_version,
                "degraded": row.degraded,
            }
        )
    return found


def rates(
    connection: Connection, catalogue: Catalogue, name: str, sku: str | None, minutes: int
) -> list[dict[str, Any]]:
    """Return orders, pieces and viewers by half minute over the last `minutes` of a session."""
    found = catalogue.sessions.get(name)
    now = business_now(connection) or (found.ends_at if found else 0)
    until = min(now, found.ends_at) if found else now
    since = floor_to(until - minutes * MINUTE, _HALF_MINUTE)
    query = select(
        windows.c.bin_start, func.sum(windows.c.orders).label("orders"), func.sum(windows.c.gross).label("units")
    )
    query = query.where(windows.c.session == name, windows.c.bin_start >= since).group_by(windows.c.bin_start)
    query = query.where(windows.c.sku == sku) if sku else query
    points: dict[int, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in connection.execute(query):
        point = points[floor_to(row.bin_start, _HALF_MINUTE)]
        point[0] += int(row.orders)
        point[1] += int(row.units)
    if found:
        seen = select(audience).where(
            audience.c.room == found.room, audience.c.bin_start >= since, audience.c.bin_start < until
        )
        for row in connection.execute(seen):
            point = points[floor_to(row.bin_start, _HALF_MINUTE)]
            point[2] += row.viewers
            point[3] += row.samples
    return [
        {"at": at, "orders": int(p[0]), "units": int(p[1]), "viewers": round(p[2] / p[3]) if p[3] else None}
        for at, p in sorted(points.items())
        if at < until
    ]


def spikes_with_cause(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return spikes, newest first, each with what was seen in the room from two minutes before it until its verdict."""
    rows = connection.execute(select(spikes).order_by(spikes.c.judged_at.desc(), spikes.c.spike).limit(limit)).all()
    found = []
    for row in rows:
        spike = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a mapping
        found.append({**spike, "cause": _cause(connection, row)})
    return found


def _cause(connection: Connection, spike: Any) -> str:
    """Say what the engagement stream knows about the moment: evidence, not proof."""
    since = spike.started_at - 2 * MINUTE
    shown = connection.execute(
        select(show_events.c.kind)
        .where(
            show_events.c.room == spike.room,
            show_events.c.sku == spike.sku,
            show_events.c.started.is_(True),
            show_events.c.at >= since,
            show_events.c.at <= spike.judged_at,
        )
        .order_by(show_events.c.at)
    ).scalars()
    causes = sorted({"flash offer started" if kind == "flash_offer" else "host pitched it" for kind in shown})
    before = _mean_viewers(connection, spike.room, spike.started_at - 10 * MINUTE, since)
    during = _mean_viewers(connection, spike.room, since, spike.judged_at)
    if before and during and during > 1.2 * before:
        causes.append(f"viewers up {during / before - 1:.0%}")
    planned = (spike.reason or {}).get("planned")
    if planned:
        causes.append(f"above the planned {planned['kind'].replace('_', ' ')}")
    return ", ".join(causes) or "no pitch, offer or rise of viewers seen: demand from outside the run of show"


def _mean_viewers(connection: Connection, room: str, since: int, until: int) -> float | None:
    query = select(func.sum(audience.c.viewers).label("v"), func.sum(audience.c.samples).label("n"))
    row = connection.execute(
        query.where(audience.c.room == room, audience.c.bin_start >= since, audience.c.bin_start < until)
    ).one()
    return float(row.v) / float(row.n) if row.n else None
