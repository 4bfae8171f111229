"""When a plan is asked for: safe cuts, debounce, reviews, moved forecasts, and nothing while a request is open."""

from __future__ import annotations

from itertools import pairwise

import pytest

from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, TuningError
from supplychain.domain.events import PlanRequest, Signal, SignalKind
from supplychain.domain.plan import LineState
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.messages.codec import decode_json
from supplychain.messages.topics import TICKED
from supplychain.planning import request as requests
from supplychain.planning import review, tune
from supplychain.planning.expire import expire
from supplychain.planning.request import advance, safe_cut
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import forecasts
from supplychain.storage.upserts import put
from tests.unit.planning.small_trade import (
    CALM,
    OPERATOR,
    PLANNER,
    T0,
    VIEWER,
    WALL,
    add_plan,
    answered,
    line_of,
    open_trade,
    outbox,
    pass_time,
    state_of,
    tune_to,
    wall,
)

PARTITIONS = [(topic.name, number) for topic in TICKED for number in range(topic.partitions)]


@pytest.fixture
def trade(store: SqlStore) -> SqlStore:
    open_trade(store)
    tune_to(store, CALM)
    return store


def _signal(store: SqlStore, name: str, at: int, group: str = "A") -> None:
    with store.write() as tx:
        assert tx.signals.add([Signal(name, SignalKind.SPIKE, group, at, committed_wall=WALL - 700)]) == 1


def _forecast(store: SqlStore, at: int, total: float, sku: str = "A") -> None:
    row = {"session": "L1", "sku": sku, "as_of": at, "ends_at": T0 + 5 * HOUR, "prior_rest": 0.0, "total": total}
    row |= {"regions": {"CN-ZJ": [0, total, 1.0]}, "tuning_version": 0, "model_version": "m", "degraded": False}
    with store.write() as tx:
        put(tx.connection, forecasts, [row])


def _asked(store: SqlStore, at: int) -> list[PlanRequest]:
    """Requests made when every partition has passed a moment, each answered at once."""
    pass_time(store, at)
    return answered(store)


def test_safe_cut_waits_for_every_partition() -> None:
    marks = dict.fromkeys(PARTITIONS, 99_000)
    assert safe_cut(marks, 5_000) == 95_000
    for partition in PARTITIONS:
        assert safe_cut({**marks, partition: 61_234}, 5_000) == 60_000
        assert safe_cut({**marks, partition: -1}, 5_000) is None
        assert safe_cut({key: at for key, at in marks.items() if key != partition}, 5_000) is None
    assert safe_cut({}, 5_000) is None
    assert safe_cut({**marks, ("allocations.v1", 0): 5}, 5_000) == 95_000, "only ticked topics count"


def test_business_time_begins_with_the_first_safe_cut(store: SqlStore) -> None:
    open_trade(store)
    with store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM facts")
    assert requests.business_now(store) is None
    assert not advance(store, wall)
    with pytest.raises(ConflictError, match="no business time yet"):
        requests.ask(store, groups=None, actor=PLANNER, reason="", wall=wall)
    pass_time(store, T0 + 7 * SECOND)
    assert not advance(store, wall)
    assert requests.business_now(store) == T0 + 5 * SECOND


def test_one_partition_behind_holds_everything(trade: SqlStore) -> None:
    _signal(trade, "s1", T0 + 10 * SECOND)
    pass_time(trade, T0 + MINUTE, ["sales.v1", "stock.v1"])
    assert not advance(trade, wall)
    (request,) = _asked(trade, T0 + MINUTE)
    assert request.cut == T0 + 10 * SECOND


def test_signal_is_answered_at_the_first_cut_that_has_passed_it(trade: SqlStore) -> None:
    _signal(trade, "s1", T0 + 10 * SECOND + 1)
    (request,) = _asked(trade, T0 + HOUR - MINUTE)
    assert (request.cut, request.groups, request.signals) == (T0 + 15 * SECOND, ("A",), ("s1",))
    assert request.reasons == ("spike: A",)
    assert requests.business_now(trade) == T0 + HOUR - MINUTE
    with trade.read() as tx:
        assert tx.signals.latencies() == [0.7]


