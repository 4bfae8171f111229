"""The supply network: goods, suppliers and their offers, warehouses, lanes, regions, live sessions, opening stock.

Everything of the trade that is expensive to add later stands here from the first version, even where the first logic that
uses it is simple: bundles, live-exclusive runs and caps, price tiers, cadence and capacity of suppliers, cut-offs and
tiers of lanes, ring-fenced stock, the run of show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from supplychain.domain.errors import NotFoundError


class Channel(StrEnum):
    """Where a piece is sold; stock can be ring-fenced for one of them."""

    LIVE = "live"
    VIDEO = "video"
    SHELF = "shelf"


class WarehouseKind(StrEnum):
    """A central hub, a regional warehouse, or one dedicated to live goods."""

    CENTRAL = "central"
    REGIONAL = "regional"
    LIVE = "live"


class LaneKind(StrEnum):
    """What a lane joins."""

    SUPPLY = "supplier_warehouse"
    TRANSFER = "warehouse_warehouse"
    DELIVERY = "warehouse_region"


class SlotKind(StrEnum):
    """What the host does with an item in a slot of the run of show."""

    PITCH = "pitch"
    FLASH_OFFER = "flash_offer"


@dataclass(frozen=True, slots=True)
class Region:
    """A demand region; `code` is ISO 3166-2 in the samples, `weight` its usual share of demand."""

    code: str
    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A selling price in minor units, valid in [starts_at, ends_at) on one channel."""

    channel: Channel
    price_minor: int
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Component:
    """`pieces` of `sku` that one piece of a bundle (or its gift, or its packaging) takes."""

    sku: str
    pieces: int


@dataclass(frozen=True, slots=True)
class Sku:
    """A stock keeping unit.

    Money is in minor units per piece, `holding_minor` per 1,000 pieces and day, `volume_ml` per piece.
    A bundle has `components` and no stock of its own. `sale_cap_session` and `sale_cap_run` bound what may be sold,
    `run_ends_at` when a live-exclusive run ends: nothing is bought that could not be sold before.
    """

    sku: str
    name: str
    category: str
    price_minor: int
    unit_cost_minor: int
    volume_ml: int = 1_000
    holding_minor: int = 50
    salvage_minor: int = 0
    shortage_minor: int | None = None
    gtin: str | None = None
    live_exclusive: bool = False
    sale_cap_session: int | None = None
    sale_cap_run: int | None = None
    run_ends_at: int | None = None
    shelf_life_days: int | None = None
    similar_to: str | None = None
    components: tuple[Component, ...] = ()
    prices: tuple[DatedPrice, ...] = ()

    @property
    def penalty_minor(self) -> int:
        """Cost of one lost sale in minor units: stated, or the margin, at least one."""
        return (
            self.shortage_minor if self.shortage_minor is not None else max(1, self.price_minor - self.unit_cost_minor)
        )

    def price_at(self, at: int, channel: Channel) -> int:
        """Return the selling price in minor units at a moment on a channel."""
        for price in self.prices:
            if price.channel is channel and price.starts_at <= at < price.ends_at:
                return price.price_minor
        return self.price_minor


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Local minutes of the day between which a partner works, on the weekdays named (0 is Monday)."""

    opens: int = 0
    closes: int = 24 * 60
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier: when they work, how many batches they can start, and the two fences of their zones.

    `firm_fence_minutes` and `commit_fence_minutes` split the horizon into firm (ordered), commit (material only) and
    forecast. `secret_ref` names where the signing secret is kept; the secret itself is never stored.
    """

    supplier: str
    name: str
    hours: WorkingHours = WorkingHours()
    capacity_per_day: int | None = None
    batches_per_day: int | None = None
    batch_gap_minutes: int = 0
    minimum_order_minor: int = 0
    firm_fence_minutes: int = 24 * 60
    commit_fence_minutes: int = 72 * 60
    answer_minutes: int = 30
    endpoint: str | None = None
    secret_ref: str | None = None


@dataclass(frozen=True, slots=True)
class PriceTier:
    """All-units price break: from `from_pieces` on, every piece costs `unit_cost_minor`."""

    from_pieces: int
    unit_cost_minor: int


@dataclass(frozen=True, slots=True)
class Expedite:
    """A faster mode of the same offer, on the same capacity."""

    lead_time_minutes: int
    surcharge_minor: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a supplier offers for one SKU; pieces, minutes, minor units."""

    offer: str
    supplier: str
    sku: str
    lead_time_minutes: int
    moq: int = 1
    multiple: int = 1
    order_cost_minor: int = 0
    tiers: tuple[PriceTier, ...] = ()
    capacity_per_day: int | None = None
    batches_per_day: int | None = None
    batch_gap_minutes: int = 0
    cancel_window_minutes: int = 0
    expedite: Expedite | None = None


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse; capacity in millilitres, activation cost in minor units per day when it may stay shut."""

    warehouse: str
    name: str
    kind: WarehouseKind
    region: str
    capacity_ml: int | None = None
    activation_minor: int = 0
    hours: WorkingHours = WorkingHours()


