"""Tuning versions: show, compare, activate, roll back; each with author and reason, announced on its topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supplychain.domain.errors import ForbiddenError, InvalidInputError
from supplychain.domain.ids import derive
from supplychain.domain.tuning import describe, difference, document, parse
from supplychain.messages.codec import encode
from supplychain.planning.ports import Actor, Message, Store, Tx, WallClock


def show(store: Store, version: int | None = None) -> dict[str, Any]:
    """Return a tuning version (the active one when none is named) with unit, bounds and meaning of every value."""
    with store.read() as tx:
        number, tuning = tx.versions.tuning(version)
    values = document(tuning)
    rows = [
        {
            "name": f"{section}.{name}",
            "value": values[section][name],
            "default": field.default,
            "unit": field.metadata["unit"],
            "low": field.metadata["low"],
            "high": field.metadata["high"],
            "about": field.metadata["about"],
        }
        for section, name, field in describe()
    ]
    return {"version": number, "values": rows}


def versions(store: Store) -> list[dict[str, Any]]:
    """Return every version with author, reason and what it changed against the one before, newest first."""
    with store.read() as tx:
        stored = tx.versions.tunings()
        active, _ = tx.versions.tuning()
    rows = []
    for number, version in enumerate(stored):
        before = stored[number + 1].tuning if number + 1 < len(stored) else parse({})
        rows.append(
            {
                "version": version.version,
                "active": version.version == active,
                "author": version.author,
                "reason": version.reason,
                "created_wall": version.created_wall,
                "changes": [{"name": n, "old": old, "new": new} for n, old, new in difference(before, version.tuning)],
            }
        )
    return rows


def diff(store: Store, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a document would change in the active tuning.

    Raises
    ------
    TuningError
        If a value is unknown or out of bounds.
    """
    with store.read() as tx:
        _, tuning = tx.versions.tuning()
    return [{"name": name, "old": old, "new": new} for name, old, new in difference(tuning, parse(changes, tuning))]


def activate(store: Store, changes: Mapping[str, Any], *, actor: Actor, reason: str, wall: WallClock) -> int:
    """Store the active tuning with some changes as a new version, and make it active; return its number.

    Raises
    ------
    TuningError
        If a value is unknown or out of bounds.
    InvalidInputError
        If nothing would change, or no reason is given.
    """
    _may(actor, reason)
    with store.write() as tx:
        _, tuning = tx.versions.tuning()
        changed = parse(changes, tuning)
        moved = difference(tuning, changed)
        if not moved:
            raise InvalidInputError(
                "the tuning says this already", way_out="`supplychain tuning diff` shows what would change"
            )
        number = tx.versions.put_tuning(changed, actor.name, reason, wall())
        _announce(tx, number, actor, reason, wall(), {name: [old, new] for name, old, new in moved})
        return number


def rollback(store: Store, version: int, *, actor: Actor, reason: str, wall: WallClock) -> int:
    """Make an earlier version active again (0 is the defaults) as a new version; return its number.

    Raises
    ------
    NotFoundError
        If there is no such version.
    """
    _may(actor, reason)
    with store.write() as tx:
        _, earlier = tx.versions.tuning(version)
        _, current = tx.versions.tuning()
        number = tx.versions.put_tuning(earlier, actor.name, f"back to version {version}: {reason}", wall())
        moved = {name: [old, new] for name, old, new in difference(current, earlier)}
        _announce(tx, number, actor, reason, wall(), moved)
        return number


def _may(actor: Actor, reason: str) -> None:
    if not actor.may("operator"):
        raise ForbiddenError(f"{actor.name} may not change the tuning", way_out="ask an operator")
    if not reason.strip():
        raise InvalidInputError("a tuning needs a reason", way_out="say what it is for", field="reason")


def _announce(tx: Tx, number: int, actor: Actor, reason: str, wall: int, moved: Mapping[str, Any]) -> None:
    tx.versions.activate("tuning", number)
    at = tx.signals.planned_through() or wall
    tx.audit.append(
        actor=actor.name,
        action="tuning.activate",
        subject=f"tuning {number}",
        at=at,
        wall=wall,
        reason=reason,
        detail={"changes": dict(moved)},
    )
    payload = encode({"version": number, "author": actor.name, "reason": reason, "changes": dict(moved), "at": at})
    message = Message(
        derive("tuning", number, wall), "tuning", "tuning", "supplychain.tuning.activated.v1", payload, (), at
    )
    tx.bridge.send(message, wall)
