"""What the web role needs from the rest of the house, as protocols: read models, use cases, the bridge for sale events.

The API and the console know only these. The composition root hands in the real ones; tests hand in fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from supplychain.domain.plan import LineState
from supplychain.messages.v1 import SupplierAnswer
from supplychain.planning.ports import Actor, PlanFilter, Store, WallClock
from supplychain.settings import Settings

Row = dict[str, Any]
"""One JSON-able row of a read model."""


class Board(Protocol):
    """Read models: every method returns plain dicts and lists, ready for JSON."""

    def now(self) -> int:
        """Business time, UTC milliseconds."""

    def summary(self) -> Row:
        """Counts that add up: events, spikes, plans, orders, allocations, latency."""

    def rooms(self) -> list[Row]:
        """Live rooms and their sessions."""

    def room(self, session: str) -> Row:
        """One session with its items; NotFoundError when there is none."""

    def rates(self, session: str, sku: str | None, minutes: int) -> list[Row]:
        """Orders, pieces and viewers per minute of business time."""

    def spikes(self, limit: int) -> list[Row]:
        """Latest spikes with their reasons."""

    def forecast(self, session: str, sku: str) -> list[Row]:
        """Forecasts of one item in one session."""

    def deliveries(self, limit: int) -> list[Row]:
        """Latest messages to suppliers and warehouses."""

    def positions(self, skus: Sequence[str] | None) -> list[Row]:
        """Stock position per SKU, by the one formula."""

    def dead_letters(self, limit: int) -> list[Row]:
        """Records that could not be read or cannot be."""

    def findings(self) -> list[Row]:
        """Data-quality findings."""

    def incidents(self) -> list[Row]:
        """What went wrong and was handled."""

    def jobs(self) -> list[Row]:
        """Runs of scheduled jobs."""

    def health(self) -> Row:
        """Watermarks, lag, age of stock, oldest message, degraded parts."""


class Desk(Protocol):
    """The use cases behind API and console: one door, so that both obey the same rules."""

    def plans(self, wanted: PlanFilter) -> list[Row]:
        """Plans, newest first."""

    def plan(self, plan: str) -> Row:
        """One plan with lines and explanations."""

    def approve(
        self,
        plan: str,
        lines: Sequence[str] | None,
        actor: Actor,
        reason: str,
        *,
        digest: str | None,
        version: int | None,
    ) -> list[Row]:
        """Approve lines (all open ones when None) of exactly the plan that was read."""

    def reject(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Reject lines."""

    def release(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Release approved lines, lifting a fence."""

    def cancel(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Cancel released movements that have not left."""

    def line(self, line: str) -> Row:
        """One line."""

    def revisions(self, line: str) -> list[Row]:
        """What happened to a line, oldest first."""

    def edit(self, line: str, quantity: int | None, version: int, actor: Actor, reason: str) -> Row:
        """Override the quantity of a line that is still at `version`; None lifts the override."""

    def ask(self, groups: Sequence[str] | None, actor: Actor, reason: str) -> Row:
        """Ask for a plan of some planning groups (all when None)."""

    def answer(self, answer: SupplierAnswer, actor: Actor) -> Row:
        """Take a supplier's answer."""

    def redeliver(self, message: str, actor: Actor, reason: str) -> None:
        """Send a message again, with the same id."""

    def tuning(self, version: int | None) -> Row:
        """One tuning version (the active one when None)."""

    def tunings(self) -> list[Row]:
        """All versions with author and reason."""

    def tuning_diff(self, document: Mapping[str, Any]) -> list[Row]:
        """What a document would change: `name`, `old`, `new`."""

    def activate(self, document: Mapping[str, Any], actor: Actor, reason: str) -> int:
        """Store a new version and make it the active one."""

    def rollback(self, version: int, actor: Actor, reason: str) -> int:
        """Make an earlier version the active one again."""

    def slots(self, session: str, sku: str) -> list[Row]:
        """What each slot of a session that is not over will still sell: `starts_at, ends_at, planned, mean, q10, q50, q90`."""

    def shelf(self, sku: str) -> Row:
        """The stored forecast of the shelf of a SKU, by region and day, with stamps and `degraded`; NotFoundError without one."""

    def models(self) -> list[Row]:
        """Stored models of the shelf: `version, degraded, fitted_through, created_wall, active`."""

    def accuracy(self) -> list[Row]:
        """How true the forecasts of the shelf came in four weeks: `segment, days, series_days, coverage80, bias, wape`."""

    def latencies(self) -> list[float]:
        """Seconds from each spike to its plan."""


class Stored(Protocol):
    """What was answered to an idempotency key before."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def body(self) -> bytes:
        """JSON."""


class IdempotencyStore(Protocol):
    """Remembers what was answered to a key, so that a retry gets the same answer and nothing happens twice."""

    def begin(self, key: str, fingerprint: str, wall: int) -> Stored | None:
        """Claim a key, or return what was answered.

        Raises
        ------
        ConflictError
            While the first request with this key is running.
        InvalidInputError
            If the key was used for another request.
        """

    def finish(self, key: str, status: int, body: bytes) -> None:
        """Keep the answer."""

    def release(self, key: str) -> None:
        """Forget a claim whose request changed nothing."""


class SalesPublisher(Protocol):
    """Hands sale events to the broker."""

    def deliver(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], timeout: float = 30.0) -> None:
        """Send keys and values and wait until each is confirmed; raises `UnavailableError` when one is not."""


SecretsOf = Callable[[str], Sequence[str]]
"""Signing secrets of a supplier, newest first; two while one is being replaced, none when unknown."""


@dataclass(frozen=True)
class Front:
    """Everything that API and console stand on."""

    settings: Settings
    board: Board
    desk: Desk
    idempotency: IdempotencyStore
    publisher: Callable[[], SalesPublisher]
    secrets_of: SecretsOf
    wall: WallClock


class Services(Protocol):
    """The part of the composition root's services that the web role uses."""

    @property
    def settings(self) -> Settings:
        """Deployment settings."""

    @property
    def store(self) -> Store:
        """Where everything is kept."""

    @property
    def wall(self) -> WallClock:
        """Wall clock, UTC milliseconds."""

    @property
    def board(self) -> Board:
        """Read models."""

    @property
    def idempotency(self) -> IdempotencyStore:
        """Idempotency keys."""

    def publisher(self, *, patience: float | None = None) -> SalesPublisher:
        """Return a new producer of records, which waits so many seconds for readers that are behind."""


OPEN_STATES: tuple[LineState, ...] = (LineState.PROPOSED, LineState.APPROVED)
"""States in which a line still waits for a person."""
