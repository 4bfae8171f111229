"""What the arrays of a problem must say together: rules over several columns, each with its own named error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from optimizers.columns import Amount, ProblemError

if TYPE_CHECKING:
    from optimizers.tables import OrderLines

Problem: TypeAlias = Any
"""The problem checks itself while it is being built, so its module cannot be imported here."""
MONEY_LIMIT: Final = 2.0**53
"""Money of a whole plan stays below this, so that sums in doubles are exact to the minor unit."""


def check(problem: Problem) -> None:
    """Refuse contradictions between columns.

    Raises
    ------
    ProblemError
        Naming the first rule that fails and where.
    """
    for rule in (_time, _stock, _lanes, _modes, _demand, _order_lines, _moves, _money):
        rule(problem)


def _refuse(name: str, reason: str, bad: Amount | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    if np.any(bad):
        raise ProblemError(name, reason, tuple(int(k) for k in np.argwhere(bad)[0]))


def _time(problem: Problem) -> None:
    time = problem.time
    _refuse("time.boundaries", "does not rise", np.diff(time.boundaries, prepend=-1) <= 0)
    for name, column in (("day", time.day), ("bucket", time.bucket)):
        steps = np.diff(column, prepend=column[0])
        _refuse(f"time.{name}", "must start at 0 and rise by 0 or 1", (steps < 0) | (steps > 1) | (column[0] != 0))


def _stock(problem: Problem) -> None:
    stock = problem.stock
    _refuse(
        "stock.live", "live and shelf fences hold more than there is on hand", stock.live + stock.shelf > stock.on_hand
    )
    totals = np.bincount(problem.expiring.item, problem.expiring.pieces, len(problem.goods.receiving))
    _refuse("expiring.pieces", "of this item exceed its stock on hand", totals > stock.on_hand.sum(axis=1))


def _lanes(problem: Problem) -> None:
    lanes = problem.lanes
    both = (lanes.to_warehouse >= 0) == (lanes.to_region >= 0)
    _refuse("lanes.to_region", "exactly one of to_warehouse and to_region must be given", both)
    _refuse("lanes.to_warehouse", "leads back to its origin", lanes.to_warehouse == lanes.origin)
    _travels("lanes.arrival", lanes.arrival)


def _travels(name: str, arrival: Amount) -> None:
    _refuse(name, "is before the release period", (arrival >= 0) & (arrival < np.arange(arrival.shape[1])))


def _modes(problem: Problem) -> None:
    modes, offers = problem.modes, problem.offers
    _travels("modes.arrival", modes.arrival)
    reach = modes.maximum // modes.multiple * modes.multiple
    _refuse("modes.maximum", "no multiple lies between moq and maximum", (modes.maximum >= 0) & (reach < modes.moq))
    pairs = offers.item * (len(problem.suppliers.minimum_value) + 1) + offers.supplier
    first = np.unique(pairs, return_index=True)[1]
    again = np.ones(len(pairs), dtype=bool)
    again[first] = False
    _refuse("offers.supplier", "offers the item twice", again)
    worth = problem.goods.salvage[problem.mode_item]
    _refuse(
        "modes.unit_cost",
        "is not above the salvage value: buying would be free money",
        (worth > 0) & (modes.unit_cost <= worth),
    )


def _demand(problem: Problem) -> None:
    demand = problem.demand
    early = (demand.opens > demand.due) | (demand.last < demand.due)
    _refuse("demand.due", "lies outside opens to last", early)
    twice = (demand.run_cap >= 0) & (demand.run_cap == demand.session_cap)
    _refuse("demand.run_cap", "contradictory: the same cap for session and run", twice)


def _order_lines(problem: Problem) -> None:
    for name, lines in (("pins", problem.pins), ("published", problem.published)):
        _refuse(f"{name}.mode", "contradictory: the same mode and period twice", _repeated(lines))
    pins, modes = problem.pins, problem.modes
    barred = (modes.arrival[pins.mode, pins.period] < 0) & (pins.pieces > 0)
    _refuse("pins.period", "contradictory: the mode cannot be released in this period", barred)
    said = dict(
        zip(zip(problem.published.mode, problem.published.period, strict=True), problem.published.pieces, strict=True)
    )
    frozen = pins.period < modes.frozen_until[pins.mode]
    differs = [said.get((m, t), 0) != q for m, t, q in zip(pins.mode, pins.period, pins.pieces, strict=True)]
    _refuse(
        "pins.pieces",
        "contradictory: differs from the published plan in the frozen horizon",
        frozen & np.array(differs, dtype=bool),
    )


def _repeated(lines: OrderLines) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    keys = np.stack([lines.mode, lines.period])
    again = np.ones(keys.shape[1], dtype=bool)
    again[np.unique(keys, axis=1, return_index=True)[1]] = False
    return again


def _moves(problem: Problem) -> None:
    moves, lanes = problem.pinned_moves, problem.lanes
    _refuse(
        "pinned_moves.lane",
        "leads to a region: pins are for moves between warehouses",
        lanes.to_warehouse[moves.lane] < 0,
    )
    _refuse(
        "pinned_moves.period",
        "contradictory: the lane does not leave in this period",
        lanes.arrival[moves.lane, moves.period] < 0,
    )
    keys = np.stack([moves.lane, moves.item, moves.period])
    again = np.ones(keys.shape[1], dtype=bool)
    again[np.unique(keys, axis=1, return_index=True)[1]] = False
    _refuse("pinned_moves.lane", "contradictory: the same lane, item and period twice", again)


def _money(problem: Problem) -> None:
    """Keep every total in the range where doubles are exact; more is a unit error, not a plan."""
    demand, stock = problem.demand, problem.stock
    days = float(problem.period_ms.sum()) / 86_400_000.0
    lost = float(np.dot(demand.pieces.astype(float), demand.shortage_cost.astype(float)))
    late = float(np.dot(demand.pieces.astype(float), demand.late_cost.astype(float))) * days
    held = float((stock.on_hand.astype(float) * stock.holding).sum()) * days / 1000.0
    if lost + late + held > MONEY_LIMIT:
        raise ProblemError("demand.shortage_cost", "overflows: the cost of serving nothing exceeds 2**53 minor units")
