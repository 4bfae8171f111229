"""Priors and exposure of planned sessions under one tuning and one version of lessons: what stream and planning both read.

Without lessons, or when they are tuned off, the plan is taken at its word: planned strengths, planned orders, tuned certainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from supplychain.domain.network import Catalogue, Session, SessionItem
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.audience import UNSEEN, Audience
from supplychain.forecasting.empty_stretches import Stretch
from supplychain.forecasting.exposure import MINUTE_MS, ExposureCurve, SpikeLift, exposure_curve
from supplychain.forecasting.session import SessionForecast, SessionForecaster, SessionPrior
from supplychain.forecasting.session_lessons import Basket, SessionLessons
from supplychain.forecasting.show_plan import run_of_show, usual_price
from supplychain.forecasting.tempering import Tempering

PLAN_ALONE = SessionLessons()


class SessionModel:
    """The forecaster of every planned session of a catalogue.

    Parameters
    ----------
    lessons
        What past sessions taught, None before any did.
    """

    def __init__(self, catalogue: Catalogue, tuning: Forecast, lessons: SessionLessons | None = None) -> None:
        self._catalogue = catalogue
        self._tuning = tuning
        self.lessons = lessons if lessons is not None and tuning.use_lessons else PLAN_ALONE
        self._regions = tuple(sorted(catalogue.regions))
        weights = tuple(max(0.0, catalogue.regions[code].weight) for code in self._regions)
        self._shares = weights if sum(weights) > 0.0 else (1.0,) * len(weights)
        self._plans = lru_cache(maxsize=4_096)(self._make)

    def plan(self, session_id: str, sku: str) -> tuple[SessionPrior, ExposureCurve] | None:
        """Return prior and planned exposure of an item, None when it is not on the schedule."""
        session = self._catalogue.sessions.get(session_id)
        if session is None or session.item(sku) is None or session.ends_at <= session.starts_at:
            return None
        return self._plans(session_id, sku, False)

    def forecast(
        self,
        session_id: str,
        sku: str,
        at: int,
        orders: Mapping[str, int] | None = None,
        units: Mapping[str, int] | None = None,
        empty: Sequence[Stretch] = (),
        audience: Audience = UNSEEN,
        lifts: Sequence[SpikeLift] = (),
    ) -> SessionForecast | None:
        """Return what an item will still sell from `at` on, None when it is not on the schedule.

        Parameters
        ----------
        orders, units
            Gross orders and pieces so far, by region.
        empty
            When it could not be bought, in order of time: those stretches teach nothing.
        audience
            Of the session, as known at `at`.
        lifts
            Spikes of the item: an event explains what they sold, and while one runs it moves the next minutes.
        """
        if self.plan(session_id, sku) is None:
            return None
        item = SessionForecaster(*self._plans(session_id, sku, bool(audience.minutes)))
        power, pace = self.lessons.effects.audience_power, 1.0
        for start, ratio in audience.minutes:
            if start >= at:
                break
            item.advance_past(start, pace, empty)
            pace = ratio**power
            item.advance_past(min(start + MINUTE_MS, at), pace, empty)
        item.advance_past(at, pace, empty)
        for region, count in sorted((orders or {}).items()):
            item.observe(region, count, (units or {}).get(region, count))
        return item.forecast(at, audience.ahead**power, lifts)

    def _make(self, session_id: str, sku: str, heard: bool) -> tuple[SessionPrior, ExposureCurve]:
        session = self._catalogue.sessions[session_id]
        item = session.item(sku) or SessionItem(sku, 0.0)
        lessons, tuning = self.lessons, self._tuning
        curve = self._curve(session, sku)
        category = self._catalogue.skus[sku].category if sku in self._catalogue.skus else ""
        price = usual_price(self._catalogue, session, sku)
        usual = Tempering(tuning.prior_shape, tuning.tempering, tuning.dispersion)
        chosen = lessons.tempered(category, heard=heard) or usual
        basket = lessons.basket(category) if lessons.sessions else Basket()
        mean = item.basket * basket.size
        usual_evening = lessons.expected(sku, item.expected_orders, session.host, category, price)
        expected = usual_evening * lessons.evenings.get(session_id, 1.0)
        prior = SessionPrior(
            rate=expected / curve.total if curve.total > 0.0 else 0.0,
            shape=chosen.shape,
            kappa=chosen.kappa,
            dispersion=chosen.dispersion,
            future_cv=chosen.future_cv,
            widths=chosen.widths,
            basket_mean=mean,
            basket_square=max(mean * mean * basket.spread, mean),
            regions=self._regions,
            shares=self._shares,
            region_weight=max(1e-6, tuning.region_weight),
        )
        return prior, curve

    def _curve(self, session: Session, sku: str) -> ExposureCurve:
        price = usual_price(self._catalogue, session, sku)
        return exposure_curve(run_of_show(session, sku, price, self.lessons.audience), sku, self.lessons.effects)
