"""What planning needs from outside: a store with transactions, a place to compute, clocks.

The protocols are coarse on purpose: one for each room of the store. `Store.write()` is one serialised transaction that
commits at the end of the block or changes nothing; `Store.read()` sees one consistent state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from supplychain.domain.events import PlanRequest, Signal
from supplychain.domain.forecast import SessionForecast, ShelfForecast, ShelfScore
from supplychain.domain.network import Catalogue
from supplychain.domain.past import RoomDay, SoldMinute
from supplychain.domain.plan import LineState, Plan, PlanLine
from supplychain.domain.position import StockLevel
from supplychain.domain.tuning import Tuning

Result = TypeVar("Result")

WallClock = Callable[[], int]
"""Wall time in UTC milliseconds: leases, retries and latency only."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a name, and what they may do.

    `roles` are of viewer, planner, approver, operator, supplier:<id>, warehouse:<id>, system, admin.
    """

    name: str
    roles: frozenset[str] = frozenset()

    def may(self, *roles: str) -> bool:
        """Tell whether the actor has one of the roles (an admin or the system has all)."""
        return bool(self.roles & {*roles, "admin", "system"})


SYSTEM = Actor("system", frozenset({"system"}))


@dataclass(frozen=True, slots=True)
class Accepted:
    """Sums of windows known up to a cut: pieces of one SKU for one region, channel and due hour.

    `paid_ms` is when the gross was paid, on average; cancellations stand at the due hour of when they came.
    """

    session: str
    sku: str
    region: str
    channel: str
    due: int
    orders: int
    gross: int
    cancelled: int
    refunded: int
    returned: int
    paid_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox: at least once outside, once by `message`; rows of one channel and lane keep their order."""

    message: str
    channel: str
    lane: str
    kind: str
    payload: bytes
    lines: tuple[str, ...]
    released_at: int
    state: str = "pending"
    attempts: int = 0
    next_wall: int = 0
    serial: int = 0
    error: str | None = None
    created_wall: int = 0
    delivered_wall: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the inbox: something a partner said, effective at a moment of business time."""

    message: str
    kind: str
    source: str
    effective_at: int
    payload: bytes
    state: str = "open"
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StockEvent:
    """A receipt or shipment of the WMS that concerns a plan line."""

    warehouse: str
    sequence: int
    sku: str
    kind: str
    as_of: int
    pieces: int
    plan_line: str | None
    movement: str | None
    closes: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a line: who, what, why, before and after."""

    line: str
    version: int
    actor: str
    action: str
    reason: str
    at: int
    state_before: str
    state_after: str
    quantity_before: int
    quantity_after: int


@dataclass(frozen=True, slots=True)
class TuningVersion:
    """A tuning as it was stored."""

    version: int
    tuning: Tuning
    author: str
    reason: str
    created_wall: int


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A learned model as it was stored; `fitted_through` is the start of its last day (UTC milliseconds)."""

    version: int
    degraded: bool
    fitted_through: int
    created_wall: int
    active: bool


@dataclass(frozen=True, slots=True)
class DaySold:
    """Gross pieces and orders of one session (or shop), SKU, region and channel over a span of time."""

    session: str
    sku: str
    region: str
    channel: str
    pieces: int
    orders: int


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """What to list: statuses, a group or SKU, and a page."""

    states: tuple[LineState, ...] = ()
    sku: str | None = None
    supplier: str | None = None
    open_only: bool = False
    limit: int = 50
    before_serial: int | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as stored: its serial number, who reads it when, and the digest of what it was made from."""

    plan: Plan
    serial: int
    input_digest: str
    created_wall: int


@dataclass(frozen=True, slots=True)
class GroupCut:
    """When a group was planned last, and the expected session totals (pieces by SKU) the plan was based on."""

    cut: int
    basis: Mapping[str, float] = field(default_factory=dict)


