"""Write the JSON Schemas of the published payloads into `docs/schemas/`, from the structs that decode and encode them.

Run `.venv/bin/python docs/make_schemas.py` after a change of `supplychain/messages/v1.py`; a test compares the files.
"""

from __future__ import annotations

import json
import re
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

import msgspec

from supplychain.messages.v1 import (
    Audience,
    FlashOffer,
    Movement,
    Pitch,
    Receipt,
    Sale,
    Shipment,
    StockDelta,
    StockSnapshot,
    SupplierAnswer,
    SupplierOrder,
    Tick,
)

FOLDER: Final = Path(__file__).parent / "schemas"
PAYLOADS: Final[tuple[type[msgspec.Struct], ...]] = (
    Sale,
    Tick,
    Audience,
    Pitch,
    FlashOffer,
    StockSnapshot,
    StockDelta,
    Receipt,
    Shipment,
    SupplierOrder,
    SupplierAnswer,
    Movement,
)


def file_name(payload: type) -> str:
    """Return the file of a payload.

    >>> file_name(StockSnapshot)
    'stock-snapshot.json'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", payload.__name__).lower() + ".json"


def schema(payload: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the schema of a payload, JSON Schema 2020-12, complete in itself."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_dedented(msgspec.json.schema(payload))}


def _dedented(node: Any) -> Any:
    """Return a schema whose descriptions have no indentation, as docstrings have it from Python 3.13 on."""
    if isinstance(node, dict):
        return {
            name: cleandoc(inner) if name == "description" and isinstance(inner, str) else _dedented(inner)
            for name, inner in node.items()
        }
    return [_dedented(inner) for inner in node] if isinstance(node, list) else node


def written() -> dict[Path, str]:
    """Return every file with its content."""
    return {
        FOLDER / file_name(payload): json.dumps(schema(payload), indent=2, ensure_ascii=False) + "\n"
        for payload in PAYLOADS
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
