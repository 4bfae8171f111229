"""The audience so far: minutes that are over, against the plan, and how much of it stays."""

import numpy as np
import pytest

from supplychain.domain.network import Session
from supplychain.domain.past import PastSession
from supplychain.domain.units import HOUR, MINUTE
from supplychain.forecasting.audience import TRUST, UNSEEN, audience_until, learn_trust, planned_factor

T0 = 1_790_000_000_000
SESSION = Session("s", "room", "host", "p", "shop", T0, T0 + 2 * HOUR, 1_000)
TWICE = [(T0 + minute * MINUTE, 2_000.0) for minute in range(120)]


def test_minutes_that_are_over_count_against_the_plan() -> None:
    half = audience_until(SESSION, (1.0, 2.0), TWICE, T0 + 90 * MINUTE + 30_000)
    assert len(half.minutes) == 90
    assert half.minutes[0] == (T0, 2.0)
    assert half.minutes[-1] == (T0 + 89 * MINUTE, 1.0)
    assert audience_until(SESSION, (), TWICE, T0 + HOUR, 1.0).ahead == pytest.approx(2.0)
    assert audience_until(SESSION, (), TWICE, T0 + HOUR, 0.0).ahead == 1.0
    assert 1.0 < audience_until(SESSION, (), TWICE, T0 + HOUR).ahead < 2.0


def test_without_samples_or_plan_the_plan_holds() -> None:
    assert audience_until(SESSION, (), [], T0 + HOUR) == UNSEEN
    unplanned = Session("s", "room", "host", "p", "shop", T0, T0 + 2 * HOUR)
    assert audience_until(unplanned, (), TWICE, T0 + HOUR) == UNSEEN
    assert planned_factor(SESSION, (), T0) == 1.0
    assert planned_factor(SESSION, (0.5, 1.5), T0 + 2 * HOUR) == 1.5


def test_impossible_counts_are_bounded() -> None:
    wild = audience_until(SESSION, (), [(T0, 0.0), (T0 + MINUTE, 1e12)], T0 + HOUR)
    assert [ratio for _, ratio in wild.minutes] == [0.05, 20.0]
    assert np.isfinite(wild.ahead)


def test_trust_is_what_past_audiences_kept() -> None:
    rng = np.random.default_rng(2)

    def past(stays: bool) -> list[PastSession]:
        found = []
        for _ in range(60):
            level = float(np.exp(rng.normal(0.0, 0.3)))
            late = level if stays else 1.0
            viewers = [(T0 + m * MINUTE, 1_000.0 * (level if m < 60 else late)) for m in range(120)]
            found.append(PastSession(SESSION, (), tuple(viewers)))
        return found

    assert learn_trust(past(True), (), (0.5,)) > 0.95
    assert learn_trust(past(False), (), (0.5,)) < 0.2
    assert learn_trust([], (), (0.5,)) == TRUST
