"""Orders to suppliers without an endpoint: a file per order in a folder that another system empties.

A file appears whole or not at all, under a name that sorts in the order of release.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import quote

from supplychain.dispatch.edi import SUFFIX, FileFormat, render
from supplychain.dispatch.outcome import Outcome
from supplychain.domain.errors import InvalidInputError
from supplychain.planning.ports import Message

_LONGEST_NAME: Final = 160


class FileDrop:
    """The channel `file`.

    Parameters
    ----------
    folder
        Holds one folder per supplier; made when missing.
    formats
        How a supplier wants its files; JSON where nothing is said.
    sender
        Our id with suppliers who read EDI.
    """

    def __init__(
        self, folder: Path, formats: Mapping[str, FileFormat] | None = None, sender: str = "SUPPLYCHAIN"
    ) -> None:
        self._folder = folder
        self._formats = formats or {}
        self._sender = sender

    def deliver(self, message: Message) -> Outcome:
        """Write one order; writing it again replaces the file by the same content."""
        target = self.path(message)
        try:
            content = render(message, self._format(message), self._sender)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, content)
        except InvalidInputError as refused:
            return Outcome.park(str(refused))
        except OSError as fault:
            return Outcome.retry(f"{target} cannot be written: {fault.strerror or fault}")
        return Outcome.delivered(str(target))

    def path(self, message: Message) -> Path:
        """Return where an order is written: `<supplier>/<serial>-<id>.json` (or .x12, .edi)."""
        suffix = SUFFIX[self._format(message)]
        return self._folder / _safe(message.lane) / f"{message.serial:012d}-{_safe(message.message)}{suffix}"

    def _format(self, message: Message) -> FileFormat:
        return self._formats.get(message.lane, "json")

    def close(self) -> None:
        """Nothing is kept open."""


def _safe(name: str) -> str:
    """Return a name that stays inside its folder, whatever the catalogue calls a supplier."""
    quoted = quote(name, safe=" ").replace(".", "%2E") or "%00"
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    return f"{quoted[:_LONGEST_NAME]}-{blake2b(name.encode(), digest_size=8).hexdigest()}"


def _write(target: Path, content: bytes) -> None:
    hidden = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with hidden.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        hidden.replace(target)
    finally:
        hidden.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
