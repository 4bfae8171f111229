"""Answers and warehouse reports: what they do to a line, what they may not do, and when they ask for the next plan."""

from __future__ import annotations

from typing import Literal

import pytest

from supplychain.domain.errors import ConflictError, ForbiddenError, NotFoundError
from supplychain.domain.events import Signal, SignalKind
from supplychain.domain.plan import LineState, PlanLine
from supplychain.domain.units import HOUR, MINUTE
from supplychain.messages.v1 import LineAnswer, SupplierAnswer
from supplychain.planning import review
from supplychain.planning.acknowledge import apply_due, receive_answer
from supplychain.planning.ports import Actor, Letter
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import (
    APPROVER,
    CATALOGUE,
    T0,
    WALL,
    add_plan,
    line_of,
    move_of,
    open_trade,
    state_of,
    wall,
)

S1 = Actor("portal", frozenset({"supplier:S1"}))
S2 = Actor("portal", frozenset({"supplier:S2"}))
Says = Literal["accept", "short", "refuse"]


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    """Lines l1 (S1) and m1 (a movement) are released, l2 (S2) as well."""
    open_trade(store)
    foreign = line_of("l2", sku="C", group="C", supplier="S2", offer="C1", unit_cost_minor=4_000)
    add_plan(store, line_of("l1"), foreign, move_of("m1"))
    review.approve(store, "p1", None, actor=APPROVER, reason="", wall=wall)
    return store


def _answer(
    name: str, line: str = "l1", says: Says = "accept", pieces: int = 0, at: int = T0 + MINUTE, by: int | None = None
) -> SupplierAnswer:
    return SupplierAnswer(name, "S1", "o1", at, [LineAnswer(line, says, pieces, by)])


def _receive(store: SqlStore, answer: SupplierAnswer) -> bool:
    return receive_answer(store, answer, actor=S1, wall=wall)


def _apply(store: SqlStore, through: int) -> int:
    with store.write() as tx:
        return apply_due(tx, CATALOGUE, through, WALL)


def _line(store: SqlStore, name: str = "l1") -> PlanLine:
    with store.read() as tx:
        return tx.plans.line(name)


def _signals(store: SqlStore) -> list[Signal]:
    with store.read() as tx:
        return tx.signals.open(T0 + 100 * HOUR)


def _letter(store: SqlStore, name: str) -> tuple[str, str | None]:
    with store.read() as tx:
        row = tx.connection.exec_driver_sql("SELECT state, error FROM inbox WHERE message = ?", (name,)).one()
        return row.state, row.error


@pytest.mark.parametrize(
    ("says", "pieces", "state", "confirmed", "missing"),
    [
        ("accept", 0, LineState.CONFIRMED, 100, None),
        ("accept", 100, LineState.CONFIRMED, 100, None),
        ("short", 100, LineState.CONFIRMED, 100, None),
        ("short", 60, LineState.SHORT, 60, 40),
        ("short", 0, LineState.REFUSED, 0, 100),
        ("refuse", 0, LineState.REFUSED, 0, 100),
    ],
)
def test_answer_moves_the_line_and_asks_for_what_is_missing(
    trade: SqlStore, says: Says, pieces: int, state: LineState, confirmed: int, missing: int | None
) -> None:
    assert _receive(trade, _answer("a1", says=says, pieces=pieces))
    assert _apply(trade, T0 + MINUTE) == 1
    line = _line(trade)
    assert (line.state, line.confirmed, line.quantity) == (state, confirmed, 100)
    signals = _signals(trade)
    if missing is None:
        assert signals == []
    else:
        (signal,) = signals
        assert (signal.kind, signal.group, signal.at) == (SignalKind.SHORT, "A", T0 + MINUTE)
        assert f"A {missing} short from S1" in signal.subject
    assert review.history(trade, "l1")["revisions"][-1]["actor"] == "supplier:S1"


