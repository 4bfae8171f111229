"""Purchases of an evening as columns: who bought what, where, when, at which price, and what became of it.

All rows are drawn at once with numpy; the records that are published are built from them one step at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supplychain.domain.network import Catalogue, Channel, Session, SessionItem, SlotKind
from supplychain.domain.units import DAY, MINUTE
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.chance import stream
from supplychain.simulate.show import BIN, Performance

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PAID, CANCELLED, REFUNDED, RETURNED = range(4)


@dataclass(frozen=True, slots=True)
class Lines:
    """Paid order lines of one session, in order of time; all columns have shape (lines,).

    `item` and `region` are places in the session's items and in the sorted regions; `order` and `line` number the orders
    of the room and the lines of an order; `offer` is the place of the flash offer in the performed slots, or -1.
    """

    at: Ints
    item: Ints
    region: Ints
    pieces: Ints
    order: Ints
    line: Ints
    price: Ints
    offer: Ints

    def __len__(self) -> int:
        return int(self.at.shape[0])

    def only(self, kept: Bools) -> Lines:
        """Return the rows where `kept` is true."""
        return Lines(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of lines: one row per event after payment; `row` is the place of the line, `part` numbers its events."""

    row: Ints
    kind: Ints
    pieces: Ints
    at: Ints
    part: Ints


