"""From columns to published records: one sale event of one line, built only when its moment has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from supplychain.domain.ids import event_id
from supplychain.domain.network import Catalogue, Session
from supplychain.domain.units import MINUTE
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.simulate.purchases import Lines

KINDS = (SaleKind.PAID, SaleKind.CANCELLED, SaleKind.REFUNDED, SaleKind.RETURNED)


@dataclass(frozen=True, slots=True)
class Register:
    """Builds the records of one session.

    Order numbers carry session and seed, so that two simulated evenings never share an order.
    """

    session: Session
    lines: Lines
    regions: tuple[str, ...]
    gtins: tuple[str | None, ...]
    currency: str
    prefix: str

    def sale(self, row: int, kind: int, pieces: int, part: int, at: int, received_at: int) -> Sale:
        """Return the record of an event of one line; `part` numbers the events of a kind on it."""
        lines, session = self.lines, self.session
        place = int(lines.item[row])
        item = session.items[place]
        order, line = f"{self.prefix}-{int(lines.order[row])}", str(int(lines.line[row]))
        what = KINDS[kind]
        source = str(part) if kind == 0 else f"A{part}"
        offer = int(lines.offer[row])
        return Sale(
            event_id=event_id(session.platform, session.shop, order, line, what.value, source),
            platform=session.platform,
            shop_id=session.shop,
            order_id=order,
            line_id=line,
            kind=what,
            sku=item.sku,
            qty=pieces,
            occurred_at=at,
            region=self.regions[int(lines.region[row])],
            unit_price_minor=int(lines.price[row]),
            currency=self.currency,
            room_id=session.room,
            session_id=session.session,
            host_id=session.host,
            offer_id=f"{session.session}-offer-{offer}" if offer >= 0 else None,
            presale=item.presale,
            promised_ship_by=at + item.ship_within_minutes * MINUTE if kind == 0 else None,
            received_at=received_at,
            source_seq=source,
            gtin=self.gtins[place],
            synthetic=True,
        )


def registers(
    catalogue: Catalogue, sessions: Sequence[Session], lines: Sequence[Lines], seed: int
) -> tuple[Register, ...]:
    """Return one register per session, in the order given."""
    regions = tuple(sorted(catalogue.regions))
    return tuple(
        Register(
            session,
            own,
            regions,
            tuple(catalogue.skus[item.sku].gtin for item in session.items),
            catalogue.currency,
            f"{session.session}-s{seed}",
        )
        for session, own in zip(sessions, lines, strict=True)
    )
