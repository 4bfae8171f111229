"""From the world to a plan and again: same input, same plan; a planner's edit survives; every quantity is explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supplychain.compute import InlineCompute
from supplychain.domain.errors import NotFoundError
from supplychain.domain.events import PlanRequest
from supplychain.domain.network import Catalogue
from supplychain.domain.plan import LineKind, LineState, PlanLine, Zone
from supplychain.domain.tuning import parse
from supplychain.domain.units import HOUR, MINUTE
from supplychain.planning import review
from supplychain.planning.baseline import shelf_baseline
from supplychain.planning.compose import compose, input_digest
from supplychain.planning.lines import change
from supplychain.planning.ports import StoredPlan
from supplychain.planning.propose import Outcome, params, propose, run_solver
from supplychain.planning.release import release
from supplychain.planning.relief import what_would_help
from supplychain.planning.translate import translate
from supplychain.planning.view import load
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import forecasts
from supplychain.storage.upserts import put
from tests.unit.planning.small_trade import APPROVER, PLANNER, T0, WALL, daily, open_trade, outbox, wall

CUT = T0 + 3 * HOUR
"""One hour into the session."""


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    """The small trade on a short axis, planned by the exact model."""
    open_trade(store, through=CUT)
    short = {"horizon_days": 3, "hourly_days": 1, "exact_groups": 5, "node_limit": 500}
    with store.write() as tx:
        tx.versions.activate("tuning", tx.versions.put_tuning(parse({"planning": short}), "test", "short", WALL))
    return store


def _forecast(store: SqlStore, rest: float, sku: str = "A", at: int = CUT) -> None:
    row: dict[str, Any] = {"session": "L1", "sku": sku, "as_of": at, "ends_at": T0 + 5 * HOUR, "prior_rest": 0.0}
    row |= {"regions": {"CN-ZJ": [40, rest * 0.6, rest], "CN-GD": [20, rest * 0.4, rest]}, "total": 60 + rest}
    row |= {"tuning_version": 0, "model_version": "m", "degraded": False}
    with store.write() as tx:
        put(tx.connection, forecasts, [row])


def _propose(store: SqlStore, name: str, group: str = "A", cut: int = CUT, reason: str = "test") -> Outcome:
    request = PlanRequest(name, cut, (group,), (reason,))
    with store.write() as tx:
        tx.signals.add_request(request, WALL)
    return propose(store, InlineCompute(), request, wall)


def _plan(store: SqlStore, outcome: Outcome) -> StoredPlan:
    assert outcome.plan is not None, outcome.note
    with store.read() as tx:
        return tx.plans.get(outcome.plan)


def _orders(stored: StoredPlan, sku: str = "A") -> list[PlanLine]:
    return [line for line in stored.plan.lines if line.kind is LineKind.ORDER and line.sku == sku]


def test_plan_covers_demand_keeps_the_rules_and_explains_every_piece(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    stored = _plan(trade, _propose(trade, "r1"))
    orders = _orders(stored)
    assert sum(line.quantity for line in orders) >= 200, "320 net of cancellations less 68 on hand, where it pays"
    for line in stored.plan.lines:
        assert line.explanation.total == line.recommended == line.quantity > 0
        assert line.explanation.sentence().endswith(f"= {line.quantity}")
        assert line.release_at >= CUT
        assert line.arrive_at > line.release_at
        assert line.explanation.terms
    for line in orders:
        assert line.quantity >= 50
        assert line.quantity % 10 == 0
        assert line.cost_minor == line.quantity * 800 + 5_000
        assert line.explanation.facts["session_forecasts"][0]["sku"] in {"A", "SET"}
        assert sum(row["pieces"] for row in line.explanation.facts["serves"]) == line.quantity
        assert line.explanation.facts["previously"] is None
    assert stored.plan.gap >= 0
    assert stored.plan.bound_minor <= stored.plan.objective_minor


def test_orders_up_to_a_period_say_what_other_orders_would_cost(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    with trade.read() as tx:
        view = load(tx, ("A",), CUT)
    draft = translate(view, shelf_baseline(view))
    assert draft is not None
    limits = params(view.tuning, 1)
    solution, explained = run_solver(draft.problem, limits, draft.grid.periods)
    lines = [line for line in compose(draft, solution, (), explained).lines if line.kind is LineKind.ORDER]
    assert lines
    slack = solution.objective - solution.bound
    for line in lines:
        facts = line.explanation.facts
        others = [facts[name] for name in ("one_batch_more_minor", "one_batch_less_minor", "without_offer_minor")]
        assert any(extra is not None for extra in others)
        assert all(extra is None or extra >= -slack - 1 for extra in others), "no plan is below the bound"
    first = min(line.release_at for line in lines)
    assert run_solver(draft.problem, limits, draft.grid.period(first) - 1)[1] == ()


def test_planner_run_twice_on_unchanged_input_makes_one_plan(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    first = _propose(trade, "r1")
    again = _propose(trade, "r2")
    assert (again.plan, again.new) == (first.plan, False)
    assert {line.state for line in _plan(trade, first).plan.lines} == {LineState.PROPOSED}
    assert outbox(trade) == []


def test_what_a_plan_has_sent_out_is_no_new_input_until_somebody_answers(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    first = _propose(trade, "r1")
    assert first.plan is not None
    review.approve(trade, first.plan, None, actor=PLANNER, reason="", wall=wall)
    release(trade, first.plan, None, actor=APPROVER, reason="now", wall=wall)
    sent = len(outbox(trade))
    assert sent > 0
    again = _propose(trade, "r2")
    assert (again.plan, again.new) == (first.plan, False)
    assert len(outbox(trade)) == sent
    line = _orders(_plan(trade, first))[0]
    with trade.write() as tx:
        short = replace(line, confirmed=line.quantity // 2, state=LineState.SHORT)
        change(tx, line, short, actor=PLANNER, action="answer", reason="half", at=CUT, wall=WALL)
    answered = _propose(trade, "r3")
    assert answered.new
    assert answered.plan != first.plan


def test_world_that_goes_back_after_another_plan_gets_a_plan_of_its_own(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    first = _plan(trade, _propose(trade, "r1"))
    line = _orders(first)[0]
    review.edit(trade, line.line, quantity=70, version=1, actor=PLANNER, reason="less", wall=wall)
    second = _plan(trade, _propose(trade, "r2"))
    assert second.plan.plan != first.plan.plan
    (kept,) = [one for one in second.plan.lines if one.override is not None]
    again = _propose(trade, "r3")
    assert (again.plan, again.new) == (second.plan.plan, False)
    review.edit(trade, kept.line, quantity=None, version=kept.version, actor=PLANNER, reason="as before", wall=wall)
    back = _propose(trade, "r4")
    assert back.new
    assert back.plan not in {first.plan.plan, second.plan.plan}
    assert {one.state for one in _plan(trade, back).plan.lines} == {LineState.PROPOSED}


def test_same_world_on_another_machine_gives_the_same_plan(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    with trade.read() as tx:
        drafts = [translate(load(tx, ("A",), CUT), {}) for _ in range(2)]
    one, two = (input_digest(draft) for draft in drafts if draft is not None)
    assert one == two
    with trade.read() as tx:
        later = translate(load(tx, ("A",), CUT + 5_000), {})
    assert later is not None
    assert input_digest(later) != one


def test_new_plan_replaces_open_proposals_and_nets_what_was_approved(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    first = _plan(trade, _propose(trade, "r1"))
    taken = _orders(first)[0].line
    approved = review.approve(trade, first.plan.plan, [taken], actor=PLANNER, reason="", wall=wall)
    _forecast(trade, 420.0, at=CUT + MINUTE)
    second = _plan(trade, _propose(trade, "r2", cut=CUT + MINUTE))
    states = {line.line: line.state for line in _plan(trade, Outcome(first.plan.plan, new=False)).plan.lines}
    assert states.pop(taken) in {LineState.APPROVED, LineState.RELEASED}
    assert set(states.values()) <= {LineState.SUPERSEDED}
    whole = approved[0].quantity + sum(line.quantity for line in _orders(second))
    assert whole <= sum(line.quantity for line in _orders(first)) + 60, "what is on its way is not ordered again"
    replaced = {line.quantity for line in first.plan.lines if line.line != taken}
    for line in second.plan.lines:
        told = line.explanation.facts["previously"]
        assert told is None or (told["plan"], told["pieces"]) == (first.plan.plan, line.quantity - told["change"])
        assert told is None or told["pieces"] in replaced
    inbound = {term.name: term.pieces for line in _orders(second) for term in line.explanation.terms}
    assert not _orders(second) or inbound.get("inbound", 0) <= -approved[0].quantity


@pytest.mark.parametrize("quantity", [0, 130, 55])
def test_edit_survives_the_next_plan_and_is_marked_stale(trade: SqlStore, quantity: int) -> None:
    _forecast(trade, 400.0)
    first = _plan(trade, _propose(trade, "r1"))
    line = max(_orders(first), key=lambda one: one.quantity)
    review.edit(trade, line.line, quantity=quantity, version=1, actor=PLANNER, reason="I know better", wall=wall)
    for number in range(2):
        at = CUT + (1 + number) * MINUTE
        _forecast(trade, 450.0 + number, at=at)
        stored = _plan(trade, _propose(trade, f"again{number}", cut=at))
        kept = [one for one in stored.plan.lines if one.override is not None]
        assert [(one.quantity, one.override_reason, one.stale) for one in kept] == [(quantity, "I know better", True)]
        assert kept[0].override_basis == first.plan.plan
        assert (kept[0].offer, kept[0].state) == ("A1", LineState.PROPOSED)
    review.edit(trade, kept[0].line, quantity=None, version=kept[0].version, actor=PLANNER, reason="lifted", wall=wall)
    _forecast(trade, 460.0, at=CUT + 5 * MINUTE)
    stored = _plan(trade, _propose(trade, "lifted", cut=CUT + 5 * MINUTE))
    assert all(one.override is None for one in stored.plan.lines)


def test_covered_group_needs_no_plan_unless_a_person_asks(trade: SqlStore) -> None:
    outcome = _propose(trade, "r1", group="D")
    assert (outcome.plan, outcome.new) == (None, False)
    assert "no plan needed" in outcome.note
    asked = _propose(trade, "r2", group="D", reason="manual: look")
    assert asked.new
    assert _plan(trade, asked).plan.lines == ()
    with trade.read() as tx:
        assert not tx.signals.pending_request()


def test_what_cannot_be_covered_is_said(trade: SqlStore) -> None:
    with trade.read() as tx:
        _, catalogue = tx.versions.network()
    without = replace(catalogue, offers={name: one for name, one in catalogue.offers.items() if one.sku != "C"})
    open_trade(trade, without, through=CUT)
    _forecast(trade, 100.0, sku="C")
    stored = _plan(trade, _propose(trade, "r1", group="C"))
    assert stored.plan.lines == ()
    assert {row["region"] for row in stored.plan.shortages} == {"CN-ZJ", "CN-GD"}
    assert sum(row["expected"] for row in stored.plan.shortages) == 80
    assert {row["why"] for row in stored.plan.shortages} == {"no supplier can be ordered from"}


def test_what_would_help_is_named_and_changes_nothing(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    shares: list[float] = []
    found = what_would_help(trade, ["A"], shares.append)
    assert shares == [done / found["tried"] for done in range(1, found["tried"] + 1)]
    assert [row["gain_minor"] for row in found["reliefs"]] == sorted(
        (row["gain_minor"] for row in found["reliefs"]), reverse=True
    )
    assert all(row["where"] and row["gain_minor"] > 0 for row in found["reliefs"])
    with trade.read() as tx:
        assert tx.plans.lines(states={LineState.PROPOSED}) == []
    with pytest.raises(NotFoundError):
        what_would_help(trade, ["nobody knows"])


def test_fences_of_the_supplier_hold_what_is_not_firm(trade: SqlStore) -> None:
    _forecast(trade, 400.0)
    for line in _orders(_plan(trade, _propose(trade, "r1"))):
        late = line.release_at > CUT + 30 * MINUTE
        assert (line.zone is Zone.FIRM) == (line.release_at <= CUT + 24 * HOUR)
        assert bool(line.fence) == (late or line.zone is not Zone.FIRM)


def test_every_group_of_the_sample_network_becomes_a_valid_problem(store: SqlStore, sample_network: Catalogue) -> None:
    cut = min(session.starts_at for session in sample_network.sessions.values()) + 30 * MINUTE
    open_trade(store, sample_network, through=cut)
    baseline = {(sku, region): daily(1.5) for sku in sample_network.skus for region in sample_network.regions}
    pieces = 0
    with store.read() as tx:
        for group, skus in sample_network.groups.items():
            draft = translate(load(tx, (group,), cut), baseline)
            assert draft is not None, group
            assert set(draft.items) == {part.sku for sku in skus for part in sample_network.exploded(sku)}
            assert draft.problem.sizes["N"] == len(draft.items)
            assert len(draft.safety_row) == len(draft.problem.demand.pieces)
            assert len(draft.modes) == len(draft.mode_arrivals) == len(draft.problem.modes.offer)
            assert draft.notes == ()
            pieces += int(draft.problem.demand.pieces.sum())
    assert pieces > 0
