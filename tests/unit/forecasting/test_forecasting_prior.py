import logging
import math
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from supplychain.forecasting.prior import AggregateSeries, PriorSettings, fit_prior, fit_priors
from supplychain.forecasting.prior_record import FittedPrior, Season, from_json, open_weekdays

FIRST = 20_454  # 2026-01-01


def series(length: int, *, closed_saturday: bool = False, with_offer: bool = True) -> AggregateSeries:
    rng = np.random.default_rng(8)
    days = np.arange(length)
    weekday = (FIRST + days + 3) % 7
    offer = ((days % 17) == 0).astype(float)
    open_days = ~((weekday == 5) & closed_saturday)
    mean = (100 + 0.4 * days) * (1 + 0.3 * (weekday == 6)) * (1 + offer) * open_days
    return AggregateSeries(
        "category:tea", FIRST, rng.poisson(mean).astype(float), open_days, {"offer": offer} if with_offer else {}
    )


@pytest.mark.filterwarnings("ignore")  # Prophet calls what newer pandas deprecates
def test_the_record_predicts_as_prophet_does() -> None:
    import pandas as pd
    from prophet import Prophet

    data = series(120)
    model = Prophet(
        weekly_seasonality=3,
        yearly_seasonality=False,
        daily_seasonality=False,
        seasonality_mode="multiplicative",
        uncertainty_samples=0,
    )
    model.add_regressor("offer", prior_scale=0.5, mode="multiplicative")
    frame = pd.DataFrame(
        {"ds": pd.to_datetime(data.days, unit="D"), "y": data.pieces, "offer": data.regressors["offer"]}
    )
    model.fit(frame, iter=2_000)
    ahead = np.arange(FIRST + 100, FIRST + 150)
    offers = (np.arange(100, 150) % 17 == 0).astype(float)
    expected = model.predict(pd.DataFrame({"ds": pd.to_datetime(ahead, unit="D"), "offer": offers}))["yhat"].to_numpy()
    prior = fit_prior(data)
    assert (prior.method, prior.degraded) == ("prophet", "")
    np.testing.assert_allclose(prior.predict(ahead, {"offer": offers}).mean, expected, rtol=1e-3)


def test_prophet_learns_offer_week_and_trend() -> None:
    prior = fit_prior(series(140))
    days = np.arange(FIRST + 140, FIRST + 147)
    plain = prior.predict(days, {"offer": np.zeros(7)})
    offered = prior.predict(days, {"offer": np.ones(7)})
    assert offered.mean.sum() / plain.mean.sum() == pytest.approx(2.0, rel=0.1)
    sunday = int(np.argmax((days + 3) % 7 == 6))
    assert int(np.argmax(plain.mean)) == sunday
    assert plain.mean.mean() == pytest.approx((100 + 0.4 * 143) * (1 + 0.3 / 7), rel=0.1)
    assert plain.variance[-1] >= plain.variance[0]
    assert set(plain.components) == {"trend", "weekly", "offer"}


def test_a_closed_weekday_is_forecast_as_closed() -> None:
    prior = fit_prior(series(90, closed_saturday=True))
    days = np.arange(FIRST + 90, FIRST + 97)
    mean = prior.predict(days, {"offer": np.zeros(7)}).mean
    assert mean[(days + 3) % 7 == 5] == 0.0
    assert np.all(mean[(days + 3) % 7 != 5] > 50)


@pytest.mark.parametrize(
    ("length", "method"), [(0, "level"), (1, "level"), (13, "level"), (20, "weekday"), (55, "weekday"), (60, "prophet")]
)
def test_the_ladder_by_length(length: int, method: str) -> None:
    prior = fit_prior(series(length))
    assert prior.method == method
    assert bool(prior.degraded) == (method != "prophet")
    regressors = {"offer": np.zeros(14)}
    assert np.all(np.isfinite(prior.predict(np.arange(FIRST + length, FIRST + length + 14), regressors).mean))


