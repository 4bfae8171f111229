"""The stand-in's world: every line answered, every promised piece received, and nothing decided by the order of arrival."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import OpeningStock
from supplychain.domain.units import HOUR, MINUTE
from supplychain.messages.v1 import Movement, OrderLine, Receipt, Shipment, StockSnapshot, SupplierOrder
from supplychain.partner.decisions import Temper
from supplychain.partner.world import Emissions, World

AT = 1_794_394_800_000
LATER = AT + 100 * HOUR


def order(number: int, lines: int = 2, pieces: int = 400, supplier: str = "S") -> SupplierOrder:
    return SupplierOrder(
        f"order-{number}",
        supplier,
        "plan",
        AT + number,
        "CNY",
        [
            OrderLine(f"line-{number}-{place}", "A", pieces, 5, "offer", "normal", "WH", AT + 6 * HOUR)
            for place in range(lines)
        ],
    )


def movement(leg: str, version: int = 1, action: str = "create", pieces: int = 30, number: int = 1) -> Movement:
    return Movement(
        f"move-{number}",
        "out" if leg == "out" else "in",
        version,
        None,
        "cancel" if action == "cancel" else "create" if action == "create" else "amend",
        f"line-m{number}",
        "A",
        pieces,
        "WH",
        "WH-2",
        AT + HOUR,
        AT + 3 * HOUR,
    )


def test_every_line_is_answered_a_while_after_the_release_and_shares_are_as_asked() -> None:
    world = World(3, multiples={"offer": 50})
    orders = [order(number) for number in range(1_000)]
    for one in orders:
        assert world.on_order(one)
    answers = {one.order_id: one for one in world.advance(LATER).answers}
    assert set(answers) == {one.order_id for one in orders}
    verdicts: Counter[str] = Counter()
    for one in orders:
        answer = answers[one.order_id]
        assert MINUTE <= answer.answered_at - one.released_at <= Temper().answer_most
        for line, said in zip(one.lines, answer.lines, strict=True):
            verdicts[said.answer] += 1
            assert said.plan_line_id == line.plan_line_id
            if said.answer == "short":
                assert 0 < said.pieces < line.pieces
                assert said.pieces % 50 == 0
                assert said.reason
            else:
                assert said.pieces == (line.pieces if said.answer == "accept" else 0)
    assert 0.70 < verdicts["accept"] / 2_000 < 0.80
    assert 0.12 < verdicts["short"] / 2_000 < 0.18
    assert 0.07 < verdicts["refuse"] / 2_000 < 0.13


def test_a_single_batch_cannot_be_short() -> None:
    world = World(3, temper=Temper(short=1.0, refuse=0.0), multiples={"offer": 400})
    world.on_order(order(1))
    assert {line.answer for line in world.advance(LATER).answers[0].lines} == {"accept"}


def test_promised_pieces_are_received_once_and_after_the_answer() -> None:
    world = World(5)
    for number in range(50):
        world.on_order(order(number))
        assert not world.on_order(order(number))
    done = world.advance(LATER)
    promised = {line.plan_line_id: line.pieces for answer in done.answers for line in answer.lines if line.pieces}
    received = {one.plan_line_id: one for one in done.stock if isinstance(one, Receipt)}
    assert {name: one.pieces for name, one in received.items()} == promised
    assert len(done.stock) == len(received)
    assert all(one.as_of >= AT + 6 * HOUR for one in received.values())
    assert all(one.sellable is not None and one.sellable <= one.pieces for one in received.values())
    assert any(one.sellable != one.pieces for one in received.values())


def test_movements_ship_and_arrive_once() -> None:
    world = World(1)
    assert world.on_movement(movement("out"), "e1")
    assert world.on_movement(movement("in"), "e2")
    assert not world.on_movement(movement("out"), "e1")
    done = world.advance(LATER)
    assert [type(one) for one in done.stock] == [Shipment, Receipt]
    assert [(one.warehouse, one.sequence) for one in done.stock] == [("WH", 1), ("WH-2", 1)]
    assert not world.advance(LATER).stock
    assert not world.on_movement(movement("out"), "e9")
    assert not world.advance(LATER + 1).stock


def test_a_newer_version_replaces_a_leg_and_cancel_drops_it() -> None:
    world = World(1)
    world.on_movement(movement("out"), "e1")
    world.on_movement(movement("out", 2, "amend", 55), "e2")
    assert not world.on_movement(movement("out", 1), "e3")
    shipped = world.advance(LATER).stock
    assert [one.pieces for one in shipped if isinstance(one, Shipment)] == [55]
    world.on_movement(movement("out", 3, "amend", 70), "e4")
    assert not world.advance(LATER + HOUR).stock, "what has left cannot be amended"
    world.on_movement(movement("in", number=2), "e5")
    world.on_movement(movement("in", 2, "cancel", number=2), "e6")
    assert not world.advance(LATER + 2 * HOUR).stock


def test_an_amended_leg_whose_first_version_never_came_is_done() -> None:
    world = World(1)
    world.on_movement(movement("out", 2, "amend", 55), "e2")
    assert len(world.advance(LATER).stock) == 1


def test_snapshots_count_what_came_and_went() -> None:
    stock = [OpeningStock("WH", "A", 100), OpeningStock("WH", "B", 7), OpeningStock("WH-2", "A", 1)]
    world = World(1, stock=stock, opening_at=AT, snapshot_every=24 * HOUR)
    world.on_movement(movement("out"), "e1")
    world.on_movement(movement("in"), "e2")
    reports = world.advance(AT + 25 * HOUR).stock
    snapshots = [one for one in reports if isinstance(one, StockSnapshot)]
    assert [one.as_of for one in reports] == sorted(one.as_of for one in reports)
    assert {(one.warehouse, row.sku, row.on_hand) for one in snapshots[:2] for row in one.rows} == {
        ("WH", "A", 100),
        ("WH", "B", 7),
        ("WH-2", "A", 1),
    }
    assert {(one.warehouse, row.on_hand) for one in snapshots[2:] for row in one.rows if row.sku == "A"} == {
        ("WH", 70),
        ("WH-2", 31),
    }


def test_impossible_tempers_are_refused() -> None:
    for wrong in ({"short": 0.6, "refuse": 0.6}, {"short": -0.1}, {"answer_least": 1_000}):
        with pytest.raises(InvalidInputError):
            Temper(**wrong)


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(12)), st.lists(st.integers(0, 60 * HOUR), max_size=12))
def test_arrival_order_and_steps_of_time_change_nothing(arrival: list[int], stops: list[int]) -> None:
    def told(numbers: list[int]) -> World:
        world = World(9)
        for number in numbers:
            if number < 8:
                world.on_order(order(number))
            else:
                world.on_movement(movement("out" if number % 2 else "in", number=number // 2), f"event-{number}")
        return world

    at_once = told(list(range(12))).advance(LATER)
    world, stepped = told(arrival), Emissions()
    for stop in [*sorted(stops), LATER - AT]:
        done = world.advance(AT + stop)
        stepped.answers.extend(done.answers)
        stepped.stock.extend(done.stock)
    assert stepped == at_once
    for warehouse in {one.warehouse for one in stepped.stock}:
        numbers = [one.sequence for one in stepped.stock if one.warehouse == warehouse]
        assert numbers == list(range(1, len(numbers) + 1))
