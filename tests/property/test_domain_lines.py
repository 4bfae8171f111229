"""Laws of lines and stock: only allowed moves, one status, and each piece in exactly one state through a whole life."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supplychain.domain.errors import ConflictError
from supplychain.domain.ids import derive, event_id
from supplychain.domain.plan import (
    MOVES,
    SUPPLY,
    Explanation,
    LineKind,
    LineState,
    PlanLine,
    PlanStatus,
    Term,
    status,
    step,
)
from supplychain.domain.position import StockLevel, position
from tests.unit.planning.small_trade import line_of, move_of

S = LineState
states = st.sampled_from(list(LineState))


@given(st.lists(states, max_size=30))
def test_only_allowed_moves_happen(wanted: list[LineState]) -> None:
    state = S.PROPOSED
    visited = [state]
    for target in wanted:
        if target in MOVES[state]:
            state = step(state, target)
            visited.append(state)
        else:
            with pytest.raises(ConflictError):
                step(state, target)
    known = [visited.index(one) for one in visited if one in {S.RELEASED, S.CONFIRMED, S.IN_TRANSIT, S.RECEIVED}]
    assert known == sorted(known), "what the supplier knows never goes back"
    assert visited.count(S.RELEASED) <= 1, "a line is released once"


@given(st.lists(states, max_size=8))
def test_status_depends_on_which_states_there_are_alone(lines: list[LineState]) -> None:
    found = status(lines)
    assert status(set(lines)) is found
    assert (found is PlanStatus.EMPTY) == (not lines)
    assert (found is PlanStatus.OPEN) == (S.PROPOSED in lines)
    if found in {PlanStatus.DONE, PlanStatus.REJECTED, PlanStatus.SUPERSEDED}:
        assert not set(lines) & {*SUPPLY, S.PROPOSED}


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(-(10**6), 10**6)), max_size=9))
def test_terms_add_up_and_the_equation_says_so(rows: list[tuple[str, int]]) -> None:
    explained = Explanation(tuple(Term(name, pieces) for name, pieces in rows))
    assert explained.total == sum(pieces for _, pieces in rows)
    assert explained.sentence().endswith(f"= {explained.total}")


parts = st.lists(st.text(alphabet="ab:|\x1f\x1e\\0", max_size=4), min_size=1, max_size=4)


@given(parts, parts)
@example(["a\x1fb"], ["a", "b"])
@example(["\x1e1"], ["\x1f"])
@example([""], ["", ""])
def test_different_things_get_different_ids(one: list[str], two: list[str]) -> None:
    assert (derive("plan", *one) == derive("plan", *two)) == (one == two)


six = st.tuples(*[st.text(alphabet="ab\x1f\x1e", max_size=3)] * 6)


@given(six, six)
@example(("a\x1fb", "", "", "", "", ""), ("a", "b", "", "", "", ""))
@example(("a\x1f", "b", "", "", "", ""), ("a", "\x1fb", "", "", "", ""))
def test_different_events_get_different_ids(
    one: tuple[str, str, str, str, str, str], two: tuple[str, str, str, str, str, str]
) -> None:
    assert (event_id(*one) == event_id(*two)) == (one == two)


class _Stock:
    """Pieces by warehouse, and what a line's life does to them."""

    def __init__(self, w1: int, w2: int, reserved: int) -> None:
        self.on_hand = {"W1": w1, "W2": w2}
        self.reserved = reserved

    def position(self, line: PlanLine) -> int:
        levels = [StockLevel(name, "A", pieces, 0) for name, pieces in self.on_hand.items()]
        other = [StockLevel("W1", "B", 1_000, 0)]
        return position("A", [*levels, *other], self.reserved, [line, line_of("x", sku="B")]).position


@given(
    st.integers(0, 500),
    st.integers(1, 400),
    st.integers(0, 400),
    st.lists(st.integers(1, 150), max_size=5),
    st.sampled_from(["confirm", "short", "silent"]),
)
def test_each_piece_of_an_order_counts_once_from_approval_to_receipt(
    on_hand: int, ordered: int, promised: int, receipts: list[int], answer: str
) -> None:
    stock = _Stock(on_hand, 7, reserved=3)
    start = on_hand + 7 - 3
    line = line_of("l", recommended=ordered)
    assert stock.position(line) == start, "a proposal is no supply"
    for state in (S.APPROVED, S.RELEASED):
        line = replace(line, state=step(line.state, state))
        assert stock.position(line) == start + ordered
    promise = ordered if answer != "short" else min(promised, ordered)
    if answer == "confirm":
        line = replace(line, state=step(line.state, S.CONFIRMED), confirmed=ordered)
    elif answer == "short":
        line = replace(line, state=step(line.state, S.SHORT), confirmed=promise)
    assert stock.position(line) == start + promise
    for pieces in receipts:
        came = min(pieces, promise - line.received)
        stock.on_hand["W1"] += came
        line = replace(line, received=line.received + came, state=S.IN_TRANSIT)
        assert stock.position(line) == start + promise
    lost = promise - line.received
    line = replace(line, state=step(line.state, S.RECEIVED) if line.state is not S.RECEIVED else line.state)
    assert stock.position(line) == start + promise - lost


@given(st.integers(50, 500), st.integers(1, 50), st.lists(st.integers(1, 20), max_size=4))
def test_movement_changes_the_place_of_pieces_and_never_their_number(
    on_hand: int, moved: int, receipts: list[int]
) -> None:
    stock = _Stock(on_hand, 0, reserved=0)
    line = move_of("m", recommended=moved)
    for state in (S.APPROVED, S.RELEASED):
        line = replace(line, state=step(line.state, state))
        assert stock.position(line) == on_hand
    stock.on_hand["W1"] -= moved
    line = replace(line, state=step(line.state, S.IN_TRANSIT), shipped=moved)
    assert stock.position(line) == on_hand
    for pieces in receipts:
        came = min(pieces, moved - line.received)
        stock.on_hand["W2"] += came
        line = replace(line, received=line.received + came)
        assert stock.position(line) == on_hand


@given(
    st.lists(st.tuples(states, st.integers(0, 99), st.none() | st.integers(0, 99), st.integers(0, 99)), max_size=8),
    st.integers(0, 99),
)
def test_position_adds_its_terms_and_each_line_is_in_one_of_them(
    rows: list[tuple[LineState, int, int | None, int]], reserved: int
) -> None:
    lines = [
        line_of(f"l{n}", state=state, recommended=ordered, confirmed=confirmed, received=received)
        for n, (state, ordered, confirmed, received) in enumerate(rows)
    ]
    found = position("A", [StockLevel("W1", "A", 40, 0)], reserved, lines)
    assert found.position == 40 - reserved + sum(line.open_pieces for line in lines)
    assert found.inbound == found.approved + found.released + found.confirmed + found.in_transit
    assert found.available == 40 - reserved
    assert all(line.kind is LineKind.ORDER for line in lines)
