"""The audience of a session against its plan: what past minutes were worth to all its items, and what to expect of the rest.

Without samples, or where no audience was planned, the plan holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from supplychain.domain.network import Session
from supplychain.domain.past import PastSession
from supplychain.forecasting.exposure import MINUTE_MS, RoomPace

TRUST = 0.7
"""How far the audience so far is trusted for the rest, before past sessions say: a room that runs hot early tends to cool."""
TRUSTED_AS = 20.0
"""Past looks at a session that this belief counts for."""
MEMORY_MS = 5 * MINUTE_MS
LOW, HIGH = 0.05, 20.0
VARIATION = 0.04
"""Usual variance of the log audience over its plan."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Realised over planned audience of a session, minute by minute.

    Parameters
    ----------
    minutes
        (start of a minute in UTC ms, ratio), in order of time; minutes without a sample are left out.
    ahead
        Expected ratio of the rest of the session.
    """

    minutes: tuple[tuple[int, float], ...] = ()
    ahead: float = 1.0


UNSEEN = Audience()


def audience_until(
    session: Session, usual: Sequence[float], viewers: Sequence[tuple[int, float]], at: int, trust: float = TRUST
) -> Audience:
    """Return the audience of a session as it was known at a moment.

    Parameters
    ----------
    usual
        Audience by equal parts of a session over the planned one; empty means the plan throughout.
    viewers
        (start of a minute, mean viewers). Minutes that are not over at `at` are not looked at.
    trust
        See `learn_trust`.
    """
    if session.expected_viewers <= 0:
        return UNSEEN
    pace = RoomPace(MEMORY_MS)
    found = []
    for start, count in sorted(viewers):
        if session.starts_at <= start and start + MINUTE_MS <= min(at, session.ends_at):
            planned = session.expected_viewers * planned_factor(session, usual, start)
            found.append((start, min(HIGH, max(LOW, count / planned))))
            pace.observe(start, count, planned)
    return Audience(tuple(found), pace.ahead(trust=trust))


def learn_trust(past: Sequence[PastSession], usual: Sequence[float], elapsed: Sequence[float]) -> float:
    """Learn how much of a session's audience over its plan stays: the slope of what came after each look on what was seen.

    Returns
    -------
    float
        In [0, 1]; `TRUST` before anything was seen.
    """
    both, own = TRUSTED_AS * TRUST, TRUSTED_AS
    for one in past:
        start, length = one.session.starts_at, one.session.ends_at - one.session.starts_at
        whole = audience_until(one.session, usual, one.viewers, one.session.ends_at).minutes
        for share in elapsed:
            now = start + round(length * share)
            level = log(audience_until(one.session, usual, one.viewers, now, 1.0).ahead)
            after = [ratio for at, ratio in whole if at >= now]
            if level and after:
                both += level * log(sum(after) / len(after)) / VARIATION
                own += level * level / VARIATION
    return min(1.0, max(0.0, both / own))


def planned_factor(session: Session, usual: Sequence[float], at: int) -> float:
    """Return the planned audience at a moment over its mean."""
    if not usual:
        return 1.0
    part = (at - session.starts_at) * len(usual) // max(1, session.ends_at - session.starts_at)
    return max(LOW, usual[min(len(usual) - 1, max(0, part))])
