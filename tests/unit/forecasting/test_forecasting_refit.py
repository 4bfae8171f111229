from dataclasses import replace

import numpy as np
import pytest

from supplychain.forecasting.ahead import PRICE_CHANGE, SESSION_HOURS, Ahead
from supplychain.forecasting.frames import DailyFrame, Floats
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.items import predict_items
from supplychain.forecasting.prior import PriorSettings
from supplychain.forecasting.refit import Candidate, compare, outlook, refit, regressors
from supplychain.forecasting.trade_calendar import TradeCalendar, campaigns_from

SMALL = ItemSettings(trees=15, learning_rate=0.2, least_rows=20, threads=1, leaves=7)
FIRST = 20_454  # 2026-01-01
CALENDAR = TradeCalendar(
    "",
    campaigns_from([{"name": f"c{i}", "start": day, "end": day} for i, day in enumerate(("02-10", "03-12", "04-20"))]),
)
ONE = TradeCalendar("", campaigns_from([{"name": "sale", "start": "2026-02-10", "end": "2026-02-14"}]))


def world(days: int = 110) -> DailyFrame:
    """Items of two groups; the first triples in a campaign of five days."""
    rng = np.random.default_rng(6)
    lift = 1.0 + 2.0 * ONE.effects(np.arange(FIRST, FIRST + days))["campaign:sale"]
    level = rng.uniform(3, 12, 60)[:, None]
    pieces = rng.poisson(level * np.where(np.arange(60)[:, None] % 2 == 0, lift[None, :], 1.0)).astype(float)
    groups = tuple(f"g{i % 2}" for i in range(60))
    return DailyFrame(
        tuple(f"s{i}" for i in range(60)),
        FIRST,
        pieces,
        np.ones_like(pieces),
        pieces,
        np.ones(days, dtype=bool),
        groups,
    )


def test_a_refit_hands_the_campaign_of_each_group_on() -> None:
    frame = world()
    learned = refit(frame, ONE, SMALL)
    assert learned.degraded == {}
    again = outlook(learned.priors, ONE, frame, 7)
    assert again.shape == (2, 117)
    inside = ONE.effects(np.arange(FIRST, FIRST + 117))["campaign:sale"] > 0
    assert again[0, inside].mean() == pytest.approx(3.0, rel=0.2)
    assert again[1, inside].mean() == pytest.approx(1.0, abs=0.2)
    assert np.all(again[:, ~inside] == 1.0)


def scheduled(frame: DailyFrame, hours: Floats, price: Floats) -> DailyFrame:
    """The frame with sessions and prices of all its items on W days."""
    shared = np.zeros(len(frame.keys), dtype=np.int64)
    return replace(frame, ahead=Ahead(hours[None], 0.0 * hours[None], price[None], hours[None], shared))


def test_an_announced_session_moves_the_forecast_of_its_day() -> None:
    hours = (np.arange(117) % 5 == 0) * 3.0
    rng = np.random.default_rng(2)
    frame = world()
    lively = replace(frame, pieces=rng.poisson(frame.pieces * (1.0 + hours[:110] / 3.0)).astype(float))
    known = scheduled(lively, hours, np.zeros(117))
    learned = refit(known, ONE, SMALL)
    assert SESSION_HOURS in learned.priors["g1"].effects
    assert PRICE_CHANGE not in learned.priors["g1"].effects, "a price that never changed teaches nothing"
    ahead = outlook(learned.priors, ONE, known, 7)
    assert ahead[1, 115] / ahead[1, 114] == pytest.approx(2.0, rel=0.15)
    told = predict_items(learned.items, known, range(7), outlook=ahead).mean.sum(axis=0)
    assert told[5] > 1.5 * told[4]
    called_off = scheduled(lively, np.where(np.arange(117) == 115, 0.0, hours), np.zeros(117))
    quiet = outlook(learned.priors, ONE, called_off, 7)
    assert predict_items(learned.items, called_off, range(7), outlook=quiet).mean.sum(axis=0)[5] < 0.7 * told[5]
    longest = scheduled(lively, np.where(np.arange(117) == 115, 24.0, hours), np.zeros(117))
    assert outlook(learned.priors, ONE, longest, 7)[1, 115] == pytest.approx(ahead[1, 115]), "no guess beyond the past"
    with pytest.raises(ValueError, match="lacks session_hours"):
        outlook(learned.priors, ONE, lively, 7)


