"""Seeded past sessions of a catalogue's rooms: what a simulated world learns its effects and losses from.

Each past evening performs the same run of show some days earlier, with its own audience, appeal, bursts and losses. Labelled
synthetic wherever it is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from supplychain.domain.network import Catalogue, Session, SessionItem
from supplychain.domain.past import PastSession, SoldMinute
from supplychain.domain.units import DAY, MINUTE
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.chance import stream
from supplychain.simulate.purchases import CANCELLED, REFUNDED, RETURNED, Lines, draw_aftermath, draw_lines, within_caps
from supplychain.simulate.show import BIN, Performance, perform, plan_bursts

_COLUMN = {CANCELLED: 2, REFUNDED: 3, RETURNED: 4}


def past_sessions(
    catalogue: Catalogue, *, evenings: int, seed: int, behaviour: Behaviour | None = None, every_days: int = 7
) -> Iterator[PastSession]:
    """Yield the sessions of some evenings before the catalogue's own, the oldest first.

    Parameters
    ----------
    every_days
        Days between two evenings; returns come in until the catalogue's first session begins.
    """
    usual = behaviour or Behaviour()
    if not catalogue.sessions:
        return
    now = min(session.starts_at for session in catalogue.sessions.values())
    for back in range(evenings, 0, -1):
        own = seed * 1_000 + 500 + back
        sessions = tuple(
            _shifted(session, back * every_days * DAY) for _, session in sorted(catalogue.sessions.items())
        )
        bursts = plan_bursts(sessions, 1.0, usual, own)
        shows = [perform(session, bursts, 1.0, usual, own) for session in sessions]
        drawn = {show.session.session: draw_lines(catalogue, show, usual, own) for show in shows}
        kept = within_caps(catalogue, sessions, drawn)
        for show in shows:
            yield _past(show, drawn[show.session.session], kept[show.session.session], usual, own, now)


def _shifted(session: Session, back: int) -> Session:
    """Return the session as it was held `back` milliseconds earlier."""
    return replace(
        session,
        session=f"{session.session}-{back // DAY}d",
        starts_at=session.starts_at - back,
        ends_at=session.ends_at - back,
        slots=tuple(
            replace(slot, starts_at=slot.starts_at - back, ends_at=slot.ends_at - back) for slot in session.slots
        ),
    )


def _past(show: Performance, drawn: Lines, lines: Lines, behaviour: Behaviour, seed: int, now: int) -> PastSession:
    session = show.session
    after = draw_aftermath(session, lines, behaviour, seed)
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for item, at, pieces in zip(lines.item.tolist(), lines.at.tolist(), lines.pieces.tolist(), strict=True):
        row = sums[item, at // MINUTE * MINUTE]
        row[0] += 1
        row[1] += pieces
    columns = (after.row.tolist(), after.kind.tolist(), after.pieces.tolist(), after.at.tolist())
    for line, kind, pieces, at in zip(*columns, strict=True):
        if at < now:
            sums[int(lines.item[line]), at // MINUTE * MINUTE][_COLUMN[kind]] += pieces
    minutes = tuple(
        SoldMinute(session.items[item].sku, at, *row)
        for (item, at), row in sorted(sums.items(), key=lambda one: one[0])
    )
    return PastSession(session, minutes, _viewers(show, seed), _sold_out(session.items, drawn, lines), now, True)


def _viewers(show: Performance, seed: int) -> tuple[tuple[int, float], ...]:
    """Mean viewers of each whole minute, as an audience sample would have counted them."""
    session = show.session
    counted = stream(seed, "past-audience", session.session).poisson(
        np.maximum(session.expected_viewers * show.audience, 0.0)
    )
    per = MINUTE // BIN
    return tuple(
        (session.starts_at + minute * MINUTE, float(counted[minute * per : (minute + 1) * per].mean()))
        for minute in range(show.bins // per)
    )


def _sold_out(items: Sequence[SessionItem], drawn: Lines, lines: Lines) -> dict[str, frozenset[int]]:
    """Minutes after the last sale that a cap allowed, up to the last one it refused."""
    out = {}
    for place, item in enumerate(items):
        wanted, had = drawn.at[drawn.item == place], lines.at[lines.item == place]
        if had.size < wanted.size:
            last = int(had.max()) if had.size else int(wanted.min())
            first = last // MINUTE * MINUTE
            out[item.sku] = frozenset(range(first, int(wanted.max()) + MINUTE, MINUTE))
    return out
