"""What leaves the house: outbox rows of the releasing transaction, with ids that can be derived again, in order per lane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supplychain.domain.errors import ConflictError, ForbiddenError
from supplychain.domain.ids import derive
from supplychain.domain.plan import Explanation, LineState
from supplychain.domain.tuning import parse
from supplychain.domain.units import MINUTE
from supplychain.planning import release as releasing
from supplychain.planning import review, tune
from supplychain.planning.approvals import auto_approve
from supplychain.planning.lines import change
from supplychain.planning.ports import SYSTEM
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import (
    APPROVER,
    OPERATOR,
    PLANNER,
    T0,
    WALL,
    add_plan,
    data_of,
    line_of,
    move_of,
    open_trade,
    outbox,
    state_of,
    wall,
)

HELD = "wave due after the next review"


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    open_trade(store)
    return store


def _approve(store: SqlStore, plan: str = "p1", lines: list[str] | None = None) -> None:
    review.approve(store, plan, lines, actor=APPROVER, reason="", wall=wall)


def test_one_order_per_supplier_with_its_lines_and_cancel_window(trade: SqlStore) -> None:
    other = line_of("l3", sku="C", supplier="S2", offer="C1", unit_cost_minor=4_000)
    add_plan(trade, line_of("l2"), line_of("l1", mode="expedite"), other)
    _approve(trade)
    messages = {message.lane: message for message in outbox(trade, "supplier")}
    assert set(messages) == {"S1", "S2"}
    order = data_of(messages["S1"])
    assert order["order_id"] == messages["S1"].message == derive("order", "S1", "p1", "l1", "l2")
    assert [(line["plan_line_id"], line["pieces"], line["mode"]) for line in order["lines"]] == [
        ("l1", 100, "expedite"),
        ("l2", 100, "normal"),
    ]
    assert order["released_at"] == T0
    assert order["cancel_until"] == T0 + 30 * MINUTE
    assert data_of(messages["S2"])["cancel_until"] is None
    assert "S2" not in messages["S1"].payload.decode()


def test_movement_is_one_event_per_leg_keyed_by_its_warehouse(trade: SqlStore) -> None:
    add_plan(trade, move_of("m1"))
    _approve(trade)
    out, into = outbox(trade, "allocations")
    assert (out.lane, into.lane) == ("W1", "W2")
    movement = derive("movement", "m1")
    for message, leg in ((out, "out"), (into, "in")):
        data = data_of(message)
        assert message.message == derive("allocation", movement, leg, 1)
        assert (data["movement_id"], data["leg"], data["action"]) == (movement, leg, "create")
        assert (data["version"], data["supersedes"]) == (1, None)
        assert (data["pieces"], data["origin"], data["destination"]) == (30, "W1", "W2")
        assert data["plan_line_id"] == "m1"


def test_rows_of_a_lane_keep_the_order_of_release_and_go_out_one_by_one(trade: SqlStore) -> None:
    for number in range(4):
        add_plan(trade, line_of(f"l{number}", plan=f"plan{number}"), name=f"plan{number}")
        _approve(trade, f"plan{number}")
    assert [message.lines[0] for message in outbox(trade, "supplier")] == ["l0", "l1", "l2", "l3"]
    gone = []
    while True:
        with trade.write() as tx:
            heads = tx.bridge.claim("supplier", "d1", WALL, 1_000, limit=10)
            assert len(heads) <= 1, "one lane, one head"
            assert tx.bridge.claim("supplier", "d2", WALL, 1_000, limit=10) == []
            for head in heads:
                tx.bridge.delivered(head.message, WALL)
                gone.append(head.lines[0])
        if not heads:
            break
    assert gone == ["l0", "l1", "l2", "l3"]


def test_failing_approval_leaves_neither_states_nor_messages(trade: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add_plan(trade, line_of("l1"), move_of("m1"))

    def broken(*_: object, **__: object) -> None:
        message = "the disk is full"
        raise OSError(message)

    monkeypatch.setattr(review, "_note", broken)
    with pytest.raises(OSError, match="disk"):
        _approve(trade)
    assert outbox(trade) == []
    assert state_of(trade, "l1") is state_of(trade, "m1") is LineState.PROPOSED
    assert review.history(trade, "l1")["revisions"] == []
    monkeypatch.undo()
    _approve(trade)
    assert len(outbox(trade)) == 3


def test_release_lifts_the_fence(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1", fence=HELD), line_of("l2", fence=HELD), line_of("l3"))
    _approve(trade)
    with pytest.raises(ForbiddenError):
        releasing.release(trade, "p1", None, actor=PLANNER, reason="", wall=wall)
    (released,) = releasing.release(trade, "p1", ["l1"], actor=APPROVER, reason="now", wall=wall)
    assert (released.state, released.fence) == (LineState.RELEASED, "")
    assert state_of(trade, "l2") is LineState.APPROVED
    releasing.release(trade, "p1", None, actor=APPROVER, reason="rest", wall=wall)
    assert sorted(line for message in outbox(trade) for line in message.lines) == ["l1", "l2", "l3"]
    with pytest.raises(ConflictError, match="no approved line"):
        releasing.release(trade, "p1", None, actor=APPROVER, reason="again", wall=wall)
    assert len(outbox(trade)) == 3


def test_release_of_a_line_that_is_not_approved_is_refused_whole(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1", fence=HELD), line_of("l2", fence=HELD))
    _approve(trade, lines=["l1"])
    with pytest.raises(ConflictError):
        releasing.release(trade, "p1", ["l1", "l2"], actor=APPROVER, reason="", wall=wall)
    assert state_of(trade, "l1") is LineState.APPROVED
    assert outbox(trade) == []


def test_kill_switch_stops_a_release_by_hand(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1", fence=HELD))
    _approve(trade)
    tune.activate(trade, {"approval": {"release_enabled": False}}, actor=OPERATOR, reason="stop", wall=wall)
    with pytest.raises(ConflictError, match="switched off"):
        releasing.release(trade, "p1", None, actor=APPROVER, reason="", wall=wall)
    tune.rollback(trade, 0, actor=OPERATOR, reason="go", wall=wall)
    releasing.release(trade, "p1", None, actor=APPROVER, reason="", wall=wall)
    assert state_of(trade, "l1") is LineState.RELEASED


def test_same_message_is_never_put_out_twice(trade: SqlStore) -> None:
    add_plan(trade, move_of("m1"))
    _approve(trade)
    first = outbox(trade)
    with trade.write() as tx:
        assert [tx.bridge.send(message, WALL + 5) for message in first] == [False, False]
    assert outbox(trade) == first


AUTO = {"auto_approve": True, "auto_line_minor": 100_000, "auto_plan_minor": 150_000, "auto_cover_hours": 48.0}


def test_automatic_approval_stays_inside_every_limit(trade: SqlStore) -> None:
    tuning = parse({"approval": AUTO})
    covered = Explanation((), {"cover_hours": 49.0})
    plan = add_plan(
        trade,
        line_of("small", recommended=50),
        line_of("next", recommended=90),
        line_of("over-plan", recommended=100),
        line_of("over-line", recommended=126),
        line_of("long", recommended=10, explanation=covered),
        line_of("edited", recommended=10, override=12),
        line_of("held", recommended=10, fence=HELD),
        line_of("nothing", recommended=0),
        move_of("m1"),
    )
    with trade.write() as tx:
        taken = auto_approve(tx, tuning, plan, WALL)
    assert sorted(line.line for line in taken) == ["m1", "next", "small"]
    assert all(line.state is LineState.RELEASED for line in taken)
    with trade.read() as tx:
        entry = tx.audit.entries(subject="p1")[0]
        assert tx.plans.revisions("small")[0].actor == "auto-approval"
    assert (entry["actor"], entry["detail"]["value_minor"]) == ("auto-approval", 140 * 800)


def test_nothing_is_approved_by_itself_unless_said(trade: SqlStore) -> None:
    plan = add_plan(trade, line_of("l1", recommended=1))
    with trade.write() as tx:
        assert auto_approve(tx, parse({"approval": {**AUTO, "auto_approve": False}}), plan, WALL) == []
        assert auto_approve(tx, parse({"approval": {**AUTO, "auto_line_minor": 0}}), plan, WALL) == []
    assert state_of(trade, "l1") is LineState.PROPOSED


def test_line_changed_behind_ones_back_is_a_conflict(trade: SqlStore) -> None:
    plan = add_plan(trade, line_of("l1"))
    review.edit(trade, "l1", quantity=5, version=1, actor=PLANNER, reason="x", wall=wall)
    stale = plan.lines[0]
    after = replace(stale, state=LineState.APPROVED)
    with trade.write() as tx, pytest.raises(ConflictError, match="has changed since"):
        change(tx, stale, after, actor=SYSTEM, action="a", reason="", at=T0, wall=WALL)
    assert state_of(trade, "l1") is LineState.PROPOSED
