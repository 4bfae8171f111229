"""Laws of demand rows: whole pieces add up to the rounded sum of the fractions, and safety is never mixed with the mean."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.tuning import Tuning
from supplychain.forecasting.moments import Moments
from supplychain.planning.calendar import Axis, axis
from supplychain.planning.demand_path import DemandPath
from supplychain.planning.demand_rows import demand_rows
from supplychain.planning.view import View
from tests.unit.planning.small_trade import CATALOGUE, T0

ITEMS = {"A": 0, "C": 1}
REGIONS = {"CN-GD": 0, "CN-ZJ": 1}


@lru_cache
def _grid() -> Axis:
    return axis(T0, "Asia/Shanghai", hourly_days=1, horizon_days=5)


def _view() -> View:
    rest: dict[str, object] = dict.fromkeys(
        ("stock", "accepted", "forecasts", "supply", "open_own", "others", "spikes"), ()
    )
    base = View(T0, ("A",), ("A", "C"), ("A", "C"), CATALOGUE, 1, Tuning(), 0, "m", (), (), (), {}, (), (), (), (), ())
    return replace(base, **rest)  # type: ignore[arg-type]  # all of them are empty tuples


keys = st.tuples(st.sampled_from(sorted(ITEMS)), st.sampled_from(sorted(REGIONS)), st.integers(0, _grid().periods - 1))
amounts = st.floats(0.0, 60.0, allow_nan=False)
moments = st.builds(lambda mean, ratio: Moments(mean, mean * ratio), amounts, st.floats(0.0, 5.0))


@settings(max_examples=60)
@given(
    st.dictionaries(keys, amounts, max_size=8),
    st.dictionaries(keys, moments, max_size=8),
    st.dictionaries(keys, moments, max_size=8),
)
def test_whole_pieces_add_up_to_the_rounded_sums(
    accepted: dict[tuple[str, str, int], float],
    live: dict[tuple[str, str, int], Moments],
    shelf: dict[tuple[str, str, int], Moments],
) -> None:
    path = DemandPath()
    path.accepted.update(accepted)
    path.live.update(live)
    path.shelf.update(shelf)
    demand, safety_flags = demand_rows(_view(), _grid(), path, ITEMS, REGIONS)
    safety = np.array(safety_flags, dtype=bool)
    assert len(safety) == len(demand.pieces)
    assert (np.asarray(demand.pieces) > 0).all()
    assert (np.asarray(demand.shortage_cost) >= 1).all()
    assert not (safety & np.asarray(demand.accepted)).any()
    assert (np.asarray(demand.opens) <= np.asarray(demand.due)).all()
    assert (np.asarray(demand.due) <= np.asarray(demand.last)).all()
    for sku, item in ITEMS.items():
        mine = np.asarray(demand.item) == item
        due = sum(pieces for (name, *_), pieces in accepted.items() if name == sku)
        assert abs(int(demand.pieces[mine & demand.accepted].sum()) - due) <= 0.5 + 1e-6
        for region, number in REGIONS.items():
            here = mine & (np.asarray(demand.region) == number) & ~np.asarray(demand.accepted)
            mean = sum(m.mean for part in (live, shelf) for (s, r, _), m in part.items() if (s, r) == (sku, region))
            assert abs(int(demand.pieces[here & ~safety].sum()) - mean) <= 0.5 + 1e-6
