"""How fast and how surely bursts are caught, at a stated number of false alarms.

The bench drives the very `SpikeWatch` that judges real sales, with its shipped thresholds, through simulated rooms whose
truth is known: rates of 2.4 to 240 orders a minute that drift by up to forty percent, counts Poisson or overdispersed,
two-minute bursts of two to ten times the rate. A delay runs from the start of a burst to the end of the bin whose judgement
raised the alarm; the grace after it is added on a live system. Quiet rooms tell the false alarms that really happen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.domain.tuning import Detector as DetectorTuning
from supplychain.domain.units import MINUTE, SECOND
from supplychain.watching.calibration import NullStreams
from supplychain.watching.detector import Floats
from supplychain.watching.sessions import SessionBook
from supplychain.watching.spikes import SpikeWatch, Verdicts
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import ThresholdTable

PER_MINUTE = (2.4, 12.0, 60.0, 240.0)
RATIOS = (2.0, 3.0, 5.0, 10.0)
ALARMS_PER_HOUR = (0.1, 0.5)
CLUMPINGS = (0.0, 0.2)
"""Poisson, and negative binomial with k = 5 per bin."""
QUIET_PER_MINUTE = 0.05
"""What the other items of a room sell."""
BURST_MS = 2 * MINUTE
FIRST_BURST_MS = 40 * MINUTE
BETWEEN_BURSTS_MS = 20 * MINUTE
START = 1_700_006_400_000


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of room: how many items it offers, and how many of them sell."""

    name: str
    items: int
    active: int


LAYOUTS = (Layout("single", 1, 1), Layout("room", 60, 5))


@dataclass(frozen=True, slots=True)
class Case:
    """What one run measures."""

    layout: Layout
    per_minute: float
    clumping: float
    alarms_per_hour: float


