"""Payloads of version 1. Times are UTC milliseconds, money integer minor units, quantities integer pieces.

Inward payloads are tagged structs (`type`), decoded and type-checked by msgspec at two million a second. They carry no
buyer: neither name, phone nor address ever enters the house.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

Pieces = Annotated[int, msgspec.Meta(ge=-1_000_000_000, le=1_000_000_000)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class SaleKind(StrEnum):
    """What happened to an order line.

    `cancelled` is before shipment and frees the reservation, `refunded` keeps the goods with the buyer and frees
    nothing, `returned` brings pieces back later.
    """

    CREATED = "created"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    RETURNED = "returned"


class Tick(msgspec.Struct, frozen=True, tag_field="type", tag="tick", gc=False):
    """Business time: everything stamped before `at` has been written to this partition."""

    at: int


class Sale(msgspec.Struct, frozen=True, tag_field="type", tag="sale", omit_defaults=True, gc=False):
    """One event of one order line, in the canonical form of every platform."""

    event_id: Text
    platform: Text
    shop_id: Text
    order_id: Text
    line_id: Text
    kind: SaleKind
    sku: Text
    qty: int
    occurred_at: int
    region: Text
    unit_price_minor: int = 0
    currency: Text = "CNY"
    channel: Literal["live", "video", "shelf"] = "live"
    room_id: Text | None = None
    session_id: Text | None = None
    host_id: Text | None = None
    offer_id: Text | None = None
    bundle_parent: Text | None = None
    presale: bool = False
    promised_ship_by: int | None = None
    received_at: int | None = None
    source_seq: Text = ""
    gtin: Text | None = None
    city_adcode: Text | None = None
    synthetic: bool = False


class Audience(msgspec.Struct, frozen=True, tag_field="type", tag="audience", omit_defaults=True, gc=False):
    """A sample of a room's audience; lossy by nature, evidence and never a count to bill on.

    Counts are those since the sample before. `item_clicks` are clicks by SKU, where the platform tells them apart.
    """

    room_id: Text
    at: int
    viewers: int
    entered: int = 0
    comments: int = 0
    likes: int = 0
    clicks: int = 0
    item_clicks: dict[Text, int] | None = None
    session_id: Text | None = None
    synthetic: bool = False


class Pitch(msgspec.Struct, frozen=True, tag_field="type", tag="pitch", omit_defaults=True, gc=False):
    """The host starts or stops showing an item."""

    room_id: Text
    at: int
    sku: Text
    started: bool
    session_id: Text | None = None
    synthetic: bool = False


class FlashOffer(msgspec.Struct, frozen=True, tag_field="type", tag="flash_offer", omit_defaults=True, gc=False):
    """A flash offer starts or stops."""

    room_id: Text
    at: int
    sku: Text
    started: bool
    price_minor: int | None = None
    stock_cap: int | None = None
    session_id: Text | None = None
    synthetic: bool = False


class StockRow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Pieces of one SKU in a snapshot."""

    sku: Text
    on_hand: int
    reserved: int = 0
    damaged: int = 0


class StockSnapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot", omit_defaults=True):
    """All of a warehouse's stock as of a moment. `after_reservations` says whether on hand is net of reserved pieces."""

    warehouse: Text
    sequence: int
    as_of: int
    rows: list[StockRow]
    after_reservations: bool = False


class StockDelta(msgspec.Struct, frozen=True, tag_field="type", tag="delta", omit_defaults=True, gc=False):
    """A correction of on hand: counts, damage, scrap."""

    warehouse: Text
    sequence: int
    as_of: int
    sku: Text
    pieces: Pieces
    reason: Text = ""


class Receipt(msgspec.Struct, frozen=True, tag_field="type", tag="receipt", omit_defaults=True, gc=False):
    """Pieces that came in against a plan line: a supplier's delivery, or the incoming leg of a movement.

    `sellable` of `pieces` may be sold; `closes` says that no more will come for this line.
    """

    warehouse: Text
    sequence: int
    as_of: int
    sku: Text
    pieces: int
    plan_line_id: Text | None = None
    movement_id: Text | None = None
    sellable: int | None = None
    closes: bool = True


class Shipment(msgspec.Struct, frozen=True, tag_field="type", tag="shipment", omit_defaults=True, gc=False):
    """Pieces that left: to buyers of a region (frees reservations), or the outgoing leg of a movement."""

    warehouse: Text
    sequence: int
    as_of: int
    sku: Text
    pieces: int
    region: Text | None = None
    plan_line_id: Text | None = None
    movement_id: Text | None = None


SalesPayload = Sale | Tick
EngagementPayload = Audience | Pitch | FlashOffer | Tick
StockPayload = StockSnapshot | StockDelta | Receipt | Shipment | Tick


class OrderLine(msgspec.Struct, frozen=True):
    """A line of a supplier order."""

    plan_line_id: str
    sku: str
    pieces: int
    unit_cost_minor: int
    offer: str
    mode: Literal["normal", "expedite"]
    deliver_to: str
    deliver_by: int


class SupplierOrder(msgspec.Struct, frozen=True):
    """A firm order to one supplier; `order_id` is stable across retries."""

    order_id: str
    supplier: str
    plan_id: str
    released_at: int
    currency: str
    lines: list[OrderLine]
    cancel_until: int | None = None


class LineAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A supplier's answer to one line: accept, short (fewer pieces), refuse; `deliver_by` may move the date."""

    plan_line_id: Text
    answer: Literal["accept", "short", "refuse"]
    pieces: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    deliver_by: int | None = None
    reason: Text = ""


class SupplierAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers of one supplier to lines of one order; `answer_id` is stable across retries."""

    answer_id: Text
    supplier: Text
    order_id: Text
    answered_at: int
    lines: list[LineAnswer]


class Movement(msgspec.Struct, frozen=True):
    """One leg of a stock movement, the data of an allocation event.

    Each movement is two events, one per leg, keyed and ordered by the warehouse of the leg.
    """

    movement_id: str
    leg: Literal["out", "in"]
    version: int
    supersedes: str | None
    action: Literal["create", "amend", "cancel"]
    plan_line_id: str
    sku: str
    pieces: int
    origin: str
    destination: str
    ready_by: int
    deliver_by: int
