"""From the book of the price engine to a plan: rows in force, equal ones added up, in their standing order."""

from __future__ import annotations

import numpy as np

from optimizers import positions as at
from optimizers.given import decided
from optimizers.prices import Coordination
from optimizers.rounds import rows_in_force
from optimizers.solution import Deliveries, Ints, Moves, Orders, Plan, Scrap


def read_book(state: Coordination) -> Plan:
    """The plan in force."""
    lay, book = state.lay, state.book
    rows = rows_in_force(book)
    item = np.repeat(np.arange(len(lay.hub)), book.item[at.B_COUNT])
    lane, period, pieces, line, pool = book.row[:, rows]
    arrival = np.where(lane >= 0, lay.net.arrival[np.maximum(lane, 0), period], 0) if len(lay.lane_origin) else 0 * lane
    ship, move, scrap = line >= 0, (line < 0) & (lane >= 0), lane < 0
    demand = lay.line_row[np.maximum(line, 0)] if len(lay.line_row) else line
    shipped = _added([period[ship], lane[ship], demand[ship], pool[ship], arrival[ship]], pieces[ship])
    moved = _added([period[move], lane[move], item[move], pool[move], arrival[move]], pieces[move])
    scrapped = _added([period[scrap], item[scrap], -1 - lane[scrap], pool[scrap]], pieces[scrap])
    return Plan(
        _orders(state),
        Moves(moved[1], moved[2], moved[0], moved[5], moved[4], moved[3]),
        Deliveries(shipped[2], shipped[1], shipped[0], shipped[5], shipped[4], shipped[3]),
        Scrap(scrapped[1], scrapped[2], scrapped[0], scrapped[4], scrapped[3]),
    )


def _orders(state: Coordination) -> Orders:
    lay, problem = state.lay, state.problem
    chosen = np.flatnonzero(state.book.placed)
    given = decided(problem).pieces
    mode, period = np.nonzero(given)
    modes = np.concatenate([lay.cand_mode[chosen], mode])
    periods = np.concatenate([lay.cand_period[chosen], period])
    pieces = np.concatenate([state.book.placed[chosen], given[mode, period]])
    order = np.lexsort((modes, periods))
    modes, periods = modes[order], periods[order]
    return Orders(modes, periods, pieces[order], problem.modes.arrival[modes, periods].astype(np.int64))


def _added(keys: list[Ints], pieces: Ints) -> Ints:
    """Equal keys once, with their pieces added as the last row; sorted by the keys in the order given."""
    if not len(pieces):
        return np.zeros((len(keys) + 1, 0), dtype=np.int64)
    table = np.stack([np.asarray(key, dtype=np.int64) for key in keys])
    table, pieces = table[:, order := np.lexsort(table[::-1])], pieces[order]
    fresh = np.ones(table.shape[1], dtype=bool)
    fresh[1:] = (table[:, 1:] != table[:, :-1]).any(axis=0)
    total = np.bincount(np.cumsum(fresh) - 1, pieces).astype(np.int64)
    return np.vstack([table[:, fresh], total[None, :]])
