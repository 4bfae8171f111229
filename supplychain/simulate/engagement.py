"""What a room shows of itself: audience samples every five seconds, and when pitches and offers start and stop."""

from __future__ import annotations

import numpy as np

from supplychain.domain.network import SlotKind
from supplychain.messages.v1 import Audience, FlashOffer, Pitch
from supplychain.simulate.chance import stream
from supplychain.simulate.purchases import Lines
from supplychain.simulate.show import BIN, Performance

Signal = tuple[int, str, Audience | Pitch | FlashOffer]


def signals(show: Performance, lines: Lines, seed: int) -> list[Signal]:
    """Return time, room and payload of all signals of one session, in order of time.

    Comments and clicks follow viewers and purchases; they are samples of a crowd and no count of anything.
    """
    sampled = _audience(show, lines, seed)
    return sorted([*sampled, *_slots(show)], key=lambda signal: signal[0])


def _audience(show: Performance, lines: Lines, seed: int) -> list[Signal]:
    session = show.session
    chance = stream(seed, "audience", session.session)
    mean = max(session.expected_viewers, 0) * show.audience
    viewers = chance.poisson(mean)
    bought = np.bincount((lines.at - session.starts_at) // BIN, minlength=show.bins)[: show.bins]
    entered = np.maximum(np.diff(viewers, prepend=0), 0) + chance.poisson(mean * 0.012)
    comments = chance.poisson(mean * 0.0018 + bought * 0.9)
    likes = chance.poisson(mean * 0.02 + bought * 2.0)
    clicks = chance.poisson(mean * 0.006 + bought * 6.0)
    return [
        (
            at,
            session.room,
            Audience(
                room_id=session.room,
                at=at,
                viewers=int(viewers[place]),
                entered=int(entered[place]),
                comments=int(comments[place]),
                likes=int(likes[place]),
                clicks=int(clicks[place]),
                session_id=session.session,
                synthetic=True,
            ),
        )
        for place, at in enumerate(range(session.starts_at + BIN, session.ends_at + 1, BIN))
        if at < session.ends_at
    ]


def _slots(show: Performance) -> list[Signal]:
    session = show.session
    found: list[Signal] = []
    for slot in show.slots:
        for started, at in ((True, slot.starts_at), (False, slot.ends_at)):
            payload: Pitch | FlashOffer
            if slot.kind is SlotKind.PITCH:
                payload = Pitch(session.room, at, slot.sku, started, session.session, synthetic=True)
            else:
                price = slot.price_minor if started else None
                payload = FlashOffer(session.room, at, slot.sku, started, price, None, session.session, synthetic=True)
            found.append((at, session.room, payload))
    return found
