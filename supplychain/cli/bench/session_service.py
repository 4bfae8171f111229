"""Synthetic evenings as the running service sees them: planned sessions, sums by the minute, lessons, forecasts.

The service knows a plan (slots with the strengths that somebody stated, an expected number of orders) and what was sold. So the
plan here states strengths that are not the true ones, and expects of every product the same per unit of planned exposure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from supplychain.cli.bench.session_generator import MINUTES, START_MS, Evenings
from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.audience import UNSEEN, audience_until
from supplychain.forecasting.exposure import AS_PLANNED, MINUTE_MS, exposure_curve
from supplychain.forecasting.session_learning import learn_sessions
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.forecasting.session_model import SessionModel
from supplychain.forecasting.show_plan import run_of_show

Floats = NDArray[np.float64]
Progress = Callable[[float], None]

PITCH_STRENGTH, OFFER_STRENGTH = 4.0, 4.0
VIEWERS = 1_000
PRICE = 10_000


def silent(share: float) -> None:
    """Show no progress."""


def planned_sessions(of: Evenings, prefix: str) -> list[Session]:
    """Return the sessions as they stood on the schedule."""
    sessions = []
    for number, (show, sku, host) in enumerate(zip(of.shows, of.products, of.hosts, strict=True)):
        slots = [ShowSlot(SlotKind.PITCH, sku, p.start_ms, p.end_ms, PITCH_STRENGTH) for p in show.pitches]
        slots += [
            ShowSlot(SlotKind.FLASH_OFFER, sku, o.start_ms, o.end_ms, OFFER_STRENGTH, round(PRICE * o.price_ratio))
            for o in show.offers
        ]
        item = SessionItem(sku, 1.0, 1.0, PRICE)
        times = (show.start_ms, show.end_ms, VIEWERS)
        bare = Session(f"{prefix}{number}", "room", host, "p", "shop", *times, (item,), tuple(slots))
        expected = exposure_curve(run_of_show(bare, sku, PRICE), sku, AS_PLANNED).total
        sessions.append(replace(bare, items=(replace(item, expected_orders=expected),)))
    return sessions


def catalogue_of(of: Evenings, sessions: Sequence[Session]) -> Catalogue:
    """Return a catalogue of these sessions, with one region."""
    categories = {sku: cell[0] for sku, cell in zip(of.products, of.cells, strict=True)}
    skus = {sku: Sku(sku, sku, category, PRICE, PRICE // 2) for sku, category in sorted(categories.items())}
    return Catalogue(
        skus, {}, {}, {}, {}, {"all": Region("all", "all", 1.0)}, {session.session: session for session in sessions}
    )


def taught_by(past: Evenings) -> SessionLessons:
    """Return what the service learns from evenings at night."""
    sessions = planned_sessions(past, "past")
    told = []
    for number, session in enumerate(sessions):
        minutes = tuple(
            SoldMinute(past.products[number], START_MS + minute * MINUTE_MS, int(orders), int(orders))
            for minute, orders in enumerate(past.orders[number])
            if orders
        )
        told.append(PastSession(session, minutes, _viewers(past, number), {}, START_MS + MINUTES * MINUTE_MS))
    return learn_sessions(told, catalogue_of(past, sessions))


def _viewers(of: Evenings, number: int) -> tuple[tuple[int, float], ...]:
    """Viewers of each minute, as they came."""
    shown = VIEWERS * of.viewers[number] * np.exp(of.planned[number, :, 0])
    return tuple((START_MS + minute * MINUTE_MS, float(shown[minute])) for minute in range(MINUTES))


def service_forecasts(
    of: Evenings,
    lessons: SessionLessons,
    elapsed: Sequence[float],
    *,
    heard: bool = True,
    progress: Progress = silent,
) -> list[tuple[Floats, Floats]]:
    """Mean and variance of the remaining orders at each checkpoint, as the service forecasts them from cumulative orders.

    Parameters
    ----------
    heard
        Whether the audience so far is known.
    progress
        Is told the share of checkpoints done.
    """
    sessions = planned_sessions(of, "test")
    model = SessionModel(catalogue_of(of, sessions), Forecast(), lessons)
    out = []
    for share in elapsed:
        cut = round(share * MINUTES)
        found = np.zeros((2, len(sessions)))
        for place, session in enumerate(sessions):
            sold = int(of.orders[place, :cut].sum())
            now = START_MS + cut * MINUTE_MS
            seen = (
                audience_until(session, lessons.audience, _viewers(of, place), now, lessons.trust) if heard else UNSEEN
            )
            left = model.forecast(session.session, of.products[place], now, {"all": sold}, audience=seen)
            if left is not None:
                found[:, place] = left.orders.mean, left.orders.variance
        out.append((found[0], found[1]))
        progress(len(out) / len(elapsed))
    return out
