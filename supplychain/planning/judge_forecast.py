"""What a forecast rests on and how good it has been: for the person who asks why, and for one who wants to change the tuning."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from supplychain.domain.errors import InvalidInputError, NotFoundError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import difference, parse
from supplychain.domain.units import DAY
from supplychain.forecasting.explain import data_gaps
from supplychain.forecasting.frames import DailyFrame
from supplychain.forecasting.items import drivers
from supplychain.forecasting.refit import compare, outlook
from supplychain.forecasting.shelf_frame import by_region, key_of, region_of
from supplychain.forecasting.shelf_learning import ITEMS, forecaster, largest_rows, origins_of
from supplychain.forecasting.trade_calendar import TradeCalendar, date_of
from supplychain.planning.forecast_components import components, room_components
from supplychain.planning.learn import read_past, shelf_settings
from supplychain.planning.learned import ModelBody, decode_model
from supplychain.planning.ports import Compute, Store
from supplychain.planning.shelf_outlook import day_rows, measured
from supplychain.planning.slot_outlook import slots_ahead

_BACKTEST_SECONDS = 3_600.0


def show(store: Store, sku: str, region: str, calendar: TradeCalendar) -> dict[str, Any]:
    """Return the forecast of one SKU and region with all it rests on.

    Raises
    ------
    NotFoundError
        If SKU or region are unknown, nothing was learned yet, or nothing is forecast for the SKU and region.
    """
    with store.read() as tx:
        stored = tx.versions.prior()
        _, catalogue = tx.versions.network()
        for name, known, kind in ((sku, catalogue.skus, "SKU"), (region, catalogue.regions, "region")):
            if name not in known:
                near = ", ".join(get_close_matches(name, sorted(known), cutoff=0.5)) or ", ".join(sorted(known)[:10])
                raise NotFoundError(f"unknown {kind} {name!r}", way_out=f"is one of these meant: {near}?")
        forecasts = tx.learning.shelf([sku])
        past = read_past(tx)
        versions = tx.learning.models()
        ahead = slots_ahead(tx, catalogue, sku, region)
    if ahead and catalogue.skus[sku].live_exclusive:
        return _of_sessions(catalogue, sku, region, ahead)
    if stored is None:
        raise NotFoundError(
            "no model was learned yet", way_out="`supplychain forecast refit` learns one from the history"
        )
    if not forecasts or region not in forecasts[0].regions:
        detail = f"nothing is forecast for {sku} in {region}"
        way_out = "live-exclusive goods are forecast once a session announces them, others after the next refit"
        raise NotFoundError(detail, way_out=way_out, sku=sku, region=region)
    body, found = decode_model(stored[1]), forecasts[0]
    mine = found.regions[region]
    frame = past.frame(body.priors(), calendar)[0] if past else None
    category = catalogue.skus[sku].category
    return {
        "sku": sku,
        "region": region,
        "category": category,
        "model": stored[0],
        "tuning_version": found.tuning_version,
        "method": found.method,
        "degraded": mine.degraded,
        "fitted_through": body.fitted_through,
        "refitted_wall": next((v.created_wall for v in versions if v.version == stored[0]), None),
        "days": day_rows(found, mine),
        "recent": _recent(frame, key_of(sku, region)),
        "components": components(body, category, found, frame, calendar),
        "components_region": components(
            body, region_of(key_of(sku, region)), found, by_region(frame) if frame else None, calendar
        ),
        "components_rooms": room_components(body, past, sku, found, calendar) if past else [],
        "drivers": _drivers(body, frame, key_of(sku, region), calendar) if found.method == ITEMS else [],
        "show": _show_effects(catalogue, sku),
        "slots": ahead,
        "gaps": [[date_of(a).isoformat(), date_of(b).isoformat()] for a, b in data_gaps(frame)] if frame else [],
        "segment": mine.segment,
        "backtest": [row for row in body.scores if row["segment"] in {"all", mine.segment}],
        "measured": [row for row in measured(store) if row["segment"] in {"all", mine.segment}],
    }


def _of_sessions(catalogue: Catalogue, sku: str, region: str, slots: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report of goods that are sold in sessions alone: they have no shelf to be learned."""
    nothing: dict[str, Any] = dict.fromkeys(("model", "tuning_version", "fitted_through", "refitted_wall"))
    empty: dict[str, Any] = {name: [] for name in ("days", "recent", "drivers", "gaps", "backtest", "measured")}
    return {
        "sku": sku,
        "region": region,
        "category": catalogue.skus[sku].category,
        **nothing,
        "method": "sessions",
        "degraded": "",
        **empty,
        "components": {},
        "components_region": {},
        "components_rooms": [],
        "show": _show_effects(catalogue, sku),
        "slots": slots,
        "segment": "live exclusive",
    }


