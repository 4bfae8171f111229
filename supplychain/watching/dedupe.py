"""Exact memory of event ids: twenty-four bytes an id, one flat table, whole chunks at a time.

A Bloom filter alone would drop real sales, a row or a Python object per id costs the throughput. Here an id is 16 bytes
of an open-addressing table, beside it 8 bytes with the hour of its event and a print of its content, so that the same id with
other content is noticed. What a chunk adds leaves as one packed block per hour of event time; the table is rebuilt from such blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from supplychain.domain.ids import event_key
from supplychain.domain.units import HOUR
from supplychain.watching.grouping import group
from supplychain.watching.intake import Ints

Words = npt.NDArray[np.uint64]
Prints = npt.NDArray[np.uint32]
Rows = npt.NDArray[np.int64]

FRESH, SAME, CONFLICT = 0, 1, 2
"""Verdicts on an id: never seen, seen with the same content, seen with other content."""
ENTRY: Final = np.dtype([("key", "<u8", (2,)), ("print", "<u4")])
"""One id in a block: sixteen bytes of id, four that tell its content."""
_EMPTY: Final = -1
_PRINT: Final = np.int64(0xFFFFFFFF)
_FULL: Final = 0.7
"""Share of used slots at which the table is rebuilt; after that at most `_ROOMY` are used."""
_ROOMY: Final = 0.55
_SMALLEST: Final = 1 << 18
_LARGE: Final = 1 << 22
"""Smaller tables double, larger ones grow by half."""


_PART: Final = 1 << 16
"""So many ids at a time move into a new table."""


def keys_of(ids: Sequence[str]) -> Words:
    """Return the 16-byte keys of event ids as an (n, 2) array of 64-bit words.

    Ids of 32 hex digits are read in bulk; any other id is hashed into the same space by `event_key`.
    """
    count = len(ids)
    try:
        raw = bytes.fromhex("".join(ids))
        regular = len(raw) == 16 * count and set(map(len, ids)) <= {32}
    except ValueError:
        regular = False
    if not regular:
        # The bulk reader skips blanks, so a blank inside an id must not shorten its key either.
        raw = b"".join(_sure_key(one) for one in ids)
    return np.frombuffer(raw, dtype="<u8").reshape(count, 2).astype(np.uint64)


def _sure_key(identity: str) -> bytes:
    key = event_key(identity)
    return key if len(key) == 16 else blake2b(identity.encode(), digest_size=16).digest()


def mix(word: Words) -> Words:
    """Return words whose bits all depend on all bits of `word`.

    Source: D. Stafford's variant 13 of the 64-bit finaliser of MurmurHash3.
    """
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


class SeenIds:
    """The ids of one partition within the horizon.

    An id is forgotten when the hour of its event time falls below the oldest remembered hour. A forgotten entry keeps
    its slot until the table is next rebuilt, and is renewed when its own id comes again.
    """

    def __init__(self, capacity: int = _SMALLEST) -> None:
        self._allocate(capacity)
        self._oldest = 0

    def _allocate(self, capacity: int) -> None:
        self._keys = np.zeros((capacity, 2), dtype=np.uint64)
        self._marks = np.full(capacity, _EMPTY, dtype=np.int64)
        self._used = 0

    def __len__(self) -> int:
        return int(np.count_nonzero(self._marks >= self._oldest << 32))

    @property
    def nbytes(self) -> int:
        """Memory of the table in bytes."""
        return self._keys.nbytes + self._marks.nbytes

    def forget(self, oldest: int) -> None:
        """Forget ids of hours that begin before `oldest` (ms)."""
        self._oldest = max(self._oldest, oldest // HOUR)

    def load(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Remember what earlier chunks packed; blocks may come in any order and more than once.

        Raises
        ------
        ValueError
            If a block is no whole number of entries.
        """
        for hour, block in blocks:
            if hour // HOUR < self._oldest:
                continue
            entries = np.frombuffer(block, dtype=ENTRY)
            self._add(entries["key"].astype(np.uint64), _marks(entries["print"], np.int64(hour // HOUR)))

    def admit(self, keys: Words, prints: Prints, occurred: Ints) -> tuple[Ints, list[tuple[int, bytes]]]:
        """Tell which of a chunk's ids are new, and remember those.

        Parameters
        ----------
        keys, prints
            Id (n, 2) and content (n) of each event, in order.
        occurred
            Event times in ms.

        Returns
        -------
        tuple
            `FRESH`, `SAME` or `CONFLICT` per event, the first of equal ids winning; and the packed blocks of the new
            ids, one per hour.
        """
        hours = occurred // HOUR
        verdict = self._add(keys, _marks(prints, hours))
        return verdict, self._pack(np.flatnonzero(verdict == FRESH), keys, prints, hours)

    @staticmethod
    def _pack(new: Ints, keys: Words, prints: Prints, hours: Ints) -> list[tuple[int, bytes]]:
        if not new.size:
            return []
        packed = np.empty(new.size, dtype=ENTRY)
        packed["key"], packed["print"] = keys[new], prints[new]
        found = group(hours[new])
        ends = [*found.starts[1:], new.size]
        return [
            (int(hours[new[first]]) * HOUR, packed[found.order[start:end]].tobytes())
            for first, start, end in zip(found.first, found.starts, ends, strict=True)
        ]

    def _add(self, keys: Words, marks: Rows) -> Ints:
        self._reserve(len(keys))
        hashes = mix(keys[:, 0] ^ mix(keys[:, 1]))
        again = _repeats(keys, hashes)
        if not again.size:
            return self._probe(np.arange(len(keys)), keys, marks, hashes)
        # The first of equal ids goes ahead; the others then find it in the table.
        first = np.ones(len(keys), dtype=np.bool_)
        first[again] = False
        verdict = self._probe(np.flatnonzero(first), keys, marks, hashes)
        verdict[again] = self._probe(again, keys, marks, hashes)[again]
        return verdict

    def _probe(self, waiting: Rows, keys: Words, marks: Rows, hashes: Words) -> Ints:
        """Walk the probe sequences of some ids in step and return a verdict for each; those that are new are distinct.

        In each step an empty slot goes to one of those who ask for it: each writes a claim of its own, and one stays.
        Everybody else compares with what the slot holds: its own id ends the walk, another id means the next slot.
        """
        verdict = np.full(len(keys), FRESH, dtype=np.int64)
        capacity = np.uint64(len(self._marks))
        slots = (((hashes[waiting] >> np.uint64(32)) * capacity) >> np.uint64(32)).astype(np.int64)
        while waiting.size:
            free = np.flatnonzero(self._marks[slots] < 0)
            if free.size:
                who, at = waiting[free], slots[free]
                self._marks[at] = -2 - who
                owners = self._marks[at] == -2 - who
                won, at = who[owners], at[owners]
                self._keys[at], self._marks[at] = keys[won], marks[won]
                self._used += won.size
                open_still = np.ones(waiting.size, dtype=np.bool_)
                open_still[free[owners]] = False
                waiting, slots = waiting[open_still], slots[open_still]
            held, own = self._keys[slots], keys[waiting]
            met = (held[:, 0] == own[:, 0]) & (held[:, 1] == own[:, 1])
            if met.any():
                verdict[waiting[met]] = self._meet(slots[met], marks[waiting[met]])
                waiting, slots = waiting[~met], slots[~met]
            slots = slots + 1
            slots[slots == len(self._marks)] = 0
        return verdict

    def _meet(self, at: Rows, marks: Rows) -> Ints:
        """Return the verdicts on events that met their own id; a forgotten entry is renewed."""
        held = self._marks[at]
        verdict = np.where((held & _PRINT) == (marks & _PRINT), SAME, CONFLICT)
        stale = held < self._oldest << 32
        if stale.any():
            self._marks[at[stale]] = marks[stale]
            verdict[stale] = FRESH
        return verdict

    def _reserve(self, more: int) -> None:
        """Make room for `more` ids: forgotten ones are dropped, and the table grows as needed."""
        capacity = len(self._marks)
        if self._used + more <= _FULL * capacity:
            return
        kept = self._marks >= self._oldest << 32
        keys, marks = self._keys[kept], self._marks[kept]
        while len(marks) + more > _ROOMY * capacity:
            capacity += capacity if capacity < _LARGE else capacity // 2
        self._allocate(capacity)
        # The old slots are in the order of the hash and so are the new ones: small parts stay within the cache, and need
        # little memory besides.
        for start in range(0, len(marks), _PART):
            part = slice(start, start + _PART)
            own = keys[part]
            self._probe(np.arange(len(own)), own, marks[part], mix(own[:, 0] ^ mix(own[:, 1])))


def _marks(prints: Prints, hours: Rows | np.int64) -> Rows:
    """Return hour and print of each id in one whole number."""
    packed: Rows = (hours << 32) | prints.astype(np.int64)
    return packed


def _repeats(keys: Words, hashes: Words) -> Rows:
    """Return which ids have occurred before in the same chunk, in order; mostly none."""
    in_order = np.sort(hashes)
    if not (in_order[1:] == in_order[:-1]).any():
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    equal = (ordered[1:] == ordered[:-1]).all(axis=1)
    return np.sort(order[1:][equal])