def test_a_price_cut_moves_the_forecast_of_its_day() -> None:
    price = np.where(np.arange(117) % 9 > 6, -0.3, 0.0)
    rng = np.random.default_rng(3)
    frame = world()
    cut = scheduled(
        replace(frame, pieces=rng.poisson(frame.pieces * (1.0 - 3.0 * price[:110])).astype(float)),
        np.zeros(117),
        price,
    )
    learned = refit(cut, ONE, SMALL)
    weight, _ = learned.priors["g1"].effects[PRICE_CHANGE]
    assert weight == pytest.approx(-3.0, rel=0.25), "a tenth off sells 30 % more"
    told = {}
    for name, frame in {"cut": cut, "full": scheduled(cut, np.zeros(117), np.append(price[:110], np.zeros(7)))}.items():
        ahead = outlook(learned.priors, ONE, frame, 10)
        told[name] = predict_items(learned.items, frame, range(7), outlook=ahead).mean.sum(axis=0)
    assert price[116] == -0.3
    assert told["cut"][6] > 1.4 * told["full"][6]
    assert told["cut"][0] == pytest.approx(told["full"][0])


def test_days_that_are_too_few_or_not_known_teach_and_tell_nothing() -> None:
    hours = np.zeros(117)
    hours[[50, 60, 70, 112]] = 3.0
    known = scheduled(world(), hours, np.zeros(117))
    assert SESSION_HOURS not in refit(known, ONE, SMALL).priors["g0"].effects
    far = regressors(known, ONE, np.array([FIRST - 1, FIRST + 50, FIRST + 112, FIRST + 500]))["g0"][SESSION_HOURS]
    assert far == pytest.approx([0.0, 3.0, 3.0, 0.0])
    with pytest.raises(ValueError, match="no day less than the frame"):
        scheduled(world(), hours[:100], np.zeros(100))
    assert known.until(FIRST + 60).ahead is known.ahead, "what is announced is known before"


def test_equal_learning_has_an_equal_version_and_other_data_another() -> None:
    frame = world()
    assert refit(frame, ONE, SMALL).version == refit(frame, ONE, SMALL).version
    assert refit(frame.until(FIRST + 100), ONE, SMALL).version != refit(frame, ONE, SMALL).version


def test_a_thin_frame_degrades_and_still_forecasts() -> None:
    thin = world(20)
    learned = refit(thin, CALENDAR, SMALL)
    assert set(learned.degraded) == {"g0", "g1"}
    assert np.all(np.isfinite(predict_items(learned.items, thin, range(7)).quantiles))


def test_a_crippled_challenger_is_not_promoted_and_a_better_one_is() -> None:
    frame = world()
    good = Candidate("good", ONE, SMALL, PriorSettings(prophet_from_days=1_000))
    crippled = Candidate(
        "crippled",
        ONE,
        replace(SMALL, trees=1, learning_rate=0.01, own_share=0.0),
        PriorSettings(prophet_from_days=1_000),
    )
    rows, origins = np.arange(0, 60, 2), [96, 103]
    verdict, scores = compare(frame, rows, origins, good, crippled, iter(range(100)).__next__)
    assert not verdict.promoted
    assert compare(frame, rows, origins, crippled, good, iter(range(100)).__next__)[0].promoted
    assert {score.model for score in scores} == {"good", "crippled"}
    with pytest.raises(ValueError, match="different names"):
        compare(frame, rows, origins, good, good, iter(range(100)).__next__)