class Versions(Protocol):
    """Network, tuning, prior and lessons: immutable versions, one active each."""

    def network(self, version: int | None = None) -> tuple[int, Catalogue]: ...
    def put_network(self, catalogue: Catalogue, author: str, at: int) -> int: ...
    def tuning(self, version: int | None = None) -> tuple[int, Tuning]: ...
    def put_tuning(self, tuning: Tuning, author: str, reason: str, wall: int) -> int: ...
    def tunings(self) -> list[TuningVersion]: ...
    def activate(self, kind: str, version: int) -> None: ...
    def thresholds(self, shape: str) -> tuple[int, dict[str, Any]] | None: ...
    def put_thresholds(self, shape: str, body: dict[str, Any], author: str, reason: str, wall: int) -> int: ...
    def prior(self) -> tuple[int, bytes] | None: ...
    def put_prior(self, body: bytes, *, degraded: bool, fitted_through: int, wall: int) -> int: ...
    def lessons(self) -> tuple[int, bytes] | None: ...
    def put_lessons(self, body: bytes, *, sessions: int, learned_through: int, wall: int) -> int: ...
    def add_history(self, rows: Iterable[tuple[str, str, str, str, int]], *, synthetic: bool) -> None: ...
    def history(self) -> list[tuple[str, str, str, str, int]]: ...


class Signals(Protocol):
    """Signals, requests and the cut up to which everything was looked at."""

    def alone(self) -> None: ...
    def watermarks(self) -> dict[tuple[str, int], int]: ...
    def planned_through(self) -> int | None: ...
    def set_planned_through(self, cut: int) -> None: ...
    def add(self, signals: Iterable[Signal]) -> int: ...
    def open(self, through: int) -> list[Signal]: ...
    def next_at(self) -> int | None: ...
    def handled(self, signals: Iterable[str], request: str, wall: int) -> None: ...
    def add_request(self, request: PlanRequest, wall: int) -> bool: ...
    def pending_request(self) -> bool: ...
    def claim_request(self, holder: str, now_wall: int, lease_ms: int) -> PlanRequest | None: ...
    def finish_request(self, request: str, plan: str | None, wall: int, error: str | None = None) -> None: ...
    def retry_request(self, request: str, wall: int, error: str) -> None: ...
    def group_cuts(self, groups: Iterable[str]) -> dict[str, GroupCut]: ...
    def set_group_cut(self, group: str, cut: GroupCut) -> None: ...
    def latencies(self) -> list[float]: ...


class World(Protocol):
    """What was known at a cut; rows of later business time are not seen."""

    def stock(self, catalogue: Catalogue, skus: Sequence[str], cut: int) -> list[StockLevel]: ...
    def accepted(self, skus: Sequence[str], cut: int, bin_ms: int) -> list[Accepted]: ...
    def shipped(self, skus: Sequence[str], cut: int) -> dict[tuple[str, str], int]: ...
    def forecasts(self, skus: Sequence[str], cut: int) -> list[SessionForecast]: ...
    def forecasts_between(self, after: int, through: int) -> list[SessionForecast]: ...
    def spikes(self, skus: Sequence[str], after: int, through: int) -> list[dict[str, Any]]: ...
    def minutes(self, session: str, until: int, sku: str | None = None) -> list[SoldMinute]: ...
    def gross(self, session: str) -> dict[tuple[str, str], int]: ...
    def viewers(self, room: str, start: int, end: int) -> list[tuple[int, float]]: ...
    def stock_as_of(self) -> dict[str, int]: ...
    def receipts(self, sku: str, after: int, until: int) -> list[tuple[int, int]]: ...


