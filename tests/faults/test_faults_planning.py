"""Rows 3 and 27: dispatcher and planner die at every point, and topics are read again; each order goes out once by its id."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import closing

import pytest

from supplychain.domain.events import Signal, SignalKind
from supplychain.domain.units import MINUTE
from supplychain.messages.topics import ALLOCATIONS
from supplychain.planning.ports import Message
from supplychain.settings import DispatchSettings, PartnerSettings, PlanSettings
from tests.faults.conftest import MakeStage
from tests.faults.dump import dump
from tests.faults.history import Written
from tests.faults.receiver import Receiver
from tests.faults.stage import Role, Stage, rows, until
from tests.faults.verifier import verify, verify_planning

pytestmark = pytest.mark.deep
CRASHED = 137
ENDS = 6
QUICK = DispatchSettings(timeout_seconds=5.0, lease_seconds=10.0, first_retry_seconds=0.2)
ORDERS = [Message(f"order-{n}", "supplier", f"S{n % 3}", "order", b'{"n":%d}' % n, (), 0) for n in range(30)]
MOVES = [Message(f"move-{n}", "allocations", f"W{n % 2}", "movement", b'{"n":%d}' % n, (), 0) for n in range(30)]


def release(stage: Stage) -> None:
    """Put orders and movements into the outbox."""
    with stage.services.store.write() as tx:
        for message in (*ORDERS, *MOVES):
            assert tx.bridge.send(message, 1)
    secrets = "\n".join(f'S{n} = "whsec_{"c2VjcmV0" * 4}"' for n in range(3))
    (stage.folder / "secrets.toml").write_text(secrets, encoding="utf-8")


def delivered(stage: Stage) -> int:
    """How many messages are settled as delivered."""
    return int(rows(stage.services, "SELECT COUNT(*) AS n FROM outbox WHERE state = 'delivered'")[0].n)


def until_delivered(stage: Stage, wanted: int, dispatcher: Role) -> None:
    """Wait until so many messages are delivered, and tell of the others when that takes too long."""
    try:
        until(lambda: stage.alive(dispatcher) and delivered(stage) >= wanted, f"{wanted} deliveries")
    except AssertionError as late:
        query = "SELECT message, state, attempts, error FROM outbox WHERE state <> 'delivered' ORDER BY serial"
        raise AssertionError(f"{late}: {[tuple(row) for row in rows(stage.services, query)][:6]}") from None


def assert_each_once_by_id(stage: Stage, receiver: Receiver) -> None:
    """I3, I4: every message arrived under its id with one body, and each lane in its order."""
    assert set(receiver.seen) == {order.message for order in ORDERS}
    assert all(len(bodies) == 1 for bodies in receiver.bodies.values())
    for lane in ("S0", "S1", "S2"):
        wanted = [order.message for order in ORDERS if order.lane == lane]
        assert [identity for identity in receiver.order if identity in wanted] == wanted
    movements: set[bytes | None] = set()
    with stage.services.subscriber("test", [ALLOCATIONS.name]) as reader:

        def all_there() -> bool:
            movements.update(record.value for record in reader.poll(0.5))
            return len(movements) == len(MOVES)

        until(all_there, "movements")
    verify_planning(stage)


@pytest.fixture
def receiver_stage(make_stage: MakeStage) -> Callable[[Receiver], Stage]:
    """Makes a stage whose supplier is the receiver."""

    def make(receiver: Receiver) -> Stage:
        return make_stage(settings={"dispatch": QUICK, "partner": PartnerSettings(stand_in=True, port=receiver.port)})

    return make


@pytest.mark.parametrize("point", ["dispatch-claimed", "dispatch-delivered"])
def test_dispatcher_that_dies_delivers_each_message_under_one_id(
    receiver_stage: Callable[[Receiver], Stage], point: str
) -> None:
    with Receiver() as receiver:
        stage = receiver_stage(receiver)
        release(stage)
        for nth in (1, 2):
            with stage.role("dispatch", crash_at=f"{point}:{nth}") as dispatcher:
                assert dispatcher.ended() == CRASHED, dispatcher.tail()
        with stage.role("dispatch") as dispatcher:
            until(lambda: delivered(stage) == len(ORDERS) + len(MOVES), "everything to be delivered")
            dispatcher.end(signal.SIGTERM)
        assert_each_once_by_id(stage, receiver)


def test_dispatcher_ends_without_a_crash_whenever_it_is_told_to(receiver_stage: Callable[[Receiver], Stage]) -> None:
    """It was seen to die by signal 11: at its first orders, and at its end while threads still talked."""
    chance = random.Random(11)
    with Receiver() as receiver:
        stage = receiver_stage(receiver)
        release(stage)
        codes: list[int | None] = []
        most = len(ORDERS) + len(MOVES) - 1
        # each of them delivers something before it is told: a process ended at its start knows no order yet
        while (before := delivered(stage)) < most and len(codes) < ENDS:
            with stage.role("dispatch") as dispatcher:
                wanted = min(most, before + chance.randrange(1, 7))
                until_delivered(stage, wanted, dispatcher)
                dispatcher.end(signal.SIGTERM)
                codes.append(dispatcher.process.returncode)
        assert len(codes) >= 2
        assert set(codes) == {0}
        with stage.role("dispatch") as dispatcher:
            until(lambda: delivered(stage) == len(ORDERS) + len(MOVES), "everything to be delivered")
            dispatcher.end(signal.SIGTERM)
        assert_each_once_by_id(stage, receiver)


def watched(stage: Stage) -> Stage:
    """Let the streams of a stage read everything, and have its groups ask for plans at several moments."""
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    groups = sorted(set(stage.catalogue.group_of.values()))[:2]
    with stage.services.store.write() as tx:
        last = min(tx.signals.watermarks().values())
        moments = [(group, last - minutes * MINUTE) for minutes in (6, 1) for group in groups]
        asked = [Signal(f"{group} at {at}", SignalKind.MANUAL, group, at) for group, at in moments]
        assert tx.signals.add(asked) == len(asked)
        tx.signals.set_planned_through(last - 7 * MINUTE)  # a planner that starts anew looks at nothing before it
    return stage


def plan_all(stage: Stage) -> list[tuple[object, ...]]:
    """Let a planner answer every request; return what it planned."""
    with stage.role("plan") as planner:
        until(lambda: stage.alive(planner) and _is_planned(stage), "all requests to be answered")
        planner.end(signal.SIGTERM)
    verify_planning(stage)
    failed = rows(stage.services, "SELECT request, error FROM requests WHERE state <> 'done'")
    assert [tuple(row) for row in failed] == []
    return [tuple(row) for row in rows(stage.services, "SELECT cut, plan, digest FROM plans ORDER BY serial")]


def _is_planned(stage: Stage) -> bool:
    waiting = rows(stage.services, "SELECT 1 FROM signals WHERE request IS NULL AND handled_wall IS NULL")
    states = {row.state for row in rows(stage.services, "SELECT DISTINCT state FROM requests")}
    return not waiting and not states & {"pending", "claimed"}


@pytest.mark.timeout(600)
def test_planner_that_dies_leaves_the_plans_of_one_that_lived(make_stage: MakeStage, history: list[Written]) -> None:
    """It dies with a request in hand, and with a plan that nobody has seen; each request has one plan in the end."""
    stage = make_stage(settings={"plan": PlanSettings(lease_seconds=3.0)})
    stage.publish(history)
    with closing(stage.beside("undisturbed")) as undisturbed:
        wanted = plan_all(watched(undisturbed))
    assert len(wanted) >= 2
    watched(stage)
    for point in ("plan-claimed", "plan-solved", "plan-solved:2"):
        with stage.role("plan", crash_at=point) as planner:
            assert planner.ended(120) == CRASHED, planner.tail()
    assert plan_all(stage) == wanted


def test_replay_into_an_empty_database_and_on_a_full_one(
    make_stage: MakeStage, history: list[Written], undisturbed: bytes, assert_undisturbed: Callable[[Stage], None]
) -> None:
    """Row 27: the whole topic again gives the same state, or nothing new at all."""
    stage = make_stage()
    stage.publish(history)
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    assert_undisturbed(stage)
    empty = stage.beside("empty")
    with empty.role() as worker:
        empty.until_all_read(worker)
        worker.end(signal.SIGTERM)
    assert dump(empty) == undisturbed
    verify(empty)
    empty.close()
    outputs = ("spikes", "signals", "forecasts", "windows", "corrections")
    before = {name: rows(stage.services, f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in outputs}  # noqa: S608
    stage.publish(history)
    with stage.role() as worker:
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    after = {name: rows(stage.services, f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in outputs}  # noqa: S608
    assert after == before
