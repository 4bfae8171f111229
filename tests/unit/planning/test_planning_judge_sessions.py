"""Session forecasts against what the sessions came to sell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supplychain.domain.network import SessionItem
from supplychain.domain.units import HOUR
from supplychain.forecasting.quantiles import quantiles
from supplychain.planning.judge_sessions import session_scores
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import forecasts, windows
from supplychain.storage.upserts import add_up, put
from tests.unit.planning.small_trade import CATALOGUE, SESSION, open_trade

STARTS, ENDS = SESSION.starts_at, SESSION.ends_at
SUMS = ("orders", "gross", "cancelled", "refunded", "returned", "revenue_minor")


def told(at: int, so_far: int, mean: float) -> dict[str, Any]:
    """A row of a forecast whose variance is twice its mean."""
    key = {"session": "L1", "sku": "A", "as_of": at, "ends_at": ENDS}
    stamps = {"tuning_version": 1, "model_version": "m", "degraded": False}
    return {
        **key,
        "regions": {"CN-ZJ": [so_far, mean, 2.0 * mean]},
        "prior_rest": mean,
        "total": so_far + mean,
        **stamps,
    }


def sell(store: SqlStore, pieces: int, at: int) -> None:
    key = {
        "session": "L1",
        "sku": "A",
        "region": "CN-ZJ",
        "channel": "live",
        "due": at,
        "bin_start": at,
        "known_bin": at,
    }
    with store.write() as tx:
        add_up(tx.connection, windows, [{**key, **dict.fromkeys(SUMS, 0), "gross": pieces}], ["gross"])


def keep(store: SqlStore, *rows: dict[str, Any]) -> None:
    with store.write() as tx:
        put(tx.connection, forecasts, rows)


def test_the_newest_forecast_at_each_share_of_the_time_is_scored(store: SqlStore) -> None:
    open_trade(store)
    sell(store, 20, STARTS)
    sell(store, 30, STARTS + 2 * HOUR)
    keep(store, told(STARTS + HOUR, 20, 90.0), told(STARTS + HOUR + 1, 20, 35.0))
    half, late = session_scores(store, ENDS)
    assert (half["elapsed"], late["elapsed"]) == (0.5, 0.75)
    assert (half["sessions"], half["series"], half["pieces"]) == (1, 1, 30.0)
    assert half["bias"] == pytest.approx(5.0 / 30.0)
    low, middle, high = (float(quantiles(35.0, 70.0, level)) for level in (0.1, 0.5, 0.9))
    assert low < 30.0 < high
    assert half["coverage80"] == 1.0
    loss = 0.1 * (30.0 - low) + 0.5 * abs(30.0 - middle) + 0.1 * (high - 30.0)
    assert half["wql"] == pytest.approx(2.0 * loss / 3.0 / 30.0)


def test_sessions_on_air_and_items_at_their_cap_are_not_judged(store: SqlStore) -> None:
    open_trade(store)
    sell(store, 50, STARTS)
    keep(store, told(STARTS + 1, 0, 90.0))
    assert session_scores(store, ENDS - 1) == []
    assert len(session_scores(store, ENDS)) == 4
    assert session_scores(store) == [], "nothing was planned yet"
    with store.write() as tx:
        tx.signals.set_planned_through(ENDS)
    assert len(session_scores(store)) == 4
    capped = replace(SESSION, items=(SessionItem("A", 120.0, cap=50),))
    open_trade(store, replace(CATALOGUE, sessions={"L1": capped}))
    assert session_scores(store, ENDS) == []
