"""Reads plain sales out of the bytes of a chunk, compiled: no object per record, and the interpreter free for others.

A record is read here only where nothing can be read two ways: one flat JSON object in printable ASCII without escapes, each
field at most once, each value of a type that the payload declares. Of everything else the reader says "not mine", and the
decoder of the payloads has the word: it knows what is wrong with a record, and whether anything is.

Compiled by numba, whose cache on disk is filled when the environment is made. Arrays come from the caller and outlive the
call, so no reference is counted and nothing is allocated. With NUMBA_DISABLE_JIT=1 the same code runs as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])

TEXT, WHOLE, TRUTH, NULL = 1, 2, 4, 8
"""Types of a value; what a field may hold is their sum."""

NEEDED: Final = (
    "type",
    "event_id",
    "kind",
    "sku",
    "region",
    "channel",
    "currency",
    "room_id",
    "shop_id",
    "session_id",
    "qty",
    "occurred_at",
    "unit_price_minor",
    "promised_ship_by",
)
"""Fields whose values are read; the fields of a layout begin with them."""
_TYPE, _EVENT, _KIND, _SKU, _REGION, _CHANNEL, _CURRENCY, _ROOM, _SHOP, _SESSION = range(10)
_QTY, _OCCURRED, _PRICE, _PROMISED = range(10, 14)

_NONE: Final = -1
"""Begin of a field that is not given, end of one that is null."""
_DIGITS: Final = 18
"""A whole number of so many digits fits 64 bits whatever they are."""
LONGEST: Final = 200
"""Most characters of a text that is read here."""
_ID: Final = 32
ABSENT: Final = 255
"""Stands for the length of a text that is not there."""


class Layout(NamedTuple):
    """What a payload declares: names of fields, types they may hold, which must be there, and the words that some are out of.

    Words are rows of bytes with their sizes beside them. The last `allowed` is that of a field with another name. `order` is
    where fields stood in the record before: the next one mostly looks the same.
    """

    names: Bytes
    sizes: Ints
    allowed: Ints
    required: npt.NDArray[np.bool_]
    tag: Bytes
    kinds: Bytes
    kind_sizes: Ints
    channels: Bytes
    channel_sizes: Ints
    usual_channel: Bytes
    usual_currency: Bytes
    order: Ints


class Fields(NamedTuple):
    """Where the values of one record begin and end, and what the numbers are; one row more than a layout has fields."""

    begins: Ints
    ends: Ints
    numbers: Ints


class Index(NamedTuple):
    """Texts by their bytes: an open-addressing table of positions plus one, and the texts in words of eight bytes.

    `asked` holds the text that is looked for; `asked_bytes` is the same memory.
    """

    slots: npt.NDArray[np.int32]
    hashes: Words
    where: Ints
    codes: Ints
    arena: Words
    asked: Words
    asked_bytes: Bytes


class Read(NamedTuple):
    """What was read of each record. `line` is -1 where the index lacks its texts; where not `plain`, nothing is said."""

    plain: npt.NDArray[np.bool_]
    qty: Ints
    occurred: Ints
    price: Ints
    promised: Ints
    kind: Ints
    key: Words
    line: Ints


def _kernel(function: Function) -> Function:
    return cast("Function", njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def _inlined(function: Function) -> Function:
    flags = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    return cast("Function", njit(**flags, inline="always")(function))


_PLAIN: Final = np.array([32 <= byte <= 126 and byte not in b'"\\' for byte in range(256)])
"""Which bytes a plain text is made of."""
_LITERALS: Final = np.frombuffer(b"true\0falsenull\0", dtype=np.uint8).reshape(3, 5)
_LITERAL_SIZES: Final = np.array([4, 5, 4])


@_inlined
def _blank(data: Bytes, at: int, end: int) -> int:
    """Return the first position from `at` on that is no white space."""
    while at < end and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@_inlined
def _same(data: Bytes, at: int, word: Bytes, size: int) -> bool:
    """Whether the bytes from `at` on are those of `word`; the caller has made sure that there are so many."""
    place = 0
    while place < size and data[at + place] == word[place]:
        place += 1
    return place == size


@_kernel
def _find(data: Bytes, at: int, size: int, words: Bytes, sizes: Ints) -> int:
    """Return the number of the word that stands at `at`, -1 where it is none of them."""
    for number in range(sizes.size):
        if sizes[number] == size and _same(data, at, words[number], size):
            return number
    return _NONE


@_inlined
def _text_end(data: Bytes, at: int, end: int) -> int:
    """Return where a plain text that begins at `at` ends, -1 where it is not plain."""
    while at < end and _PLAIN[data[at]]:
        at += 1
    return at if at < end and data[at] == 34 else _NONE


@_inlined
def _number(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a whole number and where it ends; an end of -1 where it is none, or not plain."""
    negative = data[at] == 45
    first = at + 1 if negative else at
    at = first
    value = 0
    while at < end and 48 <= data[at] <= 57 and at - first < _DIGITS:
        value = value * 10 + (data[at] - 48)
        at += 1
    if at == first or (data[first] == 48 and (at - first > 1 or negative)):
        at = _NONE
    return -value if negative else value, at


