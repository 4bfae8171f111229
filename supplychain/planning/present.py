"""Plans and lines as plain documents: the one form that the command line, the API and the console show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from supplychain.domain.plan import PlanLine, status
from supplychain.planning.compose import content_digest
from supplychain.planning.ports import StoredPlan


def line_document(line: PlanLine) -> dict[str, Any]:
    """Return a line with its explanation; the terms add up to what the plan recommended."""
    return {
        "line": line.line,
        "plan": line.plan,
        "kind": line.kind.value,
        "sku": line.sku,
        "supplier": line.supplier,
        "offer": line.offer,
        "mode": line.mode,
        "origin": line.origin,
        "destination": line.destination,
        "quantity": line.quantity,
        "recommended": line.recommended,
        "override": line.override,
        "override_reason": line.override_reason,
        "override_basis": line.override_basis,
        "stale": line.stale,
        "zone": line.zone.value,
        "state": line.state.value,
        "fence": line.fence,
        "release_at": line.release_at,
        "arrive_at": line.arrive_at,
        "unit_cost_minor": line.unit_cost_minor,
        "cost_minor": line.cost_minor,
        "value_minor": line.value_minor,
        "confirmed": line.confirmed,
        "shipped": line.shipped,
        "received": line.received,
        "version": line.version,
        "explanation": {
            "equation": line.explanation.sentence(),
            "terms": [{"name": t.name, "pieces": t.pieces, "note": t.note} for t in line.explanation.terms],
            "total": line.explanation.total,
            "facts": dict(line.explanation.facts),
        },
    }


def plan_document(stored: StoredPlan, *, lines: bool) -> dict[str, Any]:
    """Return a plan; its version grows with every change of a line, and its digest is that of what it says now."""
    plan = stored.plan
    version = sum(line.version for line in plan.lines) - len(plan.lines) + 1
    document: dict[str, Any] = {
        "plan": plan.plan,
        "serial": stored.serial,
        "status": status(line.state for line in plan.lines).value,
        "groups": list(plan.groups),
        "cut": plan.cut,
        "version": version,
        "digest": content_digest(replace(plan, version=version)),
        "lines_total": len(plan.lines),
        "lines_open": sum(line.state.value == "proposed" for line in plan.lines),
        "value_minor": sum(line.value_minor for line in plan.lines),
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
        "created_wall": stored.created_wall,
    }
    if lines:
        document["lines"] = [line_document(line) for line in plan.lines]
    return document
