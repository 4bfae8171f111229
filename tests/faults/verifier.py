"""What must hold after any fault, asked of the broker's log and the database by one verifier.

I1  every distinct possible order is counted once: windows, corrections and dead letters add up to the log
I2  each record is applied once: the accounting of each partition is what its log holds
I3  nothing is released without an approval, nothing delivered that was not released
I4  each message went out as one delivery, by its id (asked of the receiver's journal where there is one)
I5  the state is the one of a fault-free run, byte for byte (`dump`)
I6  committed offset <= stored offset <= what the broker holds
I7  nothing is stuck: what is not finished has a next attempt
I8  the audit trail has no hole

The log is read again here with nothing but `json`: a slow twin of the service's own accounting.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from supplychain.broker.subscriber import Record, Subscriber
from supplychain.domain.network import Catalogue
from supplychain.domain.units import EARLIEST, LATEST
from supplychain.messages.topics import SALES
from tests.faults.stage import Stage, rows

_BY_THE_CLOCK = {"impossible-time", "too-old"}
"""Reasons that depend on business time: taken from the dead letters, and checked by number only."""
_TEXTS = ("event_id", "platform", "shop_id", "order_id", "line_id", "kind", "sku", "region")
_PIECES = {"paid": "gross", "cancelled": "cancelled", "refunded": "refunded", "returned": "returned"}
_BUCKET = {"paid": "counted", "cancelled": "cancellations", "refunded": "returns", "returned": "returns"}


@dataclass
class Recount:
    """What the log of sales says, by partition and bucket, and the pieces by kind."""

    buckets: Counter[tuple[int, str]] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)
    unreadable: set[tuple[int, int]] = field(default_factory=set)


def recount(log: list[Record], catalogue: Catalogue, by_the_clock: set[tuple[int, int]]) -> Recount:
    """Classify every record of the sales topic in the order of its partition."""
    found = Recount()
    seen: dict[tuple[int, str], dict[str, Any]] = {}
    for record in sorted(log, key=lambda one: (one.partition, one.offset)):
        place = (record.partition, record.offset)
        sale = _read(record.value)
        if sale is not None and sale["type"] == "tick":
            continue
        found.buckets[record.partition, "received"] += 1
        if sale is None or place in by_the_clock:
            found.buckets[record.partition, "dead_letters"] += 1
            found.unreadable |= {place} if sale is None else set()
            continue
        known = sale["sku"] in catalogue.skus and sale["region"] in catalogue.regions
        if sale["kind"] == "created" or not known:
            found.buckets[record.partition, "excluded"] += 1
            continue
        first = seen.setdefault((record.partition, sale["event_id"]), sale)
        if first is not sale:
            same = all(first.get(name) == sale.get(name) for name in ("kind", "sku", "qty", "occurred_at", "region"))
            found.buckets[record.partition, "duplicates" if same else "dead_letters"] += 1
            continue
        found.buckets[record.partition, "valid"] += 1
        found.pieces[sale["kind"]] += sale["qty"]
    return found


def _read(value: bytes | None) -> dict[str, Any] | None:
    """Return a sale or tick that can be, None for anything else."""
    if not value or len(value) > 65_536:
        return None
    try:
        sale = json.loads(value.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(sale, dict):
        return None
    if sale.get("type") == "tick":
        return sale if type(sale.get("at")) is int else None
    sound = sale.get("type") == "sale" and all(isinstance(sale.get(name), str) for name in _TEXTS)
    sound = sound and sale["kind"] in {*_BUCKET, "created"}
    if not sound or type(sale.get("qty")) is not int or type(sale.get("occurred_at")) is not int:
        return None
    price, promised = sale.get("unit_price_minor", 0), sale.get("promised_ship_by")
    possible = 0 < sale["qty"] <= 1_000_000 and type(price) is int and 0 <= price * sale["qty"] <= 10**12
    times = [sale["occurred_at"], *([] if promised is None else [promised])]
    return sale if possible and all(EARLIEST <= at <= LATEST for at in times) else None


def read_log(stage: Stage) -> list[Record]:
    """Read everything that the broker holds of the sales topic."""
    wanted = sum(mark.high - mark.low for (topic, _), mark in stage.watermarks().items() if topic == SALES.name)
    found: list[Record] = []
    with Subscriber(stage.broker.bootstrap, "verifier", [SALES.name]) as reader:
        while len(found) < wanted:
            batch = reader.poll(30.0)
            assert batch, f"the broker gave {len(found)} of {wanted} records"
            found += batch
    return found


def verify(stage: Stage) -> None:
    """Check what applies to streams (I1, I2, I6) and to planning (I3, I7, I8) on a stage at rest."""
    _verify_counts(stage)
    _verify_offsets(stage)
    verify_planning(stage)


def _verify_counts(stage: Stage) -> None:
    services = stage.services
    letters = {
        (row.partition, row.offset): row.reason
        for row in rows(services, 'SELECT "partition", "offset", reason FROM dead_letters WHERE topic = \'sales.v1\'')
    }
    clocked = {place for place, reason in letters.items() if reason in _BY_THE_CLOCK}
    expected = recount(read_log(stage), stage.catalogue, clocked)
    assert expected.unreadable <= letters.keys(), "an unreadable record has no dead letter"
    counted = Counter[tuple[int, str]]()
    for row in rows(services, "SELECT \"partition\", bucket, events FROM counts WHERE topic = 'sales.v1'"):
        counted[row.partition, row.bucket] += row.events
    for partition in range(SALES.partitions):
        own = {name: counted[partition, name] for name in ("received", "duplicates", "excluded", "dead_letters")}
        own["valid"] = sum(counted[partition, name] for name in ("counted", "cancellations", "returns", "corrections"))
        assert own == {name: expected.buckets[partition, name] for name in own}, f"partition {partition}"
        assert own["received"] == sum(number for name, number in own.items() if name != "received")
    assert len(letters) == sum(counted[partition, "dead_letters"] for partition in range(SALES.partitions))
    sums = rows(
        services,
        "SELECT SUM(gross) AS gross, SUM(cancelled) AS cancelled, SUM(refunded) AS refunded, SUM(returned) AS returned FROM windows",
    )[0]
    late = {row.kind: row.qty for row in rows(services, "SELECT kind, SUM(qty) AS qty FROM corrections GROUP BY kind")}
    pieces = {kind: int(getattr(sums, name) or 0) + int(late.get(kind, 0)) for kind, name in _PIECES.items()}
    assert pieces == {kind: expected.pieces[kind] for kind in _PIECES}


def _verify_offsets(stage: Stage) -> None:
    stored, committed = stage.stored(), stage.committed()
    for place, mark in stage.watermarks().items():
        assert committed.get(place, 0) <= stored[place] <= mark.high, place


def verify_planning(stage: Stage) -> None:
    """Check approvals, deliveries, what is stuck, and the audit trail."""
    services = stage.services
    released = rows(
        services,
        "SELECT line FROM plan_lines WHERE state IN ('released','confirmed','short','in_transit','received','closed')",
    )
    approved = {row.line for row in rows(services, "SELECT line FROM revisions WHERE state_after = 'approved'")}
    assert {row.line for row in released} <= approved
    delivered = rows(services, "SELECT message, delivered_wall FROM outbox WHERE state = 'delivered'")
    assert all(row.delivered_wall is not None for row in delivered)
    stuck = "SELECT message FROM outbox WHERE state NOT IN ('delivered','parked','cancelled') AND next_wall IS NULL"
    assert rows(services, stuck) == []
    unleased = "SELECT request FROM requests WHERE state = 'claimed' AND lease_wall IS NULL"
    assert rows(services, unleased) == []
    with services.store.read() as tx:
        entries = len(tx.audit.entries(limit=1_000_000))
        assert tx.audit.verify() == entries