def test_signals_due_together_make_one_request(trade: SqlStore) -> None:
    for name, seconds, group in (("s1", 11, "A"), ("s2", 15, "C"), ("s3", 14, "A"), ("s4", 16, "D")):
        _signal(trade, name, T0 + seconds * SECOND, group)
    first, second = _asked(trade, T0 + 5 * MINUTE)
    assert (first.cut, first.groups, first.signals) == (T0 + 15 * SECOND, ("A", "C"), ("s1", "s2", "s3"))
    assert (second.cut, second.groups) == (T0 + 20 * SECOND, ("D",))


def test_group_rests_between_two_plans_and_others_do_not_wait(trade: SqlStore) -> None:
    for name, seconds, group in (("s1", 10, "A"), ("s2", 12, "A"), ("s3", 30, "A"), ("s4", 31, "C")):
        _signal(trade, name, T0 + seconds * SECOND, group)
    found = [((r.cut - T0) // SECOND, r.groups, r.signals) for r in _asked(trade, T0 + 5 * MINUTE)]
    assert found == [(10, ("A",), ("s1",)), (35, ("C",), ("s4",)), (70, ("A",), ("s2", "s3"))]


def test_review_looks_at_each_group_on_air_in_its_turn(trade: SqlStore) -> None:
    found = _asked(trade, T0 + 6 * HOUR)
    assert {r.reasons for r in found} == {("review",)}
    for group in ("A", "C"):
        cuts = [(r.cut - T0) // MINUTE for r in found if group in r.groups]
        assert len(cuts) == 6, "every half hour of three hours"
        assert {later - sooner for sooner, later in pairwise(cuts)} == {30}
        assert 120 <= cuts[0] < 150
    assert not [r for r in found if "D" in r.groups], "D is not on air"


def test_review_passes_over_what_was_planned_since_the_last(trade: SqlStore) -> None:
    turns = [r.cut for r in _asked(trade, T0 + 3 * HOUR) if "A" in r.groups]
    _signal(trade, "s1", turns[-1] + 30 * MINUTE - 10 * SECOND)
    found = [r for r in _asked(trade, turns[-1] + 61 * MINUTE) if "A" in r.groups]
    assert [(r.cut - turns[-1], "review" in r.reasons) for r in found] == [
        (30 * MINUTE - 10 * SECOND, False),
        (60 * MINUTE, True),
    ]


def test_spike_is_planned_before_other_reasons_of_its_cut(trade: SqlStore) -> None:
    with trade.write() as tx:
        tx.signals.add([Signal("s0", SignalKind.SHORT, "A", T0 + 10 * SECOND)])
    _signal(trade, "s1", T0 + 10 * SECOND, "D")
    first, second = _asked(trade, T0 + MINUTE)
    assert (first.groups, first.cut, second.groups, second.cut) == (("D",), T0 + 10 * SECOND, ("A",), T0 + 10 * SECOND)


def test_forecast_asks_only_when_it_moved_by_share_and_pieces(trade: SqlStore) -> None:
    _forecast(trade, T0 + 10 * SECOND, 159.0)  # planned were 120: 39 pieces are too few
    _forecast(trade, T0 + 20 * SECOND, 160.0)
    (request,) = _asked(trade, T0 + 10 * MINUTE)
    assert (request.cut, request.reasons) == (T0 + 20 * SECOND, ("moved: A in L1",))
    _forecast(trade, T0 + 11 * MINUTE, 121.0)  # 39 from the basis of the last plan
    assert _asked(trade, T0 + 20 * MINUTE) == []
    _forecast(trade, T0 + 21 * MINUTE, 900.0)
    assert len(_asked(trade, T0 + 22 * MINUTE)) == 1
    _forecast(trade, T0 + 23 * MINUTE, 1_100.0)  # 200 pieces, but no quarter of 900
    assert _asked(trade, T0 + 24 * MINUTE) == []


def test_forecast_of_an_unknown_sku_moves_nothing(trade: SqlStore) -> None:
    _forecast(trade, T0 + 10 * SECOND, 9_000.0, sku="Q")
    assert _asked(trade, T0 + MINUTE) == []


def test_nothing_happens_while_a_request_is_open(trade: SqlStore) -> None:
    _signal(trade, "s1", T0 + 10 * SECOND)
    _signal(trade, "s2", T0 + 20 * SECOND, "C")
    pass_time(trade, T0 + HOUR)
    assert advance(trade, wall)
    for _ in range(3):
        assert not advance(trade, wall)
    assert requests.business_now(trade) == T0 + 10 * SECOND
    with trade.write() as tx:
        claimed = tx.signals.claim_request("w1", WALL, 1_000)
        assert claimed is not None
        assert tx.signals.claim_request("w2", WALL, 1_000) is None
    assert not advance(trade, wall)
    with trade.write() as tx:
        again = tx.signals.claim_request("w2", WALL + 1_000, 1_000)
        assert again == claimed, "a lease that has run out is taken over"
        tx.signals.finish_request(claimed.request, None, WALL)
    assert advance(trade, wall)
    assert requests.business_now(trade) == T0 + 20 * SECOND


def test_plan_by_hand_is_made_at_the_cut_of_now(trade: SqlStore) -> None:
    request = requests.ask(trade, groups=["SET", "B"], actor=PLANNER, reason="what if", wall=wall)
    assert (request.cut, request.groups, request.reasons) == (T0, ("A",), ("manual: what if",))
    with pytest.raises(NotFoundError, match="unknown SKU 'Q'"):
        requests.ask(trade, groups=["Q"], actor=PLANNER, reason="", wall=wall)
    whole = requests.ask(trade, groups=None, actor=PLANNER, reason="", wall=lambda: WALL + 1)
    assert whole.groups == ("A", "C", "D")


def test_proposals_expire_in_business_time(trade: SqlStore) -> None:
    add_plan(trade, line_of("l1"), line_of("l2", fence="later"), line_of("l3", changed_at=T0 + HOUR))
    review.approve(trade, "p1", ["l2"], actor=PLANNER, reason="", wall=wall)
    with trade.write() as tx:
        tx.signals.set_planned_through(T0 + 12 * HOUR)
    assert expire(trade, wall) == 0
    with trade.write() as tx:
        tx.signals.set_planned_through(T0 + 12 * HOUR + 1)
    assert expire(trade, wall) == 1
    states = [state_of(trade, name) for name in ("l1", "l2", "l3")]
    assert states == [LineState.EXPIRED, LineState.APPROVED, LineState.PROPOSED]


def test_tuning_is_activated_announced_and_rolled_back(store: SqlStore) -> None:
    open_trade(store)
    first = tune.activate(store, {"detector": {"ratio": 3}}, actor=OPERATOR, reason="calmer", wall=wall)
    second = tune.activate(store, {"planning": {"review_minutes": 15}}, actor=OPERATOR, reason="faster", wall=wall)
    assert tune.diff(store, {"detector": {"ratio": 2.5}}) == [{"name": "detector.ratio", "old": 3.0, "new": 2.5}]
    back = tune.rollback(store, first, actor=OPERATOR, reason="too fast", wall=wall)
    assert first < second < back
    values = {row["name"]: row["value"] for row in tune.show(store)["values"]}
    assert (values["detector.ratio"], values["planning.review_minutes"]) == (3.0, 30)
    told = tune.versions(store)
    assert [row["active"] for row in told] == [True, False, False]
    assert told[0]["reason"] == f"back to version {first}: too fast"
    assert told[0]["changes"] == [{"name": "planning.review_minutes", "old": 15, "new": 30}]
    tune.rollback(store, 0, actor=OPERATOR, reason="defaults", wall=wall)
    assert all(row["value"] == row["default"] for row in tune.show(store)["values"])
    messages = [decode_json(message.payload) for message in outbox(store, "tuning")]
    assert [message["changes"] for message in messages][:2] == [
        {"detector.ratio": [2.0, 3.0]},
        {"planning.review_minutes": [30, 15]},
    ]
    with store.read() as tx:
        assert sum(entry["action"] == "tuning.activate" for entry in tx.audit.entries()) == 4


def test_tuning_is_refused_without_right_reason_or_change(store: SqlStore) -> None:
    open_trade(store)
    for who in (PLANNER, VIEWER):
        with pytest.raises(ForbiddenError):
            tune.activate(store, {"detector": {"ratio": 3}}, actor=who, reason="x", wall=wall)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        tune.activate(store, {"detector": {"ratio": 3}}, actor=OPERATOR, reason="", wall=wall)
    with pytest.raises(InvalidInputError, match="says this already"):
        tune.activate(store, {"detector": {"ratio": 2.0}}, actor=OPERATOR, reason="x", wall=wall)
    with pytest.raises(TuningError):
        tune.activate(store, {"detector": {"ratio": 99}}, actor=OPERATOR, reason="x", wall=wall)
    with pytest.raises(NotFoundError):
        tune.rollback(store, 9, actor=OPERATOR, reason="x", wall=wall)
    assert tune.versions(store) == []
    assert outbox(store) == []
