"""From a solution back to the trade: lines with names, dates, zones and reasons, and the plan that holds them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from optimizers.explain import LineReason
from optimizers.solution import Solution
from supplychain.domain.ids import content_hash, derive
from supplychain.domain.plan import LineKind, Plan, PlanLine, Zone, zone_of
from supplychain.domain.units import MINUTE
from supplychain.messages.codec import encode
from supplychain.planning.draft import Draft
from supplychain.planning.evidence import Pegging, before, dropped, why_short
from supplychain.planning.explain import explain_move, explain_order, otherwise


def input_digest(draft: Draft) -> str:
    """Return the hash of everything a plan is made from: the arrays, the groups, the cut and the versions.

    The open proposals that the plan would replace are no part of it: a plan is no new input to itself.
    """
    digest = hashlib.sha256()
    view = draft.view
    digest.update(repr((view.groups, view.cut, view.network_version, view.tuning_version, view.model_version)).encode())
    for item in fields(draft.problem):
        if item.name != "published":
            digest.update(item.name.encode())
            _absorb(digest, getattr(draft.problem, item.name))
    return digest.hexdigest()


def _published_digest(draft: Draft) -> str:
    digest = hashlib.sha256()
    _absorb(digest, draft.problem.published)
    return digest.hexdigest()


def _absorb(digest: Any, value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(str((value.dtype.str, value.shape)).encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            digest.update(item.name.encode())
            _absorb(digest, getattr(value, item.name))
    else:
        digest.update(repr(value).encode())


def soon(draft: Draft) -> int:
    """Return the last period that begins before the next review: what is ordered later is outlook."""
    horizon = draft.view.cut + draft.view.tuning.planning.review_minutes * MINUTE
    return int(np.searchsorted(draft.grid.boundaries, horizon, side="right")) - 1


def compose(draft: Draft, solution: Solution, reasons: tuple[str, ...], explained: Iterable[LineReason] = ()) -> Plan:
    """Return the plan of a solution; its id is derived from its input, so the same input gives the same plan.

    `explained` are the solver's own answers for some of the orders: why not more, not less, not from somebody else.
    """
    view = draft.view
    plan_id = derive("plan", *view.groups, input_digest(draft), _published_digest(draft))
    edits = {_about(line): line for line in view.open_own if line.override is not None}
    answers = {(line.mode, line.period): line for line in explained}
    lines = [*_orders(draft, solution, plan_id, edits, answers), *_moves(draft, solution, plan_id, edits)]
    lines.extend(_kept(draft, edits, plan_id))
    earlier = [line for line in view.open_own if line.override is None]
    lines = [_with_fact(line, "previously", before(line, earlier)) for line in lines]
    lines.sort(key=lambda line: (line.release_at, line.sku, line.line))
    plan = Plan(
        plan=plan_id,
        groups=view.groups,
        cut=view.cut,
        lines=tuple(lines),
        objective_minor=solution.objective,
        bound_minor=solution.bound,
        gap=solution.gap,
        status_text=solution.status.value,
        stop_reason=solution.stop.value,
        network_version=view.network_version,
        tuning_version=view.tuning_version,
        model_version=view.model_version,
        reasons=reasons,
        notes=(*draft.notes, *dropped(lines, earlier)),
        shortages=tuple(_shortages(draft, solution)),
    )
    return replace(plan, digest=content_digest(plan))


def _with_fact(line: PlanLine, name: str, fact: Any) -> PlanLine:
    facts = {**line.explanation.facts, name: fact}
    return replace(line, explanation=replace(line.explanation, facts=facts))


def content_digest(plan: Plan) -> str:
    """Return the hash that an approval binds to: what would be ordered and moved, by whom, when and at what cost."""
    content = [
        (
            *(line.line, line.sku, line.supplier, line.offer, line.mode, line.origin, line.destination),
            *(line.quantity, line.release_at, line.arrive_at, line.unit_cost_minor),
        )
        for line in plan.lines
    ]
    return content_hash(encode([plan.plan, plan.version, content]))


def _about(line: PlanLine) -> tuple[str, ...]:
    return line.kind.value, line.sku, line.offer or "", line.mode, line.origin or "", line.destination


def _carried(line: PlanLine, edits: dict[tuple[str, ...], PlanLine]) -> PlanLine:
    """Carry an edit on: the planner's quantity stays, and is marked stale since the basis is a new one."""
    edit = edits.get(_about(line))
    if edit is None or edit.override != line.recommended:
        return line
    del edits[_about(line)]
    return replace(
        line,
        recommended=edit.recommended,
        override=edit.override,
        override_reason=edit.override_reason,
        override_basis=edit.override_basis or edit.plan,
        stale=True,
    )


def _kept(draft: Draft, edits: Mapping[tuple[str, ...], PlanLine], plan_id: str) -> Iterator[PlanLine]:
    """Edits that no line of the solution took up ("none of this"): they stay until the planner lifts them."""
    for about, edit in sorted(edits.items()):
        moved = max(0, draft.view.cut - edit.release_at)
        yield replace(
            edit,
            line=derive("line", plan_id, "kept", *about),
            plan=plan_id,
            release_at=edit.release_at + moved,
            arrive_at=edit.arrive_at + moved,
            override_basis=edit.override_basis or edit.plan,
            stale=True,
            version=1,
            changed_at=draft.view.cut,
        )


