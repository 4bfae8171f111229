"""What partners say back: supplier answers and warehouse reports move lines on, and ask for the next plan where they fall short.

Answers wait in the inbox until business time reaches them, and are applied in order of time and id; so a replay applies
them at the same cuts at any speed.
"""

from __future__ import annotations

from dataclasses import replace

from supplychain.domain.errors import ForbiddenError, InvalidInputError, NotFoundError, SupplyChainError
from supplychain.domain.events import Signal, SignalKind
from supplychain.domain.ids import content_hash, derive
from supplychain.domain.network import Catalogue
from supplychain.domain.plan import SUPPLY, LineKind, LineState, PlanLine
from supplychain.messages.codec import ANSWER_DECODER, DecodeError, encode
from supplychain.messages.v1 import LineAnswer, SupplierAnswer
from supplychain.planning.lines import change
from supplychain.planning.ports import Actor, Letter, StockEvent, Store, Tx, WallClock

ANSWER = "supplier_answer"


def receive_answer(store: Store, answer: SupplierAnswer, *, actor: Actor, wall: WallClock) -> bool:
    """Put a supplier's answer into the inbox; False when the same was received before.

    Raises
    ------
    ForbiddenError
        If the actor is not that supplier.
    NotFoundError
        If a line is unknown or belongs to another supplier: its existence is not told.
    ConflictError
        If another answer came under the same id.
    """
    if not actor.may(f"supplier:{answer.supplier}"):
        raise ForbiddenError(f"{actor.name} may not answer for supplier {answer.supplier}", supplier=answer.supplier)
    payload = encode(answer)
    with store.write() as tx:
        for line_answer in answer.lines:
            if tx.plans.line(line_answer.plan_line_id).supplier != answer.supplier:
                raise NotFoundError(
                    f"there is no plan line {line_answer.plan_line_id!r}", line=line_answer.plan_line_id
                )
        letter = Letter(answer.answer_id, ANSWER, answer.supplier, answer.answered_at, payload)
        return tx.bridge.receive(letter, content_hash(payload), wall())


def apply_due(tx: Tx, catalogue: Catalogue, through: int, wall: int) -> int:
    """Apply answers and warehouse reports that take effect up to a cut; return how many."""
    letters = tx.bridge.due_letters(through)
    for letter in letters:
        tx.bridge.letter_done(letter.message, wall, _apply_letter(tx, catalogue, letter, wall))
    events = tx.bridge.due_stock_events(through)
    for event in events:
        _apply_stock(tx, event, wall)
        tx.bridge.stock_event_done(event)
    return len(letters) + len(events)


def _apply_letter(tx: Tx, catalogue: Catalogue, letter: Letter, wall: int) -> str | None:
    """Apply one letter; return why it was refused, or nothing."""
    try:
        answer = ANSWER_DECODER.decode(letter.payload)
    except DecodeError as fault:
        return f"not readable: {fault}"
    problems = []
    for line_answer in answer.lines:
        try:
            _answer_line(tx, catalogue, answer, line_answer, wall)
        except SupplyChainError as refused:
            problems.append(f"{line_answer.plan_line_id}: {refused.detail}")
    return "; ".join(problems) or None


def _answer_line(tx: Tx, catalogue: Catalogue, answer: SupplierAnswer, line_answer: LineAnswer, wall: int) -> None:
    line = tx.plans.line(line_answer.plan_line_id)
    if line.supplier != answer.supplier:
        raise NotFoundError(f"there is no plan line {line.line!r}")
    if line_answer.pieces > line.quantity:
        raise InvalidInputError(f"{line_answer.pieces} pieces promised, {line.quantity} ordered")
    state, confirmed = LineState.CONFIRMED, line.quantity
    if line_answer.answer == "refuse" or (line_answer.answer == "short" and line_answer.pieces == 0):
        state, confirmed = LineState.REFUSED, 0
    elif line_answer.answer == "short" and line_answer.pieces < line.quantity:
        state, confirmed = LineState.SHORT, line_answer.pieces
    after = replace(line, state=state, confirmed=confirmed, arrive_at=line_answer.deliver_by or line.arrive_at)
    reason = line_answer.reason or f"{answer.supplier} answered {line_answer.answer}"
    actor = Actor(f"supplier:{answer.supplier}", frozenset({f"supplier:{answer.supplier}"}))
    change(tx, line, after, actor=actor, action="answer", reason=reason, at=answer.answered_at, wall=wall)
    late = after.arrive_at > line.arrive_at
    if state is not LineState.CONFIRMED or late:
        missing = line.quantity - confirmed
        subject = (
            f"{line.sku} {missing} short from {answer.supplier}"
            if missing
            else f"{line.sku} late from {answer.supplier}"
        )
        signal = Signal(
            signal=derive("signal", SignalKind.SHORT, answer.answer_id, line.line),
            kind=SignalKind.SHORT,
            group=catalogue.group_of.get(line.sku, line.group),
            at=answer.answered_at,
            subject=subject,
            committed_wall=wall,
        )
        tx.signals.add([signal])


_WMS = Actor("wms", frozenset({"system"}))
_UNDER_WAY = SUPPLY - {LineState.APPROVED}
"""States in which pieces can come in; a receipt that names any other line is stock and moves no line."""


def _apply_stock(tx: Tx, event: StockEvent, wall: int) -> None:
    """Move a line on by a warehouse's report; a report about an unknown line changes stock but no line."""
    if event.plan_line is None:
        return
    try:
        line = tx.plans.line(event.plan_line)
    except NotFoundError:
        return
    after = _received(line, event) if event.kind == "receipt" else _shipped(line, event)
    if after is not None:
        change(
            tx,
            line,
            after,
            actor=_WMS,
            action=event.kind,
            reason=f"{event.warehouse} #{event.sequence}",
            at=event.as_of,
            wall=wall,
        )


def _received(line: PlanLine, event: StockEvent) -> PlanLine | None:
    received = line.received + event.pieces
    promised = line.quantity if line.confirmed is None else line.confirmed
    done = event.closes or received >= promised
    if line.state not in _UNDER_WAY:
        return None
    state = (
        LineState.RECEIVED if done else (LineState.IN_TRANSIT if line.state is not LineState.IN_TRANSIT else line.state)
    )
    return replace(line, received=received, state=state)


def _shipped(line: PlanLine, event: StockEvent) -> PlanLine | None:
    if line.kind is not LineKind.MOVE or line.state not in {LineState.RELEASED, LineState.CONFIRMED, LineState.SHORT}:
        return None
    return replace(line, shipped=line.shipped + event.pieces, state=LineState.IN_TRANSIT)
