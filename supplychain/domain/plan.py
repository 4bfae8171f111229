"""Plans, their lines and the life of a line.

States live on lines; a plan's status is derived from them. A line is either an order to a supplier or a movement between
warehouses. An edit never overwrites the recommendation: recommended quantity, override, reason and the plan it was based
on are separate fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from supplychain.domain.errors import ConflictError


class LineKind(StrEnum):
    """An order to a supplier, or a movement from one warehouse to another."""

    ORDER = "order"
    MOVE = "move"


class LineState(StrEnum):
    """Where a line is in its life."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RELEASED = "released"
    CONFIRMED = "confirmed"
    SHORT = "short"
    REFUSED = "refused"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    CLOSED = "closed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class Zone(StrEnum):
    """A supplier's zones: firm is ordered, commit reserves material, forecast is outlook."""

    FIRM = "firm"
    COMMIT = "commit"
    FORECAST = "forecast"


class PlanStatus(StrEnum):
    """What the states of a plan's lines amount to."""

    EMPTY = "empty"
    OPEN = "open"
    APPROVED = "approved"
    RELEASED = "released"
    DONE = "done"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


_S = LineState
MOVES: Final[Mapping[LineState, frozenset[LineState]]] = {
    _S.PROPOSED: frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.SUPERSEDED}),
    _S.APPROVED: frozenset({_S.RELEASED, _S.REJECTED, _S.PROPOSED, _S.EXPIRED}),
    _S.RELEASED: frozenset({_S.CONFIRMED, _S.SHORT, _S.REFUSED, _S.IN_TRANSIT, _S.RECEIVED, _S.CANCELLED}),
    _S.CONFIRMED: frozenset({_S.SHORT, _S.IN_TRANSIT, _S.RECEIVED, _S.CANCELLED, _S.REFUSED}),
    _S.SHORT: frozenset({_S.IN_TRANSIT, _S.RECEIVED, _S.CANCELLED}),
    _S.IN_TRANSIT: frozenset({_S.RECEIVED}),
    _S.RECEIVED: frozenset({_S.CLOSED}),
    _S.REFUSED: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""Allowed next states of a line."""

SUPPLY: Final = frozenset({_S.APPROVED, _S.RELEASED, _S.CONFIRMED, _S.SHORT, _S.IN_TRANSIT})
"""States whose open pieces count as supply in the position, whatever their date."""

OPEN: Final = frozenset({_S.PROPOSED})
"""States that the next plan of the same group replaces."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the equation that explains a quantity; `pieces` is added with its sign."""

    name: str
    pieces: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this quantity: the terms add up to it exactly.

    `facts` carries what is no term: cover, binding limits with shadow prices, alternatives with their cost, what one batch
    more or less would cost, the spikes behind the demand, the versions of model and tuning.
    """

    terms: tuple[Term, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Sum of the terms in pieces."""
        return sum(term.pieces for term in self.terms)

    def sentence(self) -> str:
        """Return the equation as a line of text.

        >>> Explanation((Term("net demand", 120), Term("position", -70), Term("rounding", 10))).sentence()
        'net demand 120 - position 70 + rounding 10 = 60'
        """
        parts = [f"{'-' if t.pieces < 0 else '+'} {t.name} {abs(t.pieces)}" for t in self.terms]
        return f"{' '.join(parts).removeprefix('+ ')} = {self.total}"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A line of a plan. Pieces, minor units, UTC milliseconds.

    `quantity` is what counts: the override when there is one, else the recommendation. `confirmed` is what the supplier
    promised, `received` what came in, `shipped` what left the origin of a movement.
    """

    line: str
    plan: str
    group: str
    kind: LineKind
    sku: str
    destination: str
    release_at: int
    arrive_at: int
    recommended: int
    zone: Zone
    supplier: str | None = None
    offer: str | None = None
    mode: str = "normal"
    origin: str | None = None
    unit_cost_minor: int = 0
    cost_minor: int = 0
    override: int | None = None
    override_reason: str = ""
    override_basis: str | None = None
    state: LineState = LineState.PROPOSED
    fence: str = ""
    stale: bool = False
    confirmed: int | None = None
    shipped: int = 0
    received: int = 0
    version: int = 1
    changed_at: int = 0
    explanation: Explanation = Explanation(())

    @property
    def quantity(self) -> int:
        """Pieces that count: the planner's, where they said so."""
        return self.recommended if self.override is None else self.override

    @property
    def value_minor(self) -> int:
        """Value of an order line in minor units, order cost apart."""
        return self.quantity * self.unit_cost_minor

    @property
    def open_pieces(self) -> int:
        """Pieces still to come in, as the latest state knows them; zero outside the supply states."""
        if self.state not in SUPPLY:
            return 0
        promised = self.quantity if self.confirmed is None else self.confirmed
        return max(0, promised - self.received)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan over one or more planning groups, read up to the cut; money in minor units.

    `digest` is the hash of its content; an approval binds to plan, version and digest. `bound` and `gap` come from the
    optimizer: the plan costs at most `gap` more than any other.
    """

    plan: str
    groups: tuple[str, ...]
    cut: int
    lines: tuple[PlanLine, ...]
    objective_minor: int
    bound_minor: int
    gap: float
    status_text: str
    stop_reason: str
    network_version: int
    tuning_version: int
    model_version: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shortages: tuple[Mapping[str, Any], ...] = ()
    digest: str = ""
    version: int = 1


def step(line_state: LineState, target: LineState) -> LineState:
    """Return `target` if a line may go there.

    Raises
    ------
    ConflictError
        If the life of a line does not allow it; it names both states.
    """
    if target not in MOVES[line_state]:
        allowed = ", ".join(sorted(MOVES[line_state])) or "nothing: this state is final"
        detail = f"a line that is {line_state} cannot become {target}"
        raise ConflictError(detail, way_out=f"allowed from here: {allowed}", state=str(line_state), target=str(target))
    return target


def status(states: Iterable[LineState]) -> PlanStatus:
    """Derive a plan's status from the states of its lines.

    >>> status([LineState.PROPOSED, LineState.RELEASED])
    <PlanStatus.OPEN: 'open'>
    """
    present = set(states)
    if not present:
        return PlanStatus.EMPTY
    if _S.PROPOSED in present:
        return PlanStatus.OPEN
    if _S.APPROVED in present:
        return PlanStatus.APPROVED
    if present & {_S.RELEASED, _S.CONFIRMED, _S.SHORT, _S.IN_TRANSIT}:
        return PlanStatus.RELEASED
    if present <= {_S.SUPERSEDED, _S.EXPIRED}:
        return PlanStatus.SUPERSEDED
    if present <= {_S.REJECTED, _S.SUPERSEDED, _S.EXPIRED}:
        return PlanStatus.REJECTED
    return PlanStatus.DONE


def zone_of(release_at: int, now: int, firm_minutes: int, commit_minutes: int) -> Zone:
    """Return the supplier zone of a release moment seen from `now` (both UTC milliseconds)."""
    if release_at <= now + firm_minutes * 60_000:
        return Zone.FIRM
    return Zone.COMMIT if release_at <= now + commit_minutes * 60_000 else Zone.FORECAST
