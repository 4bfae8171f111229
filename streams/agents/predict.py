"""From a cue to a session forecast: the run of show as exposure, what was sold so far, mean and variance per region."""

from __future__ import annotations

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.forecasting.session_model import SessionModel
from supplychain.watching.delta import ForecastCue


class Predictor:
    """Session forecasts of one catalogue, tuning version and version of lessons (0 before any was learned)."""

    def __init__(
        self,
        catalogue: Catalogue,
        tuning: Forecast,
        tuning_version: int,
        lessons: SessionLessons | None = None,
        lessons_version: int = 0,
    ) -> None:
        self._catalogue = catalogue
        self._version = tuning_version
        self._model = SessionModel(catalogue, tuning, lessons)
        self._name = f"session-{lessons_version if tuning.use_lessons else 0}"

    def forecast(self, cue: ForecastCue) -> SessionForecast | None:
        """Answer a cue; None for sessions and items that are not on the schedule, or when the session is over."""
        session = self._catalogue.sessions.get(cue.session_id)
        if session is None or cue.at >= session.ends_at:
            return None
        left = self._model.forecast(
            cue.session_id, cue.sku, cue.at, cue.orders_by_region, cue.units_by_region, cue.censored_ms
        )
        planned = self._model.plan(cue.session_id, cue.sku)
        if left is None or planned is None:
            return None
        prior, curve = planned
        return SessionForecast(
            session=cue.session_id,
            sku=cue.sku,
            as_of=cue.at,
            ends_at=session.ends_at,
            so_far=dict(sorted(cue.units_by_region.items())),
            rest={region: (moments.mean, moments.variance) for region, moments in left.regions().items()},
            prior_rest=round(prior.rate * curve.between(cue.at, session.ends_at) * prior.basket_mean, 4),
            tuning_version=self._version,
            model_version=self._name,
        )
