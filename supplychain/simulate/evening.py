"""A live evening from a catalogue and a seed: what its rooms do, and the truth about what was put in.

The same catalogue, seed and behaviour give the same records, byte for byte. Columns are drawn when the evening is made (a
hundred thousand lines in about a second); records are built while the steps are walked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.units import MINUTE, SECOND, floor_to
from supplychain.messages.step import Step
from supplychain.messages.v1 import Sale
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.chance import stream
from supplychain.simulate.engagement import Signal, signals
from supplychain.simulate.faults import Extra, draw_extras
from supplychain.simulate.purchases import PAID, Aftermath, Ints, Lines, draw_aftermath, draw_lines, within_caps
from supplychain.simulate.records import KINDS, Register, registers
from supplychain.simulate.show import Burst, perform, plan_bursts

CLEAN, LATE_INSIDE, LATE_BEYOND, DUPLICATE = range(4)


@dataclass(frozen=True, slots=True)
class Truth:
    """What an evening holds, for tests and benchmarks.

    `delivered` counts the records of the sales topic by what they are: paid, cancelled, refunded, returned,
    earlier_return, duplicate, malformed, impossible, unknown_sku, unknown_region. Of the paid to returned ones,
    `late_inside` and `late_beyond` come late. `pieces` sums pieces by kind over all time, `pieces_after` the part that falls
    after the evening and stays out of its records. `sold` gives orders and pieces by session and SKU.
    """

    seed: int
    bursts: tuple[Burst, ...]
    delivered: dict[str, int]
    late_inside: int
    late_beyond: int
    pieces: dict[str, int]
    pieces_after: dict[str, int]
    sold: dict[tuple[str, str], tuple[int, int]]

    @property
    def lost_share(self) -> float:
        """Share of gross pieces that are cancelled, refunded or returned, sooner or later."""
        lost = sum(self.pieces[kind] for kind in ("cancelled", "refunded", "returned"))
        return lost / max(1, self.pieces["paid"])

    @property
    def records(self) -> int:
        """Records of the sales topic."""
        return sum(self.delivered.values())


@dataclass(frozen=True, slots=True)
class _Deliveries:
    """One row per delivered record of a real line, in order of delivery."""

    session: Ints
    row: Ints
    kind: Ints
    pieces: Ints
    part: Ints
    at: Ints
    received: Ints
    delivered: Ints
    state: Ints

    def rows(self, chosen: NDArray[np.bool_] | Ints) -> _Deliveries:
        return _Deliveries(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


class Evening:
    """A simulated evening.

    Parameters
    ----------
    catalogue
        Its sessions are performed. To shrink or grow a whole world, scale the catalogue (`scaled`) instead of the evening.
    seed
        From 0 on.
    scale
        How much more (or less) the rooms sell than planned.
    sessions
        Ids of the sessions to perform; all when None.
    tail_minutes
        How long cancellations are still delivered after the last session.

    Attributes
    ----------
    starts_at, ends_at
        UTC milliseconds of the first session's start (full seconds) and of the end of the last step.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        seed: int,
        *,
        scale: float = 1.0,
        behaviour: Behaviour | None = None,
        sessions: Sequence[str] | None = None,
        tail_minutes: int = 10,
    ) -> None:
        self._behaviour = behaviour or Behaviour()
        chosen = _chosen(catalogue, sessions)
        if not 0 < scale <= 1_000:
            detail = f"scale {scale} is not between 0 and 1,000"
            raise InvalidInputError(detail, way_out="give a scale such as 1 or 0.5", field="scale")
        self.seed = seed
        self.sessions = chosen
        self.starts_at = floor_to(min(session.starts_at for session in chosen), SECOND)
        self.ends_at = max(session.ends_at for session in chosen) + tail_minutes * MINUTE
        self.bursts = plan_bursts(chosen, scale, self._behaviour, seed)
        shows = [perform(session, self.bursts, scale, self._behaviour, seed) for session in chosen]
        drawn = {show.session.session: draw_lines(catalogue, show, self._behaviour, seed) for show in shows}
        kept = within_caps(catalogue, chosen, drawn)
        lines = [kept[session.session] for session in chosen]
        self._registers = registers(catalogue, chosen, lines, seed)
        after = [
            draw_aftermath(session, own, self._behaviour, seed) for session, own in zip(chosen, lines, strict=True)
        ]
        every = _joined(lines, after)
        self._after = every.rows(every.at >= self.ends_at)
        self._deliveries = self._delivered(every.rows(every.at < self.ends_at))
        paid = sum(len(own) for own in lines)
        self._extras = draw_extras(self._registers, self.ends_at, paid, self._behaviour, stream(seed, "faults"))
        self._signals: list[Signal] = sorted(
            (one for show, own in zip(shows, lines, strict=True) for one in signals(show, own, seed)),
            key=lambda signal: (signal[0], signal[1]),
        )

    @cached_property
    def records(self) -> int:
        """How many records the steps hold in all, engagement included."""
        return len(self._deliveries.at) + len(self._extras) + len(self._signals)

    def steps(self, step_ms: int = SECOND) -> Iterator[Step]:
        """Yield the evening in steps of `step_ms`, without a gap from `starts_at` to `ends_at`.

        Raises
        ------
        InvalidInputError
            If the step is shorter than a millisecond.
        """
        if step_ms < 1:
            detail = f"a step of {step_ms} ms"
            raise InvalidInputError(detail, way_out="give at least 1 ms", field="step_ms")
        edges = [*range(self.starts_at, self.ends_at, step_ms), self.ends_at]
        real = np.searchsorted(self._deliveries.delivered, edges)
        extra = np.searchsorted([one.at for one in self._extras], edges)
        signal = np.searchsorted([one[0] for one in self._signals], edges)
        for place in range(len(edges) - 1):
            extras = self._extras[extra[place] : extra[place + 1]]
            yield Step(
                edges[place],
                edges[place + 1],
                self._sales(int(real[place]), int(real[place + 1]), extras),
                [(room, payload) for _, room, payload in self._signals[signal[place] : signal[place + 1]]],
                [(one.key, one.payload) for one in extras if isinstance(one.payload, bytes)],
            )

    def truth(self) -> Truth:
        """Return what was put into this evening."""
        rows = self._deliveries
        first = rows.state != DUPLICATE
        delivered = {kind.value: int((first & (rows.kind == place)).sum()) for place, kind in enumerate(KINDS)}
        delivered["duplicate"] = int((~first).sum())
        for name in ("earlier_return", "malformed", "impossible", "unknown_sku", "unknown_region"):
            delivered[name] = sum(extra.kind == name for extra in self._extras)
        after = {kind.value: int(self._after.pieces[self._after.kind == k].sum()) for k, kind in enumerate(KINDS)}
        inside = {kind.value: int(rows.pieces[first & (rows.kind == k)].sum()) for k, kind in enumerate(KINDS)}
        return Truth(
            self.seed,
            self.bursts,
            delivered,
            int((rows.state == LATE_INSIDE).sum()),
            int((rows.state == LATE_BEYOND).sum()),
            {kind: inside[kind] + after[kind] for kind in inside},
            after,
            {key: value for register in self._registers for key, value in _sold(register).items()},
        )

    def _sales(self, first: int, last: int, extras: list[Extra]) -> list[tuple[str, Sale]]:
        rows = self._deliveries
        found: list[tuple[int, str, Sale]] = [
            (extra.at, extra.key, extra.payload) for extra in extras if isinstance(extra.payload, Sale)
        ]
        for place in range(first, last):
            register = self._registers[int(rows.session[place])]
            sale = register.sale(
                int(rows.row[place]),
                int(rows.kind[place]),
                int(rows.pieces[place]),
                int(rows.part[place]),
                int(rows.at[place]),
                int(rows.received[place]),
            )
            found.append((int(rows.delivered[place]), register.session.room, sale))
        if extras:
            found.sort(key=lambda one: one[0])
        return [(key, sale) for _, key, sale in found]

    def _delivered(self, rows: _Deliveries) -> _Deliveries:
        """Draw which records come late or twice, and put all in order of delivery."""
        behaviour, chance = self._behaviour, stream(self.seed, "deliveries")
        count = rows.at.size
        drawn = chance.random(count)
        state = np.where(drawn < behaviour.late_inside, LATE_INSIDE, CLEAN)
        state[drawn >= 1 - behaviour.late_beyond] = LATE_BEYOND
        short = chance.uniform(*behaviour.late_inside_seconds, count) * SECOND
        far = chance.uniform(*behaviour.late_beyond_seconds, count) * SECOND
        delay = np.where(state == LATE_INSIDE, short, np.where(state == LATE_BEYOND, far, 0)).astype(np.int64)
        intime = rows.at + delay < self.ends_at
        state, delay = np.where(intime, state, CLEAN), np.where(intime, delay, 0)
        real = replace(rows, received=rows.at + delay, delivered=rows.at + delay, state=state)
        again = chance.random(count) < behaviour.duplicates
        gap = chance.integers(0, 30 * SECOND, count)
        again &= real.delivered + gap < self.ends_at
        copies = real.rows(again)
        copies = replace(
            copies, delivered=copies.delivered + gap[again], state=np.full(copies.at.size, DUPLICATE, dtype=np.int64)
        )
        names = _Deliveries.__dataclass_fields__
        both = _Deliveries(*(np.concatenate([getattr(real, name), getattr(copies, name)]) for name in names))
        keys = (both.state == DUPLICATE, both.part, both.kind, both.row, both.session, both.delivered)
        return both.rows(np.lexsort(keys))


