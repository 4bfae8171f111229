"""Lessons: effects, rates, baskets and losses are recovered from sums by the minute, and the record keeps them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import DAY, HOUR, MINUTE
from supplychain.forecasting.cohort_losses import Cohort, learn_cohort_losses, losses_from_shares
from supplychain.forecasting.exposure import AS_PLANNED, exposure_curve
from supplychain.forecasting.lesson_learning import learn_lessons, loss_cell, tuned_losses
from supplychain.forecasting.newcomers import learn_pools
from supplychain.forecasting.session_learning import learn_sessions
from supplychain.forecasting.session_lessons import Lessons, SessionLessons, lessons_from_json
from supplychain.forecasting.session_model import SessionModel
from supplychain.forecasting.show_plan import run_of_show
from supplychain.forecasting.tempering import Tempering

T0 = 1_790_000_000_000
SKUS = {"A": Sku("A", "a", "cream", 4_000, 900), "B": Sku("B", "b", "tea", 1_000, 300)}
REGIONS = {"R1": Region("R1", "one", 3.0), "R2": Region("R2", "two", 1.0)}


def evening(number: int, rng: np.random.Generator, *, pitch: float, rate: float, audience: bool = True) -> PastSession:
    """One session of two hours: the plan says that a pitch triples sales, an offer doubles them; really they do otherwise."""
    start = T0 - number * 7 * DAY
    at = int(rng.integers(10, 50))
    slots = (
        ShowSlot(SlotKind.PITCH, "A", start + at * MINUTE, start + (at + 10) * MINUTE, 3.0),
        ShowSlot(SlotKind.FLASH_OFFER, "A", start + 80 * MINUTE, start + 90 * MINUTE, 2.0, 3_000),
    )
    items = (SessionItem("A", 200.0, 1.5, 4_000), SessionItem("B", 100.0))
    session = Session(f"s{number}", "room", "host", "p", "shop", start, start + 120 * MINUTE, 1_000, items, slots)
    minutes, viewers = [], []
    for sku, usual in (("A", rate), ("B", 0.8)):
        for minute in range(120):
            came = 1.5 if minute < 60 else 0.5
            factor = came
            if sku == "A":
                factor *= pitch if at <= minute < at + 10 else 2.0 if 80 <= minute < 90 else 1.0
            orders = int(rng.poisson(usual * factor))
            pieces = int(rng.poisson(orders * 1.0)) + orders if sku == "A" else orders
            minutes.append(SoldMinute(sku, start + minute * MINUTE, orders, pieces))
    viewers = [(start + m * MINUTE, 1_500.0 if m < 60 else 500.0) for m in range(120)] if audience else []
    return PastSession(session, tuple(minutes), tuple(viewers), {}, T0, True)


def past(count: int, seed: int = 1, **changes: float) -> list[PastSession]:
    rng = np.random.default_rng(seed)
    truth = {"pitch": 6.0, "rate": 2.0} | changes
    return [evening(number, rng, **truth) for number in range(1, count + 1)]  # type: ignore[arg-type]  # test's free hand


CATALOGUE = Catalogue(SKUS, {}, {}, {}, {}, REGIONS, {one.session.session: one.session for one in past(1)})


def test_what_the_plan_overstates_or_leaves_out_is_corrected() -> None:
    lessons = learn_sessions(past(40), CATALOGUE)
    show = run_of_show(past(1)[0].session, "A", 4_000)
    curve = exposure_curve(show, "A", lessons.effects)
    at = show.pitches[0].start_ms
    calm = curve.between(show.start_ms, show.start_ms + MINUTE)
    assert curve.between(at, at + MINUTE) / calm == pytest.approx(6.0, rel=0.1)
    offer = show.offers[0]
    assert curve.between(offer.start_ms, offer.start_ms + MINUTE) / calm == pytest.approx(2.0, rel=0.15)
    assert lessons.effects.audience_power == pytest.approx(1.0, abs=0.1)
    assert lessons.audience[:12] == pytest.approx((1.5,) * 12)
    assert lessons.sessions == 40
    assert lessons.baskets["cream"].size == pytest.approx(2.0 / 1.5, rel=0.05)
    assert lessons.baskets["cream"].spread == pytest.approx(1.25, abs=0.05)


def test_rates_say_how_much_the_plan_is_off() -> None:
    lessons = learn_sessions(past(30), CATALOGUE)
    really = np.mean([sum(m.orders for m in one.minutes if m.sku == "A") for one in past(30)])
    assert lessons.rate("A", "host") * 200.0 == pytest.approx(really, rel=0.1)
    assert lessons.rate("unknown", "nobody") > 0.0


def test_a_new_item_is_expected_to_sell_like_its_kind() -> None:
    lessons = learn_sessions(past(30), CATALOGUE)
    cream, tea = (lessons.rate(sku, "host") for sku in ("A", "B"))
    assert cream > 1.5 * tea
    assert lessons.rate("N", "host", "cream", 4_000) == pytest.approx(cream, rel=0.1)
    assert lessons.rate("N", "host", "tea", 1_000) == pytest.approx(tea, rel=0.1)
    assert lessons.rate("N", "host", "cream", 99_000) == pytest.approx(cream, rel=0.1), (
        "its category, whatever its price"
    )
    assert tea < lessons.rate("N", "host", "toys", 4_000) < cream
    assert lessons.expected("N", 50.0, "host", "tea", 1_000) == pytest.approx(50.0 * tea, rel=0.1)
    really = np.mean([sum(m.orders for m in one.minutes if m.sku == "A") for one in past(30)])
    assert lessons.expected("N", 0.0, "host", "cream", 4_000) == pytest.approx(really, rel=0.1), "the plan says nothing"
    assert SessionLessons().expected("N", 0.0, "host") == 0.0


def test_a_new_live_exclusive_item_without_a_plan_is_forecast_from_its_kind() -> None:
    session = past(1)[0].session
    new = replace(SKUS["A"], sku="N", live_exclusive=True)
    ahead = replace(session, session="next", items=(SessionItem("N", 0.0),), slots=())
    catalogue = replace(CATALOGUE, skus={**SKUS, "N": new}, sessions={"next": ahead})
    learned, blind = learn_sessions(past(30), CATALOGUE), None
    said = [
        SessionModel(catalogue, Forecast(), each).forecast("next", "N", session.starts_at) for each in (learned, blind)
    ]
    told, nothing = (one.units.mean for one in said if one is not None)
    assert nothing == 0.0
    assert told > 100.0


def test_pools_draw_the_few_to_the_many() -> None:
    names = [("tea|x3", "tea", "")] * 40 + [("tea|x9", "tea", "")] + [("toys|x3", "toys", "")]
    orders = np.array([20.0] * 40 + [0.0, 400.0])
    pools = learn_pools(names, orders, np.full(42, 10.0), np.ones(42), np.ones(42))
    assert pools["tea|x3"].rate == pytest.approx(2.0, rel=0.05)
    assert 1.0 < pools["tea|x9"].rate < 2.0
    assert pools[""].rate < pools["toys"].rate < 20.0
    half = learn_pools(names, orders / 2.0, np.full(42, 10.0), np.full(42, 0.5), np.ones(42))
    assert half["tea"].orders == pytest.approx(pools["tea"].orders), "what could not be bought half the time"
    assert learn_pools([], np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0)) == {}


def test_without_an_audience_the_plan_alone_teaches() -> None:
    rng = np.random.default_rng(2)
    lessons = learn_sessions([evening(n, rng, pitch=6.0, rate=2.0, audience=False) for n in range(1, 31)], CATALOGUE)
    assert lessons.audience == ()
    assert lessons.effects.slots[2] / lessons.effects.slots[0] == pytest.approx(1 / 3, rel=0.15)


def test_nothing_seen_takes_the_plan_at_its_word() -> None:
    lessons = learn_sessions([], CATALOGUE)
    assert lessons == SessionLessons()
    assert lessons.effects == AS_PLANNED
    assert lessons.rate("A", "host") == 1.0
    assert lessons.tempered("cream", heard=False) is None


def test_sold_out_minutes_teach_nothing() -> None:
    whole = past(30)
    cut = [
        PastSession(
            one.session,
            tuple(m for m in one.minutes if m.sku != "A" or m.at < one.session.starts_at + 60 * MINUTE),
            one.viewers,
            {"A": frozenset(range(one.session.starts_at + 60 * MINUTE, one.session.ends_at, MINUTE))},
            T0,
        )
        for one in whole
    ]
    blind = [PastSession(one.session, one.minutes, one.viewers, {}, T0) for one in cut]
    true = learn_sessions(whole, CATALOGUE).rate("A", "host")
    assert learn_sessions(cut, CATALOGUE).rate("A", "host") == pytest.approx(true, rel=0.05)
    assert learn_sessions(blind, CATALOGUE).rate("A", "host") < 0.9 * true


def cohort(rng: np.random.Generator, number: int, share: float, minutes: float, factor: float = 1.0) -> Cohort:
    """A session whose cancellations come after `minutes` on average; returns six days after shipment."""
    paid = T0 + number * DAY + np.arange(120) * MINUTE
    pieces = rng.poisson(20.0, 120)
    cancelled: dict[int, int] = {}
    returned: dict[int, int] = {}
    for at, count in zip(paid.tolist(), pieces.tolist(), strict=True):
        for _ in range(count):
            if rng.random() < 1.0 - (1.0 - share) ** factor:
                when = int(at + rng.exponential(minutes) * MINUTE) // MINUTE * MINUTE
                cancelled[when] = cancelled.get(when, 0) + 1
            elif rng.random() < 0.25:
                when = int(at + DAY + rng.uniform(5.2, 6.8) * DAY) // MINUTE * MINUTE
                returned[when] = returned.get(when, 0) + 1

    def columns(rows: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.array(sorted(rows)), np.array([float(rows[at]) for at in sorted(rows)])

    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Cohort(
        ("cream", "x5", "host"), f"s{number}", paid, pieces.astype(float), columns(cancelled), nothing,
        columns(returned), 24 * 60 * MINUTE, T0 + 90 * DAY,
    )  # fmt: skip


BELIEVED = losses_from_shares(0.1, 0.0, 0.1, 0.8, 4)


def test_ages_of_losses_are_found_from_sums_alone() -> None:
    rng = np.random.default_rng(5)
    model = learn_cohort_losses([cohort(rng, n, 0.3, 20.0) for n in range(12)], BELIEVED)
    cell = ("cream", "x5", "host")
    assert model.ships(cell, 0, DAY) == pytest.approx(0.7, abs=0.02)
    survived = model.cancelled.survival(cell, np.array([15 * MINUTE, HOUR]))
    true = [1.0 - 0.3 * (1.0 - np.exp(-age / 20.0)) for age in (15, 60)]
    np.testing.assert_allclose(survived, true, atol=0.035)
    back = model.returned.survival(cell, np.array([4 * DAY, 8 * DAY]))
    assert back[0] > 0.97
    assert back[1] == pytest.approx(0.75, abs=0.03)
    assert model.sellable == 0.8
    assert model.session_spread < 0.02


def test_slow_cancellations_look_slow_and_sessions_that_differ_are_seen() -> None:
    rng = np.random.default_rng(6)
    slow = learn_cohort_losses([cohort(rng, n, 0.3, 240.0) for n in range(12)], BELIEVED)
    assert slow.cancelled.survival(("cream",), np.array([HOUR]))[0] > 0.9
    factors = rng.gamma(4.0, 0.25, 40)
    varied = learn_cohort_losses([cohort(rng, n, 0.3, 20.0, float(factors[n])) for n in range(40)], BELIEVED)
    assert varied.session_spread == pytest.approx(0.25, abs=0.15)


def test_without_cohorts_what_is_believed_stays() -> None:
    assert learn_cohort_losses([], BELIEVED) is BELIEVED
    assert BELIEVED.ships(()) == pytest.approx(0.9)
    assert BELIEVED.keeps(()) == pytest.approx(0.8)
    tuned = tuned_losses(Forecast(cancelled_share=0.3, refunded_share=0.05, returned_share=0.15))
    assert tuned.ships(()) == pytest.approx(0.7, abs=1e-3)
    assert tuned.keeps(()) == pytest.approx(0.51, abs=0.01)


def test_the_record_comes_back_as_it_was_and_refuses_what_it_is_not() -> None:
    lessons = learn_lessons(past(5), CATALOGUE, Forecast())
    assert lessons_from_json(lessons.to_json()) == lessons
    assert learn_lessons(past(5), CATALOGUE, Forecast()).to_json() == lessons.to_json()
    with pytest.raises(ValueError, match="version"):
        lessons_from_json(b'{"version": 99}')


def test_lessons_without_widths_are_read_as_before() -> None:
    older = json.loads(learn_lessons(past(5), CATALOGUE, Forecast()).to_json())
    for row in (*older["session"]["tempering"].values(), *older["session"]["unheard"].values()):
        del row["widths"]
    read = lessons_from_json(json.dumps(older)).session
    assert all(one.widths == () for one in (*read.tempering.values(), *read.unheard.values()))


def test_the_model_counts_on_lessons_and_not_when_they_are_tuned_off() -> None:
    session = past(1)[0].session
    lessons = SessionLessons(
        rates={"": 1.0, "A": 1.5},
        hosts={"": 1.0, "host": 2.0},
        unheard={"": Tempering(9.0, 0.3, 2.5, 0.1)},
        sessions=3,
    )
    taught = SessionModel(CATALOGUE, Forecast(), lessons)
    first = taught.forecast(session.session, "A", session.starts_at)
    assert first is not None
    assert first.orders.mean == pytest.approx(600.0)
    planned = taught.plan(session.session, "A")
    assert planned is not None
    assert (planned[0].shape, planned[0].kappa, planned[0].dispersion) == (9.0, 0.3, 2.5)
    off = SessionModel(CATALOGUE, Forecast(use_lessons=False), lessons).forecast(
        session.session, "A", session.starts_at
    )
    assert off is not None
    assert off.orders.mean == pytest.approx(200.0)
    assert taught.forecast("s99", "A", T0) is None
    assert taught.forecast(session.session, "Z", T0) is None


def test_an_offer_announced_ahead_counts_before_its_first_sale() -> None:
    session = past(1)[0].session
    model = SessionModel(CATALOGUE, Forecast())
    left = model.forecast(session.session, "A", session.starts_at)
    assert left is not None
    offer = next(slot for slot in session.slots if slot.kind is SlotKind.FLASH_OFFER)
    before, during = left.periods([offer.starts_at - 10 * MINUTE, offer.starts_at, offer.ends_at])["R1"]
    assert during.mean == pytest.approx(2.0 * before.mean)


def test_cells_of_losses_are_category_doubling_price_and_host() -> None:
    assert loss_cell(CATALOGUE, "A", 4_000, "host") == ("cream", "x5", "host")
    assert loss_cell(CATALOGUE, "A", 6_399, "host") == loss_cell(CATALOGUE, "A", 3_200, "host")
    assert loss_cell(CATALOGUE, "none", 0, "") == ("", "x-9", "")
    assert Lessons(SessionLessons(), BELIEVED).session.basket("cream").size == 1.0
