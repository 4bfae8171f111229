"""Net demand: what of the gross is cancelled before shipment, refunded, or comes back, by age.

Live sales lose a third to two thirds of their gross, so plans buy net. Three life tables are learned per category, price band
and host, with pooling: cancelled before shipment (by age since payment), refunded without return and returned (by age since
shipment). `LossModel.ships` and `LossModel.keeps` make gross demand net; `expected_returns` dates the sellable inflow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.frames import Flags, Floats, Ints
from supplychain.forecasting.life_table import Cell, LifeTable, learn_table
from supplychain.forecasting.moments import Moments

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CANCEL_AGES = tuple(round(h * HOUR_MS) for h in (0, 0.25, 0.5, 1, 2, 4, 8, 24, 48, 96, 240))
RETURN_AGES = tuple(d * DAY_MS for d in (0, 1, 2, 3, 5, 7, 10, 15, 21, 30))
VERSION = 1
NEVER = -1


@dataclass(frozen=True, slots=True)
class LossHistory:
    """Paid lines with what became of them, one entry per line.

    Parameters
    ----------
    cells
        (category, price band, host), or any path of one length.
    pieces
        Paid pieces.
    paid_ms, cancelled_ms, shipped_ms, refunded_ms, returned_ms
        UTC; -1 where it has not happened.
    scrapped
        Whether a returned line could not be sold again.
    seen_until_ms
        When the lines were looked at: what has not happened by then is censored.
    """

    cells: tuple[Cell, ...]
    pieces: Ints
    paid_ms: Ints
    cancelled_ms: Ints
    shipped_ms: Ints
    refunded_ms: Ints
    returned_ms: Ints
    scrapped: Flags
    seen_until_ms: int

    def __post_init__(self) -> None:
        rows = len(self.cells)
        columns = (
            self.pieces,
            self.paid_ms,
            self.cancelled_ms,
            self.shipped_ms,
            self.refunded_ms,
            self.returned_ms,
            self.scrapped,
        )
        if any(len(column) != rows for column in columns) or len({len(cell) for cell in self.cells}) > 1:
            raise ValueError("columns of one length and cells of one depth are needed")


@dataclass(frozen=True, slots=True)
class LossModel:
    """Learned losses; every method takes a cell and falls back to wider ones for what it has never seen.

    Parameters
    ----------
    cancelled
        By age since payment, while not shipped.
    refunded, returned
        By age since shipment, competing.
    sellable
        Share of returned pieces that can be sold again.
    session_spread
        Squared coefficient of variation of a session's cumulative risk around the cell's.
    """

    cancelled: LifeTable
    refunded: LifeTable
    returned: LifeTable
    sellable: float
    session_spread: float

    def ships(self, cell: Cell, age_ms: int = 0, ship_age_ms: int = 48 * HOUR_MS, factor: float = 1.0) -> float:
        """Probability that a paid piece of an age, not cancelled so far, is still wanted when it is to be shipped."""
        ages = np.array([age_ms, max(age_ms, ship_age_ms)])
        alive = self.cancelled.survival(cell, ages, factor)
        return float(alive[1] / alive[0]) if alive[0] > 0.0 else 0.0

    def keeps(self, cell: Cell, age_ms: int = 0, ship_age_ms: int = 48 * HOUR_MS, factor: float = 1.0) -> float:
        """Probability that a paid piece, not cancelled so far, is shipped and neither refunded nor returned."""
        end = np.array([self.refunded.edges_ms[-1]])
        after = self.refunded.survival(cell, end, factor) * self.returned.survival(cell, end, factor)
        return self.ships(cell, age_ms, ship_age_ms, factor) * float(after[0])

    def net(self, gross: Moments, cell: Cell, ship_age_ms: int = 48 * HOUR_MS, factor: float = 1.0) -> Moments:
        """Moments of the pieces to be shipped out of gross demand still to be paid.

        The chance itself varies between sessions: the delta method carries `session_spread` into its variance.
        """
        return gross.thinned(*self.kept(cell, ship_age_ms, factor))

    def kept(self, cell: Cell, ship_age_ms: int = 48 * HOUR_MS, factor: float = 1.0) -> tuple[float, float]:
        """Share of gross demand still to be paid that will be shipped, and the variance of that share."""
        share = self.ships(cell, 0, ship_age_ms, factor)
        risk = -np.log(max(share, 1e-12))
        return share, float(share * share * risk * risk * self.session_spread)

    def session_factor(
        self, cell: Cell, paid_ages_ms: Ints, pieces: Ints, cancelled: float, kappa: float = 1.0
    ) -> float:
        """How this session's cancellations run against the cell's: learned from those seen so far, tempered.

        Parameters
        ----------
        paid_ages_ms, pieces
            Age and pieces of what was paid in this session.
        cancelled
            Pieces of it cancelled so far.

        Source
        ------
        Gamma prior of mean 1 and variance `session_spread` on the factor of a Poisson count.
        """
        expected = float(np.sum(pieces * (1.0 - self.cancelled.survival(cell, paid_ages_ms))))
        shape = 1.0 / max(self.session_spread, 1e-6)
        return (shape + kappa * cancelled) / (shape + kappa * expected)

    def net_session(
        self, cell: Cell, remaining: Moments, paid_ages_ms: Ints, pieces: Ints, cancelled: Ints, kappa: float = 1.0
    ) -> Moments:
        """Moments of the pieces a running session will have kept when all returns are in.

        Parameters
        ----------
        remaining
            Gross pieces still to be sold.
        paid_ages_ms, pieces, cancelled
            Of what was paid so far: age, pieces, and those cancelled already.

        Source
        ------
        What is paid and what is to come share one uncertain loss: thinning, plus the posterior variance of the session's
        factor carried through exp(-risk) by the delta method.
        """
        factor = self.session_factor(cell, paid_ages_ms, pieces, float(np.sum(cancelled)), kappa)
        alive = np.maximum(np.asarray(pieces) - np.asarray(cancelled), 0)
        end = np.array([self.cancelled.edges_ms[-1]])
        fresh = self.keeps(cell, 0, int(end[0]), factor)
        now = self.cancelled.survival(cell, paid_ages_ms, factor)
        shares = fresh / np.maximum(now, 1e-12)
        stays = float(np.sum(alive * shares))
        expected = float(np.sum(pieces * (1.0 - self.cancelled.survival(cell, paid_ages_ms))))
        posterior = factor / (1.0 / max(self.session_spread, 1e-6) + kappa * expected)
        slope = stays_slope = 0.0
        if fresh > 0.0:
            slope = remaining.mean * fresh * -float(np.log(max(fresh, 1e-12))) / max(factor, 1e-9)
            risk_left = -np.log(np.clip(shares, 1e-12, 1.0)) / max(factor, 1e-9)
            stays_slope = float(np.sum(alive * shares * risk_left))
        chance = float(np.sum(alive * shares * (1.0 - shares))) + remaining.mean * fresh * (1.0 - fresh)
        variance = fresh * fresh * remaining.variance + chance + posterior * (slope + stays_slope) ** 2
        return Moments(stays + remaining.mean * fresh, max(0.0, variance))

    def to_json(self) -> str:
        """Canonical JSON with its version."""
        return json.dumps(loss_document(self), sort_keys=True, ensure_ascii=False)


def loss_document(model: LossModel) -> dict[str, Any]:
    """Return a model as plain data with its version, the inverse of `losses_from`."""
    tables = {name: _table_out(getattr(model, name)) for name in ("cancelled", "refunded", "returned")}
    return {"version": VERSION, **tables, "sellable": model.sellable, "session_spread": model.session_spread}


def losses_from_json(text: str) -> LossModel:
    """Read a stored model.

    Raises
    ------
    ValueError
        When the text is no loss model of a version this code can read.
    """
    return losses_from(json.loads(text))


def losses_from(data: Any) -> LossModel:
    """Read a model from plain data.

    Raises
    ------
    ValueError
        When the data are no loss model of a version this code can read.
    """
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ValueError("not a loss model of a version this code can read")
    tables = [_table_in(data[name]) for name in ("cancelled", "refunded", "returned")]
    return LossModel(tables[0], tables[1], tables[2], float(data["sellable"]), float(data["session_spread"]))


def learn_losses(history: LossHistory, pooling: float = 200.0, sessions: Sequence[str] | None = None) -> LossModel:
    """Learn the three tables, the sellable share and how much sessions differ.

    Parameters
    ----------
    pooling
        Pieces a wider cell counts for.
    sessions
        Session of each line; without it sessions are taken to differ by a third.
    """
    paid, shipped = history.paid_ms, history.shipped_ms
    left = _first(history.cancelled_ms, shipped, np.full(len(paid), history.seen_until_ms))
    gone = (history.cancelled_ms != NEVER) & (history.cancelled_ms <= left)
    cancelled = learn_table(history.cells, left - paid, gone, history.pieces, CANCEL_AGES, pooling)
    sent = np.flatnonzero(shipped != NEVER)
    cells = [history.cells[i] for i in sent]
    left_sent = _first(history.refunded_ms[sent], history.returned_ms[sent], np.full(len(sent), history.seen_until_ms))
    tables = []
    for column in (history.refunded_ms[sent], history.returned_ms[sent]):
        by_it = (column != NEVER) & (column == left_sent)
        tables.append(learn_table(cells, left_sent - shipped[sent], by_it, history.pieces[sent], RETURN_AGES, pooling))
    back = history.returned_ms != NEVER
    returned, good = float(history.pieces[back].sum()), float(history.pieces[back & ~history.scrapped].sum())
    spread = 0.1 if sessions is None else _spread(history, cancelled, left, gone, sessions)
    return LossModel(cancelled, tables[0], tables[1], (good + 9.0) / (returned + 10.0), spread)


def expected_returns(
    model: LossModel,
    cell: Cell,
    shipped_ms: Ints,
    pieces: Ints,
    now_ms: int,
    edges_ms: Sequence[int],
    transit_ms: int = 3 * DAY_MS,
) -> Floats:
    """Sellable pieces expected back per period, from what is out and neither refunded nor returned.

    Parameters
    ----------
    shipped_ms, pieces
        Shipments still out, or still to leave after `now_ms`.
    edges_ms
        T+1 UTC boundaries.
    transit_ms
        From the customer's return to sellable stock.
    """
    ages_now = np.maximum(now_ms - shipped_ms, 0)
    alive = model.returned.survival(cell, ages_now) * model.refunded.survival(cell, ages_now)
    fine = np.arange(0, model.returned.edges_ms[-1] + 1, DAY_MS // 4)
    both = model.returned.survival(cell, fine) * model.refunded.survival(cell, fine)
    hazard = -np.diff(np.log(np.maximum(model.returned.survival(cell, fine), 1e-12)))
    flow = np.concatenate(([0.0], np.cumsum(hazard * (both[:-1] + both[1:]) / 2.0)))
    out = np.zeros(len(edges_ms) - 1)
    for sent, age, weight, left in zip(shipped_ms, ages_now, pieces, alive, strict=True):
        reach = np.asarray(edges_ms) - transit_ms - sent
        cumulative = np.interp(np.maximum(reach, age), fine, flow)
        out += np.diff(cumulative) * float(weight) / max(float(left), 1e-12)
    return out * model.sellable


def _first(a: Ints, b: Ints, end: Ints) -> Ints:
    """Earliest of the times that happened, at most `end`."""
    far = np.iinfo(np.int64).max
    return np.asarray(np.minimum(np.minimum(np.where(a == NEVER, far, a), np.where(b == NEVER, far, b)), end))


def _spread(
    history: LossHistory, table: LifeTable, left: Ints, gone: NDArray[np.bool_], sessions: Sequence[str]
) -> float:
    """Squared coefficient of variation of sessions' risk, by moments: Var(observed) = expected + spread * expected^2."""
    expected = np.empty(len(history.cells))
    cells = np.array(["\x00".join(cell) for cell in history.cells], dtype=object)
    for name in set(cells):
        mine = cells == name
        cell = history.cells[int(np.argmax(mine))]
        expected[mine] = -np.log(np.maximum(table.survival(cell, (left - history.paid_ms)[mine]), 1e-12))
    names, index = np.unique(np.asarray(sessions, dtype=object), return_inverse=True)
    seen = np.bincount(index, weights=history.pieces * gone, minlength=len(names))
    wanted = np.bincount(index, weights=history.pieces * expected, minlength=len(names))
    excess = float(np.sum((seen - wanted) ** 2 - wanted * 1.5))  # 1.5: lines of several pieces are cancelled together
    square = float(np.sum(wanted**2))
    return min(2.0, max(0.0, excess / square)) if square > 0.0 else 0.1


def _table_out(table: LifeTable) -> dict[str, Any]:
    return {
        "edges_ms": list(table.edges_ms),
        "hazards": [[list(cell), list(row)] for cell, row in sorted(table.hazards.items())],
    }


def _table_in(data: dict[str, Any]) -> LifeTable:
    return LifeTable(tuple(data["edges_ms"]), {tuple(cell): tuple(row) for cell, row in data["hazards"]})
