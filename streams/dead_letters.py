"""Records that cannot be used: why, and what is kept of them.

One bad record never costs its neighbours: a chunk is decoded as a whole, and only when that fails record by record. What
is refused becomes a dead letter that names its place in the log, a reason code for counting, the detail for a person, and
the bytes themselves, so that it can be looked at and sent again after the fault is mended.
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

Payload = TypeVar("Payload")

MOST_RECORD_BYTES: Final = 1_000_000
"""Larger records are refused unread: no event of ours comes near, and decoding them stalls their neighbours."""

MOST_KEPT_BYTES: Final = 65_536
"""What a dead letter keeps of a value; more is cut, and the letter then says so."""

_MOST_DETAIL: Final = 500
_NAMESPACE: Final = uuid.UUID("6f1f3f0a-52f5-5c5e-9d0b-6a3c54a7b0de")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the record at `index` of a chunk was refused: a code for counting, a detail for people."""

    index: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sifted(Generic[Payload]):
    """The payloads of a chunk in their order, None where a record was refused, and the faults."""

    payloads: Sequence[Payload | None]
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record.

    Attributes
    ----------
    id
        Made of cluster, topic, partition and offset, so that a repeated chunk writes the same letter.
    reason, detail
        Code and explanation.
    key, value
        The bytes in base64, None when the record had none.
    value_bytes, value_digest
        Size and SHA-256 of the whole value.
    cut
        Whether `value` holds only the beginning; the log still has the rest while it retains the record.
    preview
        The beginning as text, with everything unprintable escaped.
    sent_at, refused_at
        UTC milliseconds.
    """

    id: uuid.UUID
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    key: str | None
    value: str | None
    value_bytes: int
    value_digest: str
    cut: bool
    preview: str
    sent_at: int
    refused_at: int

    def content(self) -> bytes:
        """Return the bytes to send again.

        Raises
        ------
        ValueError
            If the letter holds only the beginning.
        """
        if self.cut:
            raise ValueError(f"{self.topic}/{self.partition}/{self.offset}: only the beginning of the value was kept")
        return base64.b64decode(self.value or "")


def sift(
    values: Sequence[bytes | None], decode: Callable[[bytes], Payload], *, most_bytes: int = MOST_RECORD_BYTES
) -> Sifted[Payload]:
    """Decode the values of a chunk, keeping the bad apart from the good.

    Parameters
    ----------
    values
        As they came; None is a record without a value.
    decode
        Raises on anything that is no payload.
    most_bytes
        Largest value that is decoded at all.
    """
    try:
        if max(map(len, values), default=0) <= most_bytes:  # type: ignore[arg-type]  # None raises and is sifted below
            return Sifted([decode(value) for value in values], ())  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        pass  # somebody in here is bad: find out who
    payloads: list[Payload | None] = []
    faults: list[Fault] = []
    for index, value in enumerate(values):
        payload, reason, detail = _decoded(value, decode, most_bytes)
        payloads.append(payload)
        if reason:
            faults.append(Fault(index, reason, detail))
    return Sifted(payloads, faults)


def _decoded(
    value: bytes | None, decode: Callable[[bytes], Payload], most_bytes: int
) -> tuple[Payload | None, str, str]:
    if value is None:
        return None, "empty", "the record has no value"
    if len(value) > most_bytes:
        return None, "too-large", f"{len(value)} bytes, at most {most_bytes} are read"
    try:
        return decode(value), "", ""
    except msgspec.ValidationError as wrong:
        return None, "wrong-shape", str(wrong)
    except msgspec.DecodeError as wrong:
        return None, "not-json", str(wrong)
    except RecursionError:
        return None, "too-deep", "nested deeper than any payload"
    except UnicodeDecodeError as wrong:
        return None, "not-utf8", str(wrong)
    except (TypeError, ValueError) as wrong:
        return None, "impossible", str(wrong)


def dead_letter(
    fault: tuple[str, str],
    *,
    cluster: str,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    sent_at: int,
    refused_at: int,
    most_kept: int = MOST_KEPT_BYTES,
) -> DeadLetter:
    """Turn a refused record into a dead letter.

    Parameters
    ----------
    fault
        Reason code and detail.
    cluster
        Id of the broker's cluster: offsets mean nothing without it.
    sent_at, refused_at
        The record's timestamp and the present, UTC milliseconds.
    most_kept
        Most bytes of the value to keep.
    """
    reason, detail = fault
    whole = value or b""
    kept = whole[:most_kept]
    return DeadLetter(
        id=uuid.uuid5(_NAMESPACE, f"{cluster}:{topic}:{partition}:{offset}"),
        topic=topic,
        partition=partition,
        offset=offset,
        reason=reason,
        detail=_printable(detail)[:_MOST_DETAIL],
        key=None if key is None else base64.b64encode(key[:most_kept]).decode(),
        value=None if value is None else base64.b64encode(kept).decode(),
        value_bytes=len(whole),
        value_digest=hashlib.sha256(whole).hexdigest(),
        cut=len(kept) < len(whole),
        preview=_printable(kept[:200].decode("utf-8", "backslashreplace"))[:200],
        sent_at=sent_at,
        refused_at=refused_at,
    )


def _printable(text: str) -> str:
    """Escape what could break a terminal, a log line or a page."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
