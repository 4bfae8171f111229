"""What the stand-in was told, as JSON lines, so that a restart forgets nothing.

The world is deterministic, so the calls made on it are all there is to keep: told the same in the same order, it says the
same with the same numbers. What the service or the broker has confirmed is kept beside it, and is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import msgspec

from supplychain.messages.v1 import Movement, SupplierOrder
from supplychain.partner.buyers import Sold


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the journal; `kind` says which of the other fields counts."""

    kind: Literal["opened", "order", "movement", "sales", "advanced", "answered", "published"]
    order: SupplierOrder | None = None
    movement: Movement | None = None
    sales: list[Sold] = []
    identity: str = ""
    fingerprint: str = ""
    to: int = 0
    count: int = 0


class Journal:
    """The file; without a path everything is forgotten at the end, and nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._out: IO[bytes] | None = None

    def read(self) -> Iterator[Told]:
        """Yield what was written; a torn last line, the mark of a crash, ends it and is cut off."""
        if self._path is None or not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    told = msgspec.json.decode(line, type=Told)
                except msgspec.DecodeError:
                    break
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield told
        with self._path.open("r+b") as torn:
            torn.truncate(whole)

    def write(self, told: Told) -> None:
        """Add a line and hand it to the operating system."""
        if self._path is None:
            return
        if self._out is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._out = self._path.open("ab")
        self._out.write(msgspec.json.encode(told) + b"\n")
        self._out.flush()

    def close(self) -> None:
        """Close the file."""
        if self._out is not None:
            self._out.close()
            self._out = None
