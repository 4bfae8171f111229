"""Learning a session's effects, rates, baskets and tempering from what past sessions did.

Effects and rates come from what happened, the audience that came; tempering from what was known at each checkpoint, since that is
all a running session may count on. An item that was sold out for a while teaches by its other minutes only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.domain.network import Catalogue
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.forecasting.audience import audience_until, learn_trust
from supplychain.forecasting.exposure import MINUTE_MS, WEAKEST, ExposureEffects, events_of, moment_of
from supplychain.forecasting.exposure_learning import (
    AFTERGLOW,
    AS_PLANNED_LOG,
    AUDIENCE,
    OFFER,
    PITCH,
    PLANNED,
    PRICE,
    LearnedEffects,
    SessionLog,
    cross_fitted_rates,
    learn_effects,
    learn_rates,
)
from supplychain.forecasting.frames import Flags, Floats
from supplychain.forecasting.newcomers import Pool, learn_pools, pool_names
from supplychain.forecasting.session_lessons import ALL, Basket, SessionLessons, rounded
from supplychain.forecasting.show_plan import run_of_show, usual_price
from supplychain.forecasting.tempering import Checkpoints, Tempering, learn_shape, learn_tempering

NAMES = (AUDIENCE, PLANNED, PITCH, OFFER, PRICE, AFTERGLOW, "slot1", "slot2")
PARTS = 3
AFTERGLOW_MS = 2 * MINUTE_MS
AUDIENCE_PARTS = 24
ELAPSED = (0.1, 0.25, 0.5, 0.75)
UNPLANNED = 0.01  # stands for a plan that says nothing
LEAST_ITEMS = (
    400  # past items of a category before it has a tempering of its own: fewer tell its spread worse than all together
)


@dataclass(frozen=True, slots=True)
class _Items:
    """Past items, one row each: N names, N x T minutes (padded), N x T x F covariates.

    `ahead` is N x C: the audience of the rest over the plan, as it was expected at each of the checkpoints `ELAPSED`.
    """

    skus: list[str]
    hosts: list[str]
    categories: list[str]
    prices: list[int]
    expected: Floats
    baskets: Floats
    orders: Floats
    pieces: Floats
    happened: Floats
    planned: Floats
    ahead: Floats
    running: Flags
    observed: Flags


def learn_sessions(past: Sequence[PastSession], catalogue: Catalogue) -> SessionLessons:
    """Learn from past sessions; without any, the plan is taken at its word.

    Parameters
    ----------
    catalogue
        Prices and categories of the SKUs; sessions come with their own plan.
    """
    audience = _audience_shape(past)
    trust = rounded(learn_trust(past, audience, ELAPSED))
    items = _items(past, catalogue, audience, trust)
    if items is None or not bool((items.orders * items.observed).any()):
        return SessionLessons()
    learned = learn_effects(SessionLog(items.orders, items.happened, items.observed, NAMES), prior=AS_PLANNED_LOG)
    effects = _rounded_effects(learned)
    exposure = np.where(items.running, learned.exposure(items.planned), 0.0)
    came = np.where(items.running, learned.exposure(items.happened), 0.0)
    whole = np.maximum(exposure.sum(axis=1), 1e-9)
    effort = items.expected * np.where(items.observed, came, 0.0).sum(axis=1) / whole
    orders = np.where(items.observed, items.orders, 0.0).sum(axis=1)
    rates, hosts = learn_rates(items.skus, items.hosts, orders, effort)
    believed = cross_fitted_rates(items.skus, items.hosts, orders, effort)
    rate = (believed * items.expected / whole)[:, None]
    ahead = items.ahead**effects.audience_power
    return SessionLessons(
        effects=effects,
        errors={name: rounded(error) for name, error in zip(NAMES, learned.errors, strict=True)},
        rates={name: rounded(value) for name, value in sorted(rates.items())},
        hosts={name: rounded(value) for name, value in sorted(hosts.items())},
        pools=_pools(items, orders, effort, hosts),
        tempering=_temperings(items, came * rate, exposure * rate, ahead, learned.dispersion),
        unheard=_temperings(items, exposure * rate, exposure * rate, np.ones_like(ahead), learned.dispersion),
        baskets=_baskets(items),
        audience=tuple(rounded(factor) for factor in audience),
        trust=trust,
        sessions=len(past),
        orders=int(orders.sum()),
    )


def _pools(items: _Items, orders: Floats, effort: Floats, hosts: Mapping[str, float]) -> dict[str, Pool]:
    """What items of a kind sell; the effort is the planned orders as far as the item could be bought."""
    names = [pool_names(category, price) for category, price in zip(items.categories, items.prices, strict=True)]
    factors = np.array([max(hosts.get(host, 1.0), 1e-6) for host in items.hosts])
    planned = np.where(items.expected > UNPLANNED, items.expected, 0.0)
    found = learn_pools(names, orders, planned, effort / items.expected, factors)
    return {name: Pool(rounded(pool.rate), rounded(pool.orders)) for name, pool in sorted(found.items())}


def _rounded_effects(learned: LearnedEffects) -> ExposureEffects:
    effects = learned.effects(AFTERGLOW_MS)
    return ExposureEffects(
        pitch=rounded(effects.pitch),
        offer=rounded(effects.offer),
        price_elasticity=rounded(effects.price_elasticity),
        audience_power=rounded(effects.audience_power),
        afterglow=rounded(effects.afterglow),
        afterglow_ms=effects.afterglow_ms,
        slots=tuple(rounded(value) for value in effects.slots),
        planned_power=rounded(effects.planned_power),
    )


def _audience_shape(past: Sequence[PastSession]) -> tuple[float, ...]:
    """Mean audience by part of a session over the planned one; over the session's own mean where none was planned."""
    sums, seen = np.zeros(AUDIENCE_PARTS), np.zeros(AUDIENCE_PARTS)
    for one in past:
        session, counts = one.session, dict(one.viewers)
        inside = {at: v for at, v in counts.items() if session.starts_at <= at < session.ends_at}
        usual = float(session.expected_viewers) or (sum(inside.values()) / len(inside) if inside else 0.0)
        if usual <= 0.0:
            continue
        for at, viewers in inside.items():
            part = (at - session.starts_at) * AUDIENCE_PARTS // (session.ends_at - session.starts_at)
            sums[part] += viewers / usual
            seen[part] += 1.0
    if not seen.all():
        return ()
    return tuple(float(factor) for factor in np.clip(sums / seen, 0.05, 20.0))