def test_a_fit_that_fails_steps_down_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from prophet import Prophet

    def slow(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(Prophet, "fit", slow)
    prior = fit_prior(series(100))
    assert (prior.method, prior.degraded) == ("weekday", "Prophet: TimeoutError")
    assert prior.predict(np.arange(FIRST + 100, FIRST + 107)).mean.mean() == pytest.approx(146, rel=0.15)


def test_a_dead_worker_costs_only_its_series() -> None:
    class Dying(Executor):
        calls = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            Dying.calls += 1
            if Dying.calls == 1:
                future.set_exception(BrokenProcessPool("gone"))
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    first, second = fit_priors([series(80), replace(series(30), key="b")], executor=Dying())
    assert first.degraded == "worker: BrokenProcessPool"
    assert (second.key, second.method) == ("b", "weekday")


@pytest.mark.parametrize(
    "values",
    [np.zeros(100), np.full(100, 7.0), np.full(100, math.nan), np.eye(1, 100, 50)[0] * 1e12, np.full(100, -3.0)],
)
def test_hostile_series_never_raise_and_never_go_negative(values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    prior = fit_prior(AggregateSeries("x", FIRST, values, np.ones(100, dtype=bool)))
    out = prior.predict(np.arange(FIRST + 100, FIRST + 130))
    assert np.all(np.isfinite(out.mean) & np.isfinite(out.variance))
    assert np.all((out.mean >= 0) & (out.variance >= 0))


def test_json_round_trips_exactly_and_refuses_other_versions() -> None:
    prior = fit_prior(series(70))
    assert from_json(prior.to_json()) == prior
    with pytest.raises(ValueError, match="version"):
        from_json(prior.to_json().replace('"version": 1', '"version": 99'))
    with pytest.raises(ValueError, match="not a prior"):
        from_json('{"version": 1}')


def test_version_1_fixture_is_still_read() -> None:
    text = (
        '{"changes": [0.5], "degraded": "", "deltas": [0.1], "effects": {"offer": [0.9, 0.05]}, "first_day": 20454, "key": "room:7", '
        '"last_day": 20553, "method": "prophet", "noise": 0.05, "offset": 0.5, "open_weekdays": [1, 1, 1, 1, 1, 1, 0], "scale": 200.0, '
        '"seasons": [{"coefficients": [0.1, 0.2], "name": "weekly", "period": 7.0}], "slope": 0.2, "span": 100.0, "version": 1, "weekdays": []}'
    )
    prior = from_json(text)
    assert prior.seasons == (Season("weekly", 7.0, (0.1, 0.2)),)
    day = np.array([20554])  # time 1.0
    angle = 2 * math.pi * 20554 / 7
    week = 0.1 * math.sin(angle) + 0.2 * math.cos(angle)
    expected = 200 * (0.2 + 0.5 + 0.1 * 0.5) * (1 + week + 0.9 * 0.95)
    mean = prior.predict(np.append(day, 20555), {"offer": np.ones(2)}).mean
    assert float(mean[0]) == pytest.approx(expected)
    assert mean[1] == 0.0  # the closed Sunday


def test_a_missing_regressor_is_named() -> None:
    prior = FittedPrior("a", "prophet", "", 0, 10, 1.0, 10.0, 0.0, 5.0, 0.1, effects={"offer": (1.0, 0.0)})
    with pytest.raises(ValueError, match="needs offer"):
        prior.predict(np.array([11]))


def test_fits_are_silent_and_limits_are_kept(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        fit_prior(series(70), PriorSettings(iterations=50, seconds=5.0))
    assert not [
        record
        for record in caplog.records
        if record.name in {"cmdstanpy", "prophet"} and record.levelno < logging.ERROR
    ]
    assert "Chain" not in capfd.readouterr().err


def test_open_weekdays_reads_the_last_eight_weeks() -> None:
    days = np.arange(FIRST, FIRST + 100)
    flags = (days + 3) % 7 != 5
    assert open_weekdays(days, flags) == (1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0)
