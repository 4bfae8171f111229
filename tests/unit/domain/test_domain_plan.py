"""The life of a line, what a plan's lines amount to, and the equation that explains a quantity."""

from __future__ import annotations

import pytest

from supplychain.domain.errors import ConflictError
from supplychain.domain.plan import MOVES, OPEN, SUPPLY, Explanation, LineState, PlanStatus, Term, Zone, status, step
from supplychain.domain.plan import zone_of as zone_at
from tests.unit.planning.small_trade import line_of

S = LineState
BEFORE_RELEASE = {S.PROPOSED, S.APPROVED}
WITH_THE_SUPPLIER = {S.RELEASED, S.CONFIRMED, S.SHORT, S.IN_TRANSIT}
FINAL = {S.CLOSED, S.REJECTED, S.EXPIRED, S.SUPERSEDED, S.CANCELLED}


def test_final_states_lead_nowhere_and_all_others_lead_somewhere() -> None:
    assert {state for state, onward in MOVES.items() if not onward} == FINAL
    assert set(MOVES) == set(LineState)


def test_every_state_is_reached_from_a_proposal() -> None:
    reached, edge = {S.PROPOSED}, {S.PROPOSED}
    while edge:
        edge = {onward for state in edge for onward in MOVES[state]} - reached
        reached |= edge
    assert reached == set(LineState)


def test_what_the_supplier_knows_is_never_taken_back_in_silence() -> None:
    for state in WITH_THE_SUPPLIER:
        assert not MOVES[state] & {S.PROPOSED, S.APPROVED, S.REJECTED, S.EXPIRED, S.SUPERSEDED}
    for state in BEFORE_RELEASE:
        assert not MOVES[state] & {S.CONFIRMED, S.SHORT, S.REFUSED, S.IN_TRANSIT, S.RECEIVED, S.CLOSED}
    assert S.CANCELLED not in MOVES[S.IN_TRANSIT]


def test_forbidden_step_names_both_states_and_what_is_allowed() -> None:
    with pytest.raises(ConflictError, match="released cannot become proposed") as caught:
        step(S.RELEASED, S.PROPOSED)
    assert caught.value.fields == {"state": "released", "target": "proposed"}
    assert "confirmed" in caught.value.way_out
    with pytest.raises(ConflictError, match="closed cannot become closed") as caught:
        step(S.CLOSED, S.CLOSED)
    assert "final" in caught.value.way_out


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], PlanStatus.EMPTY),
        ([S.PROPOSED, S.CLOSED], PlanStatus.OPEN),
        ([S.APPROVED, S.RELEASED], PlanStatus.APPROVED),
        ([S.RELEASED, S.REJECTED], PlanStatus.RELEASED),
        ([S.CONFIRMED], PlanStatus.RELEASED),
        ([S.SHORT, S.CLOSED], PlanStatus.RELEASED),
        ([S.IN_TRANSIT], PlanStatus.RELEASED),
        ([S.RECEIVED, S.CLOSED], PlanStatus.DONE),
        ([S.REFUSED], PlanStatus.DONE),
        ([S.CANCELLED, S.SUPERSEDED], PlanStatus.DONE),
        ([S.SUPERSEDED, S.EXPIRED], PlanStatus.SUPERSEDED),
        ([S.REJECTED, S.SUPERSEDED], PlanStatus.REJECTED),
    ],
)
def test_status_is_derived_from_the_lines(states: list[LineState], expected: PlanStatus) -> None:
    assert status(states) is expected
    assert status(reversed(states)) is expected
    assert status(states * 2) is expected


def test_planners_quantity_counts_even_when_it_is_zero() -> None:
    line = line_of("l1", recommended=100, unit_cost_minor=7)
    assert (line.quantity, line.value_minor) == (100, 700)
    edited = line_of("l1", recommended=100, unit_cost_minor=7, override=0)
    assert (edited.quantity, edited.value_minor, edited.recommended) == (0, 0, 100)


@pytest.mark.parametrize("state", list(LineState))
def test_open_pieces_are_what_was_promised_and_is_not_in_yet(state: LineState) -> None:
    inside = state in SUPPLY
    assert line_of("l", state=state, received=30).open_pieces == (70 if inside else 0)
    assert line_of("l", state=state, confirmed=60, received=30).open_pieces == (30 if inside else 0)
    assert line_of("l", state=state, confirmed=0).open_pieces == 0
    assert line_of("l", state=state, confirmed=60, received=80).open_pieces == 0


def test_proposals_are_replaced_and_supply_is_kept() -> None:
    assert {S.PROPOSED} == OPEN
    assert {S.APPROVED, *WITH_THE_SUPPLIER} == SUPPLY


def test_explanation_reads_as_an_equation_that_adds_up() -> None:
    explained = Explanation((Term("gross demand", 120), Term("expected loss", -24), Term("left short", -6)))
    assert explained.total == 90
    assert explained.sentence() == "gross demand 120 - expected loss 24 - left short 6 = 90"
    assert Explanation(()).total == 0


@pytest.mark.parametrize(
    ("minutes", "zone"),
    [(-5, Zone.FIRM), (60, Zone.FIRM), (61, Zone.COMMIT), (120, Zone.COMMIT), (121, Zone.FORECAST)],
)
def test_zone_ends_with_its_fence(minutes: int, zone: Zone) -> None:
    assert zone_at(1_000_000 + minutes * 60_000, 1_000_000, 60, 120) is zone
