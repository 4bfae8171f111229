"""What a plan leaves short, item by item and worst first: the form in which a person wants to read it.

The plan keeps every SKU and region. A reader first wants to know which promises break, and only then where safety is thin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = ("accepted", "late", "expected", "safety")
"""From broken promises to thin safety: paid orders without goods, paid orders too late, sales to be lost, cover missing."""


def shortages_by_item(shortages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum shortages over regions, worst item first.

    Parameters
    ----------
    shortages
        Rows with `sku`, `region` and pieces by kind.

    Returns
    -------
    list
        One row per SKU: pieces by kind, and `regions`, the regions where more than safety is missing.

    >>> rows = shortages_by_item([
    ...     {"sku": "A", "region": "N", "accepted": 0, "late": 0, "expected": 0, "safety": 4},
    ...     {"sku": "B", "region": "N", "accepted": 0, "late": 5, "expected": 2, "safety": 1},
    ... ])
    >>> [(row["sku"], row["late"], row["regions"]) for row in rows]
    [('B', 5, ['N']), ('A', 0, [])]
    """
    found: dict[str, dict[str, Any]] = {}
    for row in shortages:
        item = found.setdefault(row["sku"], {"sku": row["sku"], **dict.fromkeys(KINDS, 0), "regions": [], "why": ""})
        item["why"] = row.get("why", item["why"])
        for kind in KINDS:
            item[kind] += row[kind]
        if any(row[kind] for kind in KINDS[:3]):
            item["regions"].append(row["region"])
    return sorted(found.values(), key=lambda item: (*(-item[kind] for kind in KINDS), item["sku"]))
