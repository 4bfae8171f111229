"""Suppliers and warehouses as one state machine: told of orders and movements, moved by business time, it tells what happens.

Nothing here waits, sends or reads a clock. `advance` returns everything that has happened up to a moment, in order of time;
what it returned once it never returns again. Reports of one warehouse are numbered without a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

import msgspec

from supplychain.domain.ids import derive
from supplychain.domain.network import OpeningStock
from supplychain.domain.units import HOUR, SECOND
from supplychain.messages.v1 import (
    LineAnswer,
    Movement,
    OrderLine,
    Receipt,
    Shipment,
    StockRow,
    StockSnapshot,
    SupplierAnswer,
    SupplierOrder,
)
from supplychain.partner.buyers import OrderBook, Sold
from supplychain.partner.decisions import Temper, answer_line, between, damaged_pieces

StockReport = Receipt | Shipment | StockSnapshot


@dataclass(frozen=True, slots=True)
class Emissions:
    """What happened: answers of suppliers and reports of warehouses, each in order of time."""

    answers: list[SupplierAnswer] = field(default_factory=list)
    stock: list[StockReport] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A count of a warehouse: what is in it is known when it is taken."""

    warehouse: str


@dataclass(frozen=True, slots=True)
class _Round:
    """The hour at which goods leave for buyers."""


@dataclass(frozen=True, slots=True)
class _Due:
    """Something that will happen; `rank` orders things of one moment: answers, shipments, receipts, rounds, snapshots."""

    at: int
    rank: int
    what: SupplierAnswer | Receipt | Shipment | _Snapshot | _Round


