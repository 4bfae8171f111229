"""What the compiled reader is told and what it answers: arrays, since it knows nothing else."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

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


class Layout(NamedTuple):
    """What a payload declares: names of fields, types they may hold, which must be there, and the words that some are out of.

    Words are rows of bytes with their sizes beside them. The last `allowed` is that of a field with another name. `order` is
    where fields stood in the record before: the next one mostly looks the same.
    """

    names: Words
    masks: Words
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


class Data(NamedTuple):
    """The bytes of a chunk, and the eight bytes from each of them on as a word; zeros follow the last record."""

    bytes_: Bytes
    words: Words


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