def backtest(
    store: Store,
    compute: Compute,
    calendar: TradeCalendar,
    changes: Mapping[str, Any],
    *,
    origins: int = 4,
    series: int = 200,
    horizon: int = 7,
) -> dict[str, Any]:
    """Forecast the same past with the active tuning and with a changed one; nothing is stored.

    Returns
    -------
    dict
        `changes`, the `method` they were tried on, `verdict` (promoted only beyond noise) and `scores` of "active" and
        "changed" per segment.

    Raises
    ------
    TuningError
        If a value is unknown or out of bounds.
    InvalidInputError
        If the change does not touch the forecasts, or the history is too short for the origins.
    """
    with store.read() as tx:
        version, tuning = tx.versions.tuning()
        stored = tx.versions.prior()
        past = read_past(tx)
    changed = parse(changes, tuning)
    moved = difference(tuning, changed)
    method = decode_model(stored[1]).method if stored else ITEMS
    before, after = (shelf_settings(each.forecast, method) for each in (tuning, changed))
    if before.items != after.items:
        method = ITEMS  # whichever method answers today: a change of the item model shows in the item model alone
    if before == after:
        raise InvalidInputError(
            "the change does not touch how the shelf is learned",
            way_out="change forecast.item_*, forecast.prior_* or forecast.min_history_days, or replay a recording for the rest",
        )
    frame = past.frame(decode_model(stored[1]).priors() if stored else {}, calendar)[0] if past else None
    chosen = origins_of(frame, horizon, origins) if frame else []
    if frame is None or not chosen:
        raise InvalidInputError("there is too little history for a backtest", way_out="at least seven weeks are needed")
    rows = largest_rows(frame, series)
    rivals = (forecaster(method, calendar, before, "active"), forecaster(method, calendar, after, "changed"))
    verdict, scores = compute.run(_compare, frame, rows, chosen, rivals, horizon, deadline_seconds=_BACKTEST_SECONDS)
    return {
        "tuning_version": version,
        "changes": [{"name": name, "old": old, "new": new} for name, old, new in moved],
        "method": method,
        "origins": [date_of(frame.first_day + origin).isoformat() for origin in chosen],
        "verdict": asdict(verdict),
        "scores": [asdict(score) for score in scores],
    }


def _compare(frame: DailyFrame, rows: Any, origins: list[int], rivals: Any, horizon: int) -> Any:
    """Run the comparison; top level, so that a pool can call it."""
    before, after = rivals
    return compare(frame, rows, origins, before, after, time.perf_counter, horizon=horizon)


def _recent(frame: DailyFrame | None, key: str) -> list[dict[str, Any]]:
    """The last eight weeks as the model saw them."""
    if frame is None or key not in frame.keys:
        return []
    row = frame.keys.index(key)
    start = max(0, frame.pieces.shape[1] - 56)
    return [
        {"day": date_of(int(frame.days[column])).isoformat(), "pieces": float(frame.pieces[row, column])}
        for column in range(start, frame.pieces.shape[1])
    ]


def _drivers(body: ModelBody, frame: DailyFrame | None, key: str, calendar: TradeCalendar) -> list[dict[str, Any]]:
    model = body.item_model()
    if model is None or frame is None or key not in frame.keys:
        return []
    ahead = outlook(body.priors(), calendar, frame, model.settings.horizon)
    found = drivers(model, frame, key, 0, outlook=ahead)
    return [{"feature": name, "pieces": round(effect, 3)} for name, effect in found]


def _show_effects(catalogue: Catalogue, sku: str) -> list[dict[str, Any]]:
    """Pitches and offers planned for the SKU, with the factor each is expected to have."""
    return [
        {"session": session.session, "host": session.host, "kind": slot.kind.value, "factor": slot.strength}
        | {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "day": date_of(slot.starts_at // DAY).isoformat()}
        for session in sorted(catalogue.sessions.values(), key=lambda s: (s.starts_at, s.session))
        for slot in session.slots
        if slot.sku == sku
    ]
