from dataclasses import dataclass

import numpy as np
import pytest

from supplychain.forecasting.backtest import judge, rolling_origin
from supplychain.forecasting.baselines import Answer, ProphetAlone, SeasonalNaive, WindowAverage
from supplychain.forecasting.frames import DailyFrame, Ints

RNG = np.random.default_rng(3)
PIECES = RNG.poisson(np.linspace(1, 30, 12)[:, None] * np.ones((1, 120))).astype(float)
FRAME = DailyFrame(
    tuple(f"s{i:02d}" for i in range(12)),
    20_000,
    PIECES,
    np.ones_like(PIECES),
    PIECES,
    np.ones(120, dtype=bool),
    ("g",) * 12,
)
ROWS = np.array([2, 5, 11])


@dataclass
class Spy:
    """Answers with the truth it is given and notes what it was shown."""

    offset: float
    name: str

    def answer(self, frame: DailyFrame, rows: Ints, horizon: int, known_from: Ints | None = None) -> Answer:
        width = frame.pieces.shape[1]
        truth = PIECES[rows, width : width + horizon] + self.offset
        self.shown = width
        self.known = known_from
        return Answer(np.repeat(truth[..., None], 3, axis=2), truth, truth)


def ticking() -> float:
    ticking.now += 2.0  # type: ignore[attr-defined] # the attribute is this fake clock's own state
    return float(ticking.now)  # type: ignore[attr-defined] # as above


ticking.now = 0.0  # type: ignore[attr-defined] # as above


def test_each_forecaster_sees_only_the_past_and_scores_on_the_same_rows() -> None:
    right, wrong = Spy(0.0, "right"), Spy(1.0, "wrong")
    result = rolling_origin(FRAME, ROWS, [92, 99], 7, [right, wrong], ticking)
    assert right.shown == 99
    scores = {score.model: score for score in result.scores() if score.segment == "all"}
    assert scores["right"].wql == scores["right"].wape == 0.0
    assert scores["right"].coverage80 == 1.0
    actual = np.concatenate([PIECES[ROWS, 92:99], PIECES[ROWS, 99:106]])
    assert scores["wrong"].wape == pytest.approx(actual.size / actual.sum())
    assert scores["wrong"].bias == pytest.approx(actual.size / actual.sum())
    assert scores["right"].series_per_second == pytest.approx(3.0)
    losses = result.losses("wrong")
    np.testing.assert_allclose(losses, 14 * (0.9 + 0.5 + 0.1))
    parts = [score for score in result.scores() if score.model == "wrong" and score.segment != "all"]
    assert len(parts) == len(set(result.segments))


def test_a_hidden_history_is_hidden_from_the_scored_rows_alone() -> None:
    spy = Spy(0.0, "spy")
    rolling_origin(FRAME, ROWS, [99], 7, [spy], ticking, known_days=7)
    assert spy.known is not None
    assert list(spy.known[ROWS]) == [92] * 3
    assert spy.known.sum() == 3 * 92


def test_an_origin_without_past_or_future_is_refused() -> None:
    for origin in (0, 114):
        with pytest.raises(ValueError, match="origin"):
            rolling_origin(FRAME, ROWS, [origin], 7, [Spy(0.0, "a")], ticking)


def test_baselines_by_hand() -> None:
    past = FRAME.until(20_000 + 100)
    naive = SeasonalNaive().answer(past, ROWS, 9)
    np.testing.assert_array_equal(naive.quantiles[..., 1], PIECES[ROWS][:, [93, 94, 95, 96, 97, 98, 99, 93, 94]])
    window = WindowAverage(28).answer(past, ROWS, 7)
    np.testing.assert_allclose(window.quantiles[:, 3, 1], PIECES[ROWS, 72:100].mean(axis=1))
    known = np.full(12, 93)
    short = WindowAverage(28).answer(past, ROWS, 7, known)
    np.testing.assert_allclose(short.quantiles[:, 0, 1], PIECES[ROWS, 93:100].mean(axis=1))
    for answer in (naive, window, short):
        assert np.all(np.diff(answer.quantiles, axis=-1) >= 0)
        assert np.all(answer.quantiles >= 0)


def test_prophet_alone_answers_short_series_with_zero() -> None:
    past = FRAME.until(20_000 + 100)
    known = np.full(12, 99)
    known[5] = 60
    answer = ProphetAlone().answer(past, ROWS, 7, known)
    assert np.all(answer.quantiles[0] == 0.0)
    assert answer.quantiles[1, :, 1].mean() == pytest.approx(PIECES[5, 60:100].mean(), rel=0.3)
    assert np.all(np.diff(answer.quantiles, axis=-1) >= 0)


def test_a_challenger_is_promoted_only_beyond_noise() -> None:
    champion = RNG.uniform(50, 150, 200)
    better = judge(champion, champion * RNG.normal(0.9, 0.1, 200), seed=1)
    assert better.promoted
    assert better.low <= better.gain <= better.high
    assert not judge(champion, champion * RNG.normal(0.998, 0.3, 200), seed=1).promoted
    assert not judge(champion, champion * 1.1, seed=1).promoted
    assert not judge(champion, champion * 0.95, seed=1, least_gain=0.1).promoted
    assert not judge(np.zeros(0), np.zeros(0), seed=1).promoted
    with pytest.raises(ValueError, match="same series"):
        judge(champion, champion[:5], seed=1)
