"""Orders changed step by step: never dearer, always what an offer allows, never more tries than allowed."""

from __future__ import annotations

import numpy as np
import pytest

from optimizers.climb import climb
from optimizers.layout import lay_out
from optimizers.samples import small_problem
from optimizers.solution import Ints


@pytest.mark.parametrize("seed", range(12))
def test_changes_only_make_orders_cheaper_and_keep_the_offers(seed: int) -> None:
    lay = lay_out(small_problem(seed, items=1))
    count = len(lay.cand_mode)
    if count < 2:
        pytest.skip("this problem has too few orders to choose from")
    rng = np.random.default_rng(seed)
    price, asked = rng.integers(1, 1_000, count), []

    def cost_of(wanted: Ints) -> float:
        asked.append(wanted.copy())
        return float(50_000 * abs(int(wanted.sum()) - 3 * int(lay.cand_low.max())) + (price * wanted).sum())

    start = np.zeros(count, dtype=np.int64)
    start[count // 2] = lay.cand_low[count // 2]
    first = cost_of(start)
    cost, found = climb(cost_of, first, start, lay, 40)
    assert cost == cost_of(found) <= first
    assert len(asked) <= 42
    for wanted in asked:
        ordered = wanted > 0
        assert (wanted <= lay.cand_high)[ordered].all()
        assert (wanted >= lay.cand_low)[ordered].all()
        assert (wanted % lay.cand_step == 0)[ordered].all()