def _items(past: Sequence[PastSession], catalogue: Catalogue, audience: Sequence[float], trust: float) -> _Items | None:
    rows = [
        (one, item) for one in past for item in one.session.items if one.session.ends_at - one.session.starts_at > 0
    ]
    if not rows:
        return None
    length = max(-(-(one.session.ends_at - one.session.starts_at) // MINUTE_MS) for one, _ in rows)
    shape = (len(rows), length)
    orders, pieces, running = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    observed = np.zeros(shape, dtype=bool)
    happened, planned = np.zeros((*shape, len(NAMES))), np.zeros((*shape, len(NAMES)))
    sold: dict[int, dict[str, list[SoldMinute]]] = {}
    for place, (one, item) in enumerate(rows):
        session = one.session
        if id(one) not in sold:
            sold[id(one)] = defaultdict(list)
            for minute in one.minutes:
                sold[id(one)][minute.sku].append(minute)
        minutes = -(-(session.ends_at - session.starts_at) // MINUTE_MS)
        running[place, :minutes] = observed[place, :minutes] = True
        for minute in sold[id(one)][item.sku]:
            at = (minute.at - session.starts_at) // MINUTE_MS
            if 0 <= at < minutes:
                orders[place, at] += minute.orders
                pieces[place, at] += minute.pieces
        for at_ms in one.out_of_stock.get(item.sku, ()):
            at = (at_ms - session.starts_at) // MINUTE_MS
            if 0 <= at < minutes:
                observed[place, at] = False
        planned[place, :minutes] = _covariates(one, catalogue, item.sku, audience, minutes)
        happened[place, :minutes] = planned[place, :minutes]
        _seen_audience(one, happened[place], minutes)
    return _Items(
        skus=[item.sku for _, item in rows],
        hosts=[one.session.host for one, _ in rows],
        categories=[_category(catalogue, item.sku) for _, item in rows],
        prices=[usual_price(catalogue, one.session, item.sku) for one, item in rows],
        expected=np.array([max(item.expected_orders, UNPLANNED) for _, item in rows]),
        baskets=np.array([item.basket for _, item in rows]),
        orders=orders,
        pieces=pieces,
        happened=happened,
        planned=planned,
        ahead=np.array([_ahead(one, audience, trust) for one, _ in rows]),
        running=running,
        observed=observed,
    )


def _category(catalogue: Catalogue, sku: str) -> str:
    record = catalogue.skus.get(sku)
    return record.category if record else ALL


def _covariates(one: PastSession, catalogue: Catalogue, sku: str, audience: Sequence[float], minutes: int) -> Floats:
    """Planned covariates of one item, minutes x F, read in the middle of each minute."""
    session = one.session
    show = run_of_show(session, sku, usual_price(catalogue, session, sku), audience)
    events = events_of(show, sku)
    out = np.zeros((minutes, len(NAMES)))
    for minute in range(minutes):
        at = min(session.starts_at + minute * MINUTE_MS + MINUTE_MS // 2, session.ends_at - 1)
        now = moment_of(show, events, at, AFTERGLOW_MS)
        out[minute, 0] = np.log(max(now.audience, 0.05))
        out[minute, 1] = np.log(max(now.planned, WEAKEST))
        out[minute, 2:6] = now.pitched, now.offered, -np.log(now.price_ratio), now.after
        part = min(PARTS - 1, int(now.slot * PARTS))
        if part:
            out[minute, 5 + part] = 1.0
    return out


def _seen_audience(one: PastSession, covariates: Floats, minutes: int) -> None:
    """Put the audience that came in the place of the planned one, where it was sampled."""
    session = one.session
    inside = {at: v for at, v in one.viewers if session.starts_at <= at < session.ends_at}
    usual = float(session.expected_viewers) or (sum(inside.values()) / len(inside) if inside else 0.0)
    for at, viewers in inside.items():
        minute = (at - session.starts_at) // MINUTE_MS
        if minute < minutes and usual > 0.0:
            covariates[minute, 0] = np.log(min(20.0, max(0.05, viewers / usual)))


def _ahead(one: PastSession, usual: Sequence[float], trust: float) -> list[float]:
    """Audience of the rest over the plan, as it was expected at each checkpoint."""
    start, length = one.session.starts_at, one.session.ends_at - one.session.starts_at
    looks = [start + round(length * share) for share in ELAPSED]
    return [audience_until(one.session, usual, one.viewers, look, trust).ahead for look in looks]


def _temperings(
    items: _Items, came: Floats, expected: Floats, ahead: Floats, dispersion: float
) -> dict[str, Tempering]:
    """Tempering over all and by category, from items that could be bought all the time.

    Parameters
    ----------
    came, expected
        Orders expected of each minute at the believed rate, with the audience that came and with the planned one.
    """
    whole: Flags = np.asarray(~(items.running & ~items.observed).any(axis=1), dtype=bool)
    lengths = items.running.sum(axis=1)
    minute = np.arange(items.orders.shape[1])
    past, rest, sold, left = (np.zeros((len(lengths), len(ELAPSED))) for _ in range(4))
    for place, share in enumerate(ELAPSED):
        before = minute[None, :] < np.round(share * lengths)[:, None]
        past[:, place] = np.where(before, came, 0.0).sum(axis=1)
        rest[:, place] = np.where(before, 0.0, expected).sum(axis=1) * ahead[:, place]
        sold[:, place] = np.where(before, items.orders, 0.0).sum(axis=1)
        left[:, place] = np.where(before, 0.0, items.orders).sum(axis=1)
    categories = np.array(items.categories, dtype=object)
    groups: dict[str, Flags] = {ALL: whole}
    for name in sorted(set(items.categories) - {ALL}):
        groups[name] = np.asarray(whole & (categories == name), dtype=bool)
    found = {}
    for name, rows in groups.items():
        if rows.sum() < (1 if name == ALL else LEAST_ITEMS):
            continue
        seen = Checkpoints(past[rows], rest[rows], sold[rows], left[rows], ELAPSED)
        shape = learn_shape(came[rows].sum(axis=1), items.orders[rows].sum(axis=1))
        found[name] = _rounded_tempering(learn_tempering(seen, shape, dispersion))
    return found


def _rounded_tempering(chosen: Tempering) -> Tempering:
    return Tempering(
        rounded(chosen.shape),
        rounded(chosen.kappa),
        rounded(chosen.dispersion),
        rounded(chosen.future_cv),
        tuple((elapsed, rounded(factor)) for elapsed, factor in chosen.widths),
    )


def _baskets(items: _Items) -> dict[str, Basket]:
    """Pieces per order by category, drawn to all: the mean over the planned one, and the spread around it."""
    orders, pieces = items.orders.sum(axis=1), items.pieces.sum(axis=1)
    mean = np.where(orders > 0.0, pieces / np.maximum(orders, 1.0), items.baskets)
    square = (items.pieces - items.orders * mean[:, None]) ** 2 / np.maximum(items.orders, 1.0)
    minutes = (items.orders > 0.0).sum(axis=1)
    free = np.maximum(minutes - 1, 1)
    variance = np.where(minutes > 1, square.sum(axis=1) / free, 0.0)
    planned = items.baskets * orders
    found: dict[str, Basket] = {}
    size, spread, weight = 1.0, 0.25, 50.0
    categories = np.array(items.categories, dtype=object)
    for name in (ALL, *sorted(set(items.categories) - {ALL})):
        rows = (categories == name) | (name == ALL)
        own = (weight * size + pieces[rows].sum()) / (weight + planned[rows].sum())
        ratio = float(np.sum(orders[rows] * variance[rows] / mean[rows] ** 2))
        around = (weight * spread + ratio) / (weight + float(orders[rows].sum()))
        if name == ALL:
            size, spread = float(own), float(around)
        found[name] = Basket(rounded(float(own)), rounded(1.0 + float(around)))
    return found
