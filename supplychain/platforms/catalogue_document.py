"""A catalogue as one plain JSON document, the form in which versions of it are stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import msgspec

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue

_PREPARED: Final = msgspec.json.Decoder(Catalogue)
"""Made at import, in one thread: msgspec crashes (signal 11) when several threads are the first to convert into a dataclass."""


def catalogue_document(catalogue: Catalogue) -> dict[str, Any]:
    """Return a catalogue as dicts, lists and scalars; equal catalogues give equal documents."""
    # field by field: the cached indexes of a catalogue that has been used are no part of it
    return {item.name: msgspec.to_builtins(getattr(catalogue, item.name)) for item in fields(catalogue)}


def catalogue_from(document: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue of a document, the inverse of `catalogue_document`.

    Raises
    ------
    InvalidInputError
        If a part is missing or of the wrong type; it names the place.
    """
    unknown = sorted(set(document) - {item.name for item in fields(Catalogue)})
    if unknown:
        detail = f"a catalogue has no part {unknown[0]!r}"
        raise InvalidInputError(detail, way_out="export it again", field=unknown[0])
    try:
        return msgspec.convert(dict(document), Catalogue)
    except msgspec.ValidationError as refused:
        detail = f"the stored catalogue is not readable: {refused}"
        raise InvalidInputError(detail, way_out="import the network again") from refused
