"""Outbox and inbox in SQL: the only bridges between the database and the outside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from supplychain.domain.errors import ConflictError, NotFoundError
from supplychain.planning.ports import Letter, Message, StockEvent
from supplychain.storage.tables import inbox, outbox, stock_log
from supplychain.storage.upserts import insert_new

_WAITING = ("pending", "claimed")


class SqlBridge:
    """Outbox and inbox in SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, message: Message, wall: int) -> bool:
        """Put a message into the outbox; False when its id is there already."""
        row = {
            "message": message.message,
            "channel": message.channel,
            "lane_key": message.lane,
            "kind": message.kind,
            "payload": message.payload,
            "lines": list(message.lines),
            "released_at": message.released_at,
            "state": "pending",
            "attempts": 0,
            "next_wall": 0,
            "created_wall": wall,
        }
        return insert_new(self._connection, outbox, [row]) == 1

    def claim(self, channel: str, holder: str, now_wall: int, lease_ms: int, limit: int) -> list[Message]:
        """Claim the head of each lane that is due; what follows in a lane waits until its head is out or parked."""
        heads = (
            select(func.min(outbox.c.serial))
            .where(outbox.c.channel == channel, outbox.c.state.in_(_WAITING))
            .group_by(outbox.c.lane_key)
        )
        free = or_(outbox.c.lease_wall.is_(None), outbox.c.lease_wall <= now_wall)
        rows = self._connection.execute(
            select(outbox)
            .where(outbox.c.serial.in_(heads), outbox.c.next_wall <= now_wall, free)
            .order_by(outbox.c.serial)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        claimed = []
        for row in rows:
            values = {
                "state": "claimed",
                "claimed_by": holder,
                "lease_wall": now_wall + lease_ms,
                "attempts": row.attempts + 1,
            }
            mine = update(outbox).where(outbox.c.serial == row.serial, outbox.c.attempts == row.attempts)
            if self._connection.execute(mine.values(**values)).rowcount == 1:
                claimed.append(_message(row, attempts=row.attempts + 1, state="claimed"))
        return claimed

    def delivered(self, message: str, wall: int) -> None:
        """Mark a message as accepted by its receiver."""
        values = {"state": "delivered", "delivered_wall": wall, "lease_wall": None, "error": None}
        self._settle(message, values)

    def failed(self, message: str, error: str, next_wall: int, *, parked: bool) -> None:
        """Give a message back for another attempt at `next_wall`, or park it for a person."""
        values = {
            "state": "parked" if parked else "pending",
            "next_wall": next_wall,
            "lease_wall": None,
            "error": error,
        }
        self._settle(message, values)

    def _settle(self, message: str, values: dict[str, Any]) -> None:
        """Change a claimed message: who outlived a lease never takes back what another has delivered."""
        mine = (outbox.c.message == message, outbox.c.state == "claimed")
        self._connection.execute(update(outbox).where(*mine).values(**values))

    def redeliver(self, message: str, wall: int) -> None:
        """Put a parked message back to the waiting ones, under its old id.

        Raises
        ------
        NotFoundError
            If there is no such message.
        ConflictError
            If it is not parked.
        """
        row = self._connection.execute(select(outbox.c.state).where(outbox.c.message == message)).first()
        if row is None:
            raise NotFoundError(f"there is no message {message!r}", message=message)
        if row.state != "parked":
            raise ConflictError(f"message {message} is {row.state}", way_out="only a parked message is sent again")
        values = {"state": "pending", "next_wall": wall, "attempts": 0}
        self._connection.execute(update(outbox).where(outbox.c.message == message).values(**values))

    def messages(self, *, channel: str | None = None, limit: int = 200) -> list[Message]:
        """Return messages, newest first."""
        query = select(outbox).order_by(outbox.c.serial.desc()).limit(limit)
        query = query.where(outbox.c.channel == channel) if channel else query
        return [_message(row) for row in self._connection.execute(query)]

    def pending(self) -> int:
        """Return how many messages wait to go out."""
        wanted = select(func.count()).select_from(outbox).where(outbox.c.state.in_(_WAITING))
        return int(self._connection.execute(wanted).scalar_one())

    def receive(self, letter: Letter, fingerprint: str, wall: int) -> bool:
        """Put a letter into the inbox; False when the same was received before.

        Raises
        ------
        ConflictError
            If another letter came under the same id.
        """
        row = {
            "message": letter.message,
            "kind": letter.kind,
            "source": letter.source,
            "effective_at": letter.effective_at,
            "payload": letter.payload,
            "fingerprint": fingerprint,
            "state": "open",
            "received_wall": wall,
        }
        if insert_new(self._connection, inbox, [row]):
            return True
        known = self._connection.execute(
            select(inbox.c.fingerprint).where(inbox.c.message == letter.message)
        ).scalar_one()
        if known != fingerprint:
            detail = f"message {letter.message} was received before with another content"
            raise ConflictError(detail, way_out="use a new id for a new message", message=letter.message)
        return False

    def due_letters(self, through: int) -> list[Letter]:
        """Return the open letters that take effect up to a moment, in order of time and id."""
        wanted = select(inbox).where(inbox.c.state == "open", inbox.c.effective_at <= through)
        return [
            Letter(r.message, r.kind, r.source, r.effective_at, r.payload, r.state, r.error)
            for r in self._connection.execute(wanted.order_by(inbox.c.effective_at, inbox.c.message))
        ]

    def next_letter_at(self) -> int | None:
        """Return when the earliest open letter takes effect."""
        return self._connection.execute(select(func.min(inbox.c.effective_at)).where(inbox.c.state == "open")).scalar()

    def letter_done(self, message: str, wall: int, error: str | None = None) -> None:
        """Mark a letter as applied, or as refused with the reason."""
        values = {"state": "refused" if error else "applied", "error": error, "applied_wall": wall}
        self._connection.execute(update(inbox).where(inbox.c.message == message).values(**values))

    def due_stock_events(self, through: int) -> list[StockEvent]:
        """Return receipts and shipments of plan lines up to a moment that were not applied to their line yet."""
        wanted = select(stock_log).where(stock_log.c.applied.is_(False), stock_log.c.as_of <= through)
        rows = self._connection.execute(wanted.order_by(stock_log.c.as_of, stock_log.c.warehouse, stock_log.c.sequence))
        return [
            StockEvent(r.warehouse, r.sequence, r.sku, r.kind, r.as_of, r.pieces, r.plan_line, r.movement, r.closes)
            for r in rows
        ]

    def next_stock_event_at(self) -> int | None:
        """Return the moment of the earliest receipt or shipment not applied to its line yet."""
        return self._connection.execute(
            select(func.min(stock_log.c.as_of)).where(stock_log.c.applied.is_(False))
        ).scalar()

    def stock_event_done(self, event: StockEvent) -> None:
        """Mark a stock event as applied to its plan line."""
        mine = (
            stock_log.c.warehouse == event.warehouse,
            stock_log.c.sequence == event.sequence,
            stock_log.c.sku == event.sku,
        )
        self._connection.execute(update(stock_log).where(*mine).values(applied=True))


def _message(row: Any, **changed: Any) -> Message:
    values = {
        "message": row.message,
        "channel": row.channel,
        "lane": row.lane_key,
        "kind": row.kind,
        "payload": row.payload,
        "lines": tuple(row.lines),
        "released_at": row.released_at,
        "state": row.state,
        "attempts": row.attempts,
        "next_wall": row.next_wall,
        "serial": row.serial,
        "error": row.error,
        "created_wall": row.created_wall,
        "delivered_wall": row.delivered_wall,
    }
    return Message(**{**values, **changed})