class Arena:
    """Many rooms of one case, driven bin by bin through one detector.

    Parameters
    ----------
    case
        What the rooms are like.
    rooms, minutes
        How many rooms, for how long.
    ratios
        Bursts of these ratios, dealt out to the rooms in turn; none for quiet rooms.
    seed
        Of all chance.
    """

    def __init__(
        self,
        case: Case,
        *,
        rooms: int,
        minutes: int,
        ratios: Sequence[float] = (),
        seed: int = 1,
        table: ThresholdTable = SHIPPED,
        tuning: DetectorTuning | None = None,
    ) -> None:
        self.case, self.rooms, self.minutes, self.ratios = case, rooms, minutes, tuple(ratios)
        self.tuning = replace(tuning or DetectorTuning(), false_alarms_per_hour=case.alarms_per_hour)
        self.bin_ms = self.tuning.bin_seconds * SECOND
        self.rng = np.random.default_rng(seed)
        per_minute = np.full(case.layout.items, QUIET_PER_MINUTE)
        per_minute[: case.layout.active] = case.per_minute
        self.rates: Floats = np.tile(per_minute * self.bin_ms / MINUTE, rooms)
        self.keys = [(f"L{room}", f"S{item}") for room in range(rooms) for item in range(case.layout.items)]
        self.watch = SpikeWatch(SessionBook(self._catalogue(per_minute)), self.tuning, table)
        self.watch.start(START)

    def _catalogue(self, per_minute: Floats) -> Catalogue:
        skus = {f"S{item}": Sku(f"S{item}", f"S{item}", "bench", 1_000, 500) for item in range(len(per_minute))}
        items = tuple(SessionItem(f"S{item}", rate * self.minutes) for item, rate in enumerate(per_minute))
        end = START + self.minutes * MINUTE
        sessions = {
            f"L{room}": Session(f"L{room}", f"room{room}", "host", "bench", "shop", START, end, items=items)
            for room in range(self.rooms)
        }
        return Catalogue(skus, {}, {}, {}, {}, {"R": Region("R", "R")}, sessions)

    def bursts(self) -> Iterator[tuple[int, float, int]]:
        """Yield room, ratio and start of each burst; it strikes the first item of the room."""
        for room in range(self.rooms if self.ratios else 0):
            for at in range(START + FIRST_BURST_MS, START + (self.minutes - 10) * MINUTE, BETWEEN_BURSTS_MS):
                # Bursts do not all begin in the same phase of the drift.
                yield room, self.ratios[room % len(self.ratios)], at + (room * 7 % 24) * self.bin_ms

    def run(self) -> Verdicts:
        """Sell for the whole time and return what the detector said."""
        null = NullStreams(0.0, self.case.clumping, len(self.rates), self.tuning.bin_seconds)
        speed, phase = null.drift(self.rng)
        lift = np.ones((self.minutes * MINUTE // self.bin_ms, self.rooms))
        for room, ratio, at in self.bursts():
            first = (at - START) // self.bin_ms
            lift[first : first + BURST_MS // self.bin_ms, room] = ratio
        verdicts = Verdicts()
        for at, factors in enumerate(lift):
            rates = self.rates * (1.0 + 0.4 * np.sin(speed * at + phase))
            rates[:: self.case.layout.items] *= factors
            counts = null.counts(self.rng, rates)
            now = START + at * self.bin_ms
            for row in np.flatnonzero(counts).tolist():
                self.watch.count(self.keys[row], now, int(counts[row]))
            self.watch.advance(now + self.bin_ms + self.watch.grace_ms, verdicts)
        return verdicts


def false_alarms(case: Case, *, rooms: int, minutes: int, seed: int, table: ThresholdTable = SHIPPED) -> float:
    """Return the alarms per room-hour in quiet rooms."""
    return len(Arena(case, rooms=rooms, minutes=minutes, seed=seed, table=table).run().spikes) / (
        rooms * minutes / 60.0
    )


def delays(
    case: Case, *, rooms: int, minutes: int, seed: int, table: ThresholdTable = SHIPPED
) -> dict[float, list[float]]:
    """Return, per ratio, the delay in seconds of each burst, infinite for a burst that was not caught while it ran."""
    arena = Arena(case, rooms=rooms, minutes=minutes, ratios=RATIOS, seed=seed, table=table)
    raised: dict[str, list[int]] = {}
    for spike in arena.run().spikes:
        if spike.sku == "S0":
            raised.setdefault(spike.session_id, []).append(spike.judged_at - arena.watch.grace_ms)
    found: dict[float, list[float]] = {ratio: [] for ratio in RATIOS}
    for room, ratio, start in arena.bursts():
        alarms = [at for at in raised.get(f"L{room}", ()) if start < at <= start + BURST_MS]
        found[ratio].append((min(alarms) - start) / SECOND if alarms else math.inf)
    return found


def run(
    *,
    rooms: int = 120,
    minutes: int = 180,
    quiet_hours: float = 1_500.0,
    seed: int = 1,
    layouts: Sequence[Layout] = LAYOUTS,
    per_minute: Sequence[float] = PER_MINUTE,
    clumpings: Sequence[float] = CLUMPINGS,
    alarms_per_hour: Sequence[float] = ALARMS_PER_HOUR,
    table: ThresholdTable = SHIPPED,
) -> Iterator[dict[str, object]]:
    """Measure every case and yield a row per case and ratio as it is done.

    Parameters
    ----------
    rooms, minutes
        Rooms with bursts per case, a quarter of them per ratio, and how long each sells.
    quiet_hours
        Room-hours without a burst per case at 0.1 false alarms an hour; a room of many items gets a quarter.
    """
    for layout in layouts:
        for rate in per_minute:
            for clumping in clumpings:
                for wanted in alarms_per_hour:
                    case = Case(layout, rate, clumping, wanted)
                    hours = quiet_hours / (4.0 if layout.items > 1 else 1.0)
                    quiet = max(int(hours * 60.0 / minutes), 1)
                    realised = false_alarms(case, rooms=quiet, minutes=minutes, seed=seed + 1, table=table)
                    found = delays(case, rooms=rooms, minutes=minutes, seed=seed, table=table)
                    yield from (_row(case, ratio, found[ratio], realised) for ratio in RATIOS)


def _row(case: Case, ratio: float, seconds: list[float], realised: float) -> dict[str, object]:
    caught = [one for one in seconds if math.isfinite(one)]
    return {
        "layout": case.layout.name,
        "orders_per_minute": case.per_minute,
        "clumping": case.clumping,
        "ratio": ratio,
        "alarms_per_hour_wanted": case.alarms_per_hour,
        "alarms_per_hour": round(realised, 3),
        "bursts": len(seconds),
        "caught": round(len(caught) / len(seconds), 3),
        "delay_median_seconds": _rank(seconds, 0.5),
        "delay_p90_seconds": _rank(seconds, 0.9),
    }


def _rank(seconds: list[float], share: float) -> float | None:
    """Return the delay within which `share` of all bursts were caught, None if fewer were caught."""
    value = sorted(seconds)[min(math.ceil(share * len(seconds)) - 1, len(seconds) - 1)]
    return value if math.isfinite(value) else None
