"""Rolling-origin backtests: every candidate forecasts the same rows from the same past, and a champion is only replaced by one
that is better beyond noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.baselines import LEVELS, Answer, Forecaster
from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.intervals import volume_segments
from supplychain.forecasting.losses import bias, coverage, mase, pinball, wape, weighted_quantile_loss

SEASON = 7


@dataclass(frozen=True, slots=True)
class Score:
    """One row of a comparison; shares are of the actual pieces."""

    model: str
    segment: str
    wql: float
    wape: float
    mase: float
    bias: float
    coverage80: float
    series_per_second: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Everything a backtest has seen, O origins: R series by horizon each."""

    models: tuple[str, ...]
    actual: tuple[Floats, ...]
    history: tuple[Floats, ...]
    answers: tuple[tuple[Answer, ...], ...]  # per model, per origin
    seconds: tuple[float, ...]
    segments: tuple[str, ...]

    def scores(self) -> list[Score]:
        """Scores per model, over all series and per segment."""
        out: list[Score] = []
        for segment in ("all", *sorted(set(self.segments))):
            mine = np.array([segment in {"all", name} for name in self.segments], dtype=bool)
            out.extend(self._score(place, segment, mine) for place in range(len(self.models)))
        return out

    def losses(self, model: str) -> Floats:
        """Pinball loss of each series, summed over origins, days and levels: what candidates are compared by."""
        place = self.models.index(model)
        whole = np.zeros(len(self.segments))
        for actual, answer in zip(self.actual, self.answers[place], strict=True):
            for i, level in enumerate(LEVELS):
                whole += pinball(actual, answer.quantiles[..., i], level).sum(axis=1)
        return whole

    def _score(self, place: int, segment: str, mine: Floats) -> Score:
        answers = self.answers[place]
        actual = np.concatenate([values[mine] for values in self.actual])
        grid = np.concatenate([answer.quantiles[mine] for answer in answers])
        low = np.concatenate([answer.low[mine] for answer in answers])
        high = np.concatenate([answer.high[mine] for answer in answers])
        scaled = [
            mase(values[mine], answer.quantiles[mine][..., 1], past[mine], SEASON)
            for values, answer, past in zip(self.actual, answers, self.history, strict=True)
        ]
        forecasts = len(self.segments) * len(self.actual)
        return Score(
            self.models[place],
            segment,
            weighted_quantile_loss(actual, {level: grid[..., i] for i, level in enumerate(LEVELS)}),
            wape(actual, grid[..., 1]),
            float(np.mean(scaled)),
            bias(actual, grid[..., 1]),
            coverage(actual, low, high),
            forecasts / self.seconds[place] if self.seconds[place] > 0.0 else float("inf"),
        )


def rolling_origin(
    frame: DailyFrame,
    rows: Ints,
    origins: Sequence[int],
    horizon: int,
    forecasters: Sequence[Forecaster],
    clock: Callable[[], float],
    known_days: int | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Backtest:
    """Let each forecaster answer at each origin.

    Parameters
    ----------
    frame
        All series; forecasters may learn from every one of them.
    rows
        The series that are scored.
    origins
        Columns; each with `horizon` columns after it.
    clock
        Seconds, growing: its difference times the forecasters.
    known_days
        Hide the history of the scored rows but for so many days before each origin (cold start).
    progress
        Is told the share of answers given.

    Raises
    ------
    ValueError
        When an origin has too little past or no future.
    """
    if not all(0 < origin <= frame.pieces.shape[1] - horizon for origin in origins):
        raise ValueError("an origin needs a past, and the whole horizon after it")
    actual = tuple(frame.pieces[rows, origin : origin + horizon] for origin in origins)
    history = tuple(frame.pieces[rows, :origin] for origin in origins)
    answers: list[tuple[Answer, ...]] = []
    seconds = []
    for forecaster in forecasters:
        start = clock()
        mine: list[Answer] = []
        for origin in origins:
            known = _hidden(frame, rows, origin, known_days)
            mine.append(forecaster.answer(frame.until(frame.first_day + origin), rows, horizon, known))
            progress((len(answers) + len(mine) / len(origins)) / len(forecasters))
        answers.append(tuple(mine))
        seconds.append(clock() - start)
    past = frame.pieces[rows, : min(origins)][:, -56:]
    segments = volume_segments(past.mean(axis=1), (past > 0.0).mean(axis=1))
    names = tuple(forecaster.name for forecaster in forecasters)
    return Backtest(names, actual, history, tuple(answers), tuple(seconds), segments)


def _hidden(frame: DailyFrame, rows: Ints, origin: int, known_days: int | None) -> Ints | None:
    """First known column of each series: zero for those shown whole."""
    if known_days is None:
        return None
    known = np.zeros(len(frame.keys), dtype=np.int64)
    known[rows] = max(0, origin - known_days)
    return known


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger replaces the champion; gains are relative, 0.05 is a twentieth less loss."""

    promoted: bool
    gain: float
    low: float
    high: float


def judge(champion: Floats, challenger: Floats, seed: int, least_gain: float = 0.0, draws: int = 2_000) -> Verdict:
    """Compare losses per series; promote only when the 95 % bootstrap interval of the gain lies above `least_gain`.

    Source
    ------
    Paired bootstrap over series (Efron and Tibshirani 1993).

    Raises
    ------
    ValueError
        When the two were not scored on the same series.
    """
    if champion.shape != challenger.shape:
        raise ValueError("champion and challenger must be scored on the same series")
    whole = float(champion.sum())
    if not len(champion) or whole <= 0.0:
        return Verdict(False, 0.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(champion), (draws, len(champion)))
    before, after = champion[picks].sum(axis=1), challenger[picks].sum(axis=1)
    gains = 1.0 - after / np.maximum(before, 1e-300)
    low, high = (float(value) for value in np.quantile(gains, [0.025, 0.975]))
    return Verdict(low > least_gain, 1.0 - float(challenger.sum()) / whole, low, high)
