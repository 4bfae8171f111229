"""From a cue to a session forecast: the run of show as exposure, what was sold so far, mean and variance per region.

The audience so far counts by whole minutes, and only by those that were over some seconds before the cue: samples of them are
all in, so a replay and a worker that took over read the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import MINUTE, SECOND, floor_to
from supplychain.forecasting.audience import UNSEEN, Audience, audience_until
from supplychain.forecasting.empty_stretches import Stretch, empty_stretches
from supplychain.forecasting.exposure import SpikeLift
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.forecasting.session_model import SessionModel
from supplychain.watching.delta import ForecastCue


class Readings(Protocol):
    """What a forecast reads of the world beside its cue."""

    def viewers(self, room: str, start: int, end: int) -> Sequence[tuple[int, float]]:
        """Mean viewers of a room in each minute of [start, end) that was sampled."""
        ...

    def stock(self, catalogue: Catalogue, sku: str, at: int) -> int:
        """Sellable pieces of a SKU over all warehouses at a moment."""
        ...

    def receipts(self, sku: str, after: int, until: int) -> Sequence[tuple[int, int]]:
        """When a SKU was received with after < when <= until, and how many pieces, in order of time."""
        ...

    def sold(self, session: str, sku: str, until: int) -> Sequence[tuple[int, int]]:
        """Minutes in which a session sold a SKU and the pieces, known up to `until`, in order of time."""
        ...


class PlanAlone:
    """Nothing can be read: the plan stands for the audience, and an item is only sold out to its cap."""

    def viewers(self, room: str, start: int, end: int) -> Sequence[tuple[int, float]]:
        """Nobody was counted."""
        return ()

    def stock(self, catalogue: Catalogue, sku: str, at: int) -> int:
        """Plenty."""
        return sys.maxsize

    def receipts(self, sku: str, after: int, until: int) -> Sequence[tuple[int, int]]:
        """None."""
        return ()

    def sold(self, session: str, sku: str, until: int) -> Sequence[tuple[int, int]]:
        """None."""
        return ()


SETTLED = 5 * SECOND
"""So long after a minute its samples are all in."""
_MOST = 1_000


class Predictor:
    """Session forecasts of one catalogue, tuning version and version of lessons (0 before any was learned).

    Parameters
    ----------
    readings
        Where audience, stock and sales are read.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        tuning: Forecast,
        tuning_version: int,
        lessons: SessionLessons | None = None,
        lessons_version: int = 0,
        readings: Readings | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._read = readings or PlanAlone()
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
        left = self._model.forecast(cue.session_id, cue.sku, cue.at, *sold, self._empty(session, cue), audience, lifts)
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

    def _empty(self, session: Session, cue: ForecastCue) -> tuple[Stretch, ...]:
        """Return when an item could not be bought: before each restock, since its stock was sold again, or since its cap was reached.

        As in the lessons of past sessions. An item that goes on selling beyond its stock was not sold out, and pre-sale goods and
        bundles are not sold from it. Of a trade without warehouses no stock is known.
        """
        capped = ((cue.at - cue.censored_ms, cue.at),) if cue.censored_ms > 0 else ()
        item, record = session.item(cue.sku), self._catalogue.skus.get(cue.sku)
        asked = item is not None and not item.presale and record is not None and not record.components
        if not asked or cue.sold_at < 0 or not self._catalogue.warehouses:
            return capped
        key, start = (session.session, cue.sku), session.starts_at
        if key not in self._opening:
            self._opening[key] = self._read.stock(self._catalogue, cue.sku, start)
        sold, opening = sum(cue.units_by_region.values()), self._opening[key]
        if sold < opening:
            return capped
        settled = floor_to(cue.at - SETTLED, MINUTE)
        receipts = self._read.receipts(cue.sku, start, settled)
        before = empty_stretches(opening, receipts, self._read.sold(*key, settled)) if receipts else ()
        quiet = cue.at - max(cue.sold_at, start)
        out_again = sold >= opening + sum(pieces for _, pieces in receipts) and quiet > max(MINUTE, cue.censored_ms)
        return (*before, (cue.at - quiet, cue.at)) if out_again else (*before, *capped)

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
                minutes = [*minutes, *self._read.viewers(session.room, known, until)]
                self._heard[session.session] = (until, minutes)
            if len(self._audiences) > _MOST:
                self._audiences.clear()
            trust = self._model.lessons.trust
            self._audiences[key] = audience_until(session, usual, minutes, until, trust)
        return self._audiences[key]
