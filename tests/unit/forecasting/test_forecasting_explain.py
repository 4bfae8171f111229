import math

import numpy as np
import pytest

from supplychain.forecasting.backtest import Score
from supplychain.forecasting.explain import data_gaps, explain_item, explain_session
from supplychain.forecasting.exposure import (
    MINUTE_MS,
    ExposureEffects,
    FlashOffer,
    Pitch,
    RunOfShow,
    SpikeLift,
    exposure_curve,
)
from supplychain.forecasting.frames import DailyFrame
from supplychain.forecasting.intervals import volume_segments
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.items import fit_items, predict_items
from supplychain.forecasting.session import SessionForecaster, SessionPrior

M = MINUTE_MS
SHOW = RunOfShow(0, 100 * M, (Pitch("A", 50 * M, 58 * M),), (FlashOffer("A", 70 * M, 75 * M, 0.5),))
EFFECTS = ExposureEffects(pitch=5.0, offer=2.0, price_elasticity=1.0)


def test_a_session_forecast_is_the_product_of_its_parts() -> None:
    item = SessionForecaster(
        SessionPrior(2.0, 2.0, 0.5, basket_mean=1.5, basket_square=3.0), exposure_curve(SHOW, "A", EFFECTS)
    )
    item.advance(20 * M)
    item.observe("", 70, 90)
    told = explain_session(item, SHOW, "A", EFFECTS, 20 * M, 1.1, [SpikeLift(2.0, 15 * M)])
    assert (told.calm, told.by_pitches, told.by_offers) == pytest.approx((80.0, 8 * 4.0, 5 * 3.0))
    assert told.exposure == pytest.approx(told.calm + told.by_pitches + told.by_offers + told.by_spike)
    product = told.rate * told.exposure * told.audience * told.appeal * told.pieces_per_order
    assert told.pieces == pytest.approx(product)
    assert told.appeal > 1.0
    assert told.orders_so_far == 70


def frame(days: int = 70) -> DailyFrame:
    rng = np.random.default_rng(1)
    weekday = (np.arange(20_000, 20_000 + days) + 3) % 7
    opens = weekday != 6
    opens[-20:-17] = False
    pieces = rng.poisson(5.0, (40, days)) * opens.astype(float)
    return DailyFrame(
        tuple(f"s{i}" for i in range(40)), 20_000, pieces, np.ones_like(pieces), pieces, opens, ("g",) * 40
    )


def test_gaps_are_missing_days_and_not_closing_days() -> None:
    assert data_gaps(frame()) == ((20_050, 20_052),)
    assert data_gaps(frame().until(20_040)) == ()


def test_an_item_explanation_carries_its_numbers() -> None:
    data = frame()
    model = fit_items(data, ItemSettings(trees=8, least_rows=20, threads=1, leaves=7, origin_step=2))
    segment = volume_segments(data.pieces[3:4, -56:].mean(axis=1), (data.pieces[3:4, -56:] > 0).mean(axis=1))[0]
    scores = [Score("items", segment, 0.4, 0.5, 1.0, -0.1, 0.8, 9.0)]
    told = explain_item(model, data, "s3", 1, scores)
    forecast = predict_items(model, data, [1])
    assert told.quantiles == tuple(forecast.quantiles[3, 0])
    assert (told.day, told.wql, told.bias, told.degraded) == (20_071, 0.4, -0.1, "")
    assert told.trained_until == 20_070
    assert len(told.drivers) == 9
    assert math.isnan(explain_item(model, data, "s3", 1).wql)
    with pytest.raises(ValueError, match="no such series"):
        explain_item(model, data, "nobody", 1)