@_kernel
def _literal(data: Bytes, at: int, end: int) -> int:
    """Return which literal stands at `at`: 0 true, 1 false, 2 null, -1 none."""
    for number in range(3):
        size = _LITERAL_SIZES[number]
        if at + size <= end and _same(data, at, _LITERALS[number], size):
            return number
    return _NONE


@_inlined
def _value(data: Bytes, at: int, end: int, field: int, fields: Fields) -> tuple[int, int]:
    """Note where a value begins and ends; return its type, 0 where it is not plain, and the position after it."""
    kind, after = 0, at
    if data[at] == 34:
        stop = _text_end(data, at + 1, end)
        if stop >= 0:
            kind, after = TEXT, stop + 1
            fields.begins[field], fields.ends[field] = at + 1, stop
    elif data[at] == 45 or 48 <= data[at] <= 57:
        value, stop = _number(data, at, end)
        if stop >= 0:
            kind, after = WHOLE, stop
            fields.begins[field], fields.ends[field], fields.numbers[field] = at, stop, value
    else:
        number = _literal(data, at, end)
        if number >= 0:
            kind, after = NULL if number == 2 else TRUTH, at + _LITERAL_SIZES[number]
            fields.begins[field], fields.ends[field] = at, _NONE if number == 2 else after
    return kind, after


@_kernel
def _fields(data: Bytes, at: int, end: int, layout: Layout, fields: Fields) -> bool:
    """Read the fields of one record; whether it is plain."""
    known = layout.sizes.size
    for field in range(known + 1):
        fields.begins[field] = _NONE
    at = _blank(data, at, end)
    if at >= end or data[at] != 123:
        return False
    turn = 0
    while True:
        at = _blank(data, at + 1, end)
        if at >= end or data[at] != 34:
            return False
        at += 1
        field = layout.order[turn]
        size = layout.sizes[field]
        if at + size >= end or data[at + size] != 34 or not _same(data, at, layout.names[field], size):
            size = _text_end(data, at, end) - at
            if size < 0:
                return False
            field = _find(data, at, size, layout.names, layout.sizes)
            if field < 0:
                field = known
            else:
                layout.order[turn] = field
        if turn < layout.order.size - 1:
            turn += 1
        at = _blank(data, at + size + 1, end)
        if at >= end or data[at] != 58:
            return False
        at = _blank(data, at + 1, end)
        if at >= end or (field < known and fields.begins[field] != _NONE):
            return False
        kind, at = _value(data, at, end, field, fields)
        if not layout.allowed[field] & kind or (kind == TEXT and fields.ends[field] - fields.begins[field] > LONGEST):
            return False
        at = _blank(data, at, end)
        if at >= end:
            return False
        if data[at] != 44:
            return data[at] == 125 and _blank(data, at + 1, end) == end


@_inlined
def _nibble(byte: int) -> int:
    """Return the value of a hexadecimal digit, 16 for anything else."""
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    return byte - 55 if 65 <= byte <= 70 else 16


@_kernel
def _key(data: Bytes, at: int, key: Words) -> bool:
    """Read an id of 32 hexadecimal digits into two words, first byte lowest; whether it is one."""
    for half in range(2):
        word = np.uint64(0)
        for place in range(8):
            high, low = _nibble(data[at]), _nibble(data[at + 1])
            if high > 15 or low > 15:
                return False
            word |= np.uint64(high * 16 + low) << np.uint64(8 * place)
            at += 2
        key[half] = word
    return True


@_inlined
def _ask(index: Index, data: Bytes, begin: int, end: int, size: int) -> int:
    """Append a text with its length to what is looked for, which has `size` bytes; return its new size."""
    index.asked_bytes[size] = ABSENT if end < begin else end - begin
    size += 1
    for at in range(begin, end):
        index.asked_bytes[size] = data[at]
        size += 1
    return size