@dataclass(frozen=True, slots=True)
class Lane:
    """A way for pieces: cost in minor units per 1,000 pieces, minutes, capacity in millilitres per day.

    `cut_off` is the local minute of the day after which a shipment leaves the next day; `tier` 0 is the fastest service.
    """

    lane: str
    kind: LaneKind
    origin: str
    destination: str
    minutes: int
    cost_minor: int = 0
    cut_off: int | None = None
    capacity_ml: int | None = None
    tier: int = 0
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class OpeningStock:
    """Pieces on hand before the first WMS snapshot, and how many of them are ring-fenced for live or shelf."""

    warehouse: str
    sku: str
    on_hand: int
    fenced_live: int = 0
    fenced_shelf: int = 0


@dataclass(frozen=True, slots=True)
class SessionItem:
    """An item of a session: expected gross orders over the whole session, basket size, cap, promised shipping time."""

    sku: str
    expected_orders: float
    basket: float = 1.0
    price_minor: int | None = None
    cap: int | None = None
    ship_within_minutes: int = 48 * 60
    presale: bool = False


@dataclass(frozen=True, slots=True)
class ShowSlot:
    """A planned slot: in [starts_at, ends_at) demand of the item is `strength` times its usual rate."""

    kind: SlotKind
    sku: str
    starts_at: int
    ends_at: int
    strength: float
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A live session of one room, with its run of show."""

    session: str
    room: str
    host: str
    platform: str
    shop: str
    starts_at: int
    ends_at: int
    expected_viewers: int = 0
    items: tuple[SessionItem, ...] = ()
    slots: tuple[ShowSlot, ...] = ()

    def item(self, sku: str) -> SessionItem | None:
        """Return the item of this session with the given SKU, if it is on the list."""
        return next((item for item in self.items if item.sku == sku), None)


@dataclass(frozen=True)
class Catalogue:
    """The whole network at one version, indexed; treat it as immutable."""

    skus: Mapping[str, Sku]
    suppliers: Mapping[str, Supplier]
    offers: Mapping[str, Offer]
    warehouses: Mapping[str, Warehouse]
    lanes: Mapping[str, Lane]
    regions: Mapping[str, Region]
    sessions: Mapping[str, Session] = field(default_factory=dict)
    stock: tuple[OpeningStock, ...] = ()
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"

    def sku(self, sku: str) -> Sku:
        """Return one SKU.

        Raises
        ------
        NotFoundError
            If the catalogue has no such SKU.
        """
        try:
            return self.skus[sku]
        except KeyError:
            detail = f"unknown SKU {sku!r}"
            raise NotFoundError(detail, way_out="import it with `supplychain network import`", sku=sku) from None

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Planning group of each SKU: SKUs joined by bundles belong together; the group is named by its first SKU."""
        parent = {sku: sku for sku in self.skus}

        def root(sku: str) -> str:
            while parent[sku] != sku:
                parent[sku] = parent[parent[sku]]
                sku = parent[sku]
            return sku

        for sku in sorted(self.skus):
            for component in self.skus[sku].components:
                if component.sku in parent:
                    one, two = sorted((root(sku), root(component.sku)))
                    parent[two] = one
        return {sku: root(sku) for sku in sorted(self.skus)}

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """SKUs of each planning group, sorted."""
        members: dict[str, list[str]] = {}
        for sku, group in self.group_of.items():
            members.setdefault(group, []).append(sku)
        return {group: tuple(skus) for group, skus in members.items()}

    @cached_property
    def offers_of(self) -> dict[str, tuple[Offer, ...]]:
        """Offers of each SKU, sorted by id."""
        members: dict[str, list[Offer]] = {}
        for key in sorted(self.offers):
            members.setdefault(self.offers[key].sku, []).append(self.offers[key])
        return {sku: tuple(offers) for sku, offers in members.items()}

    @cached_property
    def session_of_room(self) -> dict[str, tuple[Session, ...]]:
        """Sessions of each room in order of time."""
        members: dict[str, list[Session]] = {}
        for session in sorted(self.sessions.values(), key=lambda s: (s.starts_at, s.session)):
            members.setdefault(session.room, []).append(session)
        return {room: tuple(sessions) for room, sessions in members.items()}

    def exploded(self, sku: str) -> tuple[Component, ...]:
        """Return the pieces of stocked components that one piece of `sku` takes (itself when it is no bundle)."""
        record = self.skus[sku]
        if not record.components:
            return (Component(sku, 1),)
        totals: dict[str, int] = {}
        for component in record.components:
            for leaf in self.exploded(component.sku):
                totals[leaf.sku] = totals.get(leaf.sku, 0) + leaf.pieces * component.pieces
        return tuple(Component(name, pieces) for name, pieces in sorted(totals.items()))
