"""How true the forecasts of sessions came that are over: what a tuning is judged by when a recording is replayed with it.

Only the newest forecast at a share of the session's time counts, as whoever looked then would have read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue, Session
from supplychain.forecasting.losses import bias, coverage, weighted_quantile_loss
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.session_learning import ELAPSED
from supplychain.planning.ports import Store
from supplychain.planning.slot_outlook import LEVELS


def session_scores(store: Store, now: int | None = None) -> list[dict[str, Any]]:
    """Scores of the sessions that ended by `now`: what each item still sold per region, against what was forecast of it.

    Parameters
    ----------
    now
        The moment planned through when left out.

    Returns
    -------
    list of dict
        Per share of the time elapsed: `elapsed, sessions, series` (item, region and session), `pieces` that were still to come, `wql`
        over .1, .5 and .9, `bias` of the mean over the pieces, and `coverage80`. Shares at which nothing was forecast are left out, and so
        are items that reached a sale cap, since their buyers were turned away.
    """
    heard: dict[float, list[tuple[str, float, float, float]]] = {share: [] for share in ELAPSED}
    with store.read() as tx:
        _, catalogue = tx.versions.network()
        at = now if now is not None else tx.signals.planned_through() or 0
        for session in sorted(catalogue.sessions.values(), key=lambda one: (one.starts_at, one.session)):
            if session.ends_at > at:
                continue
            said = [
                one
                for one in tx.world.forecasts_between(session.starts_at - 1, session.ends_at)
                if one.session == session.session
            ]
            sold = tx.world.gross(session.session)
            for share in ELAPSED:
                moment = session.starts_at + round(share * (session.ends_at - session.starts_at))
                heard[share] += _series(catalogue, session, _newest(said, moment), sold)
    return [_score(share, rows) for share, rows in heard.items() if rows]


def _newest(said: Iterable[SessionForecast], moment: int) -> dict[str, SessionForecast]:
    """The last word per SKU up to a moment; forecasts come in order of time."""
    return {one.sku: one for one in said if one.as_of <= moment}


def _series(
    catalogue: Catalogue, session: Session, newest: dict[str, SessionForecast], sold: dict[tuple[str, str], int]
) -> list[tuple[str, float, float, float]]:
    """Session, pieces still to come, mean and variance, per item and region."""
    rows = []
    for sku, one in sorted(newest.items()):
        total = sum(pieces for (item, _), pieces in sold.items() if item == sku)
        if total >= _cap(catalogue, session, sku):
            continue
        for region, (mean, variance) in one.rest.items():
            left = max(0, sold.get((sku, region), 0) - one.so_far.get(region, 0))
            rows.append((session.session, float(left), mean, variance))
    return rows


def _cap(catalogue: Catalogue, session: Session, sku: str) -> float:
    item, record = session.item(sku), catalogue.skus.get(sku)
    caps = [item.cap if item else None, *((record.sale_cap_session, record.sale_cap_run) if record else ())]
    return float(min((cap for cap in caps if cap is not None), default=np.inf))


def _score(share: float, rows: Sequence[tuple[str, float, float, float]]) -> dict[str, Any]:
    actual, mean, variance = (np.array([row[place] for row in rows]) for place in (1, 2, 3))
    grid = {level: quantiles(mean, variance, level) for level in LEVELS}
    whole = float(actual.sum())
    return {
        "elapsed": share,
        "sessions": len({row[0] for row in rows}),
        "series": len(rows),
        "pieces": whole,
        "wql": weighted_quantile_loss(actual, grid) if whole else None,
        "bias": bias(actual, mean) if whole else None,
        "coverage80": coverage(actual, grid[0.1], grid[0.9]),
    }
