"""The stand-in's desk: takes orders and allocation events, moves its world, and hands over what happened.

What happened waits here until the service or the broker has confirmed it, across calls and restarts: a partner that forgets an
answer would leave an order open for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from threading import Condition, Lock
from typing import Any

import msgspec

from supplychain.domain.errors import ConflictError, SupplyChainError
from supplychain.messages.codec import SALES_DECODER, decode_json, encode, plain
from supplychain.messages.topics import SALES
from supplychain.messages.v1 import Movement, SupplierAnswer, SupplierOrder, Tick
from supplychain.partner.buyers import sold
from supplychain.partner.journal import Journal, Told
from supplychain.partner.service import LATER, TAKEN, AnswerChannel, Publish
from supplychain.partner.world import Emissions, StockReport, World


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one call of `advance` handed over, and what still waits because somebody did not answer."""

    to: int
    answers_sent: int
    stock_published: int
    answers_waiting: int
    stock_waiting: int

    def document(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


class Desk:
    """One desk for all suppliers and warehouses; may be shared by threads.

    Parameters
    ----------
    publish
        Writes stock reports; called with key and value of each.
    """

    def __init__(self, world: World, journal: Journal, answers: AnswerChannel, publish: Publish) -> None:
        self._world = world
        self._journal = journal
        self._answers = answers
        self._publish = publish
        self._state = Condition()
        self._handing_over = Lock()
        self._webhooks: dict[str, str] = {}
        self._noise: dict[str, str] = {}
        self._events: set[str] = set()
        self._ticks: dict[int, int] = {}
        self._answers_waiting: list[SupplierAnswer] = []
        self._stock_waiting: list[StockReport] = []
        self._counts: Counter[str] = Counter()
        self._refusals: list[dict[str, str]] = []
        self._opened = False
        for told in journal.read():
            self._recall(told)

    def open(self, at: int) -> None:
        """Let the warehouses count their stock at a moment, and from then on; a desk that was opened before stays so."""
        with self._state:
            if not self._opened:
                self._opened = True
                self._journal.write(Told("opened", to=at))
                self._world.open(at)

    def take_order(self, order: SupplierOrder, webhook: str, body: bytes, *, noisy: bool = False) -> bool:
        """Take an order once; False when it was taken before. `noisy` sends nonsense ahead of its answer.

        Raises
        ------
        ConflictError
            If other content came under the same webhook id, or under the same order id.
        """
        fingerprint = sha256(body).hexdigest()
        with self._state:
            known = self._webhooks.get(webhook)
            if known is not None and known != fingerprint:
                self._counts["order_conflicts"] += 1
                raise ConflictError(f"webhook id {webhook} came with another body", way_out="send it under a new id")
            before = self._world.orders.get(order.order_id)
            if before is not None and before != order:
                self._counts["order_conflicts"] += 1
                raise ConflictError(f"order {order.order_id} is known with other lines", way_out="use a new order id")
            if before is not None:
                self._counts["order_duplicates"] += 1
                self._webhooks[webhook] = fingerprint
                return False
            self._journal.write(Told("order", order=order, identity=webhook, fingerprint=fingerprint))
            self._webhooks[webhook] = fingerprint
            self._world.on_order(order)
            if noisy:
                self._noise[order.order_id] = order.supplier
            return True

    def take_event(self, value: bytes | None) -> bool:
        """Take a record of the allocations topic; False when it came before, or is no allocation event."""
        try:
            event = decode_json(value or b"")
            identity, movement = str(event["id"]), msgspec.convert(event["data"], Movement)
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
            with self._state:
                self._counts["allocations_unreadable"] += 1
            return False
        with self._state:
            if identity in self._events:
                self._counts["allocation_duplicates"] += 1
                return False
            self._journal.write(Told("movement", movement=movement, identity=identity))
            self._heard(movement, identity)
            self._state.notify_all()
            return True

    def take_sales(self, partition: int, values: Iterable[bytes | None]) -> None:
        """Take records of the sales topic: what buyers wait for, and how far time is. What cannot be read is passed over."""
        heard, tick = [], 0
        for value in values:
            try:
                payload = SALES_DECODER.decode(value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # the stream makes a dead letter of it
            if isinstance(payload, Tick):
                tick = max(tick, payload.at)
            elif (event := sold(payload)) is not None:
                heard.append(event)
        with self._state:
            if heard:
                now = self._world.now or 0
                self._journal.write(Told("sales", sales=heard, to=now))
                self._world.on_sales(heard, now)
            self._ticks[partition] = max(self._ticks.get(partition, 0), tick)
            self._state.notify_all()

    def wait_for(self, allocations: int, ticked: int | None, seconds: float) -> bool:
        """Wait until so many allocation events have come in, and every partition of the sales has passed `ticked`.

        False when they have not after `seconds`.
        """

        def there() -> bool:
            passed = ticked is None or (len(self._ticks) >= SALES.partitions and min(self._ticks.values()) >= ticked)
            return passed and len(self._events) >= allocations

        with self._state:
            return self._state.wait_for(there, timeout=seconds)

    def advance(self, to: int) -> Advanced:
        """Move business time to `to` and hand over what happened; the same `to` again only repeats what was not confirmed."""
        with self._handing_over:
            with self._state:
                emissions = self._world.advance(to)
                if emissions.answers or emissions.stock:
                    self._journal.write(Told("advanced", to=to))
                self._keep(emissions)
            sent = self._send_answers()
            published = self._publish_stock()
            with self._state:
                return Advanced(to, sent, published, len(self._answers_waiting), len(self._stock_waiting))

    def ledger(self) -> dict[str, Any]:
        """Return what was received and what came of it: counts, orders by id, allocation events by id."""
        with self._state:
            world = self._world
            orders = {name: self._order_entry(order) for name, order in world.orders.items()}
            states = Counter(entry["state"] for entry in orders.values())
            counts = {
                "orders_received": len(orders),
                **{f"orders_{state}": states[state] for state in ("accepted", "short", "refused", "open")},
                "order_duplicates": self._counts["order_duplicates"],
                "order_conflicts": self._counts["order_conflicts"],
                "orders_unauthorized": self._counts["orders_unauthorized"],
                "allocations_received": len(self._events),
                "allocations_outdated": self._counts["allocations_outdated"],
                "allocation_duplicates": self._counts["allocation_duplicates"],
                "allocations_unreadable": self._counts["allocations_unreadable"],
                "answers_taken": self._counts["answers_taken"],
                "answers_waiting": len(self._answers_waiting),
                "stock_published": self._counts["stock_published"],
                "stock_waiting": len(self._stock_waiting),
            }
            return {
                "now": world.now,
                "counts": counts,
                "orders": orders,
                "allocations": {name: plain(movement) for name, movement in world.movements.items()},
                "sequences": dict(world.sequences),
                "answers_refused_by_service": list(self._refusals),
            }

    def count(self, name: str) -> None:
        """Count something for the ledger."""
        with self._state:
            self._counts[name] += 1

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _recall(self, told: Told) -> None:
        if told.order is not None:
            self._webhooks[told.identity] = told.fingerprint
            self._world.on_order(told.order)
        elif told.movement is not None:
            self._heard(told.movement, told.identity)
        elif told.kind == "sales":
            self._world.on_sales(told.sales, told.to)
        elif told.kind == "opened":
            self._opened = True
            self._world.open(told.to)
        elif told.kind == "advanced":
            self._keep(self._world.advance(told.to))
        elif told.kind == "answered":
            self._answers_waiting = [one for one in self._answers_waiting if one.answer_id != told.identity]
            self._counts["answers_taken"] += 1
        elif told.kind == "published":
            del self._stock_waiting[: told.count]
            self._counts["stock_published"] += told.count

    def _heard(self, movement: Movement, identity: str) -> None:
        self._events.add(identity)
        if not self._world.on_movement(movement, identity):
            self._counts["allocations_outdated"] += 1  # a newer version of the leg was here first

    def _keep(self, emissions: Emissions) -> None:
        self._answers_waiting += emissions.answers
        self._stock_waiting += emissions.stock

    def _send_answers(self) -> int:
        """Send what waits, in order per supplier: one that must wait holds back the later ones of its supplier."""
        with self._state:
            waiting = list(self._answers_waiting)
        held: set[str] = set()
        done: set[str] = set()
        taken = 0
        for answer in waiting:
            if answer.supplier in held:
                continue
            if self._noise.pop(answer.order_id, None):
                self._answers.send_noise(answer.supplier, f"{answer.answer_id}-noise")
            outcome = self._answers.send(answer)
            if outcome == LATER:
                held.add(answer.supplier)
                continue
            done.add(answer.answer_id)
            with self._state:
                self._journal.write(Told("answered", identity=answer.answer_id))
                if outcome == TAKEN:
                    taken += 1
                    self._counts["answers_taken"] += 1
                else:
                    self._refusals.append({"answer_id": answer.answer_id, "order_id": answer.order_id, "why": outcome})
        with self._state:
            self._answers_waiting = [one for one in self._answers_waiting if one.answer_id not in done]
        return taken

    def _publish_stock(self) -> int:
        with self._state:
            waiting = list(self._stock_waiting)
        if not waiting:
            return 0
        try:
            self._publish([(report.warehouse, encode(report)) for report in waiting])
        except SupplyChainError:
            self.count("stock_attempts_failed")
            return 0
        with self._state:
            self._journal.write(Told("published", count=len(waiting)))
            del self._stock_waiting[: len(waiting)]
            self._counts["stock_published"] += len(waiting)
        return len(waiting)

    def _order_entry(self, order: SupplierOrder) -> dict[str, Any]:
        answer = self._world.answers.get(order.order_id)
        verdicts = {line.answer for line in answer.lines} if answer else set()
        if not answer:
            state = "open"
        elif verdicts == {"accept"}:
            state = "accepted"
        else:
            state = "refused" if verdicts == {"refuse"} else "short"
        return {
            "supplier": order.supplier,
            "plan_id": order.plan_id,
            "released_at": order.released_at,
            "pieces": sum(line.pieces for line in order.lines),
            "promised": sum(line.pieces for line in answer.lines) if answer else None,
            "lines": [line.plan_line_id for line in order.lines],
            "state": state,
            "answered_at": answer.answered_at if answer else None,
        }
