"""Taking back what has not left: both warehouses are told once, in order, and nothing else is ever taken back."""

from __future__ import annotations

import pytest

from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError
from supplychain.domain.ids import derive
from supplychain.domain.plan import LineState
from supplychain.planning import review
from supplychain.planning.cancel import cancel
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import (
    APPROVER,
    PLANNER,
    add_plan,
    data_of,
    line_of,
    move_of,
    open_trade,
    outbox,
    state_of,
    wall,
)


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    """Two released movements, a released order, and a movement that is only proposed."""
    open_trade(store)
    add_plan(store, line_of("l1"), move_of("m1"), move_of("m2"), move_of("m3"))
    review.approve(store, "p1", ["l1", "m1", "m2"], actor=APPROVER, reason="", wall=wall)
    return store


def test_both_warehouses_get_a_cancellation_that_supersedes_their_event(trade: SqlStore) -> None:
    (line,) = cancel(trade, "p1", ["m1"], actor=APPROVER, reason="host stopped", wall=wall)
    assert (line.state, state_of(trade, "m2")) == (LineState.CANCELLED, LineState.RELEASED)
    movement = derive("movement", "m1")
    legs = [message for message in outbox(trade, "allocations") if message.lines == ("m1",)]
    assert [(data_of(one)["leg"], data_of(one)["version"], data_of(one)["action"]) for one in legs] == [
        ("out", 1, "create"), ("in", 1, "create"), ("out", 2, "cancel"), ("in", 2, "cancel"),
    ]  # fmt: skip
    for leg, message in zip(("out", "in"), legs[2:], strict=True):
        assert data_of(message)["supersedes"] == derive("allocation", movement, leg, 1)
    assert {legs[0].lane, legs[1].lane} == {legs[2].lane, legs[3].lane}


def test_without_names_every_movement_that_waits_is_cancelled_once(trade: SqlStore) -> None:
    assert {line.line for line in cancel(trade, "p1", None, actor=APPROVER, reason="x", wall=wall)} == {"m1", "m2"}
    assert (state_of(trade, "l1"), state_of(trade, "m3")) == (LineState.RELEASED, LineState.PROPOSED)
    sent = len(outbox(trade))
    with pytest.raises(ConflictError, match="no movement"):
        cancel(trade, "p1", None, actor=APPROVER, reason="x", wall=wall)
    assert len(outbox(trade)) == sent


@pytest.mark.parametrize("lines", [["m1", "l1"], ["m1", "m3"], ["m1", "nobody"]])
def test_what_cannot_be_cancelled_refuses_the_whole(trade: SqlStore, lines: list[str]) -> None:
    sent = len(outbox(trade))
    with pytest.raises(ConflictError):
        cancel(trade, "p1", lines, actor=APPROVER, reason="x", wall=wall)
    assert state_of(trade, "m1") is LineState.RELEASED
    assert len(outbox(trade)) == sent


def test_an_approver_with_a_reason_is_wanted(trade: SqlStore) -> None:
    with pytest.raises(ForbiddenError):
        cancel(trade, "p1", None, actor=PLANNER, reason="x", wall=wall)
    with pytest.raises(InvalidInputError, match="reason"):
        cancel(trade, "p1", None, actor=APPROVER, reason=" ", wall=wall)
