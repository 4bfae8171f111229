"""What a room does and who watches: the run of show as it really happened, the audience, and unplanned bursts.

Everything is counted in bins of five seconds from the start of a session. Planned exposure (audience 1, slots as planned)
only scales an item's rate so that it sells what the plan expects; the evening then happens with late hosts, a breathing
audience and bursts that no plan knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from supplychain.domain.network import Session, ShowSlot
from supplychain.domain.units import MINUTE, SECOND
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.chance import stream

BIN = 5 * SECOND

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Burst:
    """An unplanned burst: in [starts_at, ends_at) the item sells `factor` times its usual rate.

    `rate` is the usual rate in orders per minute outside of pitches and offers. `cause` is `traffic_buy` (the room fills
    as well) or `viral_clip` (only the item sells).
    """

    session: str
    room: str
    sku: str
    starts_at: int
    ends_at: int
    factor: float
    cause: str
    rate: float


@dataclass(frozen=True, slots=True)
class Performance:
    """How a session really went.

    `audience` has shape (bins,), viewers over the expected mean; `exposure` has shape (items, bins), 1 being a bin of the
    mean audience without pitch or offer; `rates` has shape (items,), planned orders per bin at exposure 1.
    """

    session: Session
    slots: tuple[ShowSlot, ...]
    audience: Floats
    exposure: Floats
    rates: Floats

    @property
    def bins(self) -> int:
        """Number of bins of the session."""
        return int(self.audience.shape[0])


def bins_of(session: Session) -> int:
    """Return how many bins a session has; the last one may be cut short."""
    return -(-(session.ends_at - session.starts_at) // BIN)


def planned_exposure(session: Session) -> Floats:
    """Return exposure as planned, shape (items, bins)."""
    return _slot_factors(session, session.slots)


def planned_rates(session: Session, scale: float) -> Floats:
    """Return planned orders per bin at exposure 1, shape (items,)."""
    expected = np.array([item.expected_orders for item in session.items]) * scale
    totals = planned_exposure(session).sum(axis=1)
    return np.asarray(expected / np.maximum(totals, 1e-9), dtype=np.float64)


def plan_bursts(sessions: tuple[Session, ...], scale: float, behaviour: Behaviour, seed: int) -> tuple[Burst, ...]:
    """Return the bursts of an evening, over all its rooms; items and times that no slot explains."""
    chance = stream(seed, "bursts")
    wanted = int(chance.integers(behaviour.bursts_least, behaviour.bursts_most + 1))
    candidates: list[tuple[Session, str, float]] = []
    for session in sessions:
        per_minute = planned_rates(session, scale) * (MINUTE / BIN)
        candidates += [(session, item.sku, float(rate)) for item, rate in zip(session.items, per_minute, strict=True)]
    lively = [one for one in candidates if one[2] >= behaviour.burst_rate_least]
    lively = lively or sorted(candidates, key=lambda one: -one[2])[:wanted]
    if not lively or not wanted:
        return ()
    weights = np.sqrt(np.array([max(one[2], 1e-9) for one in lively]))
    count = min(wanted, len(lively))
    chosen = chance.choice(len(lively), size=count, replace=False, p=weights / weights.sum())
    bursts = [_burst(*lively[int(place)], behaviour, chance) for place in chosen]
    return tuple(sorted(bursts, key=lambda burst: (burst.starts_at, burst.session, burst.sku)))


def _burst(session: Session, sku: str, rate: float, behaviour: Behaviour, chance: np.random.Generator) -> Burst:
    low, high = np.log(behaviour.burst_factor_low), np.log(behaviour.burst_factor_high)
    factor = round(float(np.exp(chance.uniform(low, high))), 2)
    length = chance.uniform(behaviour.burst_minutes_low, behaviour.burst_minutes_high) * MINUTE
    span = session.ends_at - session.starts_at
    length = int(min(length, span / 2)) // SECOND * SECOND
    slots = [slot for slot in session.slots if slot.sku == sku]
    starts = session.starts_at
    for _ in range(60):
        starts = session.starts_at + int(chance.uniform(0.12, 0.8) * span) // SECOND * SECOND
        ends = starts + length
        apart = all(ends + MINUTE <= slot.starts_at or slot.ends_at + MINUTE <= starts for slot in slots)
        if apart and ends <= session.ends_at:
            break
    cause = "traffic_buy" if chance.random() < 0.5 else "viral_clip"
    return Burst(
        session.session, session.room, sku, starts, min(starts + length, session.ends_at), factor, cause, round(rate, 3)
    )


def perform(session: Session, bursts: tuple[Burst, ...], scale: float, behaviour: Behaviour, seed: int) -> Performance:
    """Return how a session really goes, from its own streams of chance."""
    chance = stream(seed, "show", session.session)
    slots = _performed(session, behaviour, chance)
    own = [burst for burst in bursts if burst.session == session.session]
    audience = _audience(session, own, chance)
    exposure = _slot_factors(session, slots) * audience
    names = [item.sku for item in session.items]
    for burst in own:
        exposure[names.index(burst.sku)] *= _burst_profile(session, burst)
    appeal = _surprise(chance, behaviour.item_surprise, len(names)) * _surprise(chance, behaviour.room_surprise, 1)
    return Performance(session, slots, audience, exposure * appeal[:, None], planned_rates(session, scale))


def _slot_factors(session: Session, slots: tuple[ShowSlot, ...]) -> Floats:
    names = {item.sku: place for place, item in enumerate(session.items)}
    factors = np.ones((len(names), bins_of(session)))
    for slot in slots:
        if slot.sku not in names:
            continue
        first = max(0, (slot.starts_at - session.starts_at) // BIN)
        last = max(first, -(-(slot.ends_at - session.starts_at) // BIN))
        factors[names[slot.sku], first:last] *= slot.strength
    return factors


def _performed(session: Session, behaviour: Behaviour, chance: np.random.Generator) -> tuple[ShowSlot, ...]:
    """Return the slots as the host really took them: a little late, a little weaker or stronger."""
    performed = []
    for slot in session.slots:
        delay = int(chance.uniform(0, behaviour.slot_delay)) * SECOND
        overrun = int(chance.uniform(0, behaviour.slot_overrun)) * SECOND
        strength = slot.strength * float(np.exp(chance.normal(0, 0.1))) if slot.strength > 1 else slot.strength
        starts = min(slot.starts_at + delay, slot.ends_at - SECOND)
        starts = max(session.starts_at, min(starts, session.ends_at - SECOND))
        ends = max(starts + SECOND, min(slot.ends_at + overrun, session.ends_at))
        performed.append(replace(slot, starts_at=starts, ends_at=ends, strength=strength))
    return tuple(performed)


def _audience(session: Session, bursts: list[Burst], chance: np.random.Generator) -> Floats:
    bins = bins_of(session)
    part = (np.arange(bins) + 0.5) / bins
    rise = 1 - 0.75 * np.exp(-part / 0.045)
    fall = 1 - 0.35 * np.clip((part - 0.88) / 0.12, 0, 1)
    waves = 1 + 0.08 * np.sin(2 * np.pi * (2.3 * part + chance.random()))
    # a slow wander, as people come and go in groups: half of it is forgotten after about two minutes
    steps = chance.normal(0, 0.012, bins)
    wander = np.zeros(bins)
    level = 0.0
    for place in range(bins):
        level = 0.97 * level + steps[place]
        wander[place] = level
    shape = rise * fall * waves * np.exp(wander)
    shape /= shape.mean()
    for burst in bursts:
        if burst.cause == "traffic_buy":
            shape = shape * (1 + 0.25 * (_burst_profile(session, burst) - 1) / burst.factor)
    return np.asarray(shape, dtype=np.float64)


def _burst_profile(session: Session, burst: Burst) -> Floats:
    """Return the factor per bin: up within 20 s, down within 30 s of the end."""
    at = session.starts_at + np.arange(bins_of(session)) * BIN + BIN // 2
    up = np.clip((at - burst.starts_at) / (20 * SECOND), 0, 1)
    down = np.clip(1 - (at - burst.ends_at) / (30 * SECOND), 0, 1)
    return np.asarray(1 + (burst.factor - 1) * np.minimum(up, down), dtype=np.float64)


def _surprise(chance: np.random.Generator, variation: float, count: int) -> Floats:
    if variation <= 0:
        return np.ones(count)
    shape = 1 / variation**2
    return np.clip(chance.gamma(shape, 1 / shape, count), 0.5, 2.0)
