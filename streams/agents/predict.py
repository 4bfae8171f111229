"""From a cue to a session forecast: the run of show as exposure, what was sold so far, mean and variance per region.

The audience so far counts by whole minutes, and only by those that were over some seconds before the cue: samples of them are
all in, so a replay and a worker that took over read the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import MINUTE, SECOND, floor_to
from supplychain.forecasting.audience import UNSEEN, Audience, audience_until
from supplychain.forecasting.exposure import SpikeLift
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.forecasting.session_model import SessionModel
from supplychain.watching.delta import ForecastCue

Viewers = Callable[[str, int, int], Sequence[tuple[int, float]]]
"""Mean viewers of a room in each minute of [start, end) that was sampled."""
Available = Callable[[Catalogue, str, int, int], int]
"""Sellable pieces of a SKU over all warehouses at a moment, and what was received after it up to a later one."""
SETTLED = 5 * SECOND
"""So long after a minute its samples are all in."""
_MOST = 1_000


def _nobody(room: str, start: int, end: int) -> Sequence[tuple[int, float]]:
    return ()


def _plenty(catalogue: Catalogue, sku: str, start: int, end: int) -> int:
    return sys.maxsize


class Predictor:
    """Session forecasts of one catalogue, tuning version and version of lessons (0 before any was learned).

    Parameters
    ----------
    viewers
        Where the audience is read; without it the plan stands for it.
    available
        Where stock is read; without it an item is only sold out to its cap.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        tuning: Forecast,
        tuning_version: int,
        lessons: SessionLessons | None = None,
        lessons_version: int = 0,
        viewers: Viewers = _nobody,
        available: Available = _plenty,
    ) -> None:
        self._catalogue = catalogue
        self._viewers = viewers
        self._available = available
        self._opening: dict[tuple[str, str], int] = {}
        self._heard: dict[str, tuple[int, list[tuple[int, float]]]] = {}
        self._audiences: dict[tuple[str, int], Audience] = {}
        self._version = tuning_version
        self._model = SessionModel(catalogue, tuning, lessons)
        self._name = f"session-{lessons_version if tuning.use_lessons else 0}"

    def forecast(self, cue: ForecastCue, lifts: Sequence[SpikeLift] = ()) -> SessionForecast | None:
        """Answer a cue, with the spikes of its item; None for sessions and items that are not on the schedule, or when the session is over."""
        session = self._catalogue.sessions.get(cue.session_id)
        if session is None or cue.at >= session.ends_at:
            return None
        sold = (cue.orders_by_region, cue.units_by_region)
        audience = self._audience(session, cue.at)
        left = self._model.forecast(
            cue.session_id, cue.sku, cue.at, *sold, self._censored(session, cue), audience, lifts
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

    def _censored(self, session: Session, cue: ForecastCue) -> int:
        """Return for how long an item could not be bought: since its cap was reached, or its stock was sold and sales stopped.

        As in the lessons of past sessions. An item that goes on selling beyond its stock was not sold out, and pre-sale goods and
        bundles are not sold from it.
        """
        quiet = cue.at - max(cue.sold_at, session.starts_at)
        item, record = session.item(cue.sku), self._catalogue.skus.get(cue.sku)
        asked = item is not None and not item.presale and record is not None and not record.components
        if not asked or cue.sold_at < 0 or quiet <= max(MINUTE, cue.censored_ms):
            return cue.censored_ms
        key, start = (session.session, cue.sku), session.starts_at
        if key not in self._opening:
            self._opening[key] = self._available(self._catalogue, cue.sku, start, start)
        sold, settled = sum(cue.units_by_region.values()), floor_to(cue.at - SETTLED, MINUTE)
        if sold < self._opening[key] or sold < self._available(self._catalogue, cue.sku, start, settled):
            return cue.censored_ms
        return quiet

    def _audience(self, session: Session, at: int) -> Audience:
        """Return the audience as known at a moment; against what is usual in a session, so nothing before that is learned."""
        usual = self._model.lessons.audience
        until = floor_to(at - SETTLED, MINUTE)
        if not usual or until <= session.starts_at:
            return UNSEEN
        key = (session.session, until)
        if key not in self._audiences:
            known, minutes = self._heard.get(session.session, (floor_to(session.starts_at, MINUTE), []))
            if until > known:
                minutes = [*minutes, *self._viewers(session.room, known, until)]
                self._heard[session.session] = (until, minutes)
            if len(self._audiences) > _MOST:
                self._audiences.clear()
            trust = self._model.lessons.trust
            self._audiences[key] = audience_until(session, usual, minutes, until, trust)
        return self._audiences[key]
