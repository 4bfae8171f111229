"""Prophet on aggregates: the explainable daily layer (trend, week, holidays, campaigns, session schedule) and the prior.

Prophet is fitted for hundreds of aggregates, never for single items: with a week of history it is twice as bad as a constant.
A ladder of length gates and limits stands around each fit, and what comes out is our own small record: it predicts without
Prophet, travels as versioned JSON, keeps its components for explanation, and says when it is degraded and why.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from supplychain.forecasting.frames import Flags, Floats, Ints
from supplychain.forecasting.prior_record import FittedPrior, Season, level_prior, open_weekdays, weekday_prior


@dataclass(frozen=True, slots=True)
class PriorSettings:
    """Limits and stiffness of the fits.

    Parameters
    ----------
    prophet_from_days
        Open days below which Prophet is not tried (28 to 56 is where it stops being harmful).
    weekday_from_days
        Open days below which not even weekdays are told apart.
    changepoint_scale, effect_scale
        Prior scales of Prophet's trend changes and regressor effects.
    iterations
        Work limit of one fit: the same series gives the same fit on any machine and under any load.
    seconds
        Far guard against a fit that hangs; beyond it the ladder goes down one step.
    yearly_from_days
        Span from which a yearly season is fitted.
    """

    prophet_from_days: int = 56
    weekday_from_days: int = 14
    changepoint_scale: float = 0.05
    effect_scale: float = 0.5
    iterations: int = 2_000
    seconds: float = 300.0
    yearly_from_days: int = 540


@dataclass(frozen=True, slots=True)
class AggregateSeries:
    """Daily pieces of one aggregate with what is known of each day.

    Parameters
    ----------
    key
        Name, such as "category:snacks" or "room:7".
    first_day
        Day of the first value, from 1970-01-01 in the business zone.
    pieces
        D pieces per day; NaN, infinite or negative values count as missing.
    open_days
        D flags; closed and missing days teach nothing.
    regressors
        Name to D values: calendar effects, session minutes, price or offer indices.
    """

    key: str
    first_day: int
    pieces: Floats
    open_days: Flags
    regressors: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.pieces), len(self.open_days), *(len(values) for values in self.regressors.values())}
        if len(lengths) != 1:
            raise ValueError(f"{self.key}: pieces, open days and regressors differ in length")

    @property
    def days(self) -> Ints:
        """Days of the values."""
        return np.arange(self.first_day, self.first_day + len(self.pieces), dtype=np.int64)


def fit_prior(series: AggregateSeries, settings: PriorSettings | None = None) -> FittedPrior:
    """Fit one aggregate, going down the ladder Prophet, weekday means, level as far as its data demand.

    Never raises for hostile data: the worst answer is a level of zero, marked degraded.
    """
    limits = settings or PriorSettings()
    usable = np.isfinite(series.pieces) & (series.pieces >= 0.0) & series.open_days
    count = int(usable.sum())
    if count < limits.weekday_from_days:
        return level_prior(series.key, series.days[usable], series.pieces[usable], f"only {count} open days")
    simple = weekday_prior(series.key, series.first_day, series.pieces, usable, f"only {count} open days")
    if count < limits.prophet_from_days:
        return simple
    if float(np.ptp(series.pieces[usable])) == 0.0:
        return weekday_prior(series.key, series.first_day, series.pieces, usable, "constant series")
    try:
        return _prophet(series, usable, limits)
    except (RuntimeError, TimeoutError, ValueError, FloatingPointError) as error:
        reason = f"Prophet: {type(error).__name__}"
        return weekday_prior(series.key, series.first_day, series.pieces, usable, reason)


def simple_prior(series: AggregateSeries, reason: str) -> FittedPrior:
    """Weekday means of what is usable: what stands in for a fit that failed, with the reason."""
    usable = np.isfinite(series.pieces) & (series.pieces >= 0.0) & series.open_days
    return weekday_prior(series.key, series.first_day, series.pieces, usable, reason)


def fit_priors(
    batch: Sequence[AggregateSeries],
    settings: PriorSettings | None = None,
    executor: Executor | None = None,
) -> tuple[FittedPrior, ...]:
    """Fit many aggregates, in the given process pool or here, in the given order.

    A worker that dies or hangs past the limit costs its series the fit, not the batch: they get weekday means, degraded.
    """
    limits = settings or PriorSettings()
    if executor is None:
        return tuple(fit_prior(series, limits) for series in batch)
    futures: list[Future[FittedPrior]] = [executor.submit(fit_prior, series, limits) for series in batch]
    return tuple(_collect(series, future, limits) for series, future in zip(batch, futures, strict=True))


def _collect(series: AggregateSeries, future: Future[FittedPrior], limits: PriorSettings) -> FittedPrior:
    try:
        return future.result(timeout=4.0 * limits.seconds)
    except (FutureTimeout, BrokenProcessPool, OSError) as error:
        future.cancel()
        return simple_prior(series, f"worker: {type(error).__name__}")


def _prophet(series: AggregateSeries, usable: Flags, limits: PriorSettings) -> FittedPrior:
    import pandas as pd  # here alone: a stream worker fits nothing and need not wait for it

    prophet = _imported()
    frame = pd.DataFrame({"ds": pd.to_datetime(series.days[usable], unit="D"), "y": series.pieces[usable]})
    span = int(series.days[usable][-1] - series.days[usable][0])
    model = prophet(
        weekly_seasonality=3,  # type: ignore[arg-type, unused-ignore] # Prophet takes an order here, its stub says str
        yearly_seasonality=6 if span >= limits.yearly_from_days else False,  # type: ignore[arg-type, unused-ignore] # as above
        daily_seasonality=False,  # type: ignore[arg-type, unused-ignore] # as above
        seasonality_mode="multiplicative",
        changepoint_prior_scale=limits.changepoint_scale,
        uncertainty_samples=0,
    )
    effects = [name for name, values in series.regressors.items() if _teaches(values[usable])]
    for name in effects:
        frame[name] = series.regressors[name][usable]
        model.add_regressor(name, prior_scale=limits.effect_scale, mode="multiplicative")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Prophet calls what newer pandas deprecates; nothing of it is ours to mend
        model.fit(frame, iter=limits.iterations, timeout=limits.seconds)
    return _record(model, series, usable, effects)


def _teaches(values: Floats) -> bool:
    """A regressor without a finite value on every day, or without two different ones, would break or bend the fit."""
    return bool(np.all(np.isfinite(values))) and float(np.ptp(values)) > 0.0


def _record(model: Any, series: AggregateSeries, usable: Flags, effects: Iterable[str]) -> FittedPrior:
    """Read Prophet's point estimate into our own form.

    Source
    ------
    Taylor and Letham (2018): y = scale * trend(t) * (1 + week + year + effects), trend piecewise linear in t in [0, 1].
    """
    import pandas as pd  # as in `_prophet`

    params = {name: np.asarray(value, dtype=np.float64).ravel() for name, value in model.params.items()}
    named = model.train_component_cols
    beta = params["beta"]
    seasons = tuple(
        Season(name, float(spec["period"]), tuple(float(b) for b in beta[named[name].to_numpy() == 1]))
        for name, spec in model.seasonalities.items()
    )
    weights = {}
    for name in effects:
        scaling = model.extra_regressors[name]
        coefficient = float(beta[named[name].to_numpy() == 1][0])
        weights[name] = (coefficient / float(scaling["std"]), float(scaling["mu"]))
    start = int(pd.Timestamp(model.start).value // 86_400_000_000_000)
    return FittedPrior(
        key=series.key,
        method="prophet",
        degraded="",
        first_day=start,
        last_day=int(series.days[usable][-1]),
        scale=float(model.y_scale),
        span=float(model.t_scale / pd.Timedelta(days=1)),
        slope=float(params["k"][0]),
        offset=float(params["m"][0]),
        changes=tuple(float(t) for t in np.atleast_1d(model.changepoints_t)),
        deltas=tuple(float(d) for d in np.atleast_1d(params["delta"])),
        seasons=seasons,
        effects=weights,
        noise=float(params["sigma_obs"][0]),
        open_weekdays=open_weekdays(series.days, series.open_days),
    )


def prophet_as_it_comes(
    days: Ints, pieces: Floats, ahead: Ints, coverage: float = 0.8, samples: int = 200
) -> tuple[Floats, Floats, Floats]:
    """Low end, middle and high end of Prophet with its defaults on one series, clipped at zero: the yardstick of benchmarks.

    Raises
    ------
    ValueError
        When there are fewer than two days.
    """
    import pandas as pd  # as in `_prophet`

    prophet = _imported()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `_prophet`
        model = prophet(interval_width=coverage, uncertainty_samples=samples)
        model.fit(pd.DataFrame({"ds": pd.to_datetime(days, unit="D"), "y": pieces}))
        out = model.predict(pd.DataFrame({"ds": pd.to_datetime(ahead, unit="D")}))
    low, middle, high = (np.maximum(out[name].to_numpy(), 0.0) for name in ("yhat_lower", "yhat", "yhat_upper"))
    return low, middle, high


def _imported() -> Any:
    """Prophet's class, without what it says of plots that need a package more, and two lines per fit.

    cmdstanpy sets its own level with the first fit unless its logger has a handler.
    """
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    from prophet import Prophet

    backend = logging.getLogger("cmdstanpy")
    if not backend.handlers:
        backend.addHandler(logging.NullHandler())
    backend.setLevel(logging.ERROR)
    logging.getLogger("prophet").setLevel(logging.ERROR)
    return Prophet
