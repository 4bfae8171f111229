"""The nightly refit: finished days in, priors on aggregates, the item model on top, forecasts of the shelf out.

Aggregates are categories and regions, rooms and hosts: up to a few hundred Prophet fits with holidays, campaigns, the sessions, offers and
prices of the schedule, each in a worker of its own. The item model and the comparison of champion and challenger run in one worker. No transaction is open meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from supplychain.domain.errors import ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from supplychain.domain.forecast import ShelfForecast
from supplychain.domain.network import Catalogue, Channel
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import DAY
from supplychain.forecasting.frames import DailyFrame, Ints
from supplychain.forecasting.item_record import ItemSettings
from supplychain.forecasting.prior import AggregateSeries, PriorSettings, fit_prior, simple_prior
from supplychain.forecasting.prior_record import FittedPrior
from supplychain.forecasting.refit import aggregates
from supplychain.forecasting.rooms import RoomHistory
from supplychain.forecasting.shares import SHARES
from supplychain.forecasting.shelf_frame import Goods, by_region, shelf_frame
from supplychain.forecasting.shelf_learning import Learned, ShelfSettings, learn_shelf
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of
from supplychain.planning.finished_days import take_in
from supplychain.planning.learned import decode_model, encode_model, model_body
from supplychain.planning.ports import SYSTEM, Actor, Compute, Store, Tx, WallClock
from supplychain.planning.schedule import Schedule, ahead_of, known_schedule

_SHELF_SECONDS = 3_600.0
SCHEDULE_DAYS = 28
"""Days of the schedule beyond the history: those forecast, and a week for a history that is behind."""


@dataclass(frozen=True, slots=True)
class Refit:
    """What a refit made: its version, the method that answers, how many aggregates, and which are degraded and why."""

    version: int
    method: str
    aggregates: int
    degraded: dict[str, str]


def refit(
    store: Store, compute: Compute, calendar: TradeCalendar, wall: WallClock, *, fits_at_once: int = 1
) -> Refit | None:
    """Learn from all history and make the forecasts active; None when there is no history of the shelf.

    Parameters
    ----------
    fits_at_once
        How many workers of `compute` fit aggregates at the same time.

    Raises
    ------
    UnavailableError
        If the item model misses its deadline or its worker dies; what was active stays.
    """
    take_in(store)
    with store.read() as tx:
        _, catalogue = tx.versions.network()
        tuning_version, tuning = tx.versions.tuning()
        stored = tx.versions.prior()
        told = read_past(tx)
    if told is None:
        return None
    champion = decode_model(stored[1]).method if stored else SHARES
    settings = shelf_settings(tuning.forecast, champion)
    frame, known_from = told.frame({}, calendar)
    batch = [*aggregates(frame, calendar), *aggregates(by_region(frame), calendar), *told.rooms.aggregates(calendar)]
    priors = fit_aggregates(compute, batch, settings.prior, fits_at_once)
    frame, known_from = told.frame(priors, calendar)
    goods = goods_of(catalogue)
    learned = compute.run(
        learn_shelf, frame, known_from, goods, priors, calendar, settings, deadline_seconds=_SHELF_SECONDS
    )
    return _store(store, learned, frame, champion, tuning_version, wall)


def _store(
    store: Store, learned: Learned, frame: DailyFrame, champion: str, tuning_version: int, wall: WallClock
) -> Refit:
    last = int(frame.days[-1])
    body = model_body(learned, date_of(last).isoformat(), tuning_version, champion)
    degraded = dict(learned.model.degraded)
    with store.write() as tx:
        version = tx.versions.put_prior(
            encode_model(body), degraded=body.degraded, fitted_through=last * DAY, wall=wall()
        )
        tx.learning.put_shelf(
            version,
            [
                ShelfForecast(sku, learned.first_day, regions, learned.method, f"prior-{version}", tuning_version)
                for sku, regions in sorted(learned.outlooks.items())
            ],
        )
        tx.versions.activate("prior", version)
        tx.audit.append(
            actor=SYSTEM.name,
            action="prior.refit",
            subject=f"prior {version}",
            at=last * DAY,
            wall=wall(),
            reason="refit",
            detail={
                "aggregates": len(body.aggregates),
                "degraded": sorted(degraded),
                "method": body.method,
                "verdict": body.verdict,
                "tuning": tuning_version,
            },
        )
    return Refit(version, learned.method, len(body.aggregates), degraded)


@dataclass(frozen=True, slots=True)
class Past:
    """What a refit reads: the shelf without its schedule, the schedule, and what rooms and hosts sold."""

    shelf: DailyFrame
    known_from: Ints
    schedule: Schedule
    rooms: RoomHistory
    catalogue: Catalogue

    def frame(self, priors: Mapping[str, FittedPrior], calendar: TradeCalendar) -> tuple[DailyFrame, Ints]:
        """The shelf's history with its schedule, rooms and hosts weighed by their priors, and from when each series is known."""
        shelf = self.shelf
        days = np.arange(shelf.first_day, shelf.first_day + shelf.pieces.shape[1] + SCHEDULE_DAYS, dtype=np.int64)
        ahead = ahead_of(shelf.keys, days, self.schedule, self.catalogue, self.rooms, priors, calendar)
        return replace(shelf, ahead=ahead), self.known_from


