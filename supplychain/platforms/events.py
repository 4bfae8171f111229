"""Recorded canonical events, one JSON object per line, as steps of time.

A line is a payload of the published language (`type` names it; without one it is a sale), or a structured CloudEvent around
one. Every partition gets its events in order of `occurred_at`. A line that is no payload stays what it is and takes the
place of its neighbour, so that it ends as a dead letter with its reason and not in a silent gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from supplychain.domain.errors import InvalidInputError, NotFoundError
from supplychain.domain.units import DAY, EARLIEST, LATEST, SECOND, ceil_to, floor_to
from supplychain.messages.codec import DecodeError
from supplychain.messages.step import Step
from supplychain.messages.v1 import (
    Audience,
    FlashOffer,
    Pitch,
    Receipt,
    Sale,
    Shipment,
    StockDelta,
    StockSnapshot,
    Tick,
)
from supplychain.platforms.pacing import IDLE, stretches

_Signal = Audience | Pitch | FlashOffer
_Stock = StockSnapshot | StockDelta | Receipt | Shipment
_Payload = Sale | _Signal | _Stock

_DECODER: Final[msgspec.json.Decoder[_Payload | Tick]] = msgspec.json.Decoder(
    Sale | Audience | Pitch | FlashOffer | StockSnapshot | StockDelta | Receipt | Shipment | Tick
)
_PLAIN: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class _Record:
    at: int
    key: str
    payload: _Payload | bytes


class RecordedEvents:
    """A recording as steps.

    Attributes
    ----------
    starts_at, ends_at
        UTC milliseconds, whole seconds around the first and the last event.
    counts
        Lines by what they are: sale, engagement, stock, raw (no payload), tick (left out, the driver writes its own), blank.

    Raises
    ------
    InvalidInputError
        If there is no event with a time in it.
    """

    def __init__(self, lines: Iterable[bytes], starts_at: int | None = None, ends_at: int | None = None) -> None:
        self.counts: Counter[str] = Counter()
        found = sorted(self._read(lines), key=lambda record: record.at)
        self._records = [
            one for one in found if (starts_at is None or one.at >= starts_at) and (ends_at is None or one.at < ends_at)
        ]
        if not self._records:
            detail = "the recording holds no event with a time in this part"
            raise InvalidInputError(detail, way_out="one JSON object per line, with occurred_at in milliseconds")
        self.starts_at = floor_to(self._records[0].at, SECOND)
        self.ends_at = ceil_to(self._records[-1].at + 1, SECOND)
        self.records = len(self._records)

    def steps(self, step_ms: int = SECOND, idle_ms: int = IDLE) -> Iterator[Step]:
        """Yield the recording in steps of `step_ms`; times without events pass in steps of up to `idle_ms`."""
        times = [record.at for record in self._records]
        for start, end, first, last in stretches(times, self.starts_at, self.ends_at, step_ms, idle_ms):
            step = Step(start, end)
            for record in self._records[first:last]:
                payload = record.payload
                if isinstance(payload, bytes):
                    step.raw.append((record.key, payload))
                elif isinstance(payload, Sale):
                    step.sales.append((record.key, payload))
                elif isinstance(payload, Audience | Pitch | FlashOffer):
                    step.engagement.append((record.key, payload))
                else:
                    step.stock.append((record.key, payload))
            yield step

    def _read(self, lines: Iterable[bytes]) -> list[_Record]:
        """Return the records in order of the file; what has no time takes that of the line before it, or of the first."""
        found: list[tuple[int | None, str, _Payload | bytes]] = []
        for line in lines:
            text = line.strip().removeprefix(b"\xef\xbb\xbf")
            if not text:
                self.counts["blank"] += 1
                continue
            payload = _payload(text)
            if isinstance(payload, Tick):
                self.counts["tick"] += 1
            elif payload is None:
                self.counts["raw"] += 1
                found.append((None, "", text))
            else:
                self.counts[_family(payload)] += 1
                found.append((_moment(payload), _key(payload), payload))
        before = next((at for at, _, _ in found if at is not None), None)
        if before is None:
            return []
        records, key = [], next(key for at, key, _ in found if at is not None)
        for at, own, what in found:
            before, key = (before if at is None else at), own or key
            records.append(_Record(before, key, what))
        return records


def read_events(path: Path, starts_at: int | None = None, ends_at: int | None = None) -> RecordedEvents:
    """Return a recorded file, or its part in [starts_at, ends_at).

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidInputError
        If it holds no event with a time in this part.
    """
    if not path.is_file():
        detail = f"no file {path}"
        raise NotFoundError(detail, way_out="give a file of JSON lines", path=str(path))
    with path.open("rb") as lines:
        return RecordedEvents(lines, starts_at, ends_at)


def _payload(text: bytes) -> _Payload | Tick | None:
    try:
        return _DECODER.decode(text)
    except (DecodeError, UnicodeDecodeError):
        pass
    try:
        plain: Any = _PLAIN.decode(text)
    except (DecodeError, UnicodeDecodeError):
        return None
    if isinstance(plain, dict) and "specversion" in plain and isinstance(plain.get("data"), dict):
        plain = plain["data"]
    if isinstance(plain, dict) and "type" not in plain and "event_id" in plain:
        plain = {"type": "sale", **plain}
    try:
        return _DECODER.decode(msgspec.json.encode(plain))
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _family(payload: _Payload) -> str:
    if isinstance(payload, Sale):
        return "sale"
    return "engagement" if isinstance(payload, Audience | Pitch | FlashOffer) else "stock"


def _key(payload: _Payload) -> str:
    if isinstance(payload, Sale):
        return payload.room_id or payload.shop_id
    return payload.room_id if isinstance(payload, Audience | Pitch | FlashOffer) else payload.warehouse


def _moment(payload: _Payload) -> int | None:
    """Return where a record belongs in time; an impossible stamp is no place, the stream shall judge it where it stood."""
    if isinstance(payload, Sale):
        at, seen = payload.occurred_at, payload.received_at
        if seen is not None and abs(seen - at) > DAY:
            at = seen
    else:
        at = payload.at if isinstance(payload, Audience | Pitch | FlashOffer) else payload.as_of
    return at if EARLIEST <= at < LATEST else None
