"""A rehearsed table keeps its promise where the one before did not."""

from __future__ import annotations

import math

import pytest

from supplychain.domain.tuning import Detector
from supplychain.watching.rehearsal import Trial, moved, realised, rehearse
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import LEAST_NATS, ThresholdTable

TUNING = Detector()
WRONG = ThresholdTable((0.7, 3.0), (0.0, 0.4), (1e-2, 1e-3, 1e-4), (((2.0, 3.5, 5.0),) * 2, ((3.5, 5.0, 6.5),) * 2))
LEVELS = (1e-2, 2e-3)


def test_a_table_without_errors_stays_and_one_with_many_alarms_rises_by_their_logarithm() -> None:
    cells = len(SHIPPED.rates) * len(SHIPPED.clumpings)
    same = moved(SHIPPED, LEVELS, [[0.0, 0.0]] * cells)
    assert all(
        new == max(old, LEAST_NATS)
        for planes in zip(same.nats, SHIPPED.nats, strict=True)
        for lines in zip(*planes, strict=True)
        for new, old in zip(*lines, strict=True)
    )
    # Fifteen tenths of a nat per factor of ten.
    risen = moved(WRONG, LEVELS, [[math.log(2.0)] * 2] * 4)
    assert risen.nats[1][1] == pytest.approx([nats + 1.5 * math.log10(2.0) for nats in (3.5, 5.0, 6.5)], abs=1e-3)


def test_lines_stay_in_order_whatever_was_counted() -> None:
    bent = moved(WRONG, LEVELS, [[9.0, -9.0], [-9.0, 9.0], [-9.0, -9.0], [9.0, 9.0]])
    for plane in bent.nats:
        for line in plane:
            assert list(line) == sorted(line)
            assert line[0] >= LEAST_NATS


def test_a_rehearsal_brings_false_alarms_to_what_is_wanted() -> None:
    tried = Trial(3.0, 0.4, 9_999)
    size = {"bins": 400, "streams": 500}
    before = realised(TUNING, WRONG, tried, 2e-3, **size)
    done: list[float] = []
    mended = rehearse(TUNING, WRONG, rounds=6, alarms=200, levels=LEVELS, bins=400, seed=5, progress=done.append)
    assert before > 4e-3, "the table was wrong by more than a factor of two"
    assert realised(TUNING, mended, tried, 2e-3, **size) == pytest.approx(2e-3, rel=0.25)
    assert done == pytest.approx([turn / 24 for turn in range(1, 25)])
