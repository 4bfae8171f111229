"""Reads plain sales out of the bytes of a chunk, compiled: no object per record, and the interpreter free for others.

A record is read here only where nothing can be read two ways: one flat JSON object in printable ASCII without escapes, each
field at most once, each value of a type that the payload declares. Of everything else the reader says "not mine", and the
decoder of the payloads has the word: it knows what is wrong with a record, and whether anything is.

Compiled by numba, whose cache on disk is filled when the environment is made. Arrays come from the caller and outlive the
call, so no reference is counted and nothing is allocated. With NUMBA_DISABLE_JIT=1 the same code runs as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np
from numba import njit

from supplychain.watching import scan_tables
from supplychain.watching.scan_tables import (
    NULL,
    TEXT,
    TRUTH,
    WHOLE,
    Bytes,
    Data,
    Fields,
    Index,
    Ints,
    Layout,
    Read,
    Words,
)

Function = TypeVar("Function", bound=Callable[..., Any])

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


_FLAGS: Final = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
_SOURCES: Final = sha256(b"".join(Path(file).read_bytes() for file in (__file__, scan_tables.__file__))).hexdigest()


def _kernel(function: Function, **flags: str) -> Function:
    """Compile a function; its cache is stale when the tables that it reads are others, of which numba knows nothing."""
    compiled = njit(**_FLAGS, **flags)(function)
    kept = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = _SOURCES  # noqa: SLF001 - numba has no public way to say what a cache depends on
    return cast("Function", compiled)


def _inlined(function: Function) -> Function:
    return _kernel(function, inline="always")


_ZERO: Final = np.uint64(0)
_ONES: Final = np.uint64(0x0101010101010101)
_SPACES, _QUOTES, _ESCAPES, _GONE = (_ONES * np.uint64(byte) for byte in b' "\\\x7f')
_HIGH: Final = _ONES * np.uint64(0x80)
NAME_WORDS: Final = 3
"""Names of fields have at most 24 characters."""
PADDING: Final = 32
"""So many zeros follow the last record: words are read beyond it."""
_NIBBLES: Final = np.array(["0123456789abcdef".find(chr(byte).lower()) % 257 for byte in range(256)])
"""Values of hexadecimal digits; what is none makes a byte larger than a byte."""
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
def _is_name(data: Data, at: int, field: int, layout: Layout) -> bool:
    """Whether the name of a field stands at `at`, up to its closing quote."""
    wrong = _ZERO
    for part in range(NAME_WORDS):
        wrong |= (data.words[at + 8 * part] ^ layout.names[field, part]) & layout.masks[field, part]
    return bool(wrong == _ZERO)


@_inlined
def _text_end(data: Data, at: int, end: int) -> int:
    """Return where a plain text that begins at `at` ends, -1 where it is not plain.

    Eight bytes at a time: a byte's highest bit is set where it is a quote, a backslash, a control, or no ASCII.
    """
    while True:
        word = data.words[at]
        quote, escape, gone = word ^ _QUOTES, word ^ _ESCAPES, word ^ _GONE
        odd = (quote - _ONES) | (escape - _ONES) | (gone - _ONES) | (word - _SPACES) | word
        odd &= _HIGH
        if odd != _ZERO:
            break
        at += 8
        if at >= end:
            return _NONE
    if odd & np.uint64(0xFFFFFFFF) == _ZERO:
        odd >>= np.uint64(32)
        at += 4
    if odd & np.uint64(0xFFFF) == _ZERO:
        odd >>= np.uint64(16)
        at += 2
    if odd & np.uint64(0xFF) == _ZERO:
        at += 1
    return at if at < end and data.bytes_[at] == 34 else _NONE


@_kernel
def _field(data: Data, at: int, size: int, layout: Layout) -> int:
    """Return the field whose name of `size` bytes stands at `at`; the number of fields where it is another name."""
    field = 0
    while field < layout.sizes.size and (layout.sizes[field] != size or not _is_name(data, at, field, layout)):
        field += 1
    return field


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
def _value(data: Data, at: int, end: int, field: int, fields: Fields) -> tuple[int, int]:
    """Note where a value begins and ends; return its type, 0 where it is not plain, and the position after it."""
    raw = data.bytes_
    kind, after = 0, at
    if raw[at] == 34:
        stop = _text_end(data, at + 1, end)
        if stop >= 0:
            kind, after = TEXT, stop + 1
            fields.begins[field], fields.ends[field] = at + 1, stop
    elif raw[at] == 45 or 48 <= raw[at] <= 57:
        value, stop = _number(raw, at, end)
        if stop >= 0:
            kind, after = WHOLE, stop
            fields.begins[field], fields.ends[field], fields.numbers[field] = at, stop, value
    else:
        number = _literal(raw, at, end)
        if number >= 0:
            kind, after = NULL if number == 2 else TRUTH, at + _LITERAL_SIZES[number]
            fields.begins[field], fields.ends[field] = at, _NONE if number == 2 else after
    return kind, after


@_kernel
def _fields(data: Data, at: int, end: int, layout: Layout, fields: Fields) -> bool:
    """Read the fields of one record; whether it is plain."""
    raw, known = data.bytes_, layout.sizes.size
    for field in range(known + 1):
        fields.begins[field] = _NONE
    at = _blank(raw, at, end)
    if at >= end or raw[at] != 123:
        return False
    turn = 0
    while True:
        at = _blank(raw, at + 1, end)
        if at >= end or raw[at] != 34:
            return False
        at += 1
        field = layout.order[turn]
        size = layout.sizes[field]
        if at + size >= end or raw[at + size] != 34 or not _is_name(data, at, field, layout):
            size = _text_end(data, at, end) - at
            if size < 0:
                return False
            field = _field(data, at, size, layout)
            if field < known:
                layout.order[turn] = field
        if turn < layout.order.size - 1:
            turn += 1
        at = _blank(raw, at + size + 1, end)
        if at >= end or raw[at] != 58:
            return False
        at = _blank(raw, at + 1, end)
        if at >= end or (field < known and fields.begins[field] != _NONE):
            return False
        kind, at = _value(data, at, end, field, fields)
        if not layout.allowed[field] & kind or (kind == TEXT and fields.ends[field] - fields.begins[field] > LONGEST):
            return False
        at = _blank(raw, at, end)
        if at >= end:
            return False
        if raw[at] != 44:
            return raw[at] == 125 and _blank(raw, at + 1, end) == end


@_kernel
def _key(data: Bytes, at: int, key: Words) -> bool:
    """Read an id of 32 hexadecimal digits into two words, first byte lowest; whether it is one."""
    for half in range(2):
        word, wrong = np.uint64(0), 0
        for place in range(8):
            byte = _NIBBLES[data[at]] * 16 + _NIBBLES[data[at + 1]]
            wrong |= byte
            word |= np.uint64(byte) << np.uint64(8 * place)
            at += 2
        if wrong > 255:
            return False
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
def scan(data: Data, starts: Ints, layout: Layout, fields: Fields, index: Index, read: Read) -> None:
    """Read every record of a chunk that is plain.

    Parameters
    ----------
    data
        The records one after the other.
    starts
        Where each record begins, and at last where the last one ends.
    """
    raw = data.bytes_
    begins, ends, numbers = fields.begins, fields.ends, fields.numbers
    for at in range(starts.size - 1):
        read.plain[at] = False
        if not _fields(data, starts[at], starts[at + 1], layout, fields) or not _is_sale(raw, layout, fields):
            continue
        kind = _find(raw, begins[_KIND], ends[_KIND] - begins[_KIND], layout.kinds, layout.kind_sizes)
        if kind < 0 or not _key(raw, begins[_EVENT], read.key[at]):
            continue
        read.plain[at] = True
        read.kind[at] = kind
        read.qty[at] = numbers[_QTY]
        read.occurred[at] = numbers[_OCCURRED]
        read.price[at] = numbers[_PRICE] if begins[_PRICE] != _NONE else 0
        promised = begins[_PROMISED] != _NONE and ends[_PROMISED] != _NONE
        read.promised[at] = numbers[_PROMISED] if promised else _NONE
        read.line[at] = _line(raw, layout, fields, index)
