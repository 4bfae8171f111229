"""What stands behind a line beside its equation: limits, other quantities and offers, whom it serves, what was said before."""

from __future__ import annotations

from typing import Any, Final

from supplychain.web.console.frame import Visit
from supplychain.web.console.tables import Column, label, loose, table, text
from supplychain.web.ports import Row

_OWN_PLACE: Final = frozenset({
    "alternatives", "binding", "instead_of_offer", "one_batch_less_minor", "one_batch_more_minor", "previously", "serves",
    "session_forecasts", "spikes", "without_offer_minor",
})  # fmt: skip
_MOST_SERVED: Final = 8
"""Rows of whom a line serves; the others are summed up."""


def evidence(visit: Visit, known: dict[str, Any]) -> str:
    """Return the facts of a line as HTML, what a planner asks first on top; what has no place of its own comes last."""
    say = visit.say
    parts = [
        _titled(say("binding"), _limits(visit, known.get("binding") or [])),
        _titled(say("other.quantities"), _other_quantities(visit, known)),
        _titled(say("alternatives"), _alternatives(visit, known.get("alternatives") or [])),
        _titled(say("serves"), _serves(visit, known.get("serves") or [])),
        _titled(say("previously"), _previously(visit, known.get("previously"))),
    ]
    for key, title in (("spikes", "spikes"), ("session_forecasts", "forecast")):
        rows = "".join(f"<li>{text(_said(visit, row))}</li>" for row in known.get(key) or ())
        parts.append(_titled(say(title), f'<ul class="small">{rows}</ul>' if rows else ""))
    rest = [(label(name), _fact(visit, name, value)) for name, value in known.items() if name not in _OWN_PLACE]
    parts.append(_titled(say("facts"), table((Column(""), Column("", number=True)), rest, empty="") if rest else ""))
    return "".join(f'<div style="margin-bottom:12px">{part}</div>' for part in parts if part)


def _titled(title: str, content: str) -> str:
    return f'<div class="strong small">{text(title)}</div>{content}' if content else ""


def _limits(visit: Visit, binding: list[Row]) -> str:
    said = [_limit(visit, limit) for limit in binding] or [visit.say("none.binding")]
    return f'<ul class="small">{"".join(f"<li>{text(each)}</li>" for each in said)}</ul>'


def _limit(visit: Visit, limit: Row) -> str:
    """Return a binding limit: what it is, where, and what one more unit of it would save."""
    rest = {name: _fact(visit, name, value) for name, value in limit.items() if name not in {"limit", "where"}}
    return " ".join(str(limit[name]) for name in ("limit", "where") if name in limit) + f" ({loose(rest)})"


def _other_quantities(visit: Visit, known: dict[str, Any]) -> str:
    """Return what the plan would cost more with one batch more or less, and without the supplier's offer."""
    say, formats = visit.say, visit.formats
    names = ("one_batch_more_minor", "one_batch_less_minor", "without_offer_minor")
    if not any(name in known for name in names):
        return ""
    others = known.get("instead_of_offer") or []
    instead = "; ".join(
        f"{formats.count(row['pieces'])} {row['supplier']} {row['mode']} {formats.moment(row['arrive_at'])}"
        for row in others
    )
    notes = ("", "", instead or say("instead.nothing"))
    rows = [
        (say(name.removesuffix("_minor").replace("_", ".")), formats.signed_money(known[name]), note)
        for name, note in zip(names, notes, strict=True)
        if known.get(name) is not None
    ]
    columns = (Column(say("instead")), Column(say("plan.dearer"), number=True), Column(say("note")))
    return table(columns, rows, empty=say("no.other.quantity"))


def _alternatives(visit: Visit, rows: list[Row]) -> str:
    say, formats = visit.say, visit.formats
    if not rows:
        return ""
    columns = (
        Column(say("from")),
        Column(say("kind")),
        Column(say("quantity"), number=True),
        Column(say("arrive.at"), nowrap=True),
        Column(say("extra.cost"), number=True),
    )
    cells = [
        (
            row.get("supplier") or row.get("origin"),
            row.get("mode", "–"),
            formats.count(row.get("pieces")),
            formats.moment(row.get("arrive_at")),
            formats.signed_money(row.get("extra_minor")),
        )
        for row in rows
    ]
    return table(columns, cells, empty=say("none"))


def _serves(visit: Visit, rows: list[Row]) -> str:
    """Return whom the pieces are for, the largest parts first."""
    say, formats = visit.say, visit.formats
    if not rows:
        return ""
    ordered = sorted(rows, key=lambda row: -row["pieces"])
    cells = [
        (row["region"] or "–", row["kind"], formats.count(row["pieces"]), formats.moment(row["until"]))
        for row in ordered[:_MOST_SERVED]
    ]
    if others := ordered[_MOST_SERVED:]:
        cells.append((say("others", n=len(others)), "", formats.count(sum(row["pieces"] for row in others)), ""))
    columns = (
        Column(say("region")),
        Column(say("kind")),
        Column(say("pieces"), number=True),
        Column(say("due.until"), nowrap=True),
    )
    return table(columns, cells, empty="")


def _previously(visit: Visit, last: Row | None) -> str:
    """Return what the proposal before this one said."""
    if last is None:
        return ""
    say, formats = visit.say, visit.formats
    change = f"{last['change']:+,}".replace("-", "−")
    said = say("previously.said", n=formats.count(last["pieces"]), at=formats.stamp(last["release_at"]), change=change)
    return f'<div class="small">{text(said)}</div>'


def _said(visit: Visit, row: Row) -> str:
    shown = {name: value for name, value in row.items() if name not in {"spike"}}
    return loose({name: _fact(visit, name, value) for name, value in shown.items()})


def _fact(visit: Visit, name: str, value: Any) -> str:
    """Return one fact; times and money are known by their names."""
    if isinstance(value, int) and (name.endswith(("_at", "_until")) or name == "as_of"):
        return visit.formats.stamp(value)
    if isinstance(value, int | float) and name.endswith("_minor"):
        return visit.formats.money(round(value))
    return loose(value)
