"""What a planner does with a plan: limits, what an approval binds to, edits, and two people at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from supplychain.domain.plan import LineState
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import DAY
from supplychain.planning import review, tune
from supplychain.planning.ports import PlanFilter
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import (
    APPROVER,
    OPERATOR,
    PLANNER,
    T0,
    VIEWER,
    WALL,
    add_plan,
    line_of,
    move_of,
    open_trade,
    outbox,
    state_of,
    wall,
)


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    open_trade(store)
    return store


def test_approval_releases_and_says_so_everywhere(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), line_of("l2", fence="wave due after the next review"))
    done = review.approve(trade, "p1", None, actor=PLANNER, reason="looks right", wall=wall)
    assert {line.line: line.state for line in done} == {"l1": LineState.RELEASED, "l2": LineState.APPROVED}
    assert [message.lines for message in outbox(trade)] == [("l1",)]
    told = review.history(trade, "l1")["revisions"]
    assert [(r["action"], r["state_before"], r["state_after"], r["actor"]) for r in told] == [
        ("approve", "proposed", "approved", "ping"),
        ("release", "approved", "released", "ping"),
    ]
    with trade.read() as tx:
        entry = tx.audit.entries(subject="p1")[0]
    assert (entry["actor"], entry["action"], entry["reason"]) == ("ping", "plan.approve", "looks right")
    assert sorted(entry["detail"]["lines"]) == ["l1", "l2"]


def test_viewer_may_look_and_change_nothing(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    with pytest.raises(ForbiddenError):
        review.approve(trade, "p1", None, actor=VIEWER, reason="", wall=wall)
    with pytest.raises(ForbiddenError):
        review.reject(trade, "p1", None, actor=VIEWER, reason="no", wall=wall)
    with pytest.raises(ForbiddenError):
        review.edit(trade, "l1", quantity=1, version=1, actor=VIEWER, reason="no", wall=wall)
    with pytest.raises(ForbiddenError):
        review.edit(trade, "l1", quantity=1, version=1, actor=APPROVER, reason="no", wall=wall)
    assert state_of(trade, "l1") is LineState.PROPOSED
    assert review.show(trade, "p1")["lines"][0]["version"] == 1


def test_line_above_a_persons_limit_needs_an_approver(trade: SqlStore) -> None:
    limit = Tuning().approval.person_line_minor
    add_plan(trade, line_of("small"), line_of("large", recommended=limit // 800 + 1))
    with pytest.raises(ForbiddenError) as caught:
        review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall)
    assert caught.value.fields == {"line": "large", "limit": limit}
    assert state_of(trade, "small") is LineState.PROPOSED, "all or nothing"
    assert outbox(trade) == []
    review.approve(trade, "p1", ["small"], actor=PLANNER, reason="", wall=wall)
    review.approve(trade, "p1", ["large"], actor=APPROVER, reason="", wall=wall)
    assert state_of(trade, "large") is LineState.RELEASED


def test_limit_holds_for_what_the_planner_made_of_the_line(trade: SqlStore) -> None:
    limit = Tuning().approval.person_line_minor
    add_plan(trade, line_of("l1"))
    review.edit(trade, "l1", quantity=limit // 800 + 1, version=1, actor=PLANNER, reason="more", wall=wall)
    with pytest.raises(ForbiddenError, match="above the limit"):
        review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall)


def test_approval_binds_to_what_was_seen(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), line_of("l2"))
    seen = review.show(trade, "p1")
    review.edit(trade, "l2", quantity=70, version=1, actor=PLANNER, reason="less", wall=wall)
    for bound in ({"digest": seen["digest"]}, {"version": seen["version"]}):
        with pytest.raises(ConflictError, match="not the one you have seen") as caught:
            review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall, **bound)
        assert caught.value.fields["digest"] == review.show(trade, "p1")["digest"] != seen["digest"]
    now = review.show(trade, "p1")
    review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall, digest=now["digest"], version=now["version"])
    assert state_of(trade, "l2") is LineState.RELEASED


def test_edit_and_its_undoing_still_void_an_approval(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    seen = review.show(trade, "p1")
    review.edit(trade, "l1", quantity=70, version=1, actor=PLANNER, reason="less", wall=wall)
    review.edit(trade, "l1", quantity=None, version=2, actor=PLANNER, reason="as before", wall=wall)
    with pytest.raises(ConflictError):
        review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall, digest=seen["digest"])


def test_edit_keeps_the_recommendation_and_who_said_why(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    edited = review.edit(trade, "l1", quantity=0, version=1, actor=PLANNER, reason="none of this", wall=wall)
    assert (edited.quantity, edited.recommended, edited.override, edited.override_basis) == (0, 100, 0, "p1")
    assert edited.override_reason == "none of this"
    lifted = review.edit(trade, "l1", quantity=None, version=2, actor=PLANNER, reason="after all", wall=wall)
    assert (lifted.quantity, lifted.override, lifted.override_reason, lifted.override_basis) == (100, None, "", None)
    told = review.history(trade, "l1")["revisions"]
    assert [(r["quantity_before"], r["quantity_after"], r["reason"]) for r in told] == [
        (100, 0, "none of this"),
        (0, 100, "after all"),
    ]


def test_edit_is_refused_when_it_cannot_be(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    for quantity in (-1, 1_000_000_001):
        with pytest.raises(InvalidInputError, match="no possible quantity"):
            review.edit(trade, "l1", quantity=quantity, version=1, actor=PLANNER, reason="x", wall=wall)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        review.edit(trade, "l1", quantity=1, version=1, actor=PLANNER, reason="  ", wall=wall)
    with pytest.raises(ConflictError, match="at version 1, not 7"):
        review.edit(trade, "l1", quantity=1, version=7, actor=PLANNER, reason="x", wall=wall)
    with pytest.raises(NotFoundError):
        review.edit(trade, "l9", quantity=1, version=1, actor=PLANNER, reason="x", wall=wall)
    review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall)
    with pytest.raises(ConflictError, match="only a proposed line"):
        review.edit(trade, "l1", quantity=1, version=3, actor=PLANNER, reason="x", wall=wall)


def test_line_set_to_nothing_is_approved_and_never_ordered(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1", override=0, override_reason="none"))
    review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall)
    assert state_of(trade, "l1") is LineState.APPROVED
    assert outbox(trade) == []


def test_rejection_needs_a_reason_and_is_final(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), line_of("l2"))
    with pytest.raises(InvalidInputError, match="needs a reason"):
        review.reject(trade, "p1", None, actor=PLANNER, reason=" ", wall=wall)
    review.reject(trade, "p1", ["l1"], actor=PLANNER, reason="too late", wall=wall)
    assert (state_of(trade, "l1"), state_of(trade, "l2")) == (LineState.REJECTED, LineState.PROPOSED)
    with pytest.raises(ConflictError):
        review.approve(trade, "p1", ["l1"], actor=PLANNER, reason="", wall=wall)
    review.reject(trade, "p1", None, actor=PLANNER, reason="all", wall=wall)
    with pytest.raises(ConflictError, match="no open line"):
        review.reject(trade, "p1", None, actor=PLANNER, reason="again", wall=wall)


def test_unknown_plan_and_line_are_told_apart(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    with pytest.raises(NotFoundError):
        review.approve(trade, "nope", None, actor=PLANNER, reason="", wall=wall)
    with pytest.raises(ConflictError, match="has no line l9"):
        review.approve(trade, "p1", ["l1", "l9"], actor=PLANNER, reason="", wall=wall)
    with pytest.raises(NotFoundError):
        review.history(trade, "l9")
    assert state_of(trade, "l1") is LineState.PROPOSED


def test_line_named_twice_is_approved_once_or_not_at_all(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"))
    with pytest.raises(ConflictError):
        review.approve(trade, "p1", ["l1", "l1"], actor=PLANNER, reason="", wall=wall)
    assert state_of(trade, "l1") is LineState.PROPOSED
    assert outbox(trade) == []


def test_kill_switch_holds_what_is_approved(trade: SqlStore) -> None:
    tune.activate(trade, {"approval": {"release_enabled": False}}, actor=OPERATOR, reason="stop", wall=wall)
    add_plan(trade, line_of("l1"), move_of("m1"))
    for line in review.approve(trade, "p1", None, actor=APPROVER, reason="", wall=wall):
        assert line.state is LineState.APPROVED
        assert "switched off" in line.fence
    assert outbox(trade, "supplier") == outbox(trade, "allocations") == []


def test_old_stock_of_the_destination_holds_a_release(trade: SqlStore) -> None:
    with trade.write() as tx:
        for warehouse, as_of in (("W1", T0 - 2 * DAY), ("W2", T0)):
            tx.connection.exec_driver_sql(
                "INSERT INTO stock_log (warehouse, sequence, sku, kind, as_of, pieces, sellable, closes, applied)"
                " VALUES (?, 1, 'A', 'snapshot', ?, 5, 5, 0, 1)",
                (warehouse, as_of),
            )
    add_plan(trade, line_of("l1"), move_of("m1"))
    held = {line.line: line for line in review.approve(trade, "p1", None, actor=PLANNER, reason="", wall=wall)}
    assert held["l1"].fence == f"stock of W1 is {2 * 1_440} minutes old"
    assert held["m1"].state is LineState.RELEASED


def test_listing_is_newest_first_and_filtered(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), name="p1")
    add_plan(trade, line_of("l2", plan="p2", sku="B", supplier="S2"), name="p2")
    add_plan(trade, name="p3")
    review.reject(trade, "p1", None, actor=PLANNER, reason="no", wall=wall)

    def found(wanted: PlanFilter) -> list[str]:
        return [row["plan"] for row in review.listing(trade, wanted)]

    assert found(PlanFilter()) == ["p3", "p2", "p1"]
    assert found(PlanFilter(open_only=True)) == ["p2"]
    assert found(PlanFilter(sku="A")) == ["p1"]
    assert found(PlanFilter(supplier="S2")) == ["p2"]
    assert found(PlanFilter(states=(LineState.REJECTED,))) == ["p1"]
    assert found(PlanFilter(limit=1)) == ["p3"]
    assert found(PlanFilter(before_serial=3)) == ["p2", "p1"]
    assert [row["status"] for row in review.listing(trade, PlanFilter())] == ["empty", "open", "rejected"]


def test_plan_is_found_by_a_unique_beginning(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), name="abc-1")
    add_plan(trade, line_of("l2", plan="abd-2"), name="abd-2")
    assert review.show(trade, "abc")["plan"] == "abc-1"
    for beginning in ("ab", "", "%", "abc_1"):
        with pytest.raises(NotFoundError):
            review.show(trade, beginning)


def test_of_eight_approvals_at_once_exactly_one_wins(trade: SqlStore) -> None:
    rounds = 20
    for number in range(rounds):
        add_plan(trade, line_of(f"l{number}", plan=f"plan-{number:02}"), name=f"plan-{number:02}")
    others = [SqlStore(Database(trade.database.url)) for _ in range(3)]  # as other processes would
    stores = [trade, *others] * 2
    barrier = Barrier(len(stores))

    def try_all(one: SqlStore) -> list[str]:
        won = []
        for number in range(rounds):
            barrier.wait(30)
            try:
                review.approve(one, f"plan-{number:02}", None, actor=PLANNER, reason="race", wall=wall)
                won.append(f"plan-{number:02}")
            except ConflictError:
                pass
        return won

    with ThreadPoolExecutor(len(stores)) as pool:
        won = [plan for found in pool.map(try_all, stores) for plan in found]
    for other in others:
        other.database.close()
    assert sorted(won) == [f"plan-{number:02}" for number in range(rounds)]
    assert len(outbox(trade, "supplier")) == rounds
    with trade.read() as tx:
        entries = tx.audit.entries(limit=1_000)
        assert sum(entry["action"] == "plan.approve" for entry in entries) == rounds
        assert tx.audit.verify() == len(entries)
    assert entries[0]["created_wall"] == WALL
