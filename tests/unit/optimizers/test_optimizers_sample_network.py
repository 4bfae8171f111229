"""The price engine on the sample network: what is worth ordering is ordered, ring-fenced stock or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizers import Engine, Params, Problem, solve
from optimizers.tables import (
    Demand,
    Goods,
    Groups,
    Lanes,
    Modes,
    Offers,
    Places,
    Stock,
    Suppliers,
    TimeAxis,
)

HOUR = 3_600_000


def fenced(live: int, shelf: int, groups: bool = True) -> Problem:
    """Two warehouses, one region; live demand of 900 pieces against 300 on hand, part of it ring-fenced."""
    periods = 8
    lanes = Lanes(
        origin=np.array([0, 1, 0]),
        to_warehouse=np.array([-1, -1, 1]),
        to_region=np.array([0, 0, -1]),
        arrival=np.array([range(periods), range(periods), [min(t + 1, periods) for t in range(periods)]]),
        cost=np.array([100, 80, 50]),
    )
    return Problem(
        time=TimeAxis(np.arange(periods + 1) * HOUR),
        goods=Goods(np.array([0]), volume=np.array([60]), salvage=np.array([900])),
        places=Places(np.array([-1, -1])),
        regions=1,
        stock=Stock(
            on_hand=np.array([[200, 100]]),
            live=np.array([[live, 0]]),
            shelf=np.array([[shelf, 0]]),
            holding=np.array([[990, 990]]),
        ),
        lanes=lanes,
        suppliers=Suppliers(np.array([0])),
        groups=Groups(np.full((1, periods), 16_000)) if groups else Groups(np.zeros((0, periods), dtype=np.int64)),
        offers=Offers(np.array([0]), np.array([0])),
        modes=Modes(
            offer=np.array([0]),
            arrival=np.array([[min(t + 2, periods) for t in range(periods)]]),
            unit_cost=np.array([1_800]),
            group=np.array([0 if groups else -1]),
            moq=np.array([200]),
            multiple=np.array([100]),
            order_cost=np.array([6_000]),
        ),
        demand=Demand(
            item=np.array([0, 0]),
            region=np.array([0, 0]),
            due=np.array([4, 6]),
            pieces=np.array([600, 300]),
            shortage_cost=np.array([8_100, 8_100]),
            accepted=np.array([False, False]),
            late_cost=np.array([200, 0]),
            last=np.array([7, 6]),
            channel=np.array([1, 2]),
        ),
    )


@pytest.mark.parametrize(("live", "shelf"), [(0, 0), (120, 0), (0, 120), (80, 60)])
def test_fenced_stock_does_not_keep_the_engine_from_ordering(live: int, shelf: int) -> None:
    exact = solve(fenced(live, shelf), Params(engine=Engine.EXACT))
    close = solve(fenced(live, shelf), Params(engine=Engine.CLOSE, sweeps=4, node_limit=20, gap=0.01))
    assert close.bound <= exact.objective <= close.objective
    assert close.gap <= 0.02
    assert int(close.orders.pieces.sum()) >= 500


def test_modes_without_any_capacity_group_solve_exactly() -> None:
    exact = solve(fenced(0, 0, groups=False), Params(engine=Engine.EXACT))
    assert int(exact.orders.pieces.sum()) >= 500


def test_the_sample_network_orders_what_sells() -> None:
    """Every stocked item of the sample with live demand beyond its stock gets an order in a first plan."""
    from supplychain.cli.setup import read_network
    from supplychain.domain.tuning import Tuning
    from supplychain.planning.translate import translate
    from supplychain.planning.view import View

    catalogue = read_network(Path(__file__).parents[3] / "config" / "network")
    start = min(session.starts_at for session in catalogue.sessions.values())
    from supplychain.domain.position import StockLevel

    for sku in ("BEA-LIP", "SNK-CRISP", "DRK-COLD"):
        view = View(
            cut=start,
            groups=(sku,),
            skus=(sku,),
            items=(sku,),
            catalogue=catalogue,
            network_version=1,
            tuning=Tuning(),
            tuning_version=0,
            model_version="none",
            shelf=(),
            stock=tuple(
                StockLevel(r.warehouse, r.sku, r.on_hand, start, r.fenced_live, r.fenced_shelf)
                for r in catalogue.stock
                if r.sku == sku
            ),
            accepted=(),
            shipped={},
            forecasts=(),
            supply=(),
            open_own=(),
            others=(),
            spikes=(),
        )
        draft = translate(view, {})
        assert draft is not None
        problem = draft.problem
        bare = replace(problem.stock, live=problem.stock.live * 0, shelf=problem.stock.shelf * 0)
        with_fence = solve(problem, Params(engine=Engine.CLOSE, sweeps=4, node_limit=20, gap=0.01))
        without = solve(replace(problem, stock=bare), Params(engine=Engine.CLOSE, sweeps=4, node_limit=20, gap=0.01))
        unordered = int(problem.demand.pieces.sum() - problem.stock.on_hand.sum())
        assert int(with_fence.orders.pieces.sum()) > 0 or unordered <= 0, sku
        assert with_fence.gap <= 0.03, sku
        assert with_fence.objective <= without.objective * 1.3 + 100_000, sku
