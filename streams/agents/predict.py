"""From a cue to a session forecast: the run of show as exposure, what was sold so far, mean and variance per region."""

from __future__ import annotations

from functools import lru_cache

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue, Session, SessionItem
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.exposure import ExposureCurve
from supplychain.forecasting.session import SessionForecaster, SessionPrior
from supplychain.watching.delta import ForecastCue

MODEL = "session-1"


def planned_curve(session: Session, sku: str) -> ExposureCurve:
    """Return the planned exposure of an item: one per minute, a slot's strength while it runs."""
    slots = [slot for slot in session.slots if slot.sku == sku]
    edges = {session.starts_at, session.ends_at}
    edges |= {at for slot in slots for at in (slot.starts_at, slot.ends_at)}
    inside = sorted(at for at in edges if session.starts_at <= at <= session.ends_at)
    rates = [
        max((slot.strength for slot in slots if slot.starts_at <= left < slot.ends_at), default=1.0)
        for left in inside[:-1]
    ]
    return ExposureCurve(tuple(inside), tuple(rates))


class Predictor:
    """Session forecasts of one catalogue and tuning version."""

    def __init__(self, catalogue: Catalogue, tuning: Forecast, tuning_version: int) -> None:
        self._catalogue = catalogue
        self._tuning = tuning
        self._version = tuning_version
        self._regions = tuple(sorted(catalogue.regions))
        self._shares = tuple(catalogue.regions[code].weight for code in self._regions)
        self._planned = lru_cache(maxsize=4_096)(self._plan)

    def forecast(self, cue: ForecastCue) -> SessionForecast | None:
        """Answer a cue; None for sessions and items that are not on the schedule, or when the session is over."""
        session = self._catalogue.sessions.get(cue.session_id)
        item = session.item(cue.sku) if session else None
        if session is None or item is None or cue.at >= session.ends_at:
            return None
        prior, curve = self._planned(cue.session_id, cue.sku)
        forecaster = SessionForecaster(prior, curve)
        forecaster.advance(max(cue.at - cue.censored_ms, session.starts_at))
        for region, orders in sorted(cue.orders_by_region.items()):
            forecaster.observe(region, orders, cue.units_by_region.get(region, orders))
        left = forecaster.forecast(cue.at)
        return SessionForecast(
            session=cue.session_id,
            sku=cue.sku,
            as_of=cue.at,
            ends_at=session.ends_at,
            so_far=dict(sorted(cue.units_by_region.items())),
            rest={region: (moments.mean, moments.variance) for region, moments in left.regions().items()},
            prior_rest=round(prior.rate * curve.between(cue.at, session.ends_at) * item.basket, 4),
            tuning_version=self._version,
            model_version=MODEL,
        )

    def _plan(self, session_id: str, sku: str) -> tuple[SessionPrior, ExposureCurve]:
        session = self._catalogue.sessions[session_id]
        item = session.item(sku) or SessionItem(sku, 0.0)
        curve = planned_curve(session, sku)
        tuning = self._tuning
        rate = item.expected_orders / curve.total if curve.total else 0.0
        prior = SessionPrior(
            rate=rate,
            shape=tuning.prior_shape,
            kappa=tuning.tempering,
            dispersion=tuning.dispersion,
            basket_mean=item.basket,
            basket_square=max(item.basket**2 * 1.25, item.basket),
            regions=self._regions,
            shares=self._shares,
            region_weight=max(1e-6, tuning.region_weight),
        )
        return prior, curve
