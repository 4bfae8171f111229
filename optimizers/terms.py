"""Demand lines that take pieces on the same terms share their ways: one flow serves them all, and is dealt out afterwards.

A line asks where, when and for how much; tranches, periods and channels make many lines of few kinds. Written line by line
the exact model has a column for every lane, period, pool and line. Here releases reach a *door* (region, tier, pool,
period) and go from there to a *term*: lines of one door whose lateness costs the same. A term is either one window, or a
chain of periods along which a piece counts as late for a line due earlier (and, for accepted orders, waits for one due
later). First come, first served deals a term's pieces out to its lines at exactly the cost of the flow.

Source: network flows with backlogging arcs (Zangwill, Management Science 15, 1969).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizers.problem import Problem
from optimizers.solution import Ints
from optimizers.tables import FREE

WINDOW, BEHIND, ANYTIME = 0, 1, 2
"""A term's kind: one window; served from the due period on; served any time, free of charge until due."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of one item.

    line : (n,) demand rows that can be served at all. of_line : (n,) their term. due : (n,) node in the term's chain.
    kind, region, tier, channel, opens, last, late : (m,) per term; late is minor units per piece and day.
    window_due : (m,) due period of a window, for its lateness.
    """

    line: Ints
    of_line: Ints
    due: Ints
    kind: Ints
    region: Ints
    tier: Ints
    channel: Ints
    opens: Ints
    last: Ints
    late: Ints
    window_due: Ints


@dataclass(frozen=True, slots=True)
class DoorArcs:
    """Permitted releases to doors: lane, period, arrival and pool of each, and its door (row of the door table)."""

    lane: Ints
    period: Ints
    arrival: Ints
    pool: Ints
    door: Ints


@dataclass(frozen=True, slots=True)
class Doors:
    """Doors of one item. region, tier, pool : (d,). feeds : (d, m) whether the door serves the term."""

    region: Ints
    tier: Ints
    pool: Ints
    feeds: Ints


def terms_of(problem: Problem, item: int) -> Terms:
    """Group the lines of an item."""
    demand = problem.demand
    order, starts = problem.items_of_demand
    rows = order[starts[item] : starts[item + 1]]
    last = np.minimum(demand.last[rows], problem.goods.end_of_run[item])
    kept = (demand.pieces[rows] > 0) & (demand.opens[rows] <= last)
    rows, last = rows[kept], last[kept]
    opens, due = demand.opens[rows], demand.due[rows]
    kind = np.where((last > due) & (opens == due), BEHIND, np.where((last > due) & (opens == 0), ANYTIME, WINDOW))
    chained = kind != WINDOW
    late = np.where(last > due, demand.late_cost[rows], 0)
    keys = np.stack([
        kind, demand.region[rows], demand.tier[rows], demand.channel[rows], np.where(kind == BEHIND, -1, opens), last, late,
        np.where(chained, -1, np.minimum(due, last)),
    ]).astype(np.int64)  # fmt: skip
    unique, of_line = np.unique(keys, axis=1, return_inverse=True)
    of_line = of_line.reshape(-1)
    first = np.full(unique.shape[1], problem.sizes["T"], dtype=np.int64)
    np.minimum.at(first, of_line, opens)
    return Terms(
        rows, of_line, np.minimum(due, last), unique[0], unique[1], unique[2], unique[3],
        np.where(unique[0] == BEHIND, first, unique[4]), unique[5], unique[6], unique[7],
    )  # fmt: skip


def doors_of(terms: Terms, pools: tuple[int, ...]) -> Doors:
    """Doors that some term can take pieces from."""
    places = np.unique(np.stack([terms.region, terms.tier]), axis=1)
    rows = [(r, q, p) for r, q in places.T for p in pools]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    same = (table[:, [0]] == terms.region) & (table[:, [1]] == terms.tier)
    feeds = same & ((table[:, [2]] == FREE) | (table[:, [2]] == terms.channel))
    used = feeds.any(axis=1)
    return Doors(table[used, 0], table[used, 1], table[used, 2], feeds[used])


def door_arcs(problem: Problem, item: int, terms: Terms, doors: Doors) -> DoorArcs:
    """Releases to doors that arrive while some term of the door takes pieces."""
    lanes, periods = problem.lanes, problem.sizes["T"]
    lifts = int(problem.goods.fence_lifts[item])
    wanted = np.zeros((len(doors.region), periods + 1), dtype=bool)
    for door, term in np.argwhere(doors.feeds):
        wanted[door, terms.opens[term] : terms.last[term] + 1] = True
    found = [np.zeros((5, 0), dtype=np.int64)]
    for door in range(len(doors.region)):
        fits = (lanes.to_region == doors.region[door]) & (lanes.tier >= doors.tier[door])
        for lane in np.flatnonzero(fits):
            arrival = lanes.arrival[lane]
            open_ = (arrival >= 0) & wanted[door, arrival]
            if doors.pool[door] != FREE:
                open_ &= np.arange(periods) < lifts
            period = np.flatnonzero(open_)
            row = (lane, period, arrival[period], doors.pool[door], door)
            found.append(np.stack([np.broadcast_to(each, period.shape).astype(np.int64) for each in row]))
    return DoorArcs(*np.concatenate(found, axis=1))


def deal_out(
    terms: Terms,
    arcs: DoorArcs,
    released: Ints,
    out_door: Ints,
    out_term: Ints,
    out_time: Ints,
    sent: Ints,
    served: Ints,
) -> Ints:
    """Turn flows into deliveries.

    Parameters
    ----------
    released : pieces on each of `arcs`. out_door, out_term, out_time, sent : flows from doors to terms.
    served : (n,) pieces each line gets.

    Returns
    -------
    (6, deliveries): demand row, lane, period, pieces, arrival, pool.
    """
    arrivals: dict[int, list[list[int]]] = {}
    rows = np.flatnonzero(released > 0)
    rows = rows[np.lexsort((arcs.period[rows], arcs.lane[rows], arcs.arrival[rows], arcs.door[rows]))]
    takes = np.flatnonzero(sent > 0)
    takes = takes[np.lexsort((out_term[takes], out_time[takes], out_door[takes]))]
    for row, take, pieces in _matched(released[rows], sent[takes]):
        arc = rows[row]
        part = [int(arcs.arrival[arc]), int(arcs.lane[arc]), int(arcs.period[arc]), int(arcs.pool[arc]), pieces]
        arrivals.setdefault(int(out_term[takes[take]]), []).append(part)
    found: list[tuple[int, ...]] = []
    for term, parts in sorted(arrivals.items()):
        parts.sort()
        lines = np.flatnonzero((terms.of_line == term) & (served > 0))
        lines = lines[np.lexsort((terms.line[lines], terms.due[lines]))]
        for at, line, pieces in _matched(np.array([each[4] for each in parts]), served[lines]):
            arrival, lane, period, pool, _ = parts[at]
            found.append((int(terms.line[lines[line]]), lane, period, pieces, arrival, pool))
    return np.array(found, dtype=np.int64).reshape(-1, 6).T


def _matched(supply: Ints, want: Ints) -> list[tuple[int, int, int]]:
    """Match two lists of pieces with equal sums, first with first: (row of supply, row of want, pieces)."""
    found: list[tuple[int, int, int]] = []
    j, owed = 0, 0
    for i, there in enumerate(supply):
        left = int(there)
        while left > 0 and j < len(want):
            owed = owed or int(want[j])
            part = min(left, owed)
            found.append((i, j, part))
            left, owed = left - part, owed - part
            j += owed == 0
    return found
