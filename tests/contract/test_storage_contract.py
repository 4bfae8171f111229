"""One suite for both databases: what the rest of the house relies on holds on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from supplychain.domain.errors import ConflictError, FencedError, NotFoundError
from supplychain.domain.events import PlanRequest, Signal, SignalKind
from supplychain.domain.plan import LineState
from supplychain.planning import review
from supplychain.planning.ports import Letter, Message
from supplychain.storage.engine import Database
from supplychain.storage.partition_state import SqlPartitions, add_counts, add_seen, advance
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import (
    audit,
    counts,
    facts,
    incidents,
)
from supplychain.storage.upserts import add_up, insert_new, put
from supplychain.watching.snapshot import VERSION, CueState, DetectorState, PartitionState, dump
from tests.unit.planning.small_trade import PLANNER, T0, WALL, add_plan, line_of, move_of, open_trade, outbox, wall

STATE = dump(PartitionState(VERSION, 0, 5_000, 77, -1, DetectorState([]), CueState()))


def _both(threads: int, call: Any) -> list[Any]:
    barrier = Barrier(threads)

    def one(number: int) -> Any:
        barrier.wait(30)
        return call(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_no_update_is_lost_between_eight_writers(base: Database) -> None:
    store = SqlStore(base)
    with base.write() as connection:
        put(connection, facts, [{"name": "n", "value": 0}])

    def add(_: int) -> None:
        for _ in range(20):
            with store.write() as tx:
                tx.signals.alone()
                value = tx.connection.execute(select(facts.c.value).where(facts.c.name == "n")).scalar_one()
                tx.connection.execute(update(facts).where(facts.c.name == "n").values(value=value + 1))

    _both(8, add)
    with base.read() as connection:
        assert connection.execute(select(facts.c.value).where(facts.c.name == "n")).scalar_one() == 160


def test_sums_are_added_by_the_database_itself(base: Database) -> None:
    owner = SqlPartitions(base).assign("sales.v1", 0, cluster="c", low=0, high=0, wall=1).owner

    def add(_: int) -> None:
        for _ in range(20):
            with base.write() as connection:
                add_counts(connection, owner, {("received", ""): 2, ("counted", ""): 0})

    _both(8, add)
    with base.read() as connection:
        rows = {row.bucket: row.events for row in connection.execute(select(counts))}
    assert rows == {"received": 320}


def test_transaction_that_fails_changes_nothing(base: Database) -> None:
    class Stop(Exception):  # noqa: N818 - no fault: somebody stops
        pass

    def fail() -> None:
        with base.write() as connection:
            put(connection, facts, [{"name": "n", "value": 1}])
            raise Stop

    with pytest.raises(Stop):
        fail()
    with base.read() as connection:
        assert connection.execute(select(facts)).all() == []


def test_reader_sees_one_state_while_a_writer_goes_on(base: Database) -> None:
    with base.write() as connection:
        put(connection, facts, [{"name": "n", "value": 1}])
    with base.read() as reader:
        assert reader.execute(select(facts.c.value)).scalar_one() == 1
        with base.write() as connection:
            put(connection, facts, [{"name": "n", "value": 2}])
        assert reader.execute(select(facts.c.value)).scalar_one() == 1
    with base.read() as reader:
        assert reader.execute(select(facts.c.value)).scalar_one() == 2


def test_upserts_add_replace_and_ignore(base: Database) -> None:
    key = {"topic": "t", "partition": 0, "bucket": "b", "reason": ""}
    with base.write() as connection:
        add_up(connection, counts, [{**key, "events": 2}, {**key, "reason": "x", "events": 1}], ["events"])
        add_up(connection, counts, [{**key, "events": 5}], ["events"])
        add_up(connection, counts, [], ["events"])
        rows = connection.execute(select(counts.c.events).order_by(counts.c.reason)).scalars().all()
        assert list(rows) == [7, 1]
        put(connection, counts, [{**key, "events": 3}])
        put(connection, counts, [])
        assert insert_new(connection, counts, [{**key, "events": 9}, {**key, "reason": "y", "events": 1}]) == 1
        rows = connection.execute(select(counts.c.events).order_by(counts.c.reason)).scalars().all()
        assert list(rows) == [3, 1, 1]


def test_only_the_last_owner_of_a_partition_writes(base: Database) -> None:
    desk = SqlPartitions(base)
    first = desk.assign("sales.v1", 0, cluster="c", low=5, high=9, wall=1)
    assert (first.owner.epoch, first.next_offset, first.watermark, first.snapshot) == (1, 5, -1, None)
    with base.write() as connection:
        advance(connection, first.owner, loaded=5, next_offset=8, watermark=77, wall=2, snapshot=STATE)
    second = desk.assign("sales.v1", 0, cluster="c", low=0, high=20, wall=3)
    assert (second.owner.epoch, second.next_offset, second.watermark, second.snapshot) == (2, 8, 77, STATE)
    tries = (
        (first.owner, 8),
        (second.owner, 7),
        (replace(second.owner, cluster="other"), 8),
        (replace(second.owner, partition=1), 8),
    )
    for owner, loaded in tries:
        with base.write() as connection, pytest.raises(FencedError) as caught:
            advance(connection, owner, loaded=loaded, next_offset=10, watermark=99, wall=4)
        assert caught.value.fields["topic"] == "sales.v1"
    assert desk.next_offsets("sales.v1") == {0: 8}
    with base.write() as connection:
        advance(connection, second.owner, loaded=8, next_offset=10, watermark=99, wall=4)
    assert desk.next_offsets("sales.v1") == {0: 10}


def test_of_two_owners_at_once_each_gets_an_epoch_of_its_own(base: Database) -> None:
    desk = SqlPartitions(base)
    desk.assign("sales.v1", 0, cluster="c", low=0, high=9, wall=1)
    found = _both(8, lambda _: desk.assign("sales.v1", 0, cluster="c", low=0, high=9, wall=1).owner.epoch)
    assert sorted(found) == list(range(2, 10))


@pytest.mark.parametrize(
    ("cluster", "low", "high", "kind", "start"),
    [
        ("c", 0, 9, None, 6),
        ("c", 6, 6, None, 6),
        ("new", 2, 9, "broker-changed", 2),
        ("c", 0, 4, "broker-lost-records", 4),
        ("c", 8, 9, "records-unreadable", 8),
    ],
)
def test_broker_that_is_not_what_it_was_is_an_incident(
    base: Database, cluster: str, low: int, high: int, kind: str | None, start: int
) -> None:
    desk = SqlPartitions(base)
    owner = desk.assign("sales.v1", 3, cluster="c", low=0, high=9, wall=1).owner
    with base.write() as connection:
        advance(connection, owner, loaded=0, next_offset=6, watermark=50, wall=1)
    assigned = desk.assign("sales.v1", 3, cluster=cluster, low=low, high=high, wall=2)
    assert (assigned.next_offset, assigned.owner.cluster) == (start, cluster)
    with base.read() as connection:
        found = connection.execute(select(incidents)).all()
    assert [(row.kind, row.subject) for row in found] == ([(kind, "sales.v1[3]")] if kind else [])


def test_seen_blocks_come_back_in_order_and_old_hours_go(base: Database) -> None:
    desk = SqlPartitions(base)
    owner = desk.assign("sales.v1", 0, cluster="c", low=0, high=9, wall=1).owner
    other = replace(owner, partition=1)
    with base.write() as connection:
        add_seen(connection, owner, 5, [(11, b"c"), (10, b"b")], 0)
        add_seen(connection, owner, 0, [(10, b"a")], 0)
        add_seen(connection, owner, 0, [(10, b"again")], 0)
        add_seen(connection, other, 0, [(10, b"other")], 0)
    assert desk.state("sales.v1", 0)[1] == ((10, b"a"), (10, b"b"), (11, b"c"))
    with base.write() as connection:
        add_seen(connection, owner, 9, [], 11)
    assert desk.state("sales.v1", 0)[1] == ((11, b"c"),)
    assert desk.state("sales.v1", 1)[1] == ((10, b"other"),)


def test_plan_comes_back_as_it_was_put_in_and_once(kept: SqlStore) -> None:
    open_trade(kept)
    plan = add_plan(kept, line_of("l1", override=0, override_reason="无", confirmed=3), move_of("m1", fence="later"))
    with kept.write() as tx:
        stored = tx.plans.get("p1")
        assert stored.plan == plan
        assert not tx.plans.add(plan, "input of p1", WALL)
        assert tx.plans.by_input("input of p1") == stored
        assert tx.plans.by_input("another") is None
        assert [line.line for line in tx.plans.lines(states={LineState.PROPOSED}, skus=["A"])] == ["l1", "m1"]
        assert tx.plans.lines(states={LineState.PROPOSED}, groups=["C"]) == []
        with pytest.raises(NotFoundError):
            tx.plans.get("%")


def test_of_eight_approvals_one_wins(kept: SqlStore) -> None:
    open_trade(kept)
    for number in range(5):
        add_plan(kept, line_of(f"l{number}", plan=f"plan{number}"), name=f"plan{number}")

    def approve_all(_: int) -> list[int]:
        won = []
        for number in range(5):
            try:
                review.approve(kept, f"plan{number}", None, actor=PLANNER, reason="", wall=wall)
                won.append(number)
            except ConflictError:
                pass
        return won

    assert sorted(number for won in _both(8, approve_all) for number in won) == [0, 1, 2, 3, 4]
    assert len(outbox(kept, "supplier")) == 5
    with kept.read() as tx:
        assert tx.audit.verify() == len(tx.audit.entries()) == 5


def test_audit_chain_notices_what_was_changed_or_removed(kept: SqlStore) -> None:
    with kept.write() as tx:
        for number in range(4):
            tx.audit.append(
                actor="甲", action="a", subject=f"s{number}", at=1, wall=2, reason="r", detail={"n": [number, 0.1]}
            )
    with kept.read() as tx:
        assert tx.audit.verify() == 4
        assert [entry["subject"] for entry in tx.audit.entries(limit=2)] == ["s3", "s2"]
        assert len(tx.audit.entries(subject="s1")) == 1
    for change, sound in (({"reason": "other"}, 2), ({"reason": "r"}, 4), ({"actor": "me"}, 2)):
        with kept.write() as tx:
            tx.connection.execute(update(audit).where(audit.c.subject == "s2").values(**change))
            assert tx.audit.verify() == sound
    with kept.write() as tx:
        tx.connection.execute(audit.delete().where(audit.c.subject == "s1"))
        assert tx.audit.verify() == 1


def test_audit_entries_never_follow_the_same_one(kept: SqlStore) -> None:
    def append(number: int) -> None:
        for _ in range(5):
            with kept.write() as tx:
                tx.audit.append(actor=f"a{number}", action="a", subject="s", at=1, wall=2, reason="", detail={})

    _both(8, append)
    with kept.read() as tx:
        assert tx.audit.verify() == 40


def _message(name: str, lane: str = "S1", channel: str = "supplier") -> Message:
    return Message(name, channel, lane, "k", b"{}", (name,), T0)


def test_outbox_gives_the_head_of_each_lane_to_one_holder(kept: SqlStore) -> None:
    with kept.write() as tx:
        for name, lane in (("a1", "S1"), ("a2", "S1"), ("b1", "S2"), ("c1", "S3")):
            assert tx.bridge.send(_message(name, lane), WALL)
        assert not tx.bridge.send(_message("a1", "S9"), WALL)
        assert tx.bridge.pending() == 4

    def claim(number: int) -> list[str]:
        with kept.write() as tx:
            return [message.message for message in tx.bridge.claim("supplier", f"d{number}", WALL, 1_000, 10)]

    assert sorted(name for names in _both(4, claim) for name in names) == ["a1", "b1", "c1"]
    with kept.write() as tx:
        tx.bridge.delivered("a1", WALL)
        tx.bridge.failed("b1", "down", WALL + 500, parked=False)
        tx.bridge.failed("c1", "never", WALL, parked=True)
    assert claim(1) == ["a2"]
    with kept.write() as tx:
        assert [m.message for m in tx.bridge.claim("supplier", "d", WALL + 999, 1_000, 10)] == ["b1"]
        assert [m.message for m in tx.bridge.claim("supplier", "d", WALL + 1_000, 1_000, 10)] == ["a2"], "lease over"
        tx.bridge.delivered("a2", WALL)
        tx.bridge.failed("a2", "late loser", WALL, parked=False)
        states = {message.message: message.state for message in tx.bridge.messages()}
        assert states == {"a1": "delivered", "a2": "delivered", "b1": "claimed", "c1": "parked"}
        with pytest.raises(ConflictError):
            tx.bridge.redeliver("a1", WALL)
        with pytest.raises(NotFoundError):
            tx.bridge.redeliver("zz", WALL)
        tx.bridge.redeliver("c1", WALL)
        assert [m.message for m in tx.bridge.claim("supplier", "d", WALL, 1_000, 10)] == ["c1"]
        assert tx.bridge.claim("allocations", "d", WALL, 1_000, 10) == []


def test_inbox_takes_a_letter_once(kept: SqlStore) -> None:
    letter = Letter("a1", "k", "S1", T0, b"x")
    with kept.write() as tx:
        assert tx.bridge.receive(letter, "f", WALL)
        assert not tx.bridge.receive(letter, "f", WALL)
        with pytest.raises(ConflictError):
            tx.bridge.receive(letter, "g", WALL)
        tx.bridge.receive(Letter("a0", "k", "S1", T0 - 1, b"y"), "f", WALL)
        assert [one.message for one in tx.bridge.due_letters(T0)] == ["a0", "a1"]
        assert tx.bridge.next_letter_at() == T0 - 1
        tx.bridge.letter_done("a0", WALL)
        tx.bridge.letter_done("a1", WALL, "no")
        assert tx.bridge.due_letters(T0) == []
        assert tx.bridge.next_letter_at() is None


def test_requests_are_claimed_one_by_one_and_oldest_first(kept: SqlStore) -> None:
    with kept.write() as tx:
        tx.signals.add([Signal("s1", SignalKind.SPIKE, "A", T0, committed_wall=WALL)])
        assert tx.signals.add([Signal("s1", SignalKind.SPIKE, "A", T0)]) == 0
        assert tx.signals.add_request(PlanRequest("r2", T0 + 5, ("A",), ("x",)), WALL)
        assert tx.signals.add_request(PlanRequest("r1", T0, ("A", "C"), ("y",), ("s1",)), WALL)
        assert not tx.signals.add_request(PlanRequest("r1", T0, (), ()), WALL)
        tx.signals.handled(["s1"], "r1", WALL)
        assert tx.signals.open(T0) == []

    def claim(number: int) -> str | None:
        with kept.write() as tx:
            found = tx.signals.claim_request(f"w{number}", WALL, 1_000)
            return found.request if found else None

    assert sorted(name for name in _both(4, claim) if name) == ["r1"]
    with kept.write() as tx:
        tx.signals.retry_request("r1", WALL + 50, "pool died")
        assert tx.signals.claim_request("w", WALL, 1_000) is None
        again = tx.signals.claim_request("w", WALL + 50, 1_000)
        assert again == PlanRequest("r1", T0, ("A", "C"), ("y",), ("s1",))
        assert tx.signals.attempts("r1") == 2
        tx.signals.finish_request("r1", "p", WALL + 2_500)
        assert tx.signals.latencies() == [2.5]
        assert tx.signals.pending_request()
    assert claim(9) == "r2"
