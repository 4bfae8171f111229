"""Plans, lines and revisions in SQL. A line is changed only from the version that the caller has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from supplychain.domain.errors import ConflictError, NotFoundError
from supplychain.domain.plan import Explanation, LineKind, LineState, Plan, PlanLine, Term, Zone
from supplychain.planning.ports import PlanFilter, Revision, StoredPlan
from supplychain.storage.tables import plan_lines, plans, revisions
from supplychain.storage.upserts import insert_new

_AS_STORED: Final = tuple(item.name for item in fields(PlanLine) if item.name not in {"group", "explanation"})


class SqlPlans:
    """Plans in SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, plan: Plan, input_digest: str, wall: int) -> bool:
        """Store a plan with its lines; False when it is there already."""
        serial = int(self._connection.execute(select(func.coalesce(func.max(plans.c.serial), 0))).scalar_one()) + 1
        row = {
            "plan": plan.plan,
            "serial": serial,
            "groups": list(plan.groups),
            "cut": plan.cut,
            "digest": plan.digest,
            "input_digest": input_digest,
            "version": plan.version,
            "objective_minor": plan.objective_minor,
            "bound_minor": plan.bound_minor,
            "gap": plan.gap,
            "solve_status": plan.status_text,
            "stop_reason": plan.stop_reason,
            "network_version": plan.network_version,
            "tuning_version": plan.tuning_version,
            "model_version": plan.model_version,
            "reasons": list(plan.reasons),
            "notes": list(plan.notes),
            "shortages": [dict(shortage) for shortage in plan.shortages],
            "created_wall": wall,
        }
        if not insert_new(self._connection, plans, [row]):
            return False
        if plan.lines:
            self._connection.execute(insert(plan_lines), [_row(line) for line in plan.lines])
        return True

    def get(self, plan: str) -> StoredPlan:
        """Return one plan with its lines; a unique beginning of the id is enough.

        Raises
        ------
        NotFoundError
            If there is none, or several begin like this.
        """
        wanted = select(plans).where(plans.c.plan.startswith(plan, autoescape=True)).limit(2)
        rows = self._connection.execute(wanted).all()
        if len(rows) != 1 or not plan:
            what = "several plans begin with" if len(rows) > 1 else "there is no plan"
            raise NotFoundError(f"{what} {plan!r}", way_out="`supplychain plan list` shows them", plan=plan)
        return self._stored(rows)[0]

    def find(self, wanted: PlanFilter) -> list[StoredPlan]:
        """Return plans, newest first."""
        query = select(plans).order_by(plans.c.serial.desc()).limit(wanted.limit)
        if wanted.before_serial is not None:
            query = query.where(plans.c.serial < wanted.before_serial)
        states = [LineState.PROPOSED.value] if wanted.open_only else [state.value for state in wanted.states]
        if states or wanted.sku or wanted.supplier:
            lines = select(plan_lines.c.plan)
            lines = lines.where(plan_lines.c.state.in_(states)) if states else lines
            lines = lines.where(plan_lines.c.sku == wanted.sku) if wanted.sku else lines
            lines = lines.where(plan_lines.c.supplier == wanted.supplier) if wanted.supplier else lines
            query = query.where(plans.c.plan.in_(lines))
        return self._stored(self._connection.execute(query).all())

    def by_input(self, input_digest: str) -> StoredPlan | None:
        """Return the newest plan that was made from the same input."""
        wanted = select(plans).where(plans.c.input_digest == input_digest).order_by(plans.c.serial.desc()).limit(1)
        found = self._stored(self._connection.execute(wanted).all())
        return found[0] if found else None

    def line(self, line: str) -> PlanLine:
        """Return one line.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        row = self._connection.execute(select(plan_lines).where(plan_lines.c.line == line)).first()
        if row is None:
            raise NotFoundError(
                f"there is no plan line {line!r}", way_out="`supplychain plan show` lists them", line=line
            )
        return _line(row)

    def lines(
        self,
        *,
        states: Iterable[LineState],
        groups: Iterable[str] | None = None,
        skus: Iterable[str] | None = None,
    ) -> list[PlanLine]:
        """Return the lines in some states, of some groups or SKUs, in order of release and id."""
        query = select(plan_lines).where(plan_lines.c.state.in_(sorted(state.value for state in states)))
        if groups is not None:
            query = query.where(plan_lines.c.plan_group.in_(sorted(groups)))
        if skus is not None:
            query = query.where(plan_lines.c.sku.in_(sorted(skus)))
        rows = self._connection.execute(query.order_by(plan_lines.c.release_at, plan_lines.c.line))
        return [_line(row) for row in rows]

    def save(self, line: PlanLine, revision: Revision, wall: int) -> None:
        """Store the next version of a line with the revision that says why.

        Raises
        ------
        ConflictError
            If somebody has changed the line since it was read.
        """
        values = _row(line)
        changed = self._connection.execute(
            update(plan_lines)
            .where(plan_lines.c.line == line.line, plan_lines.c.version == line.version - 1)
            .values(**{name: value for name, value in values.items() if name not in {"line", "plan"}})
        )
        if changed.rowcount != 1:
            raise ConflictError(
                f"line {line.line} has changed since it was read",
                way_out="read it again and decide anew",
                line=line.line,
                version=line.version - 1,
            )
        self._connection.execute(
            insert(revisions).values(
                **{item.name: getattr(revision, item.name) for item in fields(revision)}, created_wall=wall
            )
        )

    def revisions(self, line: str) -> list[Revision]:
        """Return the changes of a line, oldest first."""
        rows = self._connection.execute(select(revisions).where(revisions.c.line == line).order_by(revisions.c.version))
        return [Revision(**{item.name: getattr(row, item.name) for item in fields(Revision)}) for row in rows]

    def _stored(self, rows: Iterable[Any]) -> list[StoredPlan]:
        rows = list(rows)
        query = select(plan_lines).where(plan_lines.c.plan.in_([row.plan for row in rows]))
        by_plan: dict[str, list[PlanLine]] = {}
        for row in self._connection.execute(query.order_by(plan_lines.c.release_at, plan_lines.c.line)):
            by_plan.setdefault(row.plan, []).append(_line(row))
        return [_plan(row, tuple(by_plan.get(row.plan, ()))) for row in rows]


def _row(line: PlanLine) -> dict[str, Any]:
    explanation = {
        "terms": [[term.name, term.pieces, term.note] for term in line.explanation.terms],
        "facts": dict(line.explanation.facts),
    }
    stored = {name: getattr(line, name) for name in _AS_STORED}
    for name in ("kind", "zone", "state"):
        stored[name] = stored[name].value
    return {**stored, "plan_group": line.group, "explanation": explanation}


def _line(row: Any) -> PlanLine:
    stored = {name: getattr(row, name) for name in _AS_STORED}
    stored |= {"kind": LineKind(row.kind), "zone": Zone(row.zone), "state": LineState(row.state)}
    terms = tuple(Term(name, pieces, note) for name, pieces, note in row.explanation["terms"])
    return PlanLine(**stored, group=row.plan_group, explanation=Explanation(terms, row.explanation["facts"]))


def _plan(row: Any, lines: tuple[PlanLine, ...]) -> StoredPlan:
    plan = Plan(
        plan=row.plan,
        groups=tuple(row.groups),
        cut=row.cut,
        lines=lines,
        objective_minor=row.objective_minor,
        bound_minor=row.bound_minor,
        gap=row.gap,
        status_text=row.solve_status,
        stop_reason=row.stop_reason,
        network_version=row.network_version,
        tuning_version=row.tuning_version,
        model_version=row.model_version,
        reasons=tuple(row.reasons),
        notes=tuple(row.notes),
        shortages=tuple(row.shortages),
        digest=row.digest,
        version=row.version,
    )
    return StoredPlan(plan, row.serial, row.input_digest, row.created_wall)