def _orders(
    draft: Draft,
    solution: Solution,
    plan_id: str,
    edits: dict[tuple[str, ...], PlanLine],
    answers: Mapping[tuple[int, int], LineReason],
) -> Iterator[PlanLine]:
    view = draft.view
    horizon = view.cut + view.tuning.planning.review_minutes * MINUTE
    earlier: dict[int, int] = defaultdict(int)
    orders, pegging = solution.orders, Pegging.of(draft, solution)
    for row in range(len(orders.mode)):
        mode_row, period, pieces = int(orders.mode[row]), int(orders.period[row]), int(orders.pieces[row])
        if pieces <= 0:
            continue
        mode = draft.modes[mode_row]
        item = int(draft.problem.mode_item[mode_row])
        release_at = draft.grid.boundaries[period]
        supplier = view.catalogue.suppliers[mode.offer.supplier]
        zone = zone_of(release_at, view.cut, supplier.firm_fence_minutes, supplier.commit_fence_minutes)
        line = PlanLine(
            line=derive("line", plan_id, "order", mode.offer.offer, mode.expedite, mode.unit_cost_minor, period),
            plan=plan_id,
            group=view.catalogue.group_of[mode.offer.sku],
            kind=LineKind.ORDER,
            sku=mode.offer.sku,
            destination=draft.receiving[mode.offer.sku],
            release_at=release_at,
            arrive_at=draft.mode_arrivals[mode_row][period],
            recommended=pieces,
            zone=zone,
            supplier=mode.offer.supplier,
            offer=mode.offer.offer,
            mode="expedite" if mode.expedite else "normal",
            unit_cost_minor=mode.unit_cost_minor,
            cost_minor=pieces * mode.unit_cost_minor + mode.offer.order_cost_minor,
            fence=_fence(zone, release_at, horizon),
            changed_at=view.cut,
            explanation=explain_order(draft, solution, item, pieces, earlier[item], mode_row, period),
        )
        earlier[item] += pieces
        line = _with_fact(line, "serves", pegging.served_by(item, row))
        for name, fact in otherwise(draft, answers.get((mode_row, period))).items():
            line = _with_fact(line, name, fact)
        yield _carried(line, edits)


def _fence(zone: Zone, release_at: int, horizon: int) -> str:
    """Why an approved line is not released yet; empty when nothing holds it."""
    if zone is not Zone.FIRM:
        return f"zone {zone}: not ordered before the firm fence"
    return "wave due after the next review" if release_at > horizon else ""


def _moves(
    draft: Draft, solution: Solution, plan_id: str, edits: dict[tuple[str, ...], PlanLine]
) -> Iterator[PlanLine]:
    """Movements that leave before the next review; later ones are outlook and come back in a later plan."""
    view = draft.view
    horizon = view.cut + view.tuning.planning.review_minutes * MINUTE
    sums: dict[tuple[int, int, int], int] = defaultdict(int)
    moves = solution.moves
    for row in range(len(moves.lane)):
        sums[int(moves.lane[row]), int(moves.item[row]), int(moves.period[row])] += int(moves.pieces[row])
    for (lane_row, item, period), pieces in sorted(sums.items()):
        release_at = draft.grid.boundaries[period]
        if pieces <= 0 or release_at > horizon:
            continue
        lane, sku = draft.lanes[lane_row], draft.items[item]
        destination = int(draft.problem.lanes.to_warehouse[lane_row])
        line = PlanLine(
            line=derive("line", plan_id, "move", lane.lane, sku, period),
            plan=plan_id,
            group=view.catalogue.group_of[sku],
            kind=LineKind.MOVE,
            sku=sku,
            origin=lane.origin,
            destination=lane.destination,
            release_at=release_at,
            arrive_at=draft.lane_arrivals[lane_row][period],
            recommended=pieces,
            zone=Zone.FIRM,
            cost_minor=pieces * int(draft.problem.lanes.cost[lane_row]),
            changed_at=view.cut,
            explanation=explain_move(draft, solution, item, pieces, destination),
        )
        yield _carried(line, edits)


def _shortages(draft: Draft, solution: Solution) -> Iterator[dict[str, Any]]:
    """What stays short or late, by SKU and region: a shortage is always said, never hidden."""
    demand = draft.problem.demand
    safety = np.array(draft.safety_row, dtype=bool)
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: {"accepted": 0, "expected": 0, "safety": 0, "late": 0}
    )
    for row in np.flatnonzero((solution.shortage > 0) | (solution.late > 0)):
        place = draft.items[int(demand.item[row])], draft.regions[int(demand.region[row])]
        kind = "accepted" if demand.accepted[row] else "safety" if safety[row] else "expected"
        found[place][kind] += int(solution.shortage[row])
        found[place]["late"] += int(solution.late[row])
    why = {sku: why_short(draft, solution, draft.items.index(sku)).value for sku in {sku for sku, _ in found}}
    for (sku, region), pieces in sorted(found.items()):
        yield {"sku": sku, "region": region, **pieces, "why": why[sku]}
