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

    Comments, likes and clicks follow the viewers, those who look at an item because it is wanted now, and those who buy;
    they are samples of a crowd and no count of anything.
    """
    sampled = _audience(show, lines, seed)
    return sorted([*sampled, *_slots(show)], key=lambda signal: signal[0])


def _audience(show: Performance, lines: Lines, seed: int) -> list[Signal]:
    session = show.session
    chance = stream(seed, "audience", session.session)
    mean = max(session.expected_viewers, 0) * show.audience
    viewers = chance.poisson(mean)
    place_of = (lines.at - session.starts_at) // BIN
    items = len(session.items)
    bought = np.bincount(lines.item * show.bins + place_of, minlength=items * show.bins).reshape(items, show.bins)
    wanted = show.rates[:, None] * show.exposure
    share = show.rates / max(float(show.rates.sum()), 1e-9)
    entered = np.maximum(np.diff(viewers, prepend=0), 0) + chance.poisson(mean * 0.012)
    comments = chance.poisson(mean * 0.0018 + wanted.sum(axis=0) * 0.6 + bought.sum(axis=0) * 0.3)
    likes = chance.poisson(mean * 0.02 + wanted.sum(axis=0) * 1.5 + bought.sum(axis=0) * 0.5)
    clicks = chance.poisson(mean * 0.006 * share[:, None] + wanted * 5.0 + bought)
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
                clicks=int(clicks[:, place].sum()),
                item_clicks={item.sku: int(n) for item, n in zip(session.items, clicks[:, place], strict=True) if n},
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