def test_later_delivery_moves_the_date_and_asks_for_a_plan(trade: SqlStore) -> None:
    _receive(trade, _answer("a1", by=T0 + 20 * HOUR))
    _apply(trade, T0 + HOUR)
    assert (_line(trade).state, _line(trade).arrive_at) == (LineState.CONFIRMED, T0 + 20 * HOUR)
    assert ["late" in signal.subject for signal in _signals(trade)] == [True]


def test_answer_waits_until_business_time_reaches_it(trade: SqlStore) -> None:
    _receive(trade, _answer("a1", at=T0 + HOUR))
    assert _apply(trade, T0 + HOUR - 1) == 0
    assert state_of(trade, "l1") is LineState.RELEASED
    assert _apply(trade, T0 + HOUR) == 1
    assert _apply(trade, T0 + HOUR) == 0


def test_answers_take_effect_in_order_of_time_however_they_came(trade: SqlStore) -> None:
    _receive(trade, _answer("later", says="short", pieces=50, at=T0 + 2 * HOUR))
    _receive(trade, _answer("sooner", at=T0 + HOUR))
    _apply(trade, T0 + 3 * HOUR)
    actions = [(r["state_after"], r["at"]) for r in review.history(trade, "l1")["revisions"][2:]]
    assert actions == [("confirmed", T0 + HOUR), ("short", T0 + 2 * HOUR)]


def test_same_answer_twice_counts_once_and_another_under_its_id_is_refused(trade: SqlStore) -> None:
    assert _receive(trade, _answer("a1", says="short", pieces=60))
    assert not _receive(trade, _answer("a1", says="short", pieces=60))
    with pytest.raises(ConflictError, match="another content"):
        _receive(trade, _answer("a1", says="short", pieces=10))
    assert _apply(trade, T0 + HOUR) == 1
    assert not _receive(trade, _answer("a1", says="short", pieces=60))
    assert _apply(trade, T0 + HOUR) == 0
    assert (_line(trade).confirmed, len(_signals(trade))) == (60, 1)


def test_supplier_answers_for_itself_and_sees_nobody_else(trade: SqlStore) -> None:
    with pytest.raises(ForbiddenError):
        receive_answer(trade, _answer("a1"), actor=S2, wall=wall)
    for line in ("l2", "m1", "l99"):
        with pytest.raises(NotFoundError) as caught:
            _receive(trade, _answer("a1", line=line))
        assert caught.value.detail == f"there is no plan line '{line}'", "what exists is not told"
    assert _apply(trade, T0 + HOUR) == 0


def test_promise_above_the_order_is_refused_and_on_record(trade: SqlStore) -> None:
    _receive(trade, _answer("a1", says="short", pieces=101))
    _apply(trade, T0 + HOUR)
    assert state_of(trade, "l1") is LineState.RELEASED
    state, error = _letter(trade, "a1")
    assert state == "refused"
    assert "101 pieces promised, 100 ordered" in (error or "")


def test_fault_in_one_line_leaves_its_neighbours_answered(trade: SqlStore) -> None:
    add_plan(trade, line_of("l3", plan="p2"), line_of("l4", plan="p2"), name="p2")
    review.approve(trade, "p2", ["l3"], actor=APPROVER, reason="", wall=wall)
    lines = [LineAnswer("l4", "accept"), LineAnswer("l1", "short", 500), LineAnswer("l3", "accept")]
    _receive(trade, SupplierAnswer("a1", "S1", "o", T0 + MINUTE, lines))
    _apply(trade, T0 + HOUR)
    assert state_of(trade, "l3") is LineState.CONFIRMED
    assert state_of(trade, "l4") is LineState.PROPOSED, "what was never ordered cannot be confirmed"
    state, error = _letter(trade, "a1")
    assert state == "refused"
    assert "l4" in (error or "")
    assert "l1" in (error or "")
    assert "l3" not in (error or "")