class World:
    """The stand-in's world.

    Parameters
    ----------
    seed
        Decides every answer and delay together with the ids.
    multiples
        Batch multiple by offer, which short answers keep to; 1 for offers not named.
    stock
        What lies in the warehouses at the start. With it, and with `opening_at`, every warehouse reports a snapshot then.
    opening_at
        UTC milliseconds of the first snapshots.
    snapshot_every
        Milliseconds between later snapshots, which count what was received and shipped since; none when None.
    book
        What buyers wait for; with it goods leave for them every hour.
    """

    def __init__(
        self,
        seed: int,
        *,
        temper: Temper | None = None,
        multiples: Mapping[str, int] | None = None,
        stock: Iterable[OpeningStock] = (),
        opening_at: int | None = None,
        snapshot_every: int | None = None,
        book: OrderBook | None = None,
    ) -> None:
        self._seed = seed
        self._book = book
        self._temper = temper or Temper()
        self._multiples = dict(multiples or {})
        self._on_hand: dict[str, dict[str, int]] = {}
        for row in stock:
            self._on_hand.setdefault(row.warehouse, {})[row.sku] = row.on_hand
        self._every = snapshot_every
        self._due: dict[str, _Due] = {}
        self._orders: dict[str, SupplierOrder] = {}
        self._answers: dict[str, SupplierAnswer] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._movements: dict[str, Movement] = {}
        self._sequence: dict[str, int] = {}
        self.now: int | None = None
        if opening_at is not None:
            self.open(opening_at)

    @property
    def orders(self) -> Mapping[str, SupplierOrder]:
        """Orders by id."""
        return self._orders

    @property
    def answers(self) -> Mapping[str, SupplierAnswer]:
        """Answers given so far, by order id."""
        return self._answers

    @property
    def movements(self) -> Mapping[str, Movement]:
        """Allocation events by event id."""
        return self._movements

    @property
    def sequences(self) -> Mapping[str, int]:
        """Number of the last report of each warehouse."""
        return self._sequence

    def open(self, at: int) -> None:
        """Let every warehouse report its first snapshot at a moment."""
        for warehouse in self._on_hand:
            self._due[f"snapshot:{warehouse}"] = _Due(at, 4, _Snapshot(warehouse))

    def on_order(self, order: SupplierOrder) -> bool:
        """Take an order; False when it is known already, and nothing changes then.

        The answer comes a while after `released_at`, the goods at `deliver_by` or a little later.
        """
        if order.order_id in self._orders:
            return False
        self._orders[order.order_id] = order
        temper, seed = self._temper, self._seed
        wait = between(seed, temper.answer_least, temper.answer_most, "answer", order.order_id)
        at = order.released_at + wait
        lines = [answer_line(line, temper, seed, self._multiples.get(line.offer, 1)) for line in order.lines]
        answer = SupplierAnswer(derive("answer", order.order_id), order.supplier, order.order_id, at, lines)
        self._due[f"answer:{order.order_id}"] = _Due(at, 0, answer)
        for line, said in zip(order.lines, lines, strict=True):
            if said.pieces:
                self._due[f"line:{line.plan_line_id}"] = self._delivery(line, said, at)
        return True

    def on_movement(self, movement: Movement, event_id: str) -> bool:
        """Take one leg of a movement; False when it, or a newer version of it, is known already.

        A later version replaces the leg, `cancel` drops it, as long as it has not happened.
        """
        leg = (movement.movement_id, movement.leg)
        if movement.version <= self._versions.get(leg, 0):
            return False
        first = leg not in self._versions
        self._versions[leg] = movement.version
        self._movements[event_id] = movement
        key = f"leg:{movement.movement_id}:{movement.leg}"
        if not first and key not in self._due:
            return True  # it has happened, or was cancelled before: a report of the leg is not repeated
        self._due.pop(key, None)
        if movement.action != "cancel" and movement.pieces > 0:
            self._due[key] = self._leg(movement)
        return True

    def on_sales(self, events: Iterable[Sold], heard_at: int) -> None:
        """Take in what buyers paid for and cancelled; it leaves in hourly rounds after `heard_at`, with an order book."""
        if self._book is not None:
            self._book.hear(events)
            self._plan_round(heard_at)

    def _plan_round(self, after: int) -> None:
        """Set the next hour at which something may leave, later than `after`; an earlier one that is set stays."""
        ready = self._book.next_ready if self._book is not None else None
        if ready is None:
            return
        hour = max(ready + -ready % HOUR, after - after % HOUR + HOUR)
        planned = self._due.get("round")
        if planned is None or hour < planned.at:
            self._due["round"] = _Due(hour, 3, _Round())

    def advance(self, to_ms: int) -> Emissions:
        """Return what happened up to `to_ms` (included) and was not returned before."""
        self.now = to_ms if self.now is None else max(self.now, to_ms)
        emissions = Emissions()
        coming = [(due.at, due.rank, key) for key, due in self._due.items() if due.at <= to_ms]
        heapify(coming)
        while coming:
            _, _, key = heappop(coming)
            later = self._happen(key, self._due.pop(key), emissions)
            if later is not None:
                self._due[key] = later
                if later.at <= to_ms:
                    heappush(coming, (later.at, later.rank, key))
        return emissions

    def _happen(self, key: str, due: _Due, emissions: Emissions) -> _Due | None:
        """Add what happens to the emissions; return the next one of its kind, if there is one."""
        what = due.what
        if isinstance(what, SupplierAnswer):
            self._answers[what.order_id] = what
            emissions.answers.append(what)
            return None
        if isinstance(what, _Round):
            return self._send_to_buyers(due.at, emissions)
        number = self._number(what.warehouse)
        rows = self._on_hand.setdefault(what.warehouse, {})
        if isinstance(what, _Snapshot):
            listed = [StockRow(sku, on_hand) for sku, on_hand in sorted(rows.items())]
            emissions.stock.append(StockSnapshot(what.warehouse, number, due.at, listed))
            return replace(due, at=due.at + self._every) if self._every else None
        if isinstance(what, Receipt):
            rows[what.sku] = rows.get(what.sku, 0) + (what.pieces if what.sellable is None else what.sellable)
        else:
            rows[what.sku] = max(0, rows.get(what.sku, 0) - what.pieces)
        emissions.stock.append(msgspec.structs.replace(what, sequence=number))
        return None

    def _number(self, warehouse: str) -> int:
        self._sequence[warehouse] = self._sequence.get(warehouse, 0) + 1
        return self._sequence[warehouse]

    def _send_to_buyers(self, at: int, emissions: Emissions) -> _Due | None:
        """Let a round leave; the next one is the next hour at which something may leave."""
        if self._book is None:
            return None
        for warehouse, sku, region, pieces in self._book.ship(at, self._on_hand):
            emissions.stock.append(Shipment(warehouse, self._number(warehouse), at, sku, pieces, region=region))
        self._plan_round(at)
        return self._due.pop("round", None)

    def _delivery(self, line: OrderLine, said: LineAnswer, answered_at: int) -> _Due:
        delay = between(self._seed, 0, self._temper.receipt_delay, "receipt", line.plan_line_id)
        at = max(line.deliver_by + delay, answered_at + SECOND)
        bad = damaged_pieces(said.pieces, self._temper, self._seed, line.plan_line_id)
        receipt = Receipt(
            line.deliver_to, 0, at, line.sku, said.pieces, plan_line_id=line.plan_line_id, sellable=said.pieces - bad
        )
        return _Due(at, 2, receipt)

    def _leg(self, movement: Movement) -> _Due:
        names = (movement.movement_id, movement.leg)
        if movement.leg == "out":
            at = movement.ready_by + between(self._seed, 0, self._temper.shipment_delay, *names)
            shipment = Shipment(
                movement.origin,
                0,
                at,
                movement.sku,
                movement.pieces,
                plan_line_id=movement.plan_line_id,
                movement_id=movement.movement_id,
            )
            return _Due(at, 1, shipment)
        at = movement.deliver_by + between(self._seed, 0, self._temper.receipt_delay, *names)
        receipt = Receipt(
            movement.destination,
            0,
            at,
            movement.sku,
            movement.pieces,
            plan_line_id=movement.plan_line_id,
            movement_id=movement.movement_id,
            sellable=movement.pieces,
        )
        return _Due(at, 2, receipt)
