"""Packed arrays are byte for byte what the driver makes of the same items."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from psycopg import adapters
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.numeric import Int8

from supplychain.storage.packed_arrays import bigints, teach, texts


class Connection:
    """What of a connection is asked: its own adapters."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(adapters)


@pytest.mark.parametrize(
    ("values", "wrapped", "pack"),
    [
        ([0, -1, 2**40, 2**63 - 1, -(2**63)], [Int8(n) for n in (0, -1, 2**40, 2**63 - 1, -(2**63))], bigints),
        (["a", "", "杭州 €", "a", '{x},"y"\\'], ["a", "", "杭州 €", "a", '{x},"y"\\'], texts),
    ],
)
def test_packed_as_the_driver_packs(values: Sequence[Any], wrapped: list[Any], pack: Callable[..., bytes]) -> None:
    driver = Transformer(Connection()).get_dumper(wrapped, PyFormat.BINARY)
    assert pack(values) == driver.dump(wrapped)


def test_a_connection_sends_them_as_they_are() -> None:
    connection = Connection()
    teach(connection)
    for packed, oid in ((bigints([7]), 1016), (texts(["x"]), 1009)):
        dumper = Transformer(connection).get_dumper(packed, PyFormat.BINARY)
        assert dumper.dump(packed) == packed
        assert dumper.oid == oid
