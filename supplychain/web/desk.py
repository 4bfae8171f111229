"""The use cases behind API and console, bound to one store and one wall clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from supplychain.domain.errors import InvalidInputError
from supplychain.messages.codec import plain
from supplychain.messages.v1 import SupplierAnswer
from supplychain.planning import acknowledge, cancel, release, request, review, shelf_outlook, tune
from supplychain.planning.ports import Actor, PlanFilter, Store, WallClock
from supplychain.planning.present import line_document
from supplychain.planning.slot_outlook import slots_of
from supplychain.web.auth import demand
from supplychain.web.ports import Row


class PlanningDesk:
    """What people and partners may ask of planning; see the protocol `Desk` for what each does."""

    def __init__(self, store: Store, wall: WallClock) -> None:
        self._store = store
        self._wall = wall

    def plans(self, wanted: PlanFilter) -> list[Row]:
        """Return plans, newest first."""
        return review.listing(self._store, wanted)

    def plan(self, plan: str) -> Row:
        """Return one plan with lines and explanations."""
        return review.show(self._store, plan)

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
        """Approve lines of exactly the plan that was read."""
        changed = review.approve(
            self._store, plan, lines, actor=actor, reason=reason, wall=self._wall, digest=digest, version=version
        )
        return [line_document(line) for line in changed]

    def reject(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Reject lines."""
        changed = review.reject(self._store, plan, lines, actor=actor, reason=reason, wall=self._wall)
        return [line_document(line) for line in changed]

    def release(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Release approved lines, lifting a fence."""
        changed = release.release(self._store, plan, lines, actor=actor, reason=reason, wall=self._wall)
        return [line_document(line) for line in changed]

    def cancel(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        """Cancel released movements that have not left."""
        changed = cancel.cancel(self._store, plan, lines, actor=actor, reason=reason, wall=self._wall)
        return [line_document(line) for line in changed]

    def line(self, line: str) -> Row:
        """Return one line."""
        with self._store.read() as tx:
            return line_document(tx.plans.line(line))

    def revisions(self, line: str) -> list[Row]:
        """Return what happened to a line, oldest first."""
        rows: list[Row] = review.history(self._store, line)["revisions"]
        return sorted(rows, key=lambda row: int(row["version"]))

    def edit(self, line: str, quantity: int | None, version: int, actor: Actor, reason: str) -> Row:
        """Override the quantity of a line that is still at `version`; None lifts the override."""
        changed = review.edit(
            self._store, line, quantity=quantity, version=version, actor=actor, reason=reason, wall=self._wall
        )
        return line_document(changed)

    def ask(self, groups: Sequence[str] | None, actor: Actor, reason: str) -> Row:
        """Ask for a plan."""
        demand(actor, "planner", "approver", "operator")
        asked = request.ask(self._store, groups=groups, actor=actor, reason=reason, wall=self._wall)
        row: Row = plain(asked)
        return row

    def answer(self, answer: SupplierAnswer, actor: Actor) -> Row:
        """Take a supplier's answer into the inbox."""
        new = acknowledge.receive_answer(self._store, answer, actor=actor, wall=self._wall)
        return {"state": "received" if new else "known"}

    def redeliver(self, message: str, actor: Actor, reason: str) -> None:
        """Send a parked message again, with the same id."""
        demand(actor, "operator")
        if not reason.strip():
            raise InvalidInputError("sending again needs a reason", way_out="say what was mended", field="reason")
        wall = self._wall()
        with self._store.write() as tx:
            tx.bridge.redeliver(message, wall)
            tx.audit.append(
                actor=actor.name,
                action="message.redeliver",
                subject=message,
                at=tx.signals.planned_through() or wall,
                wall=wall,
                reason=reason,
                detail={},
            )

    def tuning(self, version: int | None) -> Row:
        """Return one tuning version with units and bounds."""
        return tune.show(self._store, version)

    def tunings(self) -> list[Row]:
        """Return all versions, newest first."""
        return tune.versions(self._store)

    def tuning_diff(self, document: Mapping[str, object]) -> list[Row]:
        """Return what a document would change."""
        return tune.diff(self._store, document)

    def activate(self, document: Mapping[str, object], actor: Actor, reason: str) -> int:
        """Activate a changed tuning."""
        return tune.activate(self._store, document, actor=actor, reason=reason, wall=self._wall)

    def rollback(self, version: int, actor: Actor, reason: str) -> int:
        """Go back to an earlier tuning."""
        return tune.rollback(self._store, version, actor=actor, reason=reason, wall=self._wall)

    def slots(self, session: str, sku: str) -> list[Row]:
        """Return what each slot ahead will sell of an item."""
        return slots_of(self._store, session, sku)

    def shelf(self, sku: str) -> Row:
        """Return the stored forecast of the shelf of a SKU."""
        return shelf_outlook.outlook(self._store, sku)

    def models(self) -> list[Row]:
        """Return the stored models of the shelf."""
        return shelf_outlook.models(self._store)

    def accuracy(self) -> list[Row]:
        """Return how true the forecasts of the shelf came."""
        return shelf_outlook.measured(self._store)

    def latencies(self) -> list[float]:
        """Return seconds from spike to plan."""
        with self._store.read() as tx:
            return tx.signals.latencies()
