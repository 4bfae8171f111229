"""From a planned session to the run of show that exposure is counted from: one item's pitches, offers and audience."""

from __future__ import annotations

from collections.abc import Sequence

from supplychain.domain.network import Catalogue, Channel, Session, ShowSlot, SlotKind
from supplychain.forecasting.exposure import FlashOffer, Pitch, RunOfShow


def run_of_show(session: Session, sku: str, usual_price_minor: int, audience: Sequence[float] = ()) -> RunOfShow:
    """Return the plan of one item of a session.

    Parameters
    ----------
    usual_price_minor
        Price of the item outside its offers, 0 when unknown: then an offer is one of the usual price.
    audience
        Usual audience by equal parts of a session, over its mean; empty means the same throughout.
    """
    mine = [slot for slot in session.slots if slot.sku == sku and slot.ends_at > slot.starts_at]
    length = session.ends_at - session.starts_at
    return RunOfShow(
        session.starts_at,
        session.ends_at,
        tuple(Pitch(sku, s.starts_at, s.ends_at, s.strength) for s in mine if s.kind is not SlotKind.FLASH_OFFER),
        tuple(
            FlashOffer(sku, s.starts_at, s.ends_at, _ratio(s, usual_price_minor), s.strength)
            for s in mine
            if s.kind is SlotKind.FLASH_OFFER
        ),
        tuple((session.starts_at + -(-length * part // len(audience)), factor) for part, factor in enumerate(audience)),
    )


def usual_price(catalogue: Catalogue, session: Session, sku: str) -> int:
    """Return the price of an item in a session outside its offers, in minor units; 0 when the catalogue has none."""
    item = session.item(sku)
    if item is not None and item.price_minor is not None:
        return item.price_minor
    record = catalogue.skus.get(sku)
    return record.price_at(session.starts_at, Channel.LIVE) if record else 0


def _ratio(slot: ShowSlot, usual: int) -> float:
    if slot.price_minor is None or slot.price_minor <= 0 or usual <= 0:
        return 1.0
    return min(1.0, slot.price_minor / usual)