@_kernel
def _slot(index: Index, size: int) -> tuple[np.int64, int, np.uint64]:
    """Return the slot of what is looked for or the free one where it belongs, its size in words, and its hash."""
    words = (size + 7) // 8
    for at in range(size, words * 8):
        index.asked_bytes[at] = 0
    mixed = np.uint64(0x9E3779B97F4A7C15)
    for at in range(words):
        mixed = (mixed ^ index.asked[at]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    slot = np.int64(mixed >> np.uint64(20)) % index.slots.size
    while index.slots[slot] > 0:
        held = index.slots[slot] - 1
        first = index.where[held]
        if index.hashes[held] == mixed and index.where[held + 1] - first == words:
            at = 0
            while at < words and index.arena[first + at] == index.asked[at]:
                at += 1
            if at == words:
                break
        slot = (slot + 1) % index.slots.size
    return slot, words, mixed


@_kernel
def learn(index: Index, size: int, place: int, code: int) -> None:
    """Keep the `size` bytes of `asked` as the text number `place`, with its code; the caller has made room for it."""
    slot, words, mixed = _slot(index, size)
    first = index.where[place]
    for at in range(words):
        index.arena[first + at] = index.asked[at]
    index.slots[slot] = place + 1
    index.hashes[place] = mixed
    index.codes[place] = code
    index.where[place + 1] = first + words


@_kernel
def spread(index: Index, count: int) -> None:
    """Fill the empty slots of a table that was made larger with the texts that it has."""
    for place in range(count):
        slot = np.int64(index.hashes[place] >> np.uint64(20)) % index.slots.size
        while index.slots[slot] > 0:
            slot = (slot + 1) % index.slots.size
        index.slots[slot] = place + 1


@_kernel
def _line(data: Bytes, layout: Layout, fields: Fields, index: Index) -> int:
    """Return the code of the texts of a record, -1 where the index lacks them."""
    size = 0
    for field in (_SKU, _REGION, _CHANNEL, _CURRENCY, _ROOM, _SHOP, _SESSION):
        if fields.begins[field] != _NONE:
            size = _ask(index, data, fields.begins[field], fields.ends[field], size)
        elif field == _CHANNEL:
            size = _ask(index, layout.usual_channel, 0, layout.usual_channel.size, size)
        elif field == _CURRENCY:
            size = _ask(index, layout.usual_currency, 0, layout.usual_currency.size, size)
        else:
            size = _ask(index, data, 0, _NONE, size)
    held = index.slots[_slot(index, size)[0]]
    return index.codes[held - 1] if held > 0 else _NONE


@_inlined
def _is_sale(data: Bytes, layout: Layout, fields: Fields) -> bool:
    """Whether a plain record has all that a sale must have, with the words that are allowed."""
    begins, ends = fields.begins, fields.ends
    complete = True
    for field in range(layout.sizes.size):
        complete = complete and (not layout.required[field] or begins[field] != _NONE)
    if not complete or ends[_EVENT] - begins[_EVENT] != _ID or ends[_TYPE] - begins[_TYPE] != layout.tag.size:
        return False
    size = ends[_CHANNEL] - begins[_CHANNEL]
    known = begins[_CHANNEL] == _NONE or _find(data, begins[_CHANNEL], size, layout.channels, layout.channel_sizes) >= 0
    return known and _same(data, begins[_TYPE], layout.tag, layout.tag.size)


@_kernel
def scan(data: Bytes, starts: Ints, layout: Layout, fields: Fields, index: Index, read: Read) -> None:
    """Read every record of a chunk that is plain.

    Parameters
    ----------
    data
        The bytes of the records, one after the other.
    starts
        Where each record begins, and at last where the last one ends.
    """
    begins, ends, numbers = fields.begins, fields.ends, fields.numbers
    for at in range(starts.size - 1):
        read.plain[at] = False
        if not _fields(data, starts[at], starts[at + 1], layout, fields) or not _is_sale(data, layout, fields):
            continue
        kind = _find(data, begins[_KIND], ends[_KIND] - begins[_KIND], layout.kinds, layout.kind_sizes)
        if kind < 0 or not _key(data, begins[_EVENT], read.key[at]):
            continue
        read.plain[at] = True
        read.kind[at] = kind
        read.qty[at] = numbers[_QTY]
        read.occurred[at] = numbers[_OCCURRED]
        read.price[at] = numbers[_PRICE] if begins[_PRICE] != _NONE else 0
        promised = begins[_PROMISED] != _NONE and ends[_PROMISED] != _NONE
        read.promised[at] = numbers[_PROMISED] if promised else _NONE
        read.line[at] = _line(data, layout, fields, index)
