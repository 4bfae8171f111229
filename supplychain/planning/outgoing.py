"""What leaves the house: supplier orders and allocation events, as outbox rows of the releasing transaction.

Ids are derived from what they are about: a retry, a crash or a second run sends the same id again, never another order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from supplychain.domain.ids import derive
from supplychain.domain.network import Catalogue
from supplychain.domain.plan import LineKind, PlanLine
from supplychain.domain.units import MINUTE
from supplychain.messages.codec import cloud_event
from supplychain.messages.v1 import Movement, OrderLine, SupplierOrder
from supplychain.planning.ports import Message, Tx

ORDER_TYPE = "supplychain.supplier_order.released.v1"
MOVEMENT_TYPE = "supplychain.allocation.movement.v1"
SOURCE = "/supplychain/planning"


def send(tx: Tx, lines: Sequence[PlanLine], *, at: int, wall: int) -> None:
    """Put the orders and movements of released lines into the outbox: one order per supplier and plan."""
    _, catalogue = tx.versions.network()
    by_supplier: dict[tuple[str, str], list[PlanLine]] = defaultdict(list)
    for line in lines:
        if line.kind is LineKind.ORDER and line.supplier:
            by_supplier[line.supplier, line.plan].append(line)
        else:
            for message in _movements(line, at, "create", 1):
                tx.bridge.send(message, wall)
    for (supplier, plan), own in sorted(by_supplier.items()):
        tx.bridge.send(_order(catalogue, supplier, plan, own, at), wall)


def recall(tx: Tx, lines: Sequence[PlanLine], *, at: int, wall: int) -> None:
    """Put the cancellation of released movements into the outbox, behind the events that it takes back."""
    for line in lines:
        for message in _movements(line, at, "cancel", 2):
            tx.bridge.send(message, wall)


def _order(catalogue: Catalogue, supplier: str, plan: str, lines: Sequence[PlanLine], at: int) -> Message:
    ordered = sorted(lines, key=lambda line: line.line)
    order_id = derive("order", supplier, plan, *(line.line for line in ordered))
    offers = [catalogue.offers.get(line.offer or "") for line in ordered]
    window = min((offer.cancel_window_minutes for offer in offers if offer), default=0)
    payload = SupplierOrder(
        order_id=order_id,
        supplier=supplier,
        plan_id=plan,
        released_at=at,
        currency=catalogue.currency,
        lines=[
            OrderLine(
                plan_line_id=line.line,
                sku=line.sku,
                pieces=line.quantity,
                unit_cost_minor=line.unit_cost_minor,
                offer=line.offer or "",
                mode="expedite" if line.mode == "expedite" else "normal",
                deliver_to=line.destination,
                deliver_by=line.arrive_at,
            )
            for line in ordered
        ],
        cancel_until=at + window * MINUTE if window else None,
    )
    body = cloud_event(ORDER_TYPE, order_id, SOURCE, order_id, at, payload, supplier)
    return Message(
        message=order_id,
        channel="supplier",
        lane=supplier,
        kind=ORDER_TYPE,
        payload=body,
        lines=tuple(line.line for line in ordered),
        released_at=at,
    )


def _movements(line: PlanLine, at: int, action: Literal["create", "cancel"], version: int) -> list[Message]:
    """The two legs of a movement, each keyed and ordered by its own warehouse; a version supersedes the one before."""
    movement_id = derive("movement", line.line)
    messages = []
    for leg, warehouse in (("out", line.origin or ""), ("in", line.destination)):
        payload = Movement(
            movement_id=movement_id,
            leg="out" if leg == "out" else "in",
            version=version,
            supersedes=derive("allocation", movement_id, leg, version - 1) if version > 1 else None,
            action=action,
            plan_line_id=line.line,
            sku=line.sku,
            pieces=line.quantity,
            origin=line.origin or "",
            destination=line.destination,
            ready_by=line.release_at,
            deliver_by=line.arrive_at,
        )
        identity = derive("allocation", movement_id, leg, version)
        body = cloud_event(MOVEMENT_TYPE, identity, SOURCE, line.line, at, payload, warehouse)
        messages.append(
            Message(
                message=identity,
                channel="allocations",
                lane=warehouse,
                kind=MOVEMENT_TYPE,
                payload=body,
                lines=(line.line,),
                released_at=at,
            )
        )
    return messages
