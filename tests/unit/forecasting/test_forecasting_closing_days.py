"""A trade that was shut on its last public holidays is forecast to be shut on the next; one that sold on any of them is not."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from supplychain.forecasting.baselines import GlobalItems
from supplychain.forecasting.closing_days import shut_ahead
from supplychain.forecasting.frames import DailyFrame, daily_frame
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.prior import PriorSettings, simple_prior
from supplychain.forecasting.refit import aggregates
from supplychain.forecasting.shares import SharedOut
from supplychain.forecasting.shelf_frame import Goods, key_of
from supplychain.forecasting.shelf_learning import ShelfSettings, learn_shelf
from supplychain.forecasting.trade_calendar import TradeCalendar, day_number

ENGLAND = TradeCalendar("GB-ENG")
SUMMER = day_number(datetime.date(2011, 8, 29))
"""The bank holiday of late summer: none in Scotland."""
FIRST, END = day_number(datetime.date(2011, 1, 10)), SUMMER - 2


def frame(*, open_on: str = "", end: int = END) -> DailyFrame:
    """Two goods in one region that sell on all days but Saturdays and bank holidays; on the one named they do."""
    days = np.arange(FIRST, end)
    sold = day_number(datetime.date.fromisoformat(open_on)) if open_on else -1
    shut = ((days + 3) % 7 == 5) | (ENGLAND.holidays(days) & (days != sold))
    kept = days[~shut]
    rng = np.random.default_rng(2)
    keys = np.repeat(np.array([key_of("A", "R1"), key_of("B", "R1")], dtype=object), len(kept))
    pieces = 3 + rng.poisson(8.0, len(keys)).astype(np.int64)
    return daily_frame(keys, np.tile(kept, 2), pieces, np.ones(len(keys)), first_day=FIRST, end_day=end)


def test_the_next_bank_holiday_is_shut_when_the_last_ones_were() -> None:
    week = np.arange(END, END + 7)
    assert shut_ahead(frame(), ENGLAND, week).tolist() == [day == SUMMER for day in week]
    assert not shut_ahead(frame(), TradeCalendar("GB-SCT"), week).any()
    assert not shut_ahead(frame(), TradeCalendar(""), week).any()


def test_one_open_holiday_or_too_few_say_nothing() -> None:
    week = np.arange(END, END + 7)
    assert not shut_ahead(frame(open_on="2011-05-02"), ENGLAND, week).any()
    easter = day_number(datetime.date(2011, 4, 25))
    assert not shut_ahead(frame(end=easter), ENGLAND, np.arange(easter, easter + 7)).any()


def test_every_forecaster_and_the_refit_say_nothing_for_it() -> None:
    known = frame()
    place = SUMMER - END
    items = GlobalItems(ItemSettings(trees=5), calendar=ENGLAND).answer(known, np.arange(2), 7)
    shared = SharedOut(ENGLAND, PriorSettings(prophet_from_days=999)).answer(known, np.arange(2), 7)
    for answer in (items, shared):
        assert not answer.quantiles[:, place].any()
        assert not answer.high[:, place].any()
        assert answer.quantiles[:, place + 1].any()
    priors = {series.key: simple_prior(series, "by weekday") for series in aggregates(known, ENGLAND)}
    goods = {sku: Goods("", 1.0, "") for sku in ("A", "B")}
    settings = ShelfSettings(ItemSettings(trees=5), PriorSettings(prophet_from_days=999), ahead_days=7, origins=0)
    learned = learn_shelf(known, np.zeros(2, dtype=np.int64), goods, priors, ENGLAND, settings)
    said = learned.outlooks["A"]["R1"]
    assert said.mean[place] == said.variance[place] == said.high[place] == 0.0
    assert said.mean[place + 1] > 0.0


def test_a_country_without_known_holidays_is_named() -> None:
    for country in ("XX", "GB-NOWHERE"):
        with pytest.raises(ValueError, match=country):
            TradeCalendar(country)