class Learning(Protocol):
    """What was learned: models, their forecasts of the shelf, the finished days they learn from, how true they came."""

    def model(self) -> int | None: ...
    def models(self, limit: int = 20) -> list[ModelVersion]: ...
    def put_shelf(self, model: int, forecasts: Iterable[ShelfForecast]) -> None: ...
    def shelf(self, skus: Sequence[str] | None = None, model: int | None = None) -> list[ShelfForecast]: ...
    def last_day(self) -> str | None: ...
    def first_sale(self) -> int | None: ...
    def sold(self, start: int, end: int) -> list[DaySold]: ...
    def spike_excess(self, start: int, end: int) -> dict[tuple[str, str], float]: ...
    def put_days(self, rows: Iterable[tuple[str, str, str, str, int]]) -> None: ...
    def put_rooms(self, rows: Iterable[RoomDay]) -> None: ...
    def rooms(self) -> list[RoomDay]: ...
    def put_scores(self, scores: Iterable[ShelfScore]) -> None: ...
    def scores(self, since_day: str) -> list[ShelfScore]: ...


class Plans(Protocol):
    """Plans, lines and their revisions."""

    def add(self, plan: Plan, input_digest: str, wall: int) -> bool: ...
    def get(self, plan: str) -> StoredPlan: ...
    def find(self, wanted: PlanFilter) -> list[StoredPlan]: ...
    def by_input(self, input_digest: str) -> StoredPlan | None: ...
    def line(self, line: str) -> PlanLine: ...
    def lines(
        self,
        *,
        states: Iterable[LineState],
        groups: Iterable[str] | None = None,
        skus: Iterable[str] | None = None,
    ) -> list[PlanLine]: ...
    def save(self, line: PlanLine, revision: Revision, wall: int) -> None: ...
    def revisions(self, line: str) -> list[Revision]: ...


class Bridge(Protocol):
    """Outbox and inbox: the only bridges to the outside and back."""

    def send(self, message: Message, wall: int) -> bool: ...
    def claim(self, channel: str, holder: str, now_wall: int, lease_ms: int, limit: int) -> list[Message]: ...
    def delivered(self, message: str, wall: int) -> None: ...
    def failed(self, message: str, error: str, next_wall: int, *, parked: bool) -> None: ...
    def redeliver(self, message: str, wall: int) -> None: ...
    def messages(self, *, channel: str | None = None, limit: int = 200) -> list[Message]: ...
    def pending(self) -> int: ...
    def receive(self, letter: Letter, fingerprint: str, wall: int) -> bool: ...
    def due_letters(self, through: int) -> list[Letter]: ...
    def next_letter_at(self) -> int | None: ...
    def letter_done(self, message: str, wall: int, error: str | None = None) -> None: ...
    def due_stock_events(self, through: int) -> list[StockEvent]: ...
    def next_stock_event_at(self) -> int | None: ...
    def stock_event_done(self, event: StockEvent) -> None: ...


class Audit(Protocol):
    """The append-only, hash-chained record of who did what and why."""

    def append(
        self, *, actor: str, action: str, subject: str, at: int, wall: int, reason: str, detail: Mapping[str, Any]
    ) -> None: ...
    def entries(self, *, subject: str | None = None, limit: int = 200) -> list[dict[str, Any]]: ...
    def verify(self) -> int: ...


class Tx(Protocol):
    """One transaction over all rooms of the store."""

    @property
    def versions(self) -> Versions: ...
    @property
    def signals(self) -> Signals: ...
    @property
    def world(self) -> World: ...
    @property
    def learning(self) -> Learning: ...
    @property
    def plans(self) -> Plans: ...
    @property
    def bridge(self) -> Bridge: ...
    @property
    def audit(self) -> Audit: ...


class Store(Protocol):
    """Where everything is kept."""

    def write(self) -> AbstractContextManager[Tx]: ...
    def read(self) -> AbstractContextManager[Tx]: ...


class Compute(Protocol):
    """A place to run something heavy with a deadline, outside every transaction and event loop.

    `call` must be importable at top level. It raises `UnavailableError` when the deadline passes or the worker dies.
    """

    def run(self, call: Callable[..., Result], *arguments: Any, deadline_seconds: float) -> Result: ...
    def close(self) -> None: ...
