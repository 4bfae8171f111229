"""What buyers wait for: it leaves once, from where it lies, whole, and never after it was cancelled."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supplychain.domain.network import OpeningStock
from supplychain.domain.units import DAY, HOUR, LATEST
from supplychain.messages.codec import STOCK_DECODER, encode
from supplychain.messages.topics import SALES
from supplychain.messages.v1 import Sale, SaleKind, Shipment, StockSnapshot, Tick
from supplychain.partner.buyers import PACKING, OrderBook, Sold, Ways, sold
from supplychain.partner.desk import Desk
from supplychain.partner.journal import Journal
from supplychain.partner.world import World

AT = 1_794_394_800_000
WAYS = Ways({"NORTH": ("W1", "W2"), "SOUTH": ("W2",)}, {"A": [("A", 1)], "B": [("B", 1)], "SET": [("A", 2), ("B", 1)]})


def sale(
    order: str, kind: SaleKind = SaleKind.PAID, sku: str = "A", qty: int = 3, at: int = AT, region: str = "NORTH",
    promised: int | None = None,
) -> Sale:  # fmt: skip
    return Sale(
        f"{order}-{kind}", "p", "s", order, "1", kind, sku, qty, at, region,
        presale=promised is not None, promised_ship_by=promised,
    )  # fmt: skip


def heard(*sales: Sale) -> list[Sold]:
    return [event for one in sales if (event := sold(one)) is not None]


def stock(**pieces: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {"W1": {}, "W2": {}}
    for name, count in pieces.items():
        found[name[:2]][name[3:]] = count
    return found


def test_a_line_leaves_once_after_packing_from_the_first_warehouse_that_holds_it() -> None:
    book, shelf = OrderBook(WAYS), stock(W1_A=2, W2_A=10)
    book.hear(heard(sale("o1"), sale("o1")))
    assert book.ship(AT + PACKING - 1, shelf) == []
    assert book.ship(AT + PACKING, shelf) == [("W2", "A", "NORTH", 3)]
    book.hear(heard(sale("o1")))
    assert book.ship(AT + DAY, shelf) == []
    assert shelf == stock(W1_A=2, W2_A=7)


def test_a_line_that_nobody_holds_waits_for_stock() -> None:
    book, shelf = OrderBook(WAYS), stock(W1_A=2)
    book.hear(heard(sale("o1")))
    assert book.ship(AT + DAY, shelf) == []
    shelf["W1"]["A"] = 3
    assert book.ship(AT + DAY + HOUR, shelf) == [("W1", "A", "NORTH", 3)]
    assert book.next_ready is None


def test_a_cancelled_line_stays_and_a_part_of_it_leaves() -> None:
    book, shelf = OrderBook(WAYS), stock(W1_A=10)
    cancelled = SaleKind.CANCELLED
    book.hear(heard(sale("o1"), sale("o1", cancelled), sale("o2", qty=5), sale("o2", cancelled, qty=2)))
    assert book.ship(AT + DAY, shelf) == [("W1", "A", "NORTH", 3)]


def test_a_pre_sale_waits_for_its_promise_and_a_bundle_leaves_in_parts() -> None:
    book, shelf = OrderBook(WAYS), stock(W2_A=10, W2_B=10)
    book.hear(heard(sale("o1", sku="SET", qty=2, region="SOUTH", promised=AT + 3 * DAY)))
    assert book.ship(AT + 3 * DAY - HOUR, shelf) == []
    assert book.ship(AT + 3 * DAY, shelf) == [("W2", "A", "SOUTH", 4), ("W2", "B", "SOUTH", 2)]


@pytest.mark.parametrize(
    "wrong", [{"sku": "X"}, {"region": "X"}, {"qty": -3}, {"qty": 2_000_000}, {"at": 0}, {"at": LATEST + 1}]
)
def test_what_cannot_be_sent_is_passed_over(wrong: dict[str, object]) -> None:
    book = OrderBook(WAYS)
    book.hear(heard(sale("o1", **wrong)))  # type: ignore[arg-type]  # one field at a time
    assert book.next_ready is None


@given(st.permutations(range(6)), st.lists(st.integers(0, 40), max_size=4))
def test_neither_the_order_of_hearing_nor_the_steps_of_time_change_what_leaves(
    order: list[int], stops: list[int]
) -> None:
    events = heard(*(sale(f"o{n}", qty=1 + n, at=AT + n * HOUR) for n in range(6)))
    opening = [OpeningStock("W1", "A", 7), OpeningStock("W2", "A", 9)]

    def shipments(chosen: list[Sold], times: list[int]) -> list[Shipment]:
        world = World(1, stock=opening, book=OrderBook(WAYS))
        world.on_sales(chosen, AT)
        told = [report for time in sorted(times) for report in world.advance(AT + time * HOUR).stock]
        return [report for report in told if isinstance(report, Shipment)]

    once = shipments(events, [48])
    assert sum(report.pieces for report in once) <= 16
    assert shipments([events[place] for place in order], [*stops, 48]) == once


class _Silent:
    def send(self, _answer: object) -> str:
        return "taken"

    def send_noise(self, _supplier: str, _identity: str) -> None:
        """Nothing is sent."""


def desk(journal: Path, told: list[tuple[str, bytes]]) -> Desk:
    world = World(1, stock=[OpeningStock("W1", "A", 7)], snapshot_every=DAY, book=OrderBook(WAYS))
    return Desk(world, Journal(journal), _Silent(), told.extend)


def test_a_restart_sends_nothing_twice_and_numbers_on(tmp_path: Path) -> None:
    told: list[tuple[str, bytes]] = []
    records = [encode(sale("o1")), b"{broken", encode(sale("o2", at=AT + HOUR)), encode(Tick(AT + HOUR))]
    first = desk(tmp_path / "journal", told)
    first.open(AT)
    first.take_sales(0, records)
    assert not first.wait_for(0, AT + HOUR, 0.0)
    for partition in range(1, SALES.partitions):
        first.take_sales(partition, [encode(Tick(AT + HOUR))])
    assert first.wait_for(0, AT + HOUR, 0.0)
    first.advance(AT + PACKING)
    first.close()
    again = desk(tmp_path / "journal", told)
    again.open(AT + DAY)
    again.take_sales(0, records)
    again.advance(AT + DAY + HOUR)
    again.close()
    kinds = [value.split(b'"type":"', 1)[1].split(b'"', 1)[0].decode() for _, value in told]
    assert kinds == ["snapshot", "shipment", "shipment", "snapshot"]
    reports = [STOCK_DECODER.decode(value) for _, value in told]
    assert [report.sequence for report in reports if not isinstance(report, Tick)] == [1, 2, 3, 4]
    assert isinstance(reports[3], StockSnapshot)
    assert reports[3].rows[0].on_hand == 1