def scaled(catalogue: Catalogue, scale: float) -> Catalogue:
    """Return a catalogue whose planned orders, viewers, caps and opening stock are `scale` times as many.

    Suppliers, lanes and costs stay: a small world has the same batches, which are then larger against its demand.
    """

    def pieces(value: int | None) -> int | None:
        return None if value is None else max(0, round(value * scale))

    skus = {
        name: replace(sku, sale_cap_session=pieces(sku.sale_cap_session), sale_cap_run=pieces(sku.sale_cap_run))
        for name, sku in catalogue.skus.items()
    }
    sessions = {
        name: replace(
            session,
            expected_viewers=round(session.expected_viewers * scale),
            items=tuple(
                replace(item, expected_orders=item.expected_orders * scale, cap=pieces(item.cap))
                for item in session.items
            ),
        )
        for name, session in catalogue.sessions.items()
    }
    stock = tuple(
        replace(
            row,
            on_hand=int(row.on_hand * scale),
            fenced_live=int(row.fenced_live * scale * 0.999),
            fenced_shelf=int(row.fenced_shelf * scale * 0.999),
        )
        for row in catalogue.stock
    )
    return replace(catalogue, skus=skus, sessions=sessions, stock=stock)


def _chosen(catalogue: Catalogue, names: Sequence[str] | None) -> tuple[Session, ...]:
    unknown = sorted(set(names or ()) - set(catalogue.sessions))
    if unknown:
        detail = f"unknown session {unknown[0]!r}"
        raise InvalidInputError(detail, way_out="name sessions of the catalogue", field="sessions")
    chosen = [catalogue.sessions[name] for name in sorted(names if names is not None else catalogue.sessions)]
    chosen = [session for session in chosen if session.items]
    if not chosen or not catalogue.regions:
        detail = "there is no session with items to perform, or no region to sell to"
        raise InvalidInputError(detail, way_out="add sessions to the network", field="sessions")
    return tuple(chosen)


def _joined(lines: Sequence[Lines], after: Sequence[Aftermath]) -> _Deliveries:
    """Return payments and what followed them, over all sessions, nothing delivered yet."""
    parts: list[tuple[Ints, ...]] = []
    for number, (own, later) in enumerate(zip(lines, after, strict=True)):
        paid = np.arange(len(own), dtype=np.int64)
        one = np.ones(len(own), dtype=np.int64)
        parts.append((one * number, paid, one * PAID, own.pieces, one, own.at))
        here = np.full(later.row.size, number, dtype=np.int64)
        parts.append((here, later.row, later.kind, later.pieces, later.part, later.at))
    session, row, kind, pieces, part, at = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Deliveries(session, row, kind, pieces, part, at, at, at, np.zeros(at.size, dtype=np.int64))


def _sold(register: Register) -> dict[tuple[str, str], tuple[int, int]]:
    session, lines = register.session, register.lines
    orders = np.bincount(lines.item, minlength=len(session.items))
    pieces = np.bincount(lines.item, weights=lines.pieces, minlength=len(session.items))
    return {
        (session.session, item.sku): (int(orders[place]), int(pieces[place]))
        for place, item in enumerate(session.items)
    }
