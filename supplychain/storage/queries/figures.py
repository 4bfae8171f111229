"""Figures of the whole loop: where every event went, what was planned, ordered, moved and answered."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from math import ceil
from typing import Any

from sqlalchemy import Connection, func, select

from supplychain.domain.plan import SUPPLY, LineState, status
from supplychain.domain.position import position
from supplychain.domain.units import SECOND
from supplychain.messages.topics import ENGAGEMENT, SALES, STOCK
from supplychain.storage.repositories.plans import SqlPlans
from supplychain.storage.repositories.signals import SqlSignals
from supplychain.storage.repositories.versions import SqlVersions
from supplychain.storage.repositories.world import SqlWorld
from supplychain.storage.tables import (
    counts,
    forecasts,
    group_cuts,
    outbox,
    plan_lines,
    plans,
    requests,
    signals,
    spikes,
)

_ANSWERED = {LineState.CONFIRMED.value, LineState.IN_TRANSIT.value, LineState.RECEIVED.value, LineState.CLOSED.value}


def summary(connection: Connection) -> dict[str, Any]:
    """Return the figures; `events_in` is the sum of the buckets after it, orders and answers likewise."""
    return {
        **_events(connection),
        "spikes": _count(connection, spikes),
        "forecasts": _count(connection, forecasts),
        **_planning(connection),
        **_orders(connection),
        **allocations(connection),
        "spike_to_plan_seconds": quantiles(SqlSignals(connection, lambda: None).latencies()),
        "plan_digest": plan_digest(connection),
    }


def _count(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _events(connection: Connection) -> dict[str, Any]:
    rows = connection.execute(
        select(counts.c.topic, counts.c.bucket, counts.c.reason, func.sum(counts.c.events).label("events"))
        .group_by(counts.c.topic, counts.c.bucket, counts.c.reason)
        .order_by(counts.c.topic, counts.c.bucket, counts.c.reason)
    ).all()
    sales = Counter[str]()
    reasons: dict[str, dict[str, int]] = {"excluded": {}, "dead_letters": {}}
    for row in rows:
        if row.topic == SALES.name:
            sales[row.bucket] += int(row.events)
            if row.bucket in reasons:
                reasons[row.bucket][row.reason] = int(row.events)
    others = {(row.topic, row.bucket): 0 for row in rows}
    for row in rows:
        others[row.topic, row.bucket] += int(row.events)
    return {
        "events_in": sales["received"],
        "sales_counted": sales["counted"],
        "cancellations": sales["cancellations"],
        "returns": sales["returns"],
        "corrections": sales["corrections"],
        "duplicates": sales["duplicates"],
        "excluded": sales["excluded"],
        "dead_letters": sales["dead_letters"],
        "excluded_by_reason": reasons["excluded"],
        "dead_letters_by_reason": reasons["dead_letters"],
        "engagement_events": others.get((ENGAGEMENT.name, "counted"), 0),
        "stock_events": others.get((STOCK.name, "counted"), 0),
    }


def _planning(connection: Connection) -> dict[str, Any]:
    states: dict[str, list[LineState]] = {}
    for row in connection.execute(select(plan_lines.c.plan, plan_lines.c.state)):
        states.setdefault(row.plan, []).append(LineState(row.state))
    asked = connection.execute(select(requests.c.state, func.count().label("n")).group_by(requests.c.state))
    by_state = {row.state: int(row.n) for row in asked}
    return {
        "plan_requests": sum(by_state.values()),
        "plan_requests_failed": by_state.get("failed", 0),
        "plans": _count(connection, plans),
        "plans_open": sum(status(found).value == "open" for found in states.values()),
        "plan_lines": sum(len(found) for found in states.values()),
        "lines_by_state": dict(sorted(Counter(state.value for found in states.values() for state in found).items())),
    }


def _orders(connection: Connection) -> dict[str, Any]:
    """Orders count lines: each is answered by itself."""
    lines: Counter[str] = Counter()
    delivered: set[str] = set()
    released: set[str] = set()
    for row in connection.execute(select(outbox.c.state, outbox.c.lines).where(outbox.c.channel == "supplier")):
        released.update(row.lines)
        if row.state == "delivered":
            delivered.update(row.lines)
    short = 0
    query = select(
        plan_lines.c.line, plan_lines.c.state, plan_lines.c.confirmed, plan_lines.c.recommended, plan_lines.c.override
    )
    for line in connection.execute(query.where(plan_lines.c.kind == "order")):
        if line.line not in delivered:
            continue
        wanted = line.recommended if line.override is None else line.override
        if line.state == LineState.REFUSED.value:
            lines["refused"] += 1
        elif line.confirmed is not None and line.confirmed < wanted:
            short += 1
        elif line.state in _ANSWERED and line.confirmed is not None:
            lines["accepted"] += 1
        else:
            lines["open"] += 1
    return {
        "orders_released": len(released),
        "orders_received": len(delivered),
        "orders_undelivered": len(released) - len(delivered),
        "orders_accepted": lines["accepted"],
        "orders_short": short,
        "orders_refused": lines["refused"],
        "orders_open": lines["open"],
        "shorts_covered": _covered(connection),
    }


def _covered(connection: Connection) -> int:
    """Short or refused answers whose group was planned again afterwards."""
    rows = connection.execute(
        select(func.count())
        .select_from(signals.join(requests, signals.c.request == requests.c.request))
        .where(signals.c.kind == "short", requests.c.state == "done")
    )
    return int(rows.scalar_one())


def allocations(connection: Connection) -> dict[str, int]:
    """Return how many allocation events were released and handed over."""
    rows = connection.execute(
        select(outbox.c.state, func.count().label("n"))
        .where(outbox.c.channel == "allocations")
        .group_by(outbox.c.state)
    )
    by_state = {row.state: int(row.n) for row in rows}
    return {"allocations_released": sum(by_state.values()), "allocations_received": by_state.get("delivered", 0)}


def quantiles(values: list[float]) -> dict[str, float | None]:
    """Return p50 and p99 of sorted values (nearest rank), None when there are none."""
    if not values:
        return {"p50": None, "p99": None}
    return {
        name: round(values[max(0, ceil(share * len(values)) - 1)], 3) for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def plan_digest(connection: Connection) -> str:
    """Return the hash of every plan's content in order of cut: equal for equal plans, whatever the speed."""
    rows = connection.execute(select(plans.c.cut, plans.c.plan, plans.c.digest).order_by(plans.c.cut, plans.c.plan))
    content = [[row.cut, row.plan, row.digest] for row in rows]
    return sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def positions(connection: Connection, skus: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the one stock formula for SKUs (those that have stock, orders or supply when none is named)."""
    versions = SqlVersions(connection)
    _, catalogue = versions.network()
    _, tuning = versions.tuning()
    cut = connection.execute(select(func.max(group_cuts.c.cut))).scalar()
    now = SqlSignals(connection, lambda: None).planned_through() or cut or 0
    chosen = [
        sku for sku in (skus or sorted(catalogue.skus)) if sku in catalogue.skus and not catalogue.skus[sku].components
    ]
    world = SqlWorld(connection)
    stock = world.stock(catalogue, chosen, now)
    reserved: Counter[str] = Counter()
    sold_as = [sku for sku in catalogue.skus if any(part.sku in set(chosen) for part in catalogue.exploded(sku))]
    for row in world.accepted(sold_as, now, tuning.detector.bin_seconds * SECOND):
        for part in catalogue.exploded(row.sku):
            reserved[part.sku] += (row.gross - row.cancelled) * part.pieces
    for (sku, _region), pieces in world.shipped(chosen, now).items():
        reserved[sku] -= pieces
    lines = SqlPlans(connection).lines(states=SUPPLY, skus=chosen)
    found = []
    for sku in chosen:
        own = position(sku, stock, max(0, reserved[sku]), lines)
        found.append(
            {
                "sku": sku,
                "name": catalogue.skus[sku].name,
                "on_hand": own.on_hand,
                "reserved": own.reserved,
                "available": own.available,
                "inbound": own.inbound,
                "position": own.position,
            }
        )
    return found
