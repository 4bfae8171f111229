"""What operators tune: detector, forecast, planning rules, approval limits. Every value has a unit and bounds.

A tuning is one immutable version. It is stamped on every spike, forecast and plan, so that a number can always be traced
to the values that made it. Unknown names and values out of bounds are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from math import isfinite
from typing import Any

from supplychain.domain.errors import TuningError


def _value(default: float, low: float, high: float, unit: str, about: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "about": about})


@dataclass(frozen=True, slots=True)
class Detector:
    """The spike detector."""

    bin_seconds: int = _value(5, 1, 300, "s", "width of a detector bin and of a window; must divide the cut grid")
    grace_seconds: int = _value(1, 0, 60, "s", "wait after the end of a bin before it is judged")
    lateness_seconds: int = _value(120, 0, 3_600, "s", "later events become corrections")
    clamp_seconds: int = _value(300, 1, 3_600, "s", "a stamp further ahead of business time is refused")
    ratio: float = _value(2.0, 1.1, 10.0, "1", "the rate ratio that the CUSUM looks for")
    half_life_seconds: int = _value(180, 10, 86_400, "s", "memory of the background rate")
    guard_bins: int = _value(6, 0, 100, "bins", "bins held back from the background")
    seed_bins: int = _value(20, 0, 1_000, "bins", "weight of the session prior at the start")
    minimum_rate: float = _value(0.02, 0.001, 10.0, "orders/bin", "floor of the expected rate")
    false_alarms_per_hour: float = _value(
        0.5, 0.01, 100.0, "1/h", "wanted false alarms per room-hour, all items together"
    )
    dedupe_hours: int = _value(24, 1, 168, "h", "how long an event id is remembered")


@dataclass(frozen=True, slots=True)
class Forecast:
    """The session forecast and the prior."""

    tempering: float = _value(0.6, 0.0, 1.0, "1", "how far sales so far move the prior (kappa)")
    prior_shape: float = _value(4.0, 0.1, 1_000.0, "1", "certainty of the prior: shape of the gamma")
    dispersion: float = _value(1.6, 1.0, 50.0, "1", "variance of orders over their mean")
    region_weight: float = _value(200.0, 0.0, 1e6, "orders", "orders that the prior regional shares are worth")
    use_lessons: bool = _value(
        default=True, low=0, high=1, unit="bool", about="what past sessions taught wins over the values above and below"
    )
    refresh_seconds: int = _value(60, 5, 3_600, "s", "how often a session forecast is renewed")
    moved_share: float = _value(0.4, 0.01, 10.0, "1", "a forecast that moved by this share may ask for a plan")
    moved_pieces: int = _value(60, 1, 1_000_000, "pieces", "and by at least so many pieces")
    cancelled_share: float = _value(0.20, 0.0, 0.95, "1", "expected share cancelled before shipment")
    refunded_share: float = _value(0.03, 0.0, 0.95, "1", "expected share refunded without return")
    returned_share: float = _value(0.18, 0.0, 0.95, "1", "expected share returned")
    resellable_share: float = _value(0.85, 0.0, 1.0, "1", "share of returned pieces that can be sold again")
    return_days: int = _value(6, 0, 60, "d", "days from shipment until a returned piece can be sold again")
    return_transit_days: int = _value(2, 0, 30, "d", "of these, days from the recorded return to sellable stock")
    min_history_days: int = _value(28, 7, 365, "d", "no Prophet below this length of history")
    prior_trend_scale: float = _value(0.05, 0.001, 1.0, "1", "how easily the trend of an aggregate bends")
    prior_effect_scale: float = _value(0.5, 0.01, 10.0, "1", "how large effects of holidays and campaigns may be")
    item_trees: int = _value(140, 10, 1_000, "trees", "size of each head of the item model")
    item_half_life_days: float = _value(80.0, 7.0, 1_000.0, "d", "age at which a day counts half for the item model")
    item_least_rows: int = _value(100, 5, 10_000, "rows", "least days in a leaf of the item model")


@dataclass(frozen=True, slots=True)
class Planning:
    """When a plan is made and how it weighs risk."""

    cut_seconds: int = _value(5, 1, 3_600, "s", "grid of the cuts that plans read up to")
    debounce_seconds: int = _value(60, 0, 3_600, "s", "least time between two plans of a group")
    moved_rest_seconds: int = _value(
        600, 0, 7_200, "s", "least time before a moved forecast alone asks for another plan"
    )
    review_minutes: int = _value(30, 1, 1_440, "min", "when a plan is looked at again: later waves are not released")
    review_on_air: bool = _value(
        default=True, low=0, high=1, unit="bool", about="groups of sessions on air are looked at again"
    )
    horizon_days: int = _value(14, 2, 60, "d", "planning horizon")
    hourly_days: int = _value(2, 1, 3, "d", "days cut into hours at the start of the horizon")
    service_quantile: float = _value(0.9, 0.5, 0.999, "1", "demand quantile that is covered while it pays")
    shortage_factor: float = _value(1.0, 0.1, 100.0, "1", "weight of lost margin")
    lateness_minor_per_day: int = _value(200, 0, 1_000_000, "minor/piece/d", "cost of a piece shipped late")
    change_minor: int = _value(500, 0, 1_000_000, "minor", "cost of changing a line of the published plan")
    node_limit: int = _value(24, 1, 100_000, "nodes", "work limit of the exact model and of the searches per item")
    sweep_limit: int = _value(2, 1, 10_000, "sweeps", "work limit of the price coordination")
    solve_seconds: float = _value(60.0, 0.1, 600.0, "s", "wall limit of one solve, set-up included")
    exact_groups: int = _value(0, 0, 20, "groups", "so many groups at most go to the exact model")
    safety_lead_minutes: int = _value(120, 0, 2_880, "min", "suppliers are taken to be so much later than they say")
    proposal_hours: int = _value(12, 1, 168, "h", "an open proposal expires")
    stock_stale_minutes: int = _value(24 * 60, 1, 7 * 24 * 60, "min", "stock older than this holds releases")
    shelf_live_lift: float = _value(0.0, 0.0, 5.0, "1", "lift of shelf demand while a live session runs")


@dataclass(frozen=True, slots=True)
class Approval:
    """Limits of what is approved without a person, and of what one person may approve."""

    auto_approve: bool = _value(
        default=False, low=0, high=1, unit="bool", about="approve lines inside the limits below"
    )
    auto_line_minor: int = _value(2_000_000, 0, 10**12, "minor", "highest value of a line approved automatically")
    auto_plan_minor: int = _value(6_000_000, 0, 10**12, "minor", "highest value approved automatically in one plan")
    auto_cover_hours: float = _value(96.0, 1.0, 720.0, "h", "longest cover of a line approved automatically")
    person_line_minor: int = _value(20_000_000, 0, 10**12, "minor", "above it a line needs an approver")
    release_enabled: bool = _value(
        default=True, low=0, high=1, unit="bool", about="off holds every release (kill switch)"
    )


@dataclass(frozen=True, slots=True)
class Tuning:
    """All sections of one version."""

    detector: Detector = Detector()
    forecast: Forecast = Forecast()
    planning: Planning = Planning()
    approval: Approval = Approval()

    def __post_init__(self) -> None:
        if self.planning.cut_seconds % self.detector.bin_seconds:
            detail = f"planning.cut_seconds = {self.planning.cut_seconds} is no multiple of detector.bin_seconds = {self.detector.bin_seconds}"
            raise TuningError(detail, way_out="choose a cut grid that whole bins fill", field="planning.cut_seconds")
        lost = self.forecast.cancelled_share + self.forecast.refunded_share + self.forecast.returned_share
        if lost > 1:
            detail = f"forecast: cancelled, refunded and returned shares add up to {lost:.2f}"
            raise TuningError(detail, way_out="keep their sum at or below 1", field="forecast.cancelled_share")


SECTIONS: dict[str, type] = {"detector": Detector, "forecast": Forecast, "planning": Planning, "approval": Approval}


def describe() -> Iterator[tuple[str, str, Field[Any]]]:
    """Yield section, name and field (default, bounds, unit, meaning) of every value."""
    for section, kind in SECTIONS.items():
        for item in fields(kind):
            yield section, item.name, item


def _checked(section: str, item: Field[Any], value: object) -> float | bool:
    name = f"{section}.{item.name}"
    kind: object = type(item.default)
    low, high, unit = item.metadata["low"], item.metadata["high"], item.metadata["unit"]
    of = f" of {unit}" if unit != "1" else ""
    if kind is bool:
        if not isinstance(value, bool):
            detail = f"{name} is {value!r}"
            raise TuningError(detail, way_out="give true or false", field=name)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        detail = f"{name} is {value!r}, not a number"
        raise TuningError(detail, way_out=f"give a number{of} between {low} and {high}", field=name)
    if kind is int and value != int(value):
        detail = f"{name} is {value!r}, not a whole number"
        raise TuningError(detail, way_out=f"give a whole number{of} between {low} and {high}", field=name)
    if not low <= value <= high:
        detail = f"{name} is {value:g}, outside {low:g} to {high:g}{of.removeprefix(' of')}"
        raise TuningError(detail, way_out="stay inside the bounds", field=name)
    return int(value) if kind is int else float(value)


def parse(given: Mapping[str, Any], basis: Tuning | None = None) -> Tuning:
    """Return a tuning from nested mappings over `basis` (the defaults when none).

    Raises
    ------
    TuningError
        For an unknown section or name, a value of the wrong type or out of bounds; it names the value.
    """
    tuning = basis or Tuning()
    changed: dict[str, Any] = {}
    for section, values in given.items():
        kind = SECTIONS.get(section)
        if kind is None:
            detail = f"unknown tuning section {section!r}"
            raise TuningError(detail, way_out=f"use one of {', '.join(SECTIONS)}", field=section)
        if not isinstance(values, Mapping):
            detail = f"tuning section {section!r} is no table"
            raise TuningError(detail, way_out=f"write [{section}] and its values below", field=section)
        known = {item.name: item for item in fields(kind)}
        for name in values:
            if name not in known:
                detail = f"unknown tuning value {section}.{name}"
                raise TuningError(
                    detail,
                    way_out=f"`supplychain tuning show` lists them: {', '.join(known)}",
                    field=f"{section}.{name}",
                )
        checked = {name: _checked(section, known[name], value) for name, value in values.items()}
        changed[section] = replace(getattr(tuning, section), **checked)
    return replace(tuning, **changed)


def document(tuning: Tuning) -> dict[str, dict[str, float | bool]]:
    """Return a tuning as nested dicts, the inverse of `parse`."""
    return asdict(tuning)


def difference(old: Tuning, new: Tuning) -> list[tuple[str, float | bool, float | bool]]:
    """Return name, old and new value of everything that differs.

    >>> difference(Tuning(), parse({"detector": {"ratio": 3}}))
    [('detector.ratio', 2.0, 3.0)]
    """
    before, after = document(old), document(new)
    return [
        (f"{section}.{name}", before[section][name], value)
        for section, values in after.items()
        for name, value in values.items()
        if before[section][name] != value
    ]
