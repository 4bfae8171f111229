"""Whole chunks at a time: the compiled reader with what it must know, made when the first large chunk asks for it.

Loading the compiler takes half a second and its memory, which a worker that sees a few hundred sales at a time does without. It happens in the background: until then, and wherever it fails, records are decoded one by one, with the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import inspect
from numpy.lib.stride_tricks import as_strided

from supplychain.messages.v1 import Sale
from supplychain.watching.columns import KINDS, Text
from supplychain.watching.intake import SHALLOW_BYTES
from supplychain.watching.scan_tables import NEEDED, NULL, TEXT, TRUTH, WHOLE, Data, Fields, Index, Layout, Read, Words

_log = logging.getLogger(__name__)

BULK: Final = 1_000
"""Chunks of fewer records are not worth the compiler."""
_TYPES: Final = {
    inspect.StrType: TEXT,
    inspect.EnumType: TEXT,
    inspect.LiteralType: TEXT,
    inspect.IntType: WHOLE,
    inspect.BoolType: TRUTH,
}


def scanning() -> ModuleType:
    """Return the compiled reader; waits for it."""
    return _loading().result()


def is_ready() -> bool:
    """Whether the compiled reader is at hand; who asks first has it loaded."""
    loading = _loading()
    return loading.done() and loading.exception() is None


@cache
def _loading() -> Future[ModuleType]:
    loader = ThreadPoolExecutor(1, "kernels")
    loading = loader.submit(_told)
    loader.shutdown(wait=False)
    return loading


def _told() -> ModuleType:
    """Load the reader and say so if it is missing: nothing is wrong then, and everything slow."""
    try:
        return _load()
    except Exception:
        _log.exception("the compiled reader cannot be loaded; sales are decoded one by one")
        raise


def _load() -> ModuleType:
    """Import the reader and read a record, so that all of it is compiled."""
    module = import_module("supplychain.watching.scanning")
    bulk = Bulk(module)
    bulk.learn(("",) * 7, 0)
    bulk.read([msgspec.json.encode(Sale("0" * 32, "", "", "", "", KINDS[0], "", 1, 1, ""))])
    bulk.grow()
    return module


class Bulk:
    """The reader of `scanning` for one line table."""

    def __init__(self, module: Any) -> None:
        self._scanning = module
        self._layout = _layout(module)
        rows = len(self._layout.sizes) + 1
        self._fields = Fields(*(np.zeros(rows, dtype=np.int64) for _ in range(3)))
        asked = np.zeros(7 * (module.LONGEST + 8) // 8 + 1, dtype=np.uint64)
        self._index = self._sized(1 << 12, 1 << 16, asked)
        self._count = 0

    def _sized(self, texts: int, words: int, asked: Words) -> Index:
        return Index(
            slots=np.zeros(2 * texts, dtype=np.int32),
            hashes=np.zeros(texts, dtype=np.uint64),
            where=np.zeros(texts + 1, dtype=np.int64),
            codes=np.zeros(texts, dtype=np.int64),
            arena=np.zeros(words, dtype=np.uint64),
            asked=asked,
            asked_bytes=asked.view(np.uint8),
        )

    def read(self, values: Sequence[bytes | None]) -> Read:
        """Return what is read of each record; of those larger than sales are, nothing."""
        full = [value or b"" for value in values] if None in values else values
        data = np.frombuffer(b"".join([*full, bytes(self._scanning.PADDING)]), dtype=np.uint8)  # type: ignore[list-item]  # none is None
        words = as_strided(data[:8].view(np.uint64), (len(data) - 7,), (1,), writeable=False)
        count = len(values)
        sizes = np.fromiter(map(len, full), np.int64, count)  # type: ignore[arg-type]  # as above
        starts = np.concatenate(([0], np.cumsum(sizes)))
        numbers = np.zeros((6, count), dtype=np.int64)
        read = Read(
            plain=np.zeros(count, dtype=np.bool_),
            qty=numbers[0],
            occurred=numbers[1],
            price=numbers[2],
            promised=numbers[3],
            kind=numbers[4],
            key=np.zeros((count, 2), dtype=np.uint64),
            line=numbers[5],
        )
        self._scanning.scan(Data(data, words), starts, self._layout, self._fields, self._index, read)
        read.plain[sizes > SHALLOW_BYTES] = False
        return read

    def learn(self, text: Text, code: int) -> None:
        """Give records with these texts this code from now on; texts that are never read here are let go."""
        parts = [b"" if part is None else part.encode() for part in text]
        if max(map(len, parts)) > self._scanning.LONGEST:
            return
        absent = bytes([self._scanning.ABSENT])
        asked = b"".join(
            absent if part is None else bytes([len(raw)]) + raw for part, raw in zip(text, parts, strict=True)
        )
        index = self._index
        used = index.where[self._count] + len(asked) // 8 + 1
        if self._count == len(index.codes) or used > len(index.arena):
            self.grow()
            index = self._index
        index.asked_bytes[: len(asked)] = np.frombuffer(asked, dtype=np.uint8)
        self._scanning.learn(index, len(asked), self._count, code)
        self._count += 1

    def learn_all(self, texts: Iterable[Text]) -> None:
        """Learn texts whose codes are their numbers in order."""
        for code, text in enumerate(texts):
            self.learn(text, code)

    def grow(self) -> None:
        """Make room for twice as much."""
        old = self._index
        self._index = self._sized(2 * len(old.codes), 2 * len(old.arena), old.asked)
        for name in ("hashes", "where", "codes", "arena"):
            held = getattr(old, name)
            getattr(self._index, name)[: len(held)] = held
        self._scanning.spread(self._index, self._count)


def _layout(module: Any) -> Layout:
    """Return what a sale is made of, as its type declares it."""
    kind = inspect.type_info(Sale)
    assert isinstance(kind, inspect.StructType)  # noqa: S101 - what a sale is
    declared = {field.encode_name: field for field in kind.fields}
    tag = (kind.tag_field or "", str(kind.tag))
    names = [*NEEDED, *(name for name in declared if name not in NEEDED)]
    allowed = [_allowed(declared[name].type) if name != tag[0] else TEXT for name in names]
    required = [name == tag[0] or declared[name].required for name in names]
    channel = declared["channel"]
    assert isinstance(channel.type, inspect.LiteralType)  # noqa: S101 - as above
    sizes = np.array(list(map(len, names)), dtype=np.int64)
    kinds, kind_sizes = _words([one.value for one in KINDS])
    channels, channel_sizes = _words([str(one) for one in channel.type.values])
    return Layout(
        names=_name_words(names, module.NAME_WORDS),
        masks=_name_words(["\xff" * len(name) for name in names], module.NAME_WORDS),
        sizes=sizes,
        allowed=np.array([*allowed, TEXT + WHOLE + TRUTH + NULL]),
        required=np.array(required),
        tag=_word(tag[1]),
        kinds=kinds,
        kind_sizes=kind_sizes,
        channels=channels,
        channel_sizes=channel_sizes,
        usual_channel=_word(str(channel.default)),
        usual_currency=_word(str(declared["currency"].default)),
        order=np.arange(len(names)),
    )


def _allowed(kind: inspect.Type) -> int:
    """Return the types that a field may hold as bits of `scanning`."""
    if isinstance(kind, inspect.UnionType):
        return sum(_allowed(one) for one in kind.types)
    return NULL if isinstance(kind, inspect.NoneType) else _TYPES[type(kind)]


def _word(text: str) -> Any:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _name_words(names: Sequence[str], words: int) -> Any:
    """Return names as rows of words of eight bytes."""
    raw = b"".join(name.encode("latin-1").ljust(8 * words, b"\0") for name in names)
    return np.frombuffer(raw, dtype="<u8").reshape(len(names), words)


def _words(texts: Sequence[str]) -> tuple[Any, Any]:
    """Return texts as rows of bytes, and their sizes."""
    sizes = np.array(list(map(len, texts)), dtype=np.int64)
    rows = np.zeros((len(texts), int(sizes.max())), dtype=np.uint8)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = _word(text)
    return rows, sizes
