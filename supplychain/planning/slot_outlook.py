"""What each slot of the sessions ahead will sell of one SKU in one region, with quantiles: for who fills a run of show.

A running session is read as the stream forecast it last, an announced one as its prior says; planning dates demand by the same
shares of exposure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from supplychain.domain.errors import NotFoundError
from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.tuning import Forecast
from supplychain.forecasting.exposure import ExposureCurve
from supplychain.forecasting.moments import Moments
from supplychain.forecasting.quantiles import quantiles
from supplychain.forecasting.session_lessons import SessionLessons
from supplychain.forecasting.session_model import SessionModel
from supplychain.planning.lessons import learned
from supplychain.planning.ports import Store, Tx

LEVELS = (0.1, 0.5, 0.9)


def slot_rows(
    catalogue: Catalogue,
    tuning: Forecast,
    lessons: SessionLessons | None,
    forecasts: Iterable[SessionForecast],
    sku: str,
    region: str | None,
    now: int,
) -> list[dict[str, Any]]:
    """Rows of gross pieces per remaining slot of all sessions that are not over, in order of time.

    Parameters
    ----------
    forecasts
        The newest of the stream, by session.
    region
        None adds the regions up.

    Returns
    -------
    list of dict
        `session, host, starts_at, ends_at, planned` (kinds and factor of what is planned for the SKU in it, empty between slots),
        `mean, q10, q50, q90` of the region, `by`: "stream" or "prior", and `evening`: the factor that room and host put on this day.
    """
    model = SessionModel(catalogue, tuning, lessons)
    known = {one.session: one for one in forecasts if one.sku == sku and one.ends_at > now}
    rows: list[dict[str, Any]] = []
    for session in sorted(catalogue.sessions.values(), key=lambda one: (one.starts_at, one.session)):
        planned = model.plan(session.session, sku)
        if session.ends_at <= now or planned is None:
            continue
        said = known.get(session.session)
        start = said.as_of if said else session.starts_at
        parts = _rest(model, session, sku, said)
        rest = parts.get(region) if region is not None else _sum(parts)
        if rest is not None:
            by = "stream" if said else "prior"
            evening = model.lessons.evenings.get(session.session, 1.0)
            cut = _slots(session, sku, planned[1], start, max(start, now), rest)
            rows += [{**row, "by": by, "evening": evening} for row in cut]
    return rows


def _rest(model: SessionModel, session: Session, sku: str, said: SessionForecast | None) -> Mapping[str, Moments]:
    if said is not None:
        return {region: Moments(*moments) for region, moments in said.rest.items()}
    opening = model.forecast(session.session, sku, session.starts_at)
    return opening.regions() if opening is not None else {}


def slots_of(store: Store, session: str, sku: str) -> list[dict[str, Any]]:
    """Rows of one SKU in one session, regions added up; none when the session is over or does not sell the SKU.

    Raises
    ------
    NotFoundError
        If the session is unknown.
    """
    with store.read() as tx:
        _, catalogue = tx.versions.network()
        if session not in catalogue.sessions:
            raise NotFoundError(f"unknown session {session!r}", way_out="see the overview", session=session)
        rows = slots_ahead(tx, catalogue, sku, None)
    return [row for row in rows if row["session"] == session]


def slots_ahead(tx: Tx, catalogue: Catalogue, sku: str, region: str | None) -> list[dict[str, Any]]:
    """Rows of one SKU as the world is now, of all sessions that are not over; see `slot_rows`."""
    now = tx.signals.planned_through() or 0
    _, tuning = tx.versions.tuning()
    _, lessons = learned(tx)
    taught = lessons.session if lessons else None
    return slot_rows(catalogue, tuning.forecast, taught, tx.world.forecasts([sku], now), sku, region, now)


def _sum(parts: Mapping[str, Moments]) -> Moments | None:
    return Moments(sum(m.mean for m in parts.values()), sum(m.variance for m in parts.values())) if parts else None


def _slots(
    session: Session, sku: str, curve: ExposureCurve, start: int, now: int, rest: Moments
) -> Iterable[dict[str, Any]]:
    """Cut what is left from `start` on where the plan of the SKU changes; what is over by `now` is left out."""
    mine = [slot for slot in session.slots if slot.sku == sku and slot.ends_at > slot.starts_at]
    edges = {now, session.ends_at, *(edge for slot in mine for edge in (slot.starts_at, slot.ends_at))}
    whole = curve.between(start, session.ends_at)
    for low, high in pairwise(sorted(edge for edge in edges if now <= edge <= session.ends_at)):
        part = rest.part(curve.between(low, high) / whole) if whole > 0.0 else Moments(0.0, 0.0)
        running = [slot for slot in mine if slot.starts_at <= low and slot.ends_at >= high]
        ends = (float(quantiles(part.mean, part.variance, level)) for level in LEVELS)
        yield {
            "session": session.session,
            "host": session.host,
            "starts_at": low,
            "ends_at": high,
            "planned": ", ".join(f"{slot.kind.value} x{slot.strength:g}" for slot in running),
            "mean": round(part.mean, 3),
            **dict(zip(("q10", "q50", "q90"), ends, strict=True)),
        }