def read_past(tx: Tx) -> Past | None:
    """Read what there is to learn from; None without a sale of the shelf."""
    _, catalogue = tx.versions.network()
    found = shelf_frame(tx.versions.history(), goods_of(catalogue), sorted(catalogue.regions))
    if found is None:
        return None
    return Past(*found, known_schedule(tx), RoomHistory.of(tx.learning.rooms()), catalogue)


def goods_of(catalogue: Catalogue) -> dict[str, Goods]:
    """Return what learning knows of each SKU that is sold on the shelf."""
    return {
        sku: Goods(record.category, record.price_at(0, Channel.SHELF) / 100.0, record.similar_to)
        for sku, record in sorted(catalogue.skus.items())
        if not record.live_exclusive
    }


def shelf_settings(tuning: Forecast, champion: str) -> ShelfSettings:
    """Return the settings of the refit that a tuning asks for."""
    return ShelfSettings(
        items=ItemSettings(
            trees=tuning.item_trees,
            half_life_days=tuning.item_half_life_days,
            least_rows=tuning.item_least_rows,
            threads=1,  # a worker has one thread: two that wait for each other on a busy machine burn more than they win
        ),
        prior=PriorSettings(
            prophet_from_days=max(tuning.min_history_days, 28),
            changepoint_scale=tuning.prior_trend_scale,
            effect_scale=tuning.prior_effect_scale,
        ),
        champion=champion,
    )


def fit_aggregates(
    compute: Compute, batch: list[AggregateSeries], settings: PriorSettings, at_once: int
) -> dict[str, FittedPrior]:
    """Fit each aggregate in a worker; one whose worker dies or hangs gets weekday means, degraded, and costs no other."""

    def fitted(series: AggregateSeries) -> FittedPrior:
        try:
            return compute.run(fit_prior, series, settings, deadline_seconds=2.0 * settings.seconds)
        except UnavailableError as fault:
            return simple_prior(series, f"worker: {fault}")

    if at_once == 1:
        return {series.key: fitted(series) for series in batch}
    with ThreadPoolExecutor(at_once, thread_name_prefix="fit") as threads:
        return {prior.key: prior for prior in threads.map(fitted, batch)}


def rollback(store: Store, version: int, *, actor: Actor, reason: str, wall: WallClock) -> None:
    """Make the forecasts of an earlier model active again; the next refit makes a new one.

    Raises
    ------
    NotFoundError
        If there is no such model, or its forecasts were pruned.
    InvalidInputError
        If no reason is given.
    """
    if not actor.may("operator"):
        raise ForbiddenError(f"{actor.name} may not change the model", way_out="ask an operator")
    if not reason.strip():
        raise InvalidInputError("a roll-back needs a reason", way_out="say what it is for", field="reason")
    with store.write() as tx:
        if not tx.learning.shelf(model=version):
            detail = f"there is no model {version} with forecasts"
            raise NotFoundError(detail, way_out="`supplychain forecast models` lists them", version=version)
        before = tx.learning.model()
        tx.versions.activate("prior", version)
        tx.audit.append(
            actor=actor.name,
            action="prior.rollback",
            subject=f"prior {version}",
            at=tx.signals.planned_through() or wall(),
            wall=wall(),
            reason=reason,
            detail={"before": before},
        )