def test_garbage_in_the_inbox_is_refused_and_stops_nobody(trade: SqlStore) -> None:
    with trade.write() as tx:
        tx.bridge.receive(Letter("a0", "supplier_answer", "S1", T0, b"{nonsense"), "f", WALL)
    _receive(trade, _answer("a1"))
    assert _apply(trade, T0 + HOUR) == 2
    assert _letter(trade, "a0")[0] == "refused"
    assert state_of(trade, "l1") is LineState.CONFIRMED


def _report(
    store: SqlStore, sequence: int, kind: str, pieces: int, line: str = "l1", *, closes: bool = False, at: int = T0 + 1
) -> None:
    with store.write() as tx:
        tx.connection.exec_driver_sql(
            "INSERT INTO stock_log (warehouse, sequence, sku, kind, as_of, pieces, sellable, plan_line, closes, applied)"
            " VALUES ('W1', ?, 'A', ?, ?, ?, ?, ?, ?, 0)",
            (sequence, kind, at, pieces, pieces if kind == "receipt" else -pieces, line, closes),
        )
    _apply(store, at)


def test_receipts_add_up_and_the_last_one_closes(trade: SqlStore) -> None:
    _receive(trade, _answer("a1"))
    _apply(trade, T0 + MINUTE)
    _report(trade, 1, "receipt", 40, at=T0 + HOUR)
    assert (_line(trade).state, _line(trade).received, _line(trade).open_pieces) == (LineState.IN_TRANSIT, 40, 60)
    _report(trade, 2, "receipt", 60, at=T0 + 2 * HOUR)
    assert (_line(trade).state, _line(trade).received, _line(trade).open_pieces) == (LineState.RECEIVED, 100, 0)
    version = _line(trade).version
    _report(trade, 3, "receipt", 5, at=T0 + 3 * HOUR)
    assert _line(trade).version == version, "what is received is over"


def test_receipt_that_closes_ends_the_line_with_what_came(trade: SqlStore) -> None:
    _report(trade, 1, "receipt", 70, closes=True)
    assert (_line(trade).state, _line(trade).received, _line(trade).open_pieces) == (LineState.RECEIVED, 70, 0)


def test_short_line_is_received_with_what_was_promised(trade: SqlStore) -> None:
    _receive(trade, _answer("a1", says="short", pieces=60))
    _apply(trade, T0 + MINUTE)
    _report(trade, 1, "receipt", 60, at=T0 + HOUR)
    assert state_of(trade, "l1") is LineState.RECEIVED


def test_movement_is_in_transit_once_shipped_and_received_at_the_other_end(trade: SqlStore) -> None:
    _report(trade, 1, "shipment", 30, "m1", at=T0 + HOUR)
    moved = _line(trade, "m1")
    assert (moved.state, moved.shipped, moved.received) == (LineState.IN_TRANSIT, 30, 0)
    _report(trade, 2, "receipt", 30, "m1", at=T0 + 2 * HOUR)
    assert state_of(trade, "m1") is LineState.RECEIVED


def test_report_about_an_unknown_line_moves_no_line(trade: SqlStore) -> None:
    _report(trade, 1, "receipt", 10, "l99")
    with trade.read() as tx:
        assert tx.bridge.next_stock_event_at() is None


@pytest.mark.parametrize("kind", ["receipt", "shipment"])
def test_report_about_a_line_that_was_never_released_stops_nobody(trade: SqlStore, kind: str) -> None:
    add_plan(trade, line_of("l3", plan="p2"), name="p2")
    _report(trade, 1, kind, 10, "l3")
    _report(trade, 2, "receipt", 100, "l1", at=T0 + 2)
    assert state_of(trade, "l3") is LineState.PROPOSED
    assert state_of(trade, "l1") is LineState.RECEIVED
    with trade.read() as tx:
        assert tx.bridge.next_stock_event_at() is None
