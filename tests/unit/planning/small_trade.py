"""A small trade for the tests of planning: two warehouses, three suppliers, four goods and a bundle, and short ways to write lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from supplychain.domain.events import PlanRequest
from supplychain.domain.forecast import RegionOutlook
from supplychain.domain.network import (
    Catalogue,
    Component,
    Lane,
    LaneKind,
    Offer,
    OpeningStock,
    Region,
    Session,
    SessionItem,
    Sku,
    Supplier,
    Warehouse,
    WarehouseKind,
)
from supplychain.domain.plan import LineKind, LineState, Plan, PlanLine, Zone
from supplychain.domain.tuning import parse
from supplychain.domain.units import HOUR
from supplychain.messages.topics import TICKED
from supplychain.planning.baseline import DailyDemand
from supplychain.planning.compose import content_digest
from supplychain.planning.ports import Actor, Message
from supplychain.planning.request import advance
from supplychain.storage.store import SqlStore

T0 = 1_700_006_400_000
"""2023-11-15, eight in the morning in Shanghai."""
WALL = 1_800_000_000_000

PLANNER = Actor("ping", frozenset({"planner"}))
APPROVER = Actor("an", frozenset({"approver"}))
OPERATOR = Actor("ou", frozenset({"operator"}))
VIEWER = Actor("vi", frozenset({"viewer"}))


def wall() -> int:
    """Wall time that stands still."""
    return WALL


SESSION = Session(
    "L1",
    "room",
    "host",
    "p",
    "shop",
    T0 + 2 * HOUR,
    T0 + 5 * HOUR,
    items=(SessionItem("A", 120.0), SessionItem("SET", 30.0, basket=1.5), SessionItem("C", 60.0)),
)

CATALOGUE = Catalogue(
    skus={
        "A": Sku("A", "Tea", "tea", 2_000, 800, holding_minor=40),
        "B": Sku("B", "Cup", "cups", 3_000, 1_100),
        "C": Sku("C", "Pot", "pots", 9_000, 4_000),
        "D": Sku("D", "Tray", "trays", 5_000, 2_000),
        "SET": Sku("SET", "Tea set", "sets", 6_500, 2_700, components=(Component("A", 2), Component("B", 1))),
    },
    suppliers={
        "S1": Supplier("S1", "Hill", capacity_per_day=5_000),
        "S2": Supplier("S2", "Kiln"),
        "S3": Supplier("S3", "Wood", firm_fence_minutes=60, commit_fence_minutes=120),
    },
    offers={
        "A1": Offer("A1", "S1", "A", 240, moq=50, multiple=10, order_cost_minor=5_000, cancel_window_minutes=30),
        "B1": Offer("B1", "S1", "B", 240, moq=20, multiple=5, order_cost_minor=3_000),
        "C1": Offer("C1", "S2", "C", 300, moq=10, multiple=1, order_cost_minor=4_000),
        "D1": Offer("D1", "S3", "D", 300, moq=10, multiple=1, order_cost_minor=4_000),
    },
    warehouses={
        "W1": Warehouse("W1", "Hub", WarehouseKind.CENTRAL, "CN-ZJ"),
        "W2": Warehouse("W2", "South", WarehouseKind.REGIONAL, "CN-GD"),
    },
    lanes={
        "S1-W1": Lane("S1-W1", LaneKind.SUPPLY, "S1", "W1", 60),
        "S2-W1": Lane("S2-W1", LaneKind.SUPPLY, "S2", "W1", 60),
        "S3-W1": Lane("S3-W1", LaneKind.SUPPLY, "S3", "W1", 60),
        "W1-W2": Lane("W1-W2", LaneKind.TRANSFER, "W1", "W2", 600, cost_minor=30_000),
        "W1-ZJ": Lane("W1-ZJ", LaneKind.DELIVERY, "W1", "CN-ZJ", 600, cost_minor=300_000),
        "W1-GD": Lane("W1-GD", LaneKind.DELIVERY, "W1", "CN-GD", 2_000, cost_minor=900_000),
        "W2-GD": Lane("W2-GD", LaneKind.DELIVERY, "W2", "CN-GD", 600, cost_minor=300_000),
    },
    regions={"CN-ZJ": Region("CN-ZJ", "Zhejiang", 2.0), "CN-GD": Region("CN-GD", "Guangdong", 1.0)},
    sessions={"L1": SESSION},
    stock=(OpeningStock("W1", "A", 60, fenced_live=10), OpeningStock("W1", "B", 15), OpeningStock("W2", "A", 8)),
)


def line_of(name: str, plan: str = "p1", **changes: Any) -> PlanLine:
    """One proposed order of 100 A from S1 into W1, with whatever is changed."""
    line = PlanLine(
        line=name,
        plan=plan,
        group="A",
        kind=LineKind.ORDER,
        sku="A",
        destination="W1",
        release_at=T0,
        arrive_at=T0 + 6 * HOUR,
        recommended=100,
        zone=Zone.FIRM,
        supplier="S1",
        offer="A1",
        unit_cost_minor=800,
        cost_minor=85_000,
        changed_at=T0,
    )
    return replace(line, **changes)


def move_of(name: str, plan: str = "p1", **changes: Any) -> PlanLine:
    """One proposed movement of 30 A from W1 to W2."""
    own = {"kind": LineKind.MOVE, "supplier": None, "offer": None, "origin": "W1", "destination": "W2"}
    return line_of(name, plan, **{**own, "recommended": 30, "unit_cost_minor": 0, "cost_minor": 900, **changes})


def plan_of(name: str, *lines: PlanLine, **changes: Any) -> Plan:
    """A plan of the lines at T0."""
    plan = Plan(
        plan=name,
        groups=("A",),
        cut=T0,
        lines=lines,
        objective_minor=1_000,
        bound_minor=990,
        gap=0.01,
        status_text="feasible",
        stop_reason="gap",
        network_version=1,
        tuning_version=0,
        model_version="prior-none",
        reasons=("test",),
    )
    plan = replace(plan, **changes)
    return replace(plan, digest=content_digest(plan))


CALM = {
    "planning": {"debounce_seconds": 60, "review_minutes": 30},
    "forecast": {"moved_share": 0.25, "moved_pieces": 40},
}
"""When plans are asked for, said here: tests of it do not move with the defaults."""


def daily(mean: float, variance: float | None = None) -> DailyDemand:
    """So many pieces on every day."""
    return DailyDemand(0, RegionOutlook((mean,), (mean if variance is None else variance,), (0.0,), (mean,)))


def tune_to(store: SqlStore, changes: Mapping[str, Any]) -> None:
    """Make the defaults with some changes the active tuning."""
    with store.write() as tx:
        tx.versions.activate("tuning", tx.versions.put_tuning(parse(changes), "test", "test", WALL))


def answered(store: SqlStore) -> list[PlanRequest]:
    """Look at cuts until nothing is due, and answer every request at once; return them in order."""
    found: list[PlanRequest] = []
    while advance(store, wall):
        with store.write() as tx:
            while (request := tx.signals.claim_request("w", WALL, 1_000)) is not None:
                found.append(request)
                tx.signals.finish_request(request.request, None, WALL)
    return found


def open_trade(store: SqlStore, catalogue: Catalogue = CATALOGUE, through: int = T0) -> None:
    """Make the network active and let business time begin."""
    with store.write() as tx:
        tx.versions.activate("network", tx.versions.put_network(catalogue, "test", WALL))
        tx.signals.set_planned_through(through)


def add_plan(store: SqlStore, *lines: PlanLine, name: str = "p1") -> Plan:
    """Store a plan of the lines."""
    plan = plan_of(name, *lines)
    with store.write() as tx:
        assert tx.plans.add(plan, f"input of {name}", WALL)
    return plan


def state_of(store: SqlStore, line: str) -> LineState:
    """State of a line as stored."""
    with store.read() as tx:
        return tx.plans.line(line).state


def outbox(store: SqlStore, channel: str | None = None) -> list[Message]:
    """Messages in the order in which they were put in."""
    with store.read() as tx:
        return sorted(tx.bridge.messages(channel=channel), key=lambda message: message.serial)


def data_of(message: Message) -> dict[str, Any]:
    """What a CloudEvent carries."""
    event = json.loads(message.payload)
    assert event["id"] == message.message
    data: dict[str, Any] = event["data"]
    return data


def pass_time(store: SqlStore, at: int, topics: Iterable[str] | None = None) -> None:
    """Let every partition of the ticked topics (or of the named ones) pass a moment."""
    wanted = None if topics is None else set(topics)
    with store.write() as tx:
        for topic in TICKED:
            if wanted is not None and topic.name not in wanted:
                continue
            for number in range(topic.partitions):
                tx.connection.exec_driver_sql(
                    "INSERT INTO partitions (topic, partition, epoch, cluster, next_offset, watermark, committed_wall)"
                    " VALUES (?, ?, 1, 'c', 0, ?, 0)"
                    " ON CONFLICT (topic, partition) DO UPDATE SET watermark = excluded.watermark",
                    (topic.name, number, at),
                )