def regional_shares(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return the usual share of each region, sorted by code, shape (regions,)."""
    weights = np.array([max(catalogue.regions[code].weight, 0.0) for code in sorted(catalogue.regions)])
    return np.asarray(weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights)))


def draw_lines(catalogue: Catalogue, show: Performance, behaviour: Behaviour, seed: int) -> Lines:
    """Return the paid lines of one session.

    Orders per bin are negative binomial around rate times exposure: a gamma of mean 1 and shape `clumping` per item and bin.
    """
    session = show.session
    chance = stream(seed, "purchases", session.session)
    mean = show.rates[:, None] * show.exposure
    clumps = chance.gamma(behaviour.clumping, 1 / behaviour.clumping, mean.shape)
    counts = chance.poisson(mean * clumps)
    place = np.repeat(np.arange(counts.size), counts.ravel())
    item, bin_of = np.divmod(place, show.bins)
    at = session.starts_at + bin_of * BIN + chance.integers(0, BIN, place.size)
    inside = at < session.ends_at
    item, at = item[inside], at[inside]
    sorted_rows = np.lexsort((item, at))
    item, at = item[sorted_rows], at[sorted_rows]
    region = _regions(catalogue, session, item, behaviour, chance)
    pieces = _pieces(session.items, item, chance)
    at, region, order, line = _orders(at, region, behaviour, chance)
    price, offer = _prices(catalogue, show, item, at)
    return Lines(at, item, region, pieces, order, line, price, offer)


def _regions(
    catalogue: Catalogue, session: Session, item: Ints, behaviour: Behaviour, chance: np.random.Generator
) -> Ints:
    usual = regional_shares(catalogue)
    region = np.zeros(item.size, dtype=np.int64)
    for place in range(len(session.items)):
        own = chance.dirichlet(np.maximum(usual * behaviour.region_certainty, 1e-3))
        rows = np.flatnonzero(item == place)
        region[rows] = chance.choice(usual.size, size=rows.size, p=own)
    return region


def _pieces(items: Sequence[SessionItem], item: Ints, chance: np.random.Generator) -> Ints:
    more = np.array([max(0.0, one.basket - 1) for one in items])
    return np.asarray(1 + np.minimum(chance.poisson(more[item]), 50), dtype=np.int64)


def _orders(at: Ints, region: Ints, behaviour: Behaviour, chance: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Group lines into orders: a joined line takes time and region of the first line of its order."""
    if at.size == 0:
        return at, region, at, at
    joined = chance.random(at.size) < behaviour.joined_lines
    joined[0] = False
    order = np.cumsum(~joined, dtype=np.int64)
    first = np.flatnonzero(~joined)[order - 1]
    return at[first], region[first], order, np.asarray(np.arange(at.size) - first + 1, dtype=np.int64)


def _prices(catalogue: Catalogue, show: Performance, item: Ints, at: Ints) -> tuple[Ints, Ints]:
    price = np.zeros(item.size, dtype=np.int64)
    offer = np.full(item.size, -1, dtype=np.int64)
    for place, one in enumerate(show.session.items):
        rows = np.flatnonzero(item == place)
        sku = catalogue.skus[one.sku]
        price[rows] = (
            one.price_minor if one.price_minor is not None else sku.price_at(show.session.starts_at, Channel.LIVE)
        )
        for number, slot in enumerate(show.slots):
            if slot.sku == one.sku and slot.kind is SlotKind.FLASH_OFFER:
                hit = rows[(at[rows] >= slot.starts_at) & (at[rows] < slot.ends_at)]
                offer[hit] = number
                if slot.price_minor is not None:
                    price[hit] = slot.price_minor
    return price, offer


def within_caps(catalogue: Catalogue, sessions: Sequence[Session], lines: Mapping[str, Lines]) -> dict[str, Lines]:
    """Return the lines that sale caps allow: per session and item, then per run over all rooms; first come, first served."""
    kept: dict[str, Lines] = {}
    for session in sessions:
        own = lines[session.session]
        allowed = np.ones(len(own), dtype=bool)
        for place, item in enumerate(session.items):
            caps = [cap for cap in (item.cap, catalogue.skus[item.sku].sale_cap_session) if cap is not None]
            if caps:
                rows = np.flatnonzero(own.item == place)
                allowed[rows] = np.cumsum(own.pieces[rows]) <= min(caps)
        kept[session.session] = own.only(allowed)
    for sku in sorted(catalogue.skus):
        cap = catalogue.skus[sku].sale_cap_run
        if cap is not None:
            _cap_run(sku, cap, sessions, kept)
    return kept


def _cap_run(sku: str, cap: int, sessions: Sequence[Session], kept: dict[str, Lines]) -> None:
    """Cut a run at its cap: the moment at which all rooms together have sold it ends the sale in each."""
    at: list[int] = []
    pieces: list[int] = []
    for session in sessions:
        own = kept[session.session]
        rows = [own.item == place for place, item in enumerate(session.items) if item.sku == sku]
        for row in rows:
            at += own.at[row].tolist()
            pieces += own.pieces[row].tolist()
    if sum(pieces) <= cap:
        return
    order = np.argsort(np.array(at), kind="stable")
    sold = np.cumsum(np.array(pieces)[order])
    stop = np.array(at)[order][int(np.searchsorted(sold, cap, side="right"))]
    for session in sessions:
        own = kept[session.session]
        places = [place for place, item in enumerate(session.items) if item.sku == sku]
        kept[session.session] = own.only(~(np.isin(own.item, places) & (own.at >= stop)))


def draw_aftermath(session: Session, lines: Lines, behaviour: Behaviour, seed: int) -> Aftermath:
    """Return cancellations, refunds and returns of a session's lines, however late they come.

    A line is cancelled, refunded, returned or kept. Of a line of several pieces half the events take only some of them, and
    one in three of those is followed by a second event of the same kind.
    """
    chance = stream(seed, "aftermath", session.session)
    usual = np.array([behaviour.cancelled, behaviour.refunded, behaviour.returned])
    own = usual * np.exp(chance.normal(0, 0.15, (len(session.items), 3)) - 0.15**2 / 2)
    presale = np.array([item.presale for item in session.items], dtype=bool)
    own[presale, 0] *= 1.2
    own /= np.maximum(1.0, own.sum(axis=1, keepdims=True) / 0.95)
    edges = np.cumsum(own, axis=1)[lines.item]
    drawn = chance.random(len(lines))
    kind = 1 + (drawn[:, None] >= edges).sum(axis=1)
    row = np.flatnonzero(kind <= RETURNED)
    kind = kind[row]
    delay = _delays(kind, behaviour, chance)
    whole = lines.pieces[row]
    some = (chance.random(row.size) < 0.5) & (whole > 1)
    pieces = np.where(some, 1 + np.floor(chance.random(row.size) * (whole - 1)).astype(np.int64), whole)
    again = some & (chance.random(row.size) < 1 / 3)
    more = delay + 1 + chance.integers(0, 30 * MINUTE, row.size)
    return Aftermath(
        np.concatenate([row, row[again]]),
        np.concatenate([kind, kind[again]]),
        np.concatenate([pieces, (whole - pieces)[again]]),
        np.concatenate([lines.at[row] + delay, (lines.at[row] + more)[again]]),
        np.concatenate([np.ones(row.size, dtype=np.int64), np.full(int(again.sum()), 2, dtype=np.int64)]),
    )


def _delays(kind: Ints, behaviour: Behaviour, chance: np.random.Generator) -> Ints:
    medians = np.array(
        [0, behaviour.cancel_minutes * MINUTE, behaviour.refund_minutes * MINUTE, behaviour.return_days * DAY]
    )
    spread = np.array([0.0, 1.3, 1.0, 0.45])
    delay = medians[kind] * np.exp(spread[kind] * chance.normal(0, 1, kind.size))
    return np.asarray(np.clip(delay, 5_000, 45 * DAY), dtype=np.int64)
