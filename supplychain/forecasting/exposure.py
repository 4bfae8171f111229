"""Exposure: how much chance to sell each moment of a session gives one item.

A session's sales follow its run of show. While the host pitches an item, or a flash offer runs, the same viewers buy several
times more of it, so demand is counted per unit of exposure, never per minute. One unit is a minute of the planned audience
with no pitch and no offer. The curve is planned before the room opens, and offers announced ahead count before their first
sale.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

MINUTE_MS = 60_000


WEAKEST = 0.1
"""A planned strength below this is read as this, as the detector reads it."""


@dataclass(frozen=True, slots=True)
class Pitch:
    """The host shows the item from `start_ms` to `end_ms` (UTC); `strength` is the factor that the plan says, 1 if none."""

    sku: str
    start_ms: int
    end_ms: int
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class FlashOffer:
    """A lower price from `start_ms` to `end_ms` (UTC).

    `price_ratio` is offer price over ordinary price, in (0, 1]; `strength` the factor that the plan says, 1 if none.
    """

    sku: str
    start_ms: int
    end_ms: int
    price_ratio: float = 1.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.price_ratio <= 1.0:
            raise ValueError(f"price ratio of an offer is in (0, 1]: {self.price_ratio}")


@dataclass(frozen=True, slots=True)
class RunOfShow:
    """The plan of one session, known before it opens.

    Parameters
    ----------
    start_ms, end_ms
        UTC bounds; a session may cross midnight.
    pitches, offers
        Of all items; overlapping ones of an item are one.
    audience
        Planned relative audience as `(from_ms, factor)` steps, factor 1 being the room's usual mean; empty means 1 throughout.
    """

    start_ms: int
    end_ms: int
    pitches: tuple[Pitch, ...] = ()
    offers: tuple[FlashOffer, ...] = ()
    audience: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.end_ms <= self.start_ms:
            raise ValueError("a session ends after it starts")


@dataclass(frozen=True, slots=True)
class ExposureEffects:
    """Multipliers of exposure, learned from past sessions (`exposure_learning`) or set by operators.

    Parameters
    ----------
    pitch
        Factor while the item is pitched, at least 0.
    offer
        Factor while a flash offer runs, before the effect of its price.
    price_elasticity
        Factor of a price ratio p is `p ** -price_elasticity`.
    audience_power
        Factor of an audience v times the usual is `v ** audience_power`.
    afterglow
        Factor in the minutes straight after a pitch or offer; `afterglow_ms` long.
    slots
        Factors of equal parts of the session, opening to closing; empty means no difference.
    planned_power
        Factor of a planned strength s is `s ** planned_power`; 0 does not believe the plan's strengths.
    """

    pitch: float = 6.0
    offer: float = 3.0
    price_elasticity: float = 1.5
    audience_power: float = 1.0
    afterglow: float = 1.0
    afterglow_ms: int = 2 * MINUTE_MS
    slots: tuple[float, ...] = ()
    planned_power: float = 0.0

    def factor(
        self,
        pitched: bool,
        price_ratio: float | None,
        audience: float,
        after: bool = False,
        slot: float = 0.0,
        planned: float = 1.0,
    ) -> float:
        """Exposure per minute; `price_ratio` is None when no offer runs, `slot` is the elapsed share of the session."""
        value: float = max(audience, 0.0) ** self.audience_power * max(planned, WEAKEST) ** self.planned_power
        if self.slots:
            value *= self.slots[min(len(self.slots) - 1, int(slot * len(self.slots)))]
        if pitched:
            value *= self.pitch
        if price_ratio is not None:
            value *= self.offer * price_ratio**-self.price_elasticity
        if after and not pitched and price_ratio is None:
            value *= self.afterglow
        return value


AS_PLANNED = ExposureEffects(pitch=1.0, offer=1.0, price_elasticity=0.0, planned_power=1.0)
"""The run of show taken at its word: strengths as planned, nothing learned."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the run of show says about an item at one moment.

    `price_ratio` is 1 without an offer, `planned` the product of the strongest pitch and the strongest offer that run,
    `audience` the planned factor, `slot` the elapsed share of the session.
    """

    pitched: bool
    offered: bool
    price_ratio: float
    planned: float
    audience: float
    after: bool
    slot: float


@dataclass(frozen=True, slots=True)
class ExposureCurve:
    """Planned exposure of one item over one session: constant between edges, zero outside.

    Parameters
    ----------
    edges_ms
        T+1 growing UTC times.
    rates
        T exposures per minute, finite and not negative.
    """

    edges_ms: tuple[int, ...]
    rates: tuple[float, ...]
    _cumulative: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.edges_ms) != len(self.rates) + 1 or len(self.rates) == 0:
            raise ValueError("a curve of T rates has T+1 edges")
        if any(b <= a for a, b in zip(self.edges_ms, self.edges_ms[1:], strict=False)):
            raise ValueError("edges must grow")
        if not all(0.0 <= rate < math.inf for rate in self.rates):
            raise ValueError("exposure rates are finite and not negative")
        sums = [0.0]
        for left, right, rate in zip(self.edges_ms, self.edges_ms[1:], self.rates, strict=False):
            sums.append(sums[-1] + rate * (right - left) / MINUTE_MS)
        object.__setattr__(self, "_cumulative", tuple(sums))

    @property
    def total(self) -> float:
        """Exposure of the whole session."""
        return self._cumulative[-1]

    def until(self, at_ms: int) -> float:
        """Exposure from the start to `at_ms`."""
        edges = self.edges_ms
        if at_ms <= edges[0]:
            return 0.0
        if at_ms >= edges[-1]:
            return self._cumulative[-1]
        i = bisect_right(edges, at_ms) - 1
        return self._cumulative[i] + self.rates[i] * (at_ms - edges[i]) / MINUTE_MS

    def between(self, start_ms: int, end_ms: int) -> float:
        """Exposure from `start_ms` to `end_ms`; zero when the interval is empty or reversed."""
        return max(0.0, self.until(end_ms) - self.until(start_ms))

    def fading(self, start_ms: int, end_ms: int, from_ms: int, half_life_ms: int) -> float:
        """Exposure of `[start_ms, end_ms)` weighted by a half-life that runs from `from_ms`, integrated exactly."""
        rate_of_decay = math.log(2.0) / half_life_ms
        value = 0.0
        for left, right, rate in zip(self.edges_ms, self.edges_ms[1:], self.rates, strict=False):
            low, high = max(left, start_ms), min(right, end_ms)
            if high > low and rate > 0.0:
                decayed = math.exp(-rate_of_decay * (low - from_ms)) - math.exp(-rate_of_decay * (high - from_ms))
                value += rate * decayed / rate_of_decay
        return value / MINUTE_MS


def exposure_curve(show: RunOfShow, sku: str, effects: ExposureEffects) -> ExposureCurve:
    """Planned exposure of `sku` over the session, from its run of show and the learned effects."""
    events = events_of(show, sku)
    glow = effects.afterglow_ms if effects.afterglow != 1.0 else 0
    cuts = {show.start_ms, show.end_ms, *(at for at, _ in show.audience)}
    for event in events:
        cuts |= {event.start_ms, event.end_ms, event.end_ms + glow}
    parts = len(effects.slots)
    length = show.end_ms - show.start_ms
    cuts |= {show.start_ms + -(-length * part // parts) for part in range(1, parts)}
    edges = sorted(cut for cut in cuts if show.start_ms <= cut <= show.end_ms)
    return ExposureCurve(tuple(edges), tuple(_rate(moment_of(show, events, at, glow), effects) for at in edges[:-1]))


def events_of(show: RunOfShow, sku: str) -> list[Pitch | FlashOffer]:
    """Pitches and offers of one item."""
    everything: tuple[Pitch | FlashOffer, ...] = show.pitches + show.offers
    return [event for event in everything if event.sku == sku]


def moment_of(show: RunOfShow, events: Sequence[Pitch | FlashOffer], at_ms: int, glow_ms: int) -> Moment:
    """What is planned for an item, whose events are given, at a moment; overlapping events of a kind are one."""
    running = [event for event in events if event.start_ms <= at_ms < event.end_ms]
    offers = [event for event in running if isinstance(event, FlashOffer)]
    pitches = [event for event in running if isinstance(event, Pitch)]
    audience = 1.0
    for since, factor in sorted(show.audience):
        if since <= at_ms:
            audience = factor
    return Moment(
        pitched=bool(pitches),
        offered=bool(offers),
        price_ratio=min((event.price_ratio for event in offers), default=1.0),
        planned=_strongest(pitches) * _strongest(offers),
        audience=audience,
        after=not running and any(event.end_ms <= at_ms < event.end_ms + glow_ms for event in events),
        slot=(at_ms - show.start_ms) / (show.end_ms - show.start_ms),
    )


def _strongest(events: Sequence[Pitch | FlashOffer]) -> float:
    return max((event.strength for event in events), default=1.0)


def _rate(moment: Moment, effects: ExposureEffects) -> float:
    ratio = moment.price_ratio if moment.offered else None
    return effects.factor(moment.pitched, ratio, moment.audience, moment.after, moment.slot, moment.planned)


@dataclass(frozen=True, slots=True)
class SpikeLift:
    """A detected spike as a temporary rise of exposure, so that it moves the next hours and no baseline.

    Parameters
    ----------
    ratio
        Observed over expected rate, at least 1.
    started_ms, ended_ms
        UTC; `ended_ms` is None while the spike runs.
    half_life_ms
        How fast the rise is expected to fade from now on.
    """

    ratio: float
    started_ms: int
    ended_ms: int | None = None
    half_life_ms: int = 5 * MINUTE_MS

    def past(self, curve: ExposureCurve, at_ms: int) -> float:
        """Extra exposure the spike has explained so far."""
        until = at_ms if self.ended_ms is None else min(self.ended_ms, at_ms)
        return max(0.0, self.ratio - 1.0) * curve.between(self.started_ms, until)

    def ahead(self, curve: ExposureCurve, start_ms: int, end_ms: int, at_ms: int) -> float:
        """Extra exposure still expected in `[start_ms, end_ms)`, fading from `at_ms`; none once the spike has ended."""
        if self.ended_ms is not None and self.ended_ms <= at_ms:
            return 0.0
        return max(0.0, self.ratio - 1.0) * curve.fading(max(start_ms, at_ms), end_ms, at_ms, self.half_life_ms)


class RoomPace:
    """Audience of a room against its plan, from viewer counts: what past minutes were worth and what to expect ahead.

    One per session, shared by its items. The level is an exponential mean of log(viewers / planned) and returns to the
    plan the farther ahead one looks, since a room that runs hot early tends to cool.
    """

    __slots__ = ("_half_life_ms", "_last_ms", "_level", "_weight")

    def __init__(self, half_life_ms: int = 10 * MINUTE_MS) -> None:
        self._half_life_ms = half_life_ms
        self._level = 0.0
        self._weight = 0.0
        self._last_ms = 0

    def observe(self, at_ms: int, viewers: float, planned: float) -> None:
        """Take in a viewer count; impossible counts are ignored, extreme ones bounded to a factor of 20."""
        if not (viewers >= 0.0 and planned > 0.0 and math.isfinite(viewers) and math.isfinite(planned)):
            return
        keep = 0.5 ** (max(0, at_ms - self._last_ms) / self._half_life_ms) if self._weight > 0.0 else 0.0
        log_ratio = math.log(min(20.0, max(0.05, viewers / planned)))
        self._weight = self._weight * keep + 1.0
        self._level += (log_ratio - self._level) / self._weight
        self._last_ms = max(at_ms, self._last_ms)

    @property
    def now(self) -> float:
        """Audience now over the plan; 1 before the first count."""
        return math.exp(self._level)

    def ahead(self, power: float = 1.0, trust: float = 0.7) -> float:
        """Expected exposure ratio of the rest of the session: the level shrunk by `trust`, to the power of the effect."""
        return math.exp(self._level * trust * power)

    def snapshot(self) -> tuple[float, float, int]:
        """Level, weight and last time, to be kept with the session."""
        return self._level, self._weight, self._last_ms

    @classmethod
    def resume(cls, state: tuple[float, float, int], half_life_ms: int = 10 * MINUTE_MS) -> RoomPace:
        """The pace as it was when `snapshot` was taken."""
        pace = cls(half_life_ms)
        pace._level, pace._weight, pace._last_ms = state
        return pace
